"""ContentBased against a slow twin, and what it refuses."""

from math import log
from typing import Any

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from gingham.dataset import Dataset, Feature, Features, Ids, Interactions
from gingham.errors import DataError
from gingham.models import ContentBased, Popularity
from tests.contract.cases import shop

N_USERS, N_ITEMS, N_FEATURES = 4, 6, 3


def dataset(pairs: list[tuple[int, int]], weights: Any, names: list[Any] | None = None) -> Dataset:
    users, items = zip(*pairs, strict=True)
    matrix = sp.hstack([sp.identity(N_ITEMS), sp.csr_matrix(weights)], format="csr")
    features = Features(matrix, [Feature("tag", str(tag)) for tag in range(N_FEATURES)] if names is None else names)
    user_ids, item_ids = (Ids.from_series(pl.Series(np.arange(size))) for size in (N_USERS, N_ITEMS))
    rows = Interactions(users, items, N_USERS, N_ITEMS)
    return Dataset(user_ids, item_ids, rows, item_features=features, candidates="all")


@given(
    st.lists(st.tuples(st.integers(0, N_USERS - 1), st.integers(0, N_ITEMS - 2)), min_size=1, max_size=20),
    st.lists(st.lists(st.integers(0, 2), min_size=N_FEATURES, max_size=N_FEATURES), min_size=N_ITEMS, max_size=N_ITEMS),
    st.floats(0.1, 200),
)
def test_scores_are_those_of_a_slow_twin(
    pairs: list[tuple[int, int]], weights: list[list[int]], smoothing: float
) -> None:
    model = ContentBased(smoothing).fit(dataset(pairs, np.array(weights, np.float32)))
    for user in {user for user, _ in pairs}:
        own = [item for buyer, item in pairs if buyer == user]
        for item in range(N_ITEMS):
            expected = 0.0
            for tag, weight in enumerate(weights[item]):
                share = sum(weights[bought][tag] for _, bought in pairs) / len(pairs)
                count = sum(weights[bought][tag] for bought in own)
                ratio = (count + smoothing * share) / share if share else smoothing
                expected += weight * log(ratio / (len(own) + smoothing))
            assert model.predict(user, item)[0] == pytest.approx(expected, abs=1e-4)


def test_an_item_that_was_never_sold_ranks_by_its_features() -> None:
    tags = np.eye(N_FEATURES, dtype=np.float32)[[0, 0, 1, 1, 2, 0]]
    model = ContentBased().fit(dataset([(0, 0), (0, 1), (1, 2), (1, 3), (2, 4)], tags))
    assert model.recommend(0, k=3)["item_id"].to_list() == [0, 1, 5]
    assert model.recommend(1, k=2)["item_id"].to_list() == [2, 3]


def test_users_without_history_get_best_sellers() -> None:
    data = shop(features=True)
    ids = [data.user_ids.ids([user])[0] for user in (3, 29)]
    lists = ContentBased().fit(data).recommend(ids, k=5)
    assert lists["item_id"].equals(Popularity(window=None).fit(data).recommend(ids, k=5)["item_id"])


def test_a_cold_user_is_ranked_as_a_user_with_this_history() -> None:
    tags = np.eye(N_FEATURES, dtype=np.float32)[[0, 0, 1, 1, 2, 0]]
    model = ContentBased().fit(dataset([(0, 0), (0, 1), (1, 2), (1, 3), (2, 4)], tags))
    lists = model.recommend_for({"guest": [0, 1]}, k=N_ITEMS)
    assert lists["score"].equals(model.recommend(0, k=N_ITEMS)["score"])


def test_features_with_negative_weights_are_left_out() -> None:
    weights = np.array([[1, 0, -1], [0, 1, 1]] * 3, np.float32)
    names = [Feature("tag", "a"), Feature("tag", "b"), Feature("price", kind="number")]
    without = np.where(weights < 0, 0, weights) * [1, 1, 0]
    pairs = [(0, 0), (1, 1), (1, 2)]
    scores = [ContentBased().fit(dataset(pairs, matrix, names)).predict(0, range(6)) for matrix in (weights, without)]
    np.testing.assert_array_equal(scores[0], scores[1])


NEGATIVE = dataset([(0, 0)], -np.ones((N_ITEMS, N_FEATURES)))


@pytest.mark.parametrize("data", [shop(), sp.csr_matrix(np.eye(3, dtype=np.float32)), NEGATIVE])
def test_without_item_features_it_is_refused(data: Any) -> None:
    with pytest.raises(DataError, match=r"^ContentBased needs item features, .*; name columns of the items table"):
        ContentBased().fit(data)
