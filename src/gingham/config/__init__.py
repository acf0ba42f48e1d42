"""Recipes: the description of a run as TOML."""

from gingham.config.recipe import Recipe
from gingham.config.sections import CompareSpec, EvaluateSpec, GateSpec, ModelSpec, RecommendSpec, TuneSpec

__all__ = ["CompareSpec", "EvaluateSpec", "GateSpec", "ModelSpec", "Recipe", "RecommendSpec", "TuneSpec"]
