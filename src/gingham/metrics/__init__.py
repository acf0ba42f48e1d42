"""Metrics of recommendations: of the ranking for each user, and of all recommended lists together."""

from gingham.metrics.lists import (
    OF_LISTS,
    Lists,
    cold_share_at_k,
    coverage_at_k,
    diversity_at_k,
    gini_at_k,
    novelty_at_k,
    repeat_share_at_k,
)
from gingham.metrics.meanings import meaning
from gingham.metrics.ranking import (
    AT_K,
    OF_ALL,
    auc,
    compute,
    f1_at_k,
    hit_rate_at_k,
    main_metric,
    map_at_k,
    named,
    names,
    ndcg_at_k,
    precision_at_k,
    recall_at_k,
    reciprocal_rank,
)
from gingham.metrics.ranks import TestRanks, rank_test

__all__ = [
    "AT_K",
    "OF_ALL",
    "OF_LISTS",
    "Lists",
    "TestRanks",
    "auc",
    "cold_share_at_k",
    "compute",
    "coverage_at_k",
    "diversity_at_k",
    "f1_at_k",
    "gini_at_k",
    "hit_rate_at_k",
    "main_metric",
    "map_at_k",
    "meaning",
    "named",
    "names",
    "ndcg_at_k",
    "novelty_at_k",
    "precision_at_k",
    "rank_test",
    "recall_at_k",
    "reciprocal_rank",
    "repeat_share_at_k",
]
