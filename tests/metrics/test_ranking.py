import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gingham import metrics
from gingham.errors import ParameterError
from tests.metrics.hand_made import FALLING, N_ITEMS, TEST, ranks_of


def log2(number: int) -> float:
    return math.log2(number)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("precision@1", [1, 0, 1]),
        ("precision@2", [1 / 2, 1 / 2, 2 / 2]),
        ("precision@3", [2 / 3, 1 / 3, 2 / 3]),
        ("precision@6", [2 / 6, 1 / 6, 3 / 6]),
        ("recall@1", [1 / 2, 0, 1 / 3]),
        ("recall@2", [1 / 2, 1, 2 / 3]),
        ("recall@6", [1, 1, 1]),
        ("f1@1", [2 / 3, 0, 2 / 4]),
        ("f1@3", [4 / 5, 2 / 4, 4 / 6]),
        ("hit_rate@1", [1, 0, 1]),
        ("hit_rate@2", [1, 1, 1]),
        # The best possible has min(k, number of test items) hits at the top.
        ("ndcg@1", [1, 0, 1]),
        (
            "ndcg@3",
            [
                (1 / log2(2) + 1 / log2(4)) / (1 / log2(2) + 1 / log2(3)),
                (1 / log2(3)) / (1 / log2(2)),
                (1 / log2(2) + 1 / log2(3)) / (1 / log2(2) + 1 / log2(3) + 1 / log2(4)),
            ],
        ),
        (
            "ndcg@6",
            [
                (1 / log2(2) + 1 / log2(4)) / (1 / log2(2) + 1 / log2(3)),
                (1 / log2(3)) / (1 / log2(2)),
                (1 / log2(2) + 1 / log2(3) + 1 / log2(7)) / (1 / log2(2) + 1 / log2(3) + 1 / log2(4)),
            ],
        ),
        # Sums of the precision at each hit, divided by min(k, number of test items).
        ("map@1", [1 / 1, 0, 1 / 1]),
        ("map@2", [(1 / 1) / 2, (1 / 2) / 1, (1 / 1 + 2 / 2) / 2]),
        ("map@3", [(1 / 1 + 2 / 3) / 2, (1 / 2) / 1, (1 / 1 + 2 / 2) / 3]),
        ("map@6", [(1 / 1 + 2 / 3) / 2, (1 / 2) / 1, (1 / 1 + 2 / 2 + 3 / 6) / 3]),
        ("reciprocal_rank", [1, 1 / 2, 1]),
        # Pairs in the right order: of 2 x 4, of 1 x 5, of 3 x 3.
        ("auc", [(4 + 3) / 8, 4 / 5, (3 + 3 + 0) / 9]),
    ],
)
def test_metrics_equal_values_computed_by_hand(name: str, values: list[float]) -> None:
    computed = metrics.compute(name, ranks_of([FALLING] * 3, TEST))
    assert computed.dtype == np.float64
    np.testing.assert_allclose(computed, values, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        # Items 0 and 3 were seen; what is left is 1, 2, 4, 5, and the test items 2 and 4 stand at ranks 2 and 3.
        ("precision@2", 1 / 2),
        # Divided by k also where there are only four candidates.
        ("precision@5", 2 / 5),
        # A test item that was seen can't be found, and counts among the test items.
        ("recall@2", 1 / 3),
        ("recall@6", 2 / 3),
        ("hit_rate@1", 0),
        ("ndcg@2", (1 / log2(3)) / (1 / log2(2) + 1 / log2(3))),
        ("map@3", (1 / 2 + 2 / 3) / 3),
        ("reciprocal_rank", 1 / 2),
        # It has no part in the AUC: of the 2 x 2 pairs that are left, two are in order.
        ("auc", 2 / 4),
    ],
)
def test_seen_items_are_not_candidates(name: str, value: float) -> None:
    ranks = ranks_of([FALLING], [[0, 2, 4]], [[0, 3]])
    assert ranks.n_candidates.tolist() == [4]
    np.testing.assert_allclose(metrics.compute(name, ranks), [value], rtol=1e-12)


@pytest.mark.parametrize("k", [N_ITEMS, N_ITEMS + 1, 12, 1000])
@pytest.mark.parametrize("metric", metrics.AT_K)
def test_seen_items_are_never_hits_however_large_k_is(metric: str, k: int) -> None:
    values = metrics.compute(f"{metric}@{k}", ranks_of([FALLING] * 2, [[0], [0, 1]], [[0], [0, 1, 2]]))
    assert values.tolist() == [0, 0]


def test_the_reciprocal_rank_of_seen_items_is_zero() -> None:
    ranks = ranks_of([FALLING] * 3, [[0], [0, 1], [0, 1]], [[0], [0, 1, 2], [0]])
    assert metrics.compute("reciprocal_rank", ranks).tolist() == [0, 0, 1]


def test_k_may_be_larger_than_the_catalogue() -> None:
    ranks = ranks_of([FALLING], [[0, 2]])
    for metric, value in (
        ("precision@12", 2 / 12),
        ("recall@12", 1),
        ("hit_rate@12", 1),
        ("ndcg@12", (1 / log2(2) + 1 / log2(4)) / (1 / log2(2) + 1 / log2(3))),
        ("map@12", (1 / 1 + 2 / 3) / 2),
    ):
        np.testing.assert_allclose(metrics.compute(metric, ranks), [value], rtol=1e-12)


