"""Small models for the tests of ranking in two stages."""

from typing import Any

import gingham as gg

SMALL = gg.LightGBMRanker(n_estimators=12, num_leaves=4, min_child_samples=5)


def small(**params: Any) -> gg.TwoStage:
    """Return a model of two candidate models and few trees, with other parameters where they are passed."""
    defaults: dict[str, Any] = {
        "candidates": [gg.NextBasket(), gg.Popularity()],
        "ranker": SMALL,
        "n_candidates": 6,
        "random_state": 1,
    }
    return gg.TwoStage(**{**defaults, **params})
