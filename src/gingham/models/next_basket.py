"""NextBasket: time-decayed purchase counts of the user and similar users, smoothed by recent best sellers."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from pydantic import Field

from gingham.arrays import Doubles, Floats, Indices
from gingham.checked import LARGEST, Values, stored_array, stored_csr
from gingham.dataset import Dataset
from gingham.models.cold import ColdUsers
from gingham.models.contributions import Cause, Part, divided, entries_of
from gingham.models.cycles import repurchase_rates
from gingham.models.item_requests import Asked, SimilarItems
from gingham.models.neighbours import normalised, top_products
from gingham.models.one_pass import OnePassModel
from gingham.models.popularity import item_totals
from gingham.models.training_data import Data, TrainingData
from gingham.scores import SharedScores
from gingham.store import csr_arrays
from gingham.validation import (
    Check,
    check_duration,
    check_integer,
    check_number,
    check_optional_duration,
    optional,
)

# The number of users whose neighbours' habits are computed at a time.
_BLOCK_SIZE = 4096


class _StoredWeight(Values):
    """The JSON values of a fitted `NextBasket`."""

    alpha: Annotated[float, Field(ge=0, le=1)]


class NextBasket(SimilarItems, OnePassModel):
    """The user's time-decayed purchase counts, smoothed by the recent sales of all users.

    The score of an item is the user's habit (the time-decayed count of their purchases) plus `smoothing` times the
    item's share of recent sales: a Bayesian prior of `smoothing` purchases distributed as all recent sales. New users
    therefore get best sellers, and habits rank above them once they outweigh the prior. With neighbours, habits are
    mixed with those of the users whose habits are most similar (by cosine), as in TIFU-kNN; TIFU-kNN counts time in
    baskets, this model in days. Interactions that are not above zero are ignored.

    Parameters
    ----------
    half_life : str or None
        The age, counted back from the last transaction, at which a purchase counts half as a habit; "180d" by default.
        None counts all purchases the same.
    smoothing : float
        The weight of the recent sales, in purchases, at least 0; 100 by default.
    sales_half_life : str or None
        The age, counted back from the last transaction, at which a purchase counts half as a sale; "7d" by default.
        None counts all sales the same.
    n_neighbours : int
        The number of similar users whose habits are mixed into the user's own; 0 (default) for none.
    alpha : float
        With neighbours, the weight of the user's own habits, from 0 to 1; the mean of the neighbours' habits has the
        rest. 0.7 by default.
    sales_decay : float or None
        Decays sales by a power of their age, instead of `sales_half_life`: a sale d days before the last transaction
        counts ``(1 + d) ** -sales_decay``. The last days count most, which suits changing offers, while long-term best
        sellers keep some weight. Above 0; None (default) uses the half-life.
    loyalty : float
        Weights habits by how often the item is bought again: counts are multiplied by this power of the item's
        repurchase rate, the share of its purchases after which the user bought it again on another day. All habits are
        then scaled to their former sum. At least 0; 0.4 by default, 0 for no weighting. Has no effect without
        timestamps.

    References
    ----------
    Hu et al., "Modeling Personalized Item Frequency Information for Next-basket Recommendation", 2020,
    https://arxiv.org/abs/2006.00556;
    Anderson and Schooler, "Reflections of the Environment in Memory", 1991 (decay by a power of time).

    Examples
    --------
    >>> import gingham as gg
    >>> model = gg.NextBasket(half_life="30d", smoothing=20).fit(gg.synth.sample_dataset())
    >>> model.recommend(["u07"], k=3)["item_id"].to_list()
    ['i15', 'i00', 'i01']
    """

    kind: ClassVar[str] = "next-basket"
    supports: ClassVar[frozenset[str]] = frozenset({"similar_items"})
    panel_cost: ClassVar[float | None] = 1.0
    default_space: ClassVar[Mapping[str, Any]] = {
        "half_life": ["30d", "60d", "120d", "180d", "720d"],
        "smoothing": {"low": 10.0, "high": 2000.0, "log": True},
        "sales_half_life": ["3d", "7d", "20d", "60d"],
        "n_neighbours": [0, 100, 300, 900],
        "alpha": {"low": 0.0, "high": 1.0},
        "loyalty": {"low": 0.0, "high": 1.0},
    }
    constraints: ClassVar[Mapping[str, Check]] = {
        "half_life": optional(check_duration),
        "smoothing": partial(check_number, least=0),
        "sales_half_life": optional(check_duration),
        "n_neighbours": partial(check_integer, least=0),
        "alpha": partial(check_number, least=0, most=1),
        "sales_decay": optional(partial(check_number, above=0)),
        "loyalty": partial(check_number, least=0),
    }

    _habits: sp.csr_matrix
    _shared: Floats
    _near: sp.csr_matrix | None
    _alpha: float
    _loyalty: Doubles | None
    # The habits of each user as columns of unit length, in which the neighbours of cold users are found.
    _unit_habits: sp.csr_matrix | None

    def __init__(
        self,
        half_life: str | None = "180d",
        smoothing: float = 100.0,
        sales_half_life: str | None = "7d",
        n_neighbours: int = 0,
        alpha: float = 0.7,
        sales_decay: float | None = None,
        loyalty: float = 0.4,
    ) -> None:
        self.half_life = half_life
        self.smoothing = smoothing
        self.sales_half_life = sales_half_life
        self.n_neighbours = n_neighbours
        self.alpha = alpha
        self.sales_decay = sales_decay
        self.loyalty = loyalty

    def _fit(self, training_data: TrainingData, interactions: Data, n_threads: int) -> None:
        half_life = check_optional_duration("half_life", self.half_life)
        sales_half_life = check_optional_duration("sales_half_life", self.sales_half_life)
        habits = training_data.purchases(interactions, half_life)
        loyalty = self._loyal(habits, interactions)
        habits = _weighted(habits, loyalty)
        recent = training_data.purchases(
            interactions, sales_half_life if self.sales_decay is None else self.sales_decay
        )
        near = _other_neighbours(habits, self.n_neighbours, n_threads) if self.n_neighbours else None
        sales = item_totals(recent)
        self._shared = (self.smoothing * sales / max(sales.sum(), np.finfo(float).tiny)).astype(np.float32)
        self._set(habits, near, float(self.alpha), loyalty)

    def _set(self, habits: sp.csr_matrix, near: sp.csr_matrix | None, alpha: float, loyalty: Doubles | None) -> None:
        self._habits, self._near, self._alpha, self._loyalty = habits, near, alpha, loyalty
        self._unit_habits = None if near is None else _unit(habits).T.tocsr()

    def _loyal(self, habits: sp.csr_matrix, data: Data) -> Doubles | None:
        """Return the factor of the habits of each item: a power of its repurchase rate, scaled; None if all are 1."""
        if not self.loyalty or not isinstance(data, Dataset) or data.interactions.timestamp is None:
            return None
        factors = repurchase_rates(data.interactions) ** self.loyalty
        total = factors[habits.indices] @ habits.data.astype(np.float64)
        # The total is zero if no item was bought again: then all items have the same rate.
        return factors * (habits.data.sum(dtype=np.float64) / total) if total > 0 else None

    def _scores(self) -> SharedScores:
        return self._scores_of(self._habits, self._near)

    def _cold_scores(self, users: ColdUsers, n_threads: int) -> SharedScores:
        return self._scores_of(*self._cold_habits(users, n_threads))

    def _cold_habits(self, users: ColdUsers, n_threads: int) -> tuple[sp.csr_matrix, sp.csr_matrix | None]:
        """Return the habits of users outside the training data, and their neighbours in it."""
        habits = _weighted(users.purchases(check_optional_duration("half_life", self.half_life)), self._loyalty)
        near = None
        if self._unit_habits is not None:
            near = _neighbours(_unit(habits), self._unit_habits, max(self.n_neighbours, 1), n_threads)
        return habits, near

    def _scores_of(self, own_habits: sp.csr_matrix, near: sp.csr_matrix | None) -> SharedScores:
        """Return the scores of users with these habits, and with these users of the training data as neighbours."""

        def own(users: Indices) -> sp.csr_matrix:
            habits: sp.csr_matrix = own_habits[users]
            if near is not None:
                habits = self._alpha * habits + (1 - self._alpha) * (near[users] @ self._habits)
                habits.sort_indices()
            scores = habits.data + self._shared[habits.indices]
            return sp.csr_matrix((scores.astype(np.float32), habits.indices, habits.indptr), shape=habits.shape)

        return SharedScores(self._shared, own, _BLOCK_SIZE)

    def _similarities(self, asked: Asked, n_threads: int) -> SharedScores:  # noqa: ARG002
        habits = self._habits
        data = normalised(habits.data, habits.indices, self.n_items)
        unit = sp.csr_matrix((data, habits.indices, habits.indptr), shape=habits.shape)
        rows = sp.csr_matrix(unit[:, asked.known(type(self).__name__)].T @ unit)
        rows.sort_indices()
        return SharedScores(np.zeros(self.n_items, np.float32), lambda chosen: rows[chosen])

    def _contributions(self, users: Indices, items: Indices, cold: ColdUsers | None = None) -> list[Part]:
        habits, near = (self._habits, self._near) if cold is None else self._cold_habits(cold, 1)
        own = entries_of(habits, users, items)
        parts = [Part.of_all(Cause.BEST_SELLER, self._shared[items])]
        if near is not None:
            distinct, place = np.unique(users, return_inverse=True)
            similar = entries_of(sp.csr_matrix(near[distinct] @ self._habits), place, items)
            parts.append(Part.of_all(Cause.SIMILAR_USERS, (1 - self._alpha) * similar).take(similar != 0))
            own *= self._alpha
        return [*divided(replace(Part.of_all(Cause.BOUGHT_BEFORE, own), because=items), items), *parts]

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        arrays = {"habits": self._habits.data, "shared": self._shared}
        if self._near is not None:
            arrays |= csr_arrays("near", self._near)
        return {"alpha": self._alpha}, arrays if self._loyalty is None else arrays | {"loyalty": self._loyalty}

    def _relearn(self, state: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        matrix = self.training_data_.matrix
        data = stored_array(arrays, "habits", "float32", (matrix.nnz,), least=0, most=LARGEST)
        habits = sp.csr_matrix((data, matrix.indices, matrix.indptr), shape=matrix.shape)
        self._shared = stored_array(arrays, "shared", "float32", (self.n_items,), least=0, most=LARGEST)
        near, loyalty = None, None
        if "near.data" in arrays:
            near = stored_csr(arrays, "near", (self.n_users, self.n_users), least=0, most=1)
        if "loyalty" in arrays:
            loyalty = stored_array(arrays, "loyalty", "float64", (self.n_items,), least=0, most=LARGEST)
        self._set(habits, near, _StoredWeight.read(state).alpha, loyalty)


def _weighted(habits: sp.csr_matrix, factors: Doubles | None) -> sp.csr_matrix:
    """Multiply the habits of each item by a factor."""
    if factors is None:
        return habits
    data = (habits.data * factors[habits.indices]).astype(np.float32)
    return sp.csr_matrix((data, habits.indices, habits.indptr), shape=habits.shape)


def _unit(habits: sp.csr_matrix) -> sp.csr_matrix:
    """Scale the habits of each user to unit length."""
    rows = np.repeat(np.arange(habits.shape[0]), np.diff(habits.indptr))
    data = normalised(habits.data, rows, habits.shape[0])
    return sp.csr_matrix((data, habits.indices, habits.indptr), shape=habits.shape)


def _other_neighbours(habits: sp.csr_matrix, n_neighbours: int, n_threads: int) -> sp.csr_matrix:
    """Return the other users with the most similar habits, as rows whose values sum to one."""
    unit = _unit(habits)
    # One more than needed, because every user is their own nearest neighbour.
    near = top_products(unit, unit.T.tocsr(), n_neighbours + 1, n_threads)
    near.data = (near.indices != np.repeat(np.arange(near.shape[0]), np.diff(near.indptr))).astype(np.float32)
    near.eliminate_zeros()
    return _mean_rows(near)


def _neighbours(unit: sp.csr_matrix, others: sp.csr_matrix, n_neighbours: int, n_threads: int) -> sp.csr_matrix:
    """Return the users (columns of `others`) with the most similar habits, as rows whose values sum to one."""
    near = top_products(unit, others, n_neighbours, n_threads)
    near.data = np.ones(near.nnz, np.float32)
    return _mean_rows(near)


def _mean_rows(near: sp.csr_matrix) -> sp.csr_matrix:
    sizes = np.diff(near.indptr)
    near.data /= np.repeat(sizes, sizes).astype(np.float32)
    return near
