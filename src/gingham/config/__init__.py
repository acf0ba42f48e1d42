"""Recipes: what a run is to do, as TOML says it."""

from gingham.config.recipe import Recipe
from gingham.config.sections import CompareSpec, EvaluateSpec, ModelSpec, RecommendSpec, TuneSpec

__all__ = ["CompareSpec", "EvaluateSpec", "ModelSpec", "Recipe", "RecommendSpec", "TuneSpec"]
