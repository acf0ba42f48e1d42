from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gingham import _native

from .test_rank import pattern

pytestmark = pytest.mark.usefixtures("kernel")

ITEMS = np.array([[0, 1], [2, -1]], np.int32)
HISTORY = (np.array([0, 1, 2]), np.array([1, 2], np.int32))
FEATURES = (np.array([0, 1, 2, 2]), np.array([0, 0], np.int32), np.array([2, 3], np.float32))


@given(st.integers(0, 10_000), st.integers(0, 6), st.integers(0, 8), st.integers(1, 9))
def test_repeats_and_sums_of_products_per_place(seed: int, n_users: int, k: int, n_items: int) -> None:
    rng = np.random.default_rng(seed)
    items = np.array([rng.permutation(np.arange(-8, n_items))[:k] for _ in range(n_users)], np.int32)
    items = np.maximum(items, -1).reshape(n_users, k)
    history = rng.random((n_users, n_items)) < 0.4
    repeats = np.empty((n_users, k), bool)
    _native.mark_repeats(items=items, had=pattern(history), n_items=n_items, out=repeats)
    assert repeats.tolist() == [[bool(i >= 0 and history[u, i]) for i in row] for u, row in enumerate(items)]

    features = rng.integers(-2, 3, (n_items, 5)).astype(np.float32)
    rows = (*pattern(features != 0), features[features != 0])
    sums = np.empty((n_users, k))
    _native.sum_products(items=items, features=rows, n_features=5, out=sums)
    for row, sum_row in zip(items, sums, strict=True):
        for place in range(k):
            listed = features[row[: place + 1][row[: place + 1] >= 0]]
            products = listed @ listed.T
            assert sum_row[place] == np.triu(products, 1).sum()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"items": ITEMS + 1}, "an item index is out of range"),
        ({"items": ITEMS - 1}, "an item index is out of range"),
        ({"items": ITEMS[:1]}, "a row for each row of items"),
        ({"n_items": 2}, "out of range"),
        ({"had": (HISTORY[0], HISTORY[1] + 1)}, "a column index is out of range"),
        ({"out": np.empty((2, 3), bool)}, "the shape of items"),
    ],
)
def test_invalid_arguments_of_mark_repeats_are_refused(changed: dict[str, Any], message: str) -> None:
    valid = {"items": ITEMS, "had": HISTORY, "n_items": 3, "out": np.empty((2, 2), bool)}
    with pytest.raises(ValueError, match=message):
        _native.mark_repeats(**(valid | changed))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"items": ITEMS + 1}, "an item index is out of range"),
        ({"n_features": 0}, "a feature index is out of range"),
        ({"features": (*FEATURES[:2], FEATURES[2][:1])}, "equally long"),
        ({"out": np.empty((1, 2))}, "the shape of items"),
    ],
)
def test_invalid_arguments_of_sum_products_are_refused(changed: dict[str, Any], message: str) -> None:
    valid = {"items": ITEMS, "features": FEATURES, "n_features": 1, "out": np.empty((2, 2))}
    with pytest.raises(ValueError, match=message):
        _native.sum_products(**(valid | changed))
