"""The models that the contract runs for, and the shop they are fitted to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from gingham.dataset import Dataset, Feature, Features, Ids, Interactions
from gingham.models import Recommender
from gingham.models.embedding import EmbeddingModel

N_USERS, N_ITEMS = 30, 20
WITHOUT_HISTORY = (3, 29)
GREEDY = 5  # interacted with all items but two
NEVER_SOLD = 19
# The tolerance of a sum of products in float32 compared with float64.
ROUNDING = 1e-5


@dataclass(frozen=True)
class Case:
    """A model to run the contract for, and the data it is fitted to."""

    name: str
    make: Callable[[], Recommender]
    features: bool = False
    timed: bool = False
    named: bool = False  # whether it needs the names of features, which matrices do not have
    ordered: bool = False  # whether it needs timestamps, which matrices do not have
    draws_negatives: bool = False  # whether it learns from interactions of zero or less as negatives

    def shop(self, text: bool = False) -> Dataset:
        return shop(self.features, text, self.timed)

    def fit(self, model: Recommender, data: Any = None, **matrices: Any) -> Recommender:
        return model.fit(self.shop() if data is None else data, num_threads=1, verbose=False, **matrices)

    def fitted(self, data: Any = None, **matrices: Any) -> Recommender:
        return self.fit(self.make(), data, **matrices)

    def fitted_to_matrices(self) -> Recommender:
        data = self.shop()
        matrices: dict[str, Any] = {}
        if data.user_features is not None and data.item_features is not None:
            matrices = {"user_features": data.user_features.matrix, "item_features": data.item_features.matrix}
        return self.fitted(data.matrix(), **matrices)


def shop(features: bool = False, text: bool = False, timed: bool = False) -> Dataset:
    """A seeded shop with repeats, interactions of value 0, users without history and an item without sales."""
    rng = np.random.default_rng(7)
    users, items = rng.integers(0, N_USERS, 250), rng.integers(0, NEVER_SOLD, 250)
    kept = ~np.isin(users, (*WITHOUT_HISTORY, GREEDY))
    users = np.concatenate([users[kept], np.full(N_ITEMS - 2, GREEDY)])
    items = np.concatenate([items[kept], np.arange(N_ITEMS - 2)])
    values = (rng.random(len(users)) < 0.9).astype(np.float32)
    timestamps = np.datetime64("2024-03-01", "us") + rng.integers(0, 60 * 86400, len(users)) * np.timedelta64(1, "s")
    user_ids = [f"u{user:02}" if text else 100 + 3 * user for user in range(N_USERS)]
    item_ids = [f"i{item:02}" if text else 7 * item for item in range(N_ITEMS)]
    labels = pl.DataFrame({"item_id": item_ids, "name": [f"thing {item}" for item in range(N_ITEMS)]})
    return Dataset(
        Ids.from_series(pl.Series(user_ids)),
        Ids.from_series(pl.Series(item_ids)),
        Interactions(users, items, N_USERS, N_ITEMS, values, timestamps if timed else None),
        _features(N_USERS, 3) if features else None,
        _features(N_ITEMS, 4) if features else None,
        labels,
    )


def _features(n_rows: int, n_groups: int) -> Features:
    groups = sp.csr_matrix(np.eye(n_groups, dtype=np.float32)[np.arange(n_rows) % n_groups])
    matrix = sp.hstack([sp.identity(n_rows, dtype=np.float32), groups], format="csr")
    return Features(matrix, [Feature("group", str(group)) for group in range(n_groups)])


def held_out(seed: int = 3) -> sp.csr_matrix:
    """A test matrix: some pairs new, some seen."""
    return sp.random(N_USERS, N_ITEMS, 0.2, "csr", np.float32, np.random.default_rng(seed))


def item_lists(table: pl.DataFrame) -> dict[Any, list[Any]]:
    """The items recommended to each user, in order."""
    lists: dict[Any, list[Any]] = {}
    for user, item in table.select("user_id", "item_id").iter_rows():
        lists.setdefault(user, []).append(item)
    return lists


def scores_of(model: Recommender) -> npt.NDArray[np.float64]:
    """All scores: of the representations for users whose model has them, otherwise those of the full lists."""
    listed = _listed_scores(model)
    if not isinstance(model, EmbeddingModel):
        return listed
    users, user_biases = (part.astype(np.float64) for part in model.user_representations())
    items, item_biases = (part.astype(np.float64) for part in model.item_representations())
    scores = np.asarray(users @ items.T + user_biases[:, None] + item_biases)
    return np.where(scores.any(axis=1, keepdims=True), scores, listed)


def _listed_scores(model: Recommender) -> npt.NDArray[np.float64]:
    table = model.recommend(k=model.n_items)
    scores = np.full((model.n_users, model.n_items), np.nan)
    users, items = (
        model.training_data_.user_ids.index(table["user_id"]),
        model.training_data_.item_ids.index(table["item_id"]),
    )
    scores[users, items] = table["score"].to_numpy()
    return scores
