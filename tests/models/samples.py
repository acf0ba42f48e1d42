"""Small shops that the tests of models train on, and what they compare."""

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

import gingham.loading  # noqa: F401 (registers every model)
from gingham import metrics
from gingham.dataset import Dataset, Features, Ids, Interactions
from gingham.models import HybridMF, Recommender, kinds, model_class

LOSSES = ("logistic", "bpr", "warp", "warp-kos")
RANKING = ("bpr", "warp", "warp-kos")
SCHEDULES = ("adagrad", "adadelta")
# The models that can be fitted to a matrix, which has neither an order nor named features.
MATRIX_KINDS = [kind for kind in kinds() if not model_class(kind).requires_order and kind != "content"]

State = dict[str, npt.NDArray[np.float32]]


def state(model: Recommender) -> State:
    """A copy of every number a fitted model trains, the optimizer's memory included."""
    return {name: array.copy() for name, array in model.artifact().arrays.items() if name.endswith(".state")}


def assert_same(first: State, second: State) -> None:
    for name in ("user.state", "item.state"):
        np.testing.assert_array_equal(first[name], second[name], strict=True)


def differs(first: State, second: State) -> bool:
    return any((first[name] != second[name]).any() for name in first)


def noise(n_users: int = 25, n_items: int = 18, seed: int = 0) -> sp.csr_matrix:
    """Interactions without any sense: some zero, some negative, the last user without history."""
    rng = np.random.default_rng(seed)
    dense = rng.choice([0, 1, 2, -1], (n_users, n_items), p=[0.7, 0.15, 0.1, 0.05]).astype(np.float32)
    dense[-1] = 0
    matrix = sp.csr_matrix(dense)
    matrix.data[::11] = 0  # explicit zeros
    return matrix


def positives(matrix: sp.csr_matrix) -> sp.csr_matrix:
    return sp.csr_matrix(matrix.multiply(matrix > 0))


def groups(n_rows: int, n_groups: int, identity: bool = True) -> sp.csr_matrix:
    """Features: each row's own, and its group's with a weight that is not one."""
    shared = sp.csr_matrix(np.eye(n_groups, dtype=np.float32)[np.arange(n_rows) % n_groups] * 0.5)
    return sp.hstack([sp.identity(n_rows), shared], "csr", np.float32) if identity else shared


def clustered_shop(loss: str, n_users: int = 40, n_items: int = 40) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """Users who buy of one of four kinds alone: what to learn from, and what was held out of it."""
    rng = np.random.default_rng(5)
    same = np.arange(n_users)[:, None] % 4 == np.arange(n_items) % 4
    likes = same & (rng.random(same.shape) < 0.8)
    held = likes & (rng.random(same.shape) < 0.25)
    train = (likes & ~held).astype(np.float32)
    if loss == "logistic":
        train -= ~same & (rng.random(same.shape) < 0.3)
    return sp.csr_matrix(train), sp.csr_matrix(held.astype(np.float32))


def mean_auc(model: Recommender, held: sp.csr_matrix) -> float:
    return float(np.nanmean(metrics.compute("auc", metrics.rank_test(model, held, filter_seen=True)[0])))


def scores_of(model: HybridMF) -> npt.NDArray[np.float64]:
    users, user_biases = (part.astype(np.float64) for part in model.user_representations())
    items, item_biases = (part.astype(np.float64) for part in model.item_representations())
    return np.asarray(users @ items.T + user_biases[:, None] + item_biases)


def dataset(n_users: int = 25, n_items: int = 18, first_user: int = 0, features: bool = False) -> Dataset:
    pairs = noise(n_users, n_items).tocoo()
    return Dataset(
        Ids.from_series(pl.Series(np.arange(first_user, first_user + n_users))),
        Ids.from_series(pl.Series(np.arange(n_items))),
        Interactions(pairs.row, pairs.col, n_users, n_items, pairs.data),
        Features(groups(n_users, 3), ("a", "b", "c")) if features else None,
    )
