import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
import scipy.sparse as sp

from gingham.dataset import Dataset, Ids, Interactions
from gingham.errors import MissingExtraError, ParameterError
from gingham.models import ItemKNN
from gingham.models.neighbours import WEIGHTINGS

N_USERS, N_ITEMS = 40, 15


def counts(seed: int = 0) -> npt.NDArray[np.float64]:
    """Fractional counts, so that no two items are equally similar, and some returns."""
    rng = np.random.default_rng(seed)
    purchases = rng.random((N_USERS, N_ITEMS)) * 4 * (rng.random((N_USERS, N_ITEMS)) < 0.3)
    purchases[rng.random(purchases.shape) < 0.05] = -2
    purchases[-1] = 0
    return purchases


def similarities(purchases: npt.NDArray[np.float64], weighting: str, k1: float, b: float) -> npt.NDArray[np.float64]:
    """The similarity of each pair of items, computed item by item and user by user."""
    n_items = purchases.shape[1]
    idf = [np.log(n_items / max(np.count_nonzero(row), 1)) for row in purchases]
    sales = purchases.sum(axis=0)
    weighted = np.zeros_like(purchases)
    for user, item in zip(*purchases.nonzero(), strict=True):
        count = purchases[user, item]
        if weighting == "cosine":
            weighted[user, item] = count
        elif weighting == "tf-idf":
            weighted[user, item] = count**0.5 * idf[user]
        else:
            length = 1 - b + b * sales[item] / sales.mean()
            weighted[user, item] = count * (k1 + 1) / (count + k1 * length) * idf[user]
    products = np.empty((n_items, n_items))
    for first in range(n_items):
        for second in range(n_items):
            one, other = weighted[:, first], weighted[:, second]
            products[first, second] = one @ other
            if weighting != "bm25":
                products[first, second] /= np.linalg.norm(one) * np.linalg.norm(other)
    return products


def twin(
    purchases: npt.NDArray[np.float64], n_neighbours: int, *arguments: Any, self_weight: float | None = None
) -> npt.NDArray[np.float64]:
    """The score of each pair of user and item that are connected by a neighbour; NaN elsewhere."""
    products = similarities(purchases, *arguments)
    nearest = [np.argsort(-row)[:n_neighbours] for row in products]
    kept = [item for item, row in enumerate(nearest) if item in row]
    if self_weight is not None:
        sales = purchases.sum(axis=0)
        mean = sum(sales[item] * products[item, item] for item in kept) / sum(sales[kept])
        powers = sum(sales[item] ** 1.3 for item in kept) / sum(sales[kept])
        for item in kept:
            products[item, item] = self_weight * mean * sales[item] ** 0.3 / powers
    scores = np.zeros(purchases.shape)
    for user in range(len(purchases)):
        for item in np.flatnonzero(purchases[user]):
            scores[user, nearest[item]] += purchases[user, item] * products[item, nearest[item]]
    return np.where(scores > 0, scores, np.nan)


def scores_of(model: ItemKNN) -> npt.NDArray[np.float32]:
    users, items = np.divmod(np.arange(N_USERS * N_ITEMS), N_ITEMS)
    return model.predict(users, items).reshape(N_USERS, N_ITEMS)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("n_neighbours", [1, 4, 99])
@pytest.mark.parametrize("self_weight", [None, 0.5, 2.5])
def test_scores_are_sums_over_neighbours(weighting: str, n_neighbours: int, self_weight: float | None) -> None:
    purchases = counts()
    model = ItemKNN(n_neighbours, weighting, k1=0.9, b=0.6, self_weight=self_weight).fit(sp.csr_matrix(purchases))
    expected = twin(np.maximum(purchases, 0), n_neighbours, weighting, 0.9, 0.6, self_weight=self_weight)
    scores = scores_of(model)
    reached = ~np.isnan(expected)
    assert 0 < reached.sum() < reached.size
    np.testing.assert_allclose(scores[reached], expected[reached], rtol=2e-5)
    # Items without a neighbour in the history rank last, best sellers first.
    assert (scores[~reached] < 0).all()
    order = np.argsort(-np.maximum(purchases, 0).sum(axis=0), kind="stable")
    assert (np.diff(scores[-1, order]) < 0).all()


def test_older_interactions_count_less() -> None:
    rng = np.random.default_rng(3)
    users, items = rng.integers(0, N_USERS, 300), rng.integers(0, N_ITEMS, 300)
    hours = rng.integers(0, 60 * 24, 300)
    times = np.datetime64("2024-01-01T00", "us") + hours * np.timedelta64(1, "h")
    ids = [Ids.from_series(pl.Series(range(size))) for size in (N_USERS, N_ITEMS)]
    model = ItemKNN(5, "cosine", half_life="10d", self_weight=None).fit(
        Dataset(*ids, Interactions(users, items, N_USERS, N_ITEMS, None, times))
    )
    decayed = np.zeros((N_USERS, N_ITEMS))
    for user, item, hour in zip(users, items, hours, strict=True):
        decayed[user, item] += 0.5 ** ((hours.max() - hour) / 240)
    expected = twin(decayed, 5, "cosine", 0, 0)
    reached = ~np.isnan(expected)
    np.testing.assert_allclose(scores_of(model)[reached], expected[reached], rtol=2e-5)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("matrix", [sp.csr_matrix((3, 4)), sp.csr_matrix(np.ones((3, 4))), sp.csr_matrix([[0, -1.0]])])
def test_degenerate_data_give_complete_lists(weighting: str, matrix: sp.csr_matrix) -> None:
    n_users, n_items = matrix.shape
    table = ItemKNN(weighting=weighting).fit(matrix).recommend(k=n_items)
    assert table["rank"].to_list() == list(range(1, n_items + 1)) * n_users
    assert table["score"].is_finite().all()


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"n_neighbours": 0}, "n_neighbours must be a positive integer, not 0"),
        ({"weighting": "jaccard"}, "weighting must be one of 'cosine', 'tf-idf', 'bm25', not 'jaccard'"),
        ({"k1": -1}, "k1 must be a finite number .*, not -1"),
        ({"b": 1.5}, "b must be a finite number .*, not 1.5"),
        ({"self_weight": -1}, "self_weight must be a finite number .*, not -1"),
        ({"half_life": 7}, "half_life must be a duration such as .*, not 7"),
    ],
)
def test_wrong_parameters_are_refused(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        ItemKNN(**params).fit(sp.csr_matrix(counts()))


def test_models_of_version_0_1_have_no_self_weight() -> None:
    stored = {"n_neighbours": 5, "weighting": "cosine", "k1": 1.2, "b": 0.75, "half_life": None}
    assert ItemKNN.unfitted(stored).get_params() == {**stored, "self_weight": None}


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sparse_dot_topn", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'gingham\[neighbours\]'"):
        ItemKNN().fit(sp.csr_matrix(counts()))
