"""The recommendations of a version: those of its model for every user, as its recipe says."""

import polars as pl

from gingham.config import Recipe
from gingham.models import Recommender


def recommend_to_all(recipe: Recipe, model: Recommender) -> pl.DataFrame:
    """Recommend items to all users of a model, as the sections ``[recommend]`` and ``[rules]`` say."""
    spec = recipe.recommend
    k = min(spec.k, model.n_items)  # the items that only a forgotten user bought may be gone
    return model.recommend(k=k, filter_seen=spec.filter_seen, num_threads=recipe.model.num_threads, rules=recipe.rules)
