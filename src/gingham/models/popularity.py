"""Simple baselines that a shop must not lose to: best sellers, and buy it again."""

from datetime import timedelta
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.dataset import Dataset
from gingham.models.base import Data, Known, Recommender, canonical
from gingham.models.parameters import require_number
from gingham.recommend import Floats, SharedScores


class _BySales(Recommender):
    """What the two have in common: how well each item sells."""

    _sales: Floats

    def __init__(self, days: float | None = 7) -> None:
        self.days = days

    def fit(self, interactions: Data) -> Self:
        """Count sales.

        Parameters
        ----------
        interactions : Dataset or sparse matrix
            What was bought. A matrix (or a dataset without timestamps) has no last days: all of it counts.

        Raises
        ------
        ParameterError, DataError
            If `days` is not positive, or the data hold a value that is not finite.
        """
        self.validate()
        known = Known.of(interactions)
        total = _sold(known.matrix)
        recent = _sold(self._recent(interactions))
        # The share of all sales orders what did not sell of late, and is less than one recent sale.
        self._sales = (recent + total / (np.abs(total).sum() + 1)).astype(np.float32)
        self._known = known
        return self

    def validate(self) -> None:
        """Check the parameters; `fit` does so first.

        Raises
        ------
        ParameterError
            If `days` is not positive.
        """
        if self.days is not None:
            require_number("days", self.days, above=0, below=1_000_000)

    def _recent(self, data: Data) -> sp.csr_matrix:
        if isinstance(data, Dataset):
            times = data.interactions.timestamp
            if self.days is None or times is None or not len(times):
                return data.matrix()
            window = np.timedelta64(timedelta(days=float(self.days)))
            return data.interactions.take(times > times.max() - window).matrix()
        return canonical(data, "interactions")

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        return {}, {"sales": self._sales}

    def _relearn(self, state: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> None:  # noqa: ARG002
        self._sales = arrays["sales"]


class Popularity(_BySales):
    """Best sellers of the last days, the same for everybody.

    An item's score is the number of its sales in the window, plus its share of all sales (which is less than one), so
    that what did not sell of late follows in the order of all time.

    Parameters
    ----------
    days : float or None
        The window, counted back from the last transaction; 7 by default; None for all time.
    """

    def _scores(self) -> SharedScores:
        return SharedScores(self._sales)


class BuyAgain(_BySales):
    """What this user bought most, filled with the best sellers of the last days.

    What a user never bought scores below 1, in the order of `Popularity`. What they bought scores how often they did,
    plus a fraction below 1: of two items bought equally often, the better seller comes first.

    Parameters
    ----------
    days : float or None
        The window of the best sellers, counted back from the last transaction; 7 by default; None for all time.
    """

    def _scores(self) -> SharedScores:
        bought = self.known_.matrix
        # Places, not sales: a best seller's thousand would leave its fraction no digits to differ from the next one's.
        place = np.empty(self.n_items, np.float32)
        place[np.argsort(-self._sales, kind="stable")] = np.arange(self.n_items, 0, -1) / (self.n_items + 1)
        own = np.maximum(_again(bought, place), place[bought.indices])
        return SharedScores(place, sp.csr_matrix((own, bought.indices, bought.indptr), shape=bought.shape))


def _again(bought: sp.csr_matrix, place: Floats) -> Floats:
    """Score what users bought: how often they did, and the item's place among what they bought."""
    sizes = np.diff(bought.indptr)
    rows = np.repeat(np.arange(len(sizes)), sizes)
    order = np.lexsort((place[bought.indices], rows))
    fraction = np.empty(bought.nnz)
    fraction[order] = (np.arange(bought.nnz) - np.repeat(bought.indptr[:-1], sizes)) / (np.repeat(sizes, sizes) + 1)
    return np.where(bought.data > 0, bought.data + fraction, 0).astype(np.float32)


def _sold(matrix: sp.csr_matrix) -> npt.NDArray[np.float64]:
    return np.asarray(matrix.sum(axis=0, dtype=np.float64)).ravel()
