import math
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from gingham.metrics import OF_LISTS, Lists

# Three users, five items: item 0 is in the history of all, item 1 of user 0, item 2 of users 0 and 1, 3 and 4 of none.
HISTORY = np.array([[1, 1, 1, 0, 0], [1, 0, 1, 0, 0], [1, 0, 0, 0, 0]], np.float32)
# The second list ends after two, the third after one.
ITEMS = np.array([[0, 3, 2], [2, 4, -1], [0, -1, -1]], np.int32)
# Items 0 and 1 have equal directions, 2 shares one of two features with them, 3 none, 4 has no features.
FEATURES = np.array([[1, 1, 0], [2, 2, 0], [0, 1, 1], [0, 0, 5], [0, 0, 0]], np.float32)


def lists(features: Any = FEATURES) -> Lists:
    interactions = sp.csr_matrix(np.vstack([HISTORY, np.zeros((1, 5), np.float32)]))  # and a user without history
    return Lists.of(
        ITEMS, np.arange(3, dtype=np.int32), interactions, None if features is None else sp.csr_matrix(features)
    )


@pytest.mark.parametrize(
    ("name", "k", "value"),
    [
        ("coverage", 1, 2 / 5),
        ("coverage", 3, 4 / 5),
        # In 0, 0, 0, 1, 2 lists: mean absolute difference of all pairs of items, over twice the mean.
        ("gini", 1, (2 * (3 * 1 + 3 * 2 + 1) / 25) / (2 * 3 / 5)),
        # In the history of 3, 2 and 3 of 3 users, and of one more who has everything.
        ("novelty", 1, (0 - math.log2(3 / 4) + 0) / 3),
        ("novelty", 2, (0 + 2 - math.log2(3 / 4) + 2 + 0) / 5),
        # Lists 0 and 1 hold two; items 0 and 3 share no feature, nor do 2 and 4.
        ("diversity", 2, 1),
        # List 0: 0 and 3: 0; 0 and 2: 1/2; 3 and 2: 1 / sqrt 2. List 1 as before.
        ("diversity", 3, ((1 + 1 / 2 + (1 - 1 / math.sqrt(2))) / 3 + 1) / 2),
        ("repeat_share", 1, 1),
        ("repeat_share", 2, 3 / 5),
        ("repeat_share", 3, 4 / 6),
        ("cold_share", 1, 0),
        ("cold_share", 2, 2 / 5),
        ("cold_share", 3, 2 / 6),
    ],
)
def test_metrics_equal_values_computed_by_hand(name: str, k: int, value: float) -> None:
    assert OF_LISTS[name](lists(), k) == pytest.approx(value, rel=1e-6)


def test_the_smallest_and_the_largest_gini_coefficient() -> None:
    history = sp.csr_matrix((4, 4), dtype=np.float32)
    users = np.arange(4, dtype=np.int32)
    even = Lists.of(np.array([[0], [1], [2], [3]], np.int32), users, history)
    assert OF_LISTS["gini"](even, 1) == 0
    one = Lists.of(np.full((4, 1), 2, np.int32), users, history)
    assert OF_LISTS["gini"](one, 1) == pytest.approx(1 - 1 / 4)


def test_diversity_is_nan_without_features_and_for_single_items() -> None:
    assert math.isnan(OF_LISTS["diversity"](lists(None), 3))
    assert math.isnan(OF_LISTS["diversity"](lists(), 1))


def test_empty_lists() -> None:
    history = sp.csr_matrix((2, 5), dtype=np.float32)
    empty = Lists.of(np.full((2, 3), -1, np.int32), np.arange(2, dtype=np.int32), history, sp.csr_matrix(FEATURES))
    assert OF_LISTS["coverage"](empty, 3) == 0
    for name in ("gini", "novelty", "diversity", "repeat_share", "cold_share"):
        assert math.isnan(OF_LISTS[name](empty, 3))


# A slow reference that loops over each list --------------------------------------------------------------------------


def slow(
    name: str, items: npt.NDArray[np.int32], k: int, history: npt.NDArray[np.bool_], features: npt.NDArray[np.float32]
) -> float:
    n_items = history.shape[1]
    shown = [[int(item) for item in row[:k] if item >= 0] for row in items]
    places = [(user, item) for user, row in enumerate(shown) for item in row]
    buyers = history.sum(axis=0)
    if name == "coverage":
        return len({item for _, item in places}) / n_items
    if not places:
        return math.nan
    if name == "gini":
        counts = [sum(item == other for _, other in places) for item in range(n_items)]
        return sum(abs(one - other) for one in counts for other in counts) / (2 * n_items * sum(counts))
    if name == "novelty":
        n_active = history.any(axis=1).sum()
        return sum(-math.log2((buyers[item] + 1) / (n_active + 1)) for _, item in places) / len(places)
    if name == "repeat_share":
        return sum(history[place] for place in places) / len(places)
    if name == "cold_share":
        return sum(buyers[item] == 0 for _, item in places) / len(places)
    assert name == "diversity"

    def cosine(one: int, other: int) -> float:
        product = np.linalg.norm(features[one]) * np.linalg.norm(features[other])
        return float(features[one] @ features[other] / product) if product else 0

    unlike = [np.mean([1 - cosine(*pair) for pair in combinations(row, 2)]) for row in shown if len(row) > 1]
    return float(np.mean(unlike)) if unlike else math.nan


@given(st.integers(0, 10_000), st.integers(1, 6), st.sampled_from([0.0, 0.3, 0.9]))
def test_every_metric_equals_a_slow_reference(seed: int, k: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    n_users, n_items = int(rng.integers(1, 7)), int(rng.integers(k, 9))
    items = np.array([rng.permutation(n_items)[:k] for _ in range(n_users)], np.int32)
    items[np.arange(k) >= rng.integers(0, k + 1, (n_users, 1))] = -1
    history = rng.random((n_users, n_items)) < share
    features = rng.integers(-1, 3, (n_items, 4)).astype(np.float32)
    fast = Lists.of(
        items, np.arange(n_users, dtype=np.int32), sp.csr_matrix(history, dtype=np.float32), sp.csr_matrix(features)
    )
    for name, metric in OF_LISTS.items():
        for first in range(1, k + 1):
            expected = slow(name, items, first, history, features)
            np.testing.assert_allclose(metric(fast, first), expected, atol=1e-6, err_msg=f"{name}@{first}")
