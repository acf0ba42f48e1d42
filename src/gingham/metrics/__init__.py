"""How good recommendations are: user by user, and as a whole."""

from gingham.metrics.lists import OF_LISTS, Lists
from gingham.metrics.ranks import (
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
from gingham.metrics.test_ranks import TestRanks, rank_test

__all__ = [
    "AT_K",
    "OF_ALL",
    "OF_LISTS",
    "Lists",
    "TestRanks",
    "auc",
    "compute",
    "f1_at_k",
    "hit_rate_at_k",
    "main_metric",
    "map_at_k",
    "named",
    "names",
    "ndcg_at_k",
    "precision_at_k",
    "rank_test",
    "recall_at_k",
    "reciprocal_rank",
]
