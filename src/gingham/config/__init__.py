"""Recipes: what a run is to do, as TOML says it."""

from gingham.config.recipe import Recipe
from gingham.config.sections import CandidateSpec, CompareSpec, EvaluateSpec, ModelSpec, RecommendSpec, TuneSpec

__all__ = ["CandidateSpec", "CompareSpec", "EvaluateSpec", "ModelSpec", "Recipe", "RecommendSpec", "TuneSpec"]
