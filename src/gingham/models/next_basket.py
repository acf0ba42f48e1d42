"""NextBasket: what this user, users alike, and everybody of late put into their baskets."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.arrays import Floats, Indices
from gingham.dataset import Dataset
from gingham.models.base import Recommender
from gingham.models.cycles import loyalty
from gingham.models.neighbours import top_products, unit
from gingham.models.popularity import sold
from gingham.models.training_data import Data, TrainingData
from gingham.scores import SharedScores
from gingham.store import csr_arrays, csr_of
from gingham.validation import check_integer, check_num_threads, check_number, check_optional_duration

# For how many users the habits of their neighbours are kept at a time.
_USERS = 4096


class NextBasket(Recommender):
    """How often a user bought each item, the recent counting more, smoothed by what everybody buys of late.

    A score is the user's habit, plus the item's share of all recent sales times `smoothing`: as if everybody had bought
    that many items more, as everybody else does. Someone new thus gets best sellers, and a habit stands above them once
    it says more. With neighbours, a habit is partly that of the users whose habits are nearest (by the cosine), as in
    TIFU-kNN; there, time is counted in baskets, here in days. Interactions that are not above zero don't count.

    Parameters
    ----------
    half_life : str or None
        How long before the last transaction a purchase counts for half as a habit, such as "90d"; by default all count
        alike.
    smoothing : float
        How many items everybody is taken to have bought besides; 500 by default.
    sales_half_life : str or None
        How long before the last transaction a purchase counts for half as one of everybody's sales; "20d" by default,
        None for all alike.
    n_neighbours : int
        How many users' habits are mixed into each one's; 0 (default) for none.
    alpha : float
        With neighbours, the share of the user's own habit, from 0 to 1; the rest is the neighbours' mean. 0.7 by
        default.
    sales_decay : float or None
        Lets sales count for less by a power of their days, in place of `sales_half_life`: one of d days before the last
        transaction counts for ``(1 + d) ** -sales_decay``. The last days count for most, as where offers come and go,
        and yet what sold well long ago is not forgotten. Above 0; None (default) for the half-life.
    loyalty : float
        Lets a purchase count for more as a habit if the item is one that people buy again: it is multiplied by this
        power of the share of the item's purchases after which the user bought it again on another day, and all habits
        are scaled to their sum without that. At least 0, which leaves them alone (default); it takes timestamps.

    References
    ----------
    Hu et al., "Modeling Personalized Item Frequency Information for Next-basket Recommendation", 2020,
    https://arxiv.org/abs/2006.00556;
    Anderson and Schooler, "Reflections of the Environment in Memory", 1991 (decay by a power of time).
    """

    _habits: sp.csr_matrix
    _shared: Floats
    _near: sp.csr_matrix | None
    _alpha: float

    def __init__(
        self,
        half_life: str | None = None,
        smoothing: float = 500.0,
        sales_half_life: str | None = "20d",
        n_neighbours: int = 0,
        alpha: float = 0.7,
        sales_decay: float | None = None,
        loyalty: float = 0.0,
    ) -> None:
        self.half_life = half_life
        self.smoothing = smoothing
        self.sales_half_life = sales_half_life
        self.n_neighbours = n_neighbours
        self.alpha = alpha
        self.sales_decay = sales_decay
        self.loyalty = loyalty

    def validate(self) -> None:
        """Check the parameters; `fit` does so first.

        Raises
        ------
        ParameterError
            If one is out of its range.
        """
        for name in ("half_life", "sales_half_life"):
            check_optional_duration(name, getattr(self, name))
        check_number("smoothing", self.smoothing, least=0)
        if self.sales_decay is not None:
            check_number("sales_decay", self.sales_decay, above=0)
        check_integer("n_neighbours", self.n_neighbours, 0)
        check_number("alpha", self.alpha, least=0, most=1)
        check_number("loyalty", self.loyalty, least=0)

    def fit(self, interactions: Data, num_threads: int = 0) -> Self:
        """Count purchases, and find every user's neighbours where they are asked for.

        Parameters
        ----------
        interactions : Dataset or sparse matrix
            What was bought. In a matrix (or a dataset without timestamps) nothing is older: all of it counts alike.
        num_threads : int
            How many threads look for neighbours; 0 (default) for all cores. The result does not depend on it.

        Raises
        ------
        ParameterError, DataError
            If a parameter is out of its range, or the data hold a value that is not finite.
        MissingExtraError
            If neighbours are asked for, and sparse-dot-topn is not installed.
        """
        self.validate()
        n_threads = check_num_threads(num_threads)
        known = TrainingData.of(interactions)
        sales_half_life = check_optional_duration("sales_half_life", self.sales_half_life)
        habits = self._loyal(
            known.purchases(interactions, check_optional_duration("half_life", self.half_life)), interactions
        )
        recent = known.purchases(interactions, sales_half_life if self.sales_decay is None else self.sales_decay)
        near = _neighbours(habits, self.n_neighbours, n_threads) if self.n_neighbours else None
        sales = sold(recent)
        self._shared = (self.smoothing * sales / max(sales.sum(), np.finfo(float).tiny)).astype(np.float32)
        self._habits, self._near, self._alpha = habits, near, float(self.alpha)
        self._training_data = known
        return self

    def _loyal(self, habits: sp.csr_matrix, data: Data) -> sp.csr_matrix:
        """Let habits count for more with items that people buy again."""
        if not self.loyalty or not isinstance(data, Dataset) or data.interactions.timestamp is None:
            return habits
        weighted = habits.data * loyalty(data.interactions)[habits.indices] ** self.loyalty
        total = weighted.sum()
        # Where nobody bought anything again, no item is better than another.
        if total > 0:
            habits.data = (weighted * (habits.data.sum(dtype=np.float64) / total)).astype(np.float32)
        return habits

    def _scores(self) -> SharedScores:
        return SharedScores(self._shared, self._own, _USERS)

    def _own(self, users: Indices) -> sp.csr_matrix:
        habits: sp.csr_matrix = self._habits[users]
        if self._near is not None:
            habits = self._alpha * habits + (1 - self._alpha) * (self._near[users] @ self._habits)
            habits.sort_indices()
        scores = habits.data + self._shared[habits.indices]
        return sp.csr_matrix((scores.astype(np.float32), habits.indices, habits.indptr), shape=habits.shape)

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        arrays = {"habits": self._habits.data, "shared": self._shared}
        if self._near is not None:
            arrays |= csr_arrays("near", self._near)
        return {"alpha": self._alpha}, arrays

    def _relearn(self, state: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> None:
        known = self.training_data_.matrix
        self._habits = sp.csr_matrix((arrays["habits"], known.indices, known.indptr), shape=known.shape)
        self._shared, self._alpha, self._near = arrays["shared"], state["alpha"], None
        if "near.data" in arrays:
            self._near = csr_of("near", arrays, (self.n_users, self.n_users))


def _neighbours(habits: sp.csr_matrix, n_neighbours: int, n_threads: int) -> sp.csr_matrix:
    """Find the users with the nearest habits: a row each, whose entries add up to one."""
    rows = np.repeat(np.arange(habits.shape[0]), np.diff(habits.indptr))
    normal = habits.copy()
    normal.data = unit(habits.data, rows, habits.shape[0])
    # One more than asked for: nobody is nearer than the user.
    near = top_products(normal, normal.T.tocsr(), n_neighbours + 1, n_threads)
    near.data = (near.indices != np.repeat(np.arange(near.shape[0]), np.diff(near.indptr))).astype(np.float32)
    near.eliminate_zeros()
    sizes = np.diff(near.indptr)
    near.data /= np.repeat(sizes, sizes).astype(np.float32)
    return near