def test_equal_scores_rank_by_item_index_and_count_half_in_the_auc() -> None:
    tied = ranks_of([[1.0] * N_ITEMS], [[1, 3]])
    assert tied.ranks.tolist() == [1, 3]
    assert metrics.compute("auc", tied).tolist() == [0.5]
    assert metrics.compute("precision@2", tied).tolist() == [1 / 2]
    assert metrics.compute("reciprocal_rank", tied).tolist() == [1 / 2]
    # Test item 2 scores as 1 and 3, higher than 4 and 5, and lower than 0.
    some = ranks_of([[3.0, 2.0, 2.0, 2.0, 1.0, 1.0]], [[2]])
    assert metrics.compute("auc", some).tolist() == [(0 + 0.5 + 0.5 + 1 + 1) / 5]


def test_the_auc_of_the_best_and_the_worst_ranking() -> None:
    assert metrics.compute("auc", ranks_of([FALLING] * 2, [[0, 1], [4, 5]])).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("test", "seen"),
    [
        ([0, 1, 2, 3, 4, 5], []),  # no other items
        ([0, 1], [2, 3, 4, 5]),  # all others were seen
        ([0, 1], [0, 1, 2]),  # no test items left
        ([0, 1, 2], [0, 1, 2, 3, 4, 5]),  # no candidates at all
    ],
)
def test_the_auc_without_pairs_is_nan(test: list[int], seen: list[int]) -> None:
    values = metrics.compute("auc", ranks_of([FALLING] * 2, [test, [0]], [seen, []]))
    assert np.isnan(values[0])
    assert values[1] == 1


def test_a_single_item() -> None:
    ranks = ranks_of([[1.0]], [[0]], n_items=1)
    for name in ("precision@1", "recall@1", "hit_rate@1", "ndcg@1", "map@1", "reciprocal_rank"):
        assert metrics.compute(name, ranks).tolist() == [1]


def test_no_users_give_empty_arrays() -> None:
    ranks = ranks_of([], [])
    for name in ("precision@2", "recall@2", "hit_rate@2", "ndcg@2", "map@2", "reciprocal_rank", "auc"):
        assert metrics.compute(name, ranks).shape == (0,)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "@3",
        "precision",
        "precision@",
        "precision@0",
        "precision@-1",
        "precision@1.5",
        "precision@x",
        "precision@ 3",
        "precision@3@4",
        "Precision@3",
        "precisoin@3",
        "auc@",
        "auc@3",
        "reciprocal_rank@3",
    ],
)
def test_an_unknown_metric_is_refused_with_the_list_of_metrics(name: str) -> None:
    with pytest.raises(ParameterError) as caught:
        metrics.compute(name, ranks_of([FALLING], [[0]]))
    message = str(caught.value)
    assert repr(name) in message
    for valid in ("precision@k", "recall@k", "ndcg@k", "map@k", "hit_rate@k", "reciprocal_rank", "auc"):
        assert valid in message


# A slow reference that loops over each user's list -------------------------------------------------------------------

User = tuple[list[int], set[int], set[int]]  # scores, test items, seen items


def slow(name: str, user: User) -> float:
    scores, test, seen = user
    candidates = [item for item in range(len(scores)) if item not in seen]
    metric, _, number = name.partition("@")
    if metric == "auc":
        positives = [item for item in candidates if item in test]
        negatives = [item for item in candidates if item not in test]
        if not positives or not negatives:
            return math.nan
        wins = [(scores[p] > scores[n]) + 0.5 * (scores[p] == scores[n]) for p in positives for n in negatives]
        return sum(wins) / len(wins)
    ordered = sorted(candidates, key=lambda item: (-scores[item], item))
    if metric == "reciprocal_rank":
        return next((1 / place for place, item in enumerate(ordered, start=1) if item in test), 0)
    k = int(number)
    hits = [place for place, item in enumerate(ordered[:k], start=1) if item in test]
    if metric == "precision":
        return len(hits) / k
    if metric == "recall":
        return len(hits) / len(test)
    if metric == "f1":
        precision, recall = len(hits) / k, len(hits) / len(test)
        return 2 * precision * recall / (precision + recall) if hits else 0
    if metric == "hit_rate":
        return float(bool(hits))
    best = min(k, len(test))
    if metric == "ndcg":
        gain = sum(1 / math.log2(place + 1) for place in hits)
        return gain / sum(1 / math.log2(place + 1) for place in range(1, best + 1))
    assert metric == "map"
    return sum(nth / place for nth, place in enumerate(hits, start=1)) / best


users = st.tuples(
    st.lists(st.integers(0, 3), min_size=N_ITEMS, max_size=N_ITEMS),
    st.sets(st.integers(0, N_ITEMS - 1), min_size=1),
    st.sets(st.integers(0, N_ITEMS - 1)),
)


@given(st.lists(users, min_size=1, max_size=8), st.booleans(), st.integers(1, N_ITEMS))
def test_every_metric_equals_a_slow_reference(shop: list[Any], filter_seen: bool, k: int) -> None:
    shop = [(scores, test, seen if filter_seen else set()) for scores, test, seen in shop]
    ranks = ranks_of(
        [scores for scores, _, _ in shop],
        [list(test) for _, test, _ in shop],
        [sorted(seen) for _, _, seen in shop] if filter_seen else None,
    )
    for name in (*(f"{metric}@{k}" for metric in metrics.AT_K), *metrics.OF_ALL):
        np.testing.assert_allclose(
            metrics.compute(name, ranks), [slow(name, user) for user in shop], rtol=1e-12, err_msg=name
        )
