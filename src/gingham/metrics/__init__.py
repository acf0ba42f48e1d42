"""How good recommendations are: user by user, and as a whole."""

from gingham.metrics.lists import OF_LISTS, Lists
from gingham.metrics.ranks import (
    AT_K,
    OF_ALL,
    TestRanks,
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
    "recall_at_k",
    "reciprocal_rank",
]
