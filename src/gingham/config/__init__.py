"""Recipes: the description of a run as TOML."""

from gingham.config.recipe import Recipe
from gingham.config.sections import CompareSpec, EvaluateSpec, ModelSpec, RecommendSpec, TuneSpec

__all__ = ["CompareSpec", "EvaluateSpec", "ModelSpec", "Recipe", "RecommendSpec", "TuneSpec"]
