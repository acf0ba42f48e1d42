"""Simple baselines that a shop must not lose to: best sellers, and buy it again."""

from functools import partial
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.arrays import Floats, canonical
from gingham.dataset import Dataset
from gingham.dataset.codes import Codes
from gingham.errors import ParameterError
from gingham.models.base import Recommender
from gingham.models.cycles import chances
from gingham.models.segment_popularity import Segments, SegmentScores
from gingham.models.training_data import Data, TrainingData
from gingham.scores import Scores, SharedScores
from gingham.validation import check_bool, check_optional_duration, check_text, optional

# The power of the chance that an item is bought again, beside the power 1 of how often the user bought it.
_DUE = 0.25
# Up to here, float32 holds every whole number.
_EXACT = 2**24


class _BySales(Recommender):
    """What the two have in common: how well each item sells."""

    _sales: Floats

    def __init__(self, window: str | None = "7d", half_life: str | None = None) -> None:
        self.window = window
        self.half_life = half_life

    def fit(self, interactions: Data) -> Self:
        """Count sales.

        Parameters
        ----------
        interactions : Dataset or sparse matrix
            What was bought. A matrix (or a dataset without timestamps) has no window, and nothing in it
            is older: all of it counts alike.

        Raises
        ------
        ParameterError, DataError
            If `window` or `half_life` is no length of time, users are not known by what `by` names, or the data hold a
            value that is not finite.
        """
        self.validate()
        known, of_late = TrainingData.of(interactions), self._recent(interactions)
        self._learn(known, interactions, of_late)
        total, recent = sold(known.matrix), sold(of_late)
        # The share of all sales orders what did not sell of late, and is less than what any item sold of late.
        least = recent.min(initial=1, where=recent > 0)
        self._sales = (recent + least * total / (np.abs(total).sum() + 1)).astype(np.float32)
        self._training_data = known
        return self

    def validate(self) -> None:
        """Check the parameters; `fit` does so first.

        Raises
        ------
        ParameterError
            If `window` or `half_life` is no length of time.
        """
        for name in ("window", "half_life"):
            check_optional_duration(name, getattr(self, name))

    def _learn(self, known: TrainingData, data: Data, of_late: sp.csr_matrix) -> None:
        """Learn what a model needs besides; an error leaves the model as it was."""

    def _recent(self, data: Data) -> sp.csr_matrix:
        """Take the window's interactions, each with the weight that its age leaves it."""
        if not isinstance(data, Dataset):
            return canonical(data, "interactions")
        rows = data.interactions
        if rows.timestamp is None or not len(rows):
            return data.matrix()
        age = rows.timestamp.max() - rows.timestamp
        window, half_life = (
            check_optional_duration("window", self.window),
            check_optional_duration("half_life", self.half_life),
        )
        if half_life is not None:
            rows = rows.decayed(half_life)
        if window is not None:
            rows = rows.take(age < np.timedelta64(window))
        return data.with_interactions(rows).matrix()

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        return {}, {"sales": self._sales}

    def _relearn(self, state: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> None:  # noqa: ARG002
        self._sales = arrays["sales"]


class Popularity(_BySales):
    """Best sellers of the last days: everybody's, or those of each segment of users.

    An item's score is the number of its sales in the window, plus its share of all sales (scaled to less than any item
    sold in the window, if that is less than one), so that what did not sell of late follows in the order of all time.

    With `by`, it is the number that would be sold if everybody bought as the user's segment does: a segment's sales in
    the window, and 1,000 sales that are spread as everybody's are, scaled to as many as everybody's. The fewer sales a
    segment has, the more its list is everybody's; someone of whom no segment is known has everybody's itself.

    Parameters
    ----------
    window : str or None
        How long, counted back from the last transaction: hours, days or weeks, such as "7d" (default); None for all
        time.
    half_life : str or None
        How long before the last transaction a sale counts for half; by default all in the window count alike.
    by : str or None
        The column of the user features whose values, or bins, are the segments, such as "AGE_GROUP"; by default there
        are none. It takes a dataset with that feature.
    """

    _segments: Segments | None

    def __init__(self, window: str | None = "7d", half_life: str | None = None, by: str | None = None) -> None:
        super().__init__(window, half_life)
        self.by = by

    def validate(self) -> None:
        """Check the parameters; `fit` does so first.

        Raises
        ------
        ParameterError
            If `window` or `half_life` is no length of time, or `by` no text.
        """
        super().validate()
        optional(check_text)("by", self.by)

    def _learn(self, known: TrainingData, data: Data, of_late: sp.csr_matrix) -> None:  # noqa: ARG002
        self._segments = None if self.by is None else Segments.of(_column(self.by, data), of_late)

    def _scores(self) -> Scores:
        if self._segments is None:
            return SharedScores(self._sales)
        return SegmentScores(self._segments.of_user, partial(self._segments.scores, self._sales), self.n_items)

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        state, arrays = super()._learned()
        return state, arrays if self._segments is None else arrays | self._segments.arrays()

    def _relearn(self, state: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> None:
        super()._relearn(state, arrays)
        self._segments = Segments.restored(arrays, self.n_items)


def _column(name: str, data: Data) -> Codes:
    """Find what a column of the user features says of each user."""
    features = data.user_features if isinstance(data, Dataset) else None
    categories = {} if features is None else features.categories()
    columns = {column: codes for column, codes in categories.items() if codes.is_known.any()}
    if name not in columns:
        known = f"give one of {', '.join(map(repr, columns))}" if columns else "give a dataset with user features"
        raise ParameterError(f"by={name!r} is nothing that users are known by; {known}, or leave it out.")
    return columns[name]


class BuyAgain(_BySales):
    """What this user bought most, filled with the best sellers of the last days.

    What a user never bought scores below 1, in the order of `Popularity`. What they bought scores how often they did,
    plus a fraction below 1: of two items bought equally often, the better seller comes first.

    With `recency`, what they bought of late counts for more, and with `cycle` what they need again; neither changes
    anything for a matrix (or a dataset without timestamps). Then, and where interactions count for other than whole
    numbers (as with a half-life, or by what was spent), scores of what they bought are places: 1 for the last of these
    items, 2 for the one before it, and so on; of equal ones, the better seller comes first.

    Parameters
    ----------
    window, half_life : str or None
        Those of the best sellers, as for `Popularity`; "7d" and None by default.
    recency : str or None
        How long before the last transaction a user's own purchase counts for half, such as "60d"; by default all count
        alike.
    cycle : bool
        Whether what the user bought also counts for more if it is likely to be due: its count is multiplied by the
        fourth root of the share of those who bought the item again within a week, of all who had waited for as many
        weeks as the user has. False by default; it helped beside `recency`, and hurt without.
    """

    _habits: Floats | None

    def __init__(
        self,
        window: str | None = "7d",
        half_life: str | None = None,
        recency: str | None = None,
        cycle: bool = False,
    ) -> None:
        super().__init__(window, half_life)
        self.recency = recency
        self.cycle = cycle

    def validate(self) -> None:
        """Check the parameters; `fit` does so first.

        Raises
        ------
        ParameterError
            If `window`, `half_life` or `recency` is no length of time, or `cycle` neither true nor false.
        """
        super().validate()
        check_optional_duration("recency", self.recency)
        check_bool("cycle", self.cycle)

    def _learn(self, known: TrainingData, data: Data, of_late: sp.csr_matrix) -> None:  # noqa: ARG002
        self._habits = None
        if isinstance(data, Dataset) and data.interactions.timestamp is not None and (self.recency or self.cycle):
            self._habits = known.purchases(data, check_optional_duration("recency", self.recency)).data
            if self.cycle:
                self._habits *= chances(data.interactions, known.matrix) ** _DUE

    def _scores(self) -> SharedScores:
        bought = self.training_data_.matrix
        # Places, not sales: a best seller's thousand would leave its fraction no digits to differ from the next one's.
        place = places(self._sales)
        again = np.maximum(self._again(bought, place), place[bought.indices])
        own = sp.csr_matrix((again, bought.indices, bought.indptr), shape=bought.shape)
        return SharedScores(place, lambda users: own[users])

    def _again(self, bought: sp.csr_matrix, place: Floats) -> Floats:
        """Score what users bought: how often they did, and the item's place among what they bought; or that alone."""
        selling, sizes = place[bought.indices], np.diff(bought.indptr)
        if self._habits is not None or not _countable(bought.data, sizes):
            habits = bought.data if self._habits is None else self._habits
            return np.where(bought.data > 0, 1 + _order(bought, habits, selling), 0).astype(np.float32)
        fraction = _order(bought, selling) / (np.repeat(sizes, sizes) + 1)
        return np.where(bought.data > 0, bought.data + fraction, 0).astype(np.float32)

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        state, arrays = super()._learned()
        return state, arrays if self._habits is None else arrays | {"habits": self._habits}

    def _relearn(self, state: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> None:
        super()._relearn(state, arrays)
        self._habits = arrays.get("habits")


def _countable(counts: Floats, sizes: npt.NDArray[Any]) -> bool:
    """Find out whether counts leave room for fractions: they are whole, and float32 has digits for both."""
    return bool((counts == np.round(counts)).all() and counts.max(initial=0) * (sizes.max(initial=0) + 1) < _EXACT)


def _order(bought: sp.csr_matrix, *keys: Floats) -> npt.NDArray[np.int64]:
    """Count the entries of each row from zero, in the order of one key, and of the next where it is equal."""
    sizes = np.diff(bought.indptr)
    by: list[npt.NDArray[Any]] = [*reversed(keys), np.repeat(np.arange(len(sizes)), sizes)]
    order = np.empty(bought.nnz, np.int64)
    order[np.lexsort(by)] = np.arange(bought.nnz) - np.repeat(bought.indptr[:-1], sizes)
    return order


def sold(matrix: sp.csr_matrix) -> npt.NDArray[np.float64]:
    """Sum up what was sold of each item; float32 would stop counting at 16 million."""
    return np.asarray(matrix.sum(axis=0, dtype=np.float64)).ravel()


def places(sales: npt.NDArray[Any]) -> Floats:
    """Score items between 0 and 1 by their places in the order of sales; of equal ones the lower index is ahead."""
    place = np.empty(len(sales), np.float32)
    place[np.argsort(-sales, kind="stable")] = np.arange(len(sales), 0, -1) / (len(sales) + 1)
    return place
