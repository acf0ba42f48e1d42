"""Baselines that every other model should beat: best sellers, and items the user bought before."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.arrays import Doubles, Floats, Indices, Longs, positive_entries
from gingham.checked import LARGEST_TOTAL, Values, stored_array
from gingham.dataset import Dataset
from gingham.dataset.codes import Codes
from gingham.errors import ParameterError
from gingham.models.contributions import Cause, Part, divided, entries_of
from gingham.models.cycles import repurchase_hazards
from gingham.models.one_pass import OnePassModel
from gingham.models.segment_popularity import SegmentPopularity, SegmentScores
from gingham.models.training_data import Data, TrainingData
from gingham.scores import Scores, SharedScores
from gingham.validation import (
    Check,
    check_bool,
    check_duration,
    check_optional_duration,
    check_text,
    optional,
)

# The exponent of the repurchase hazard that multiplies the user's count of an item.
_HAZARD_EXPONENT = 0.25
# The integers up to this one are exact in float32.
_EXACT = 2**24
_WINDOWS: Mapping[str, Any] = {"window": ["1d", "3d", "7d", "14d", "30d", "90d"]}


class _SalesModel(OnePassModel):
    """Base class of Popularity and BuyAgain: the recent sales of each item."""

    default_space: ClassVar[Mapping[str, Any]] = _WINDOWS
    constraints: ClassVar[Mapping[str, Check]] = {
        "window": optional(check_duration),
        "half_life": optional(check_duration),
    }

    _sales: Floats

    def __init__(self, window: str | None = "7d", half_life: str | None = None) -> None:
        self.window = window
        self.half_life = half_life

    def _recent(self, training_data: TrainingData, data: Data) -> sp.csr_matrix:
        """Return the positives of the window, decayed by their age."""
        if not isinstance(data, Dataset):
            return training_data.matrix
        rows = data.interactions
        if self.window is None and self.half_life is None:
            return training_data.matrix
        if not rows.has_times or rows.timestamp is None or not len(rows):
            return training_data.matrix
        age = rows.timestamp.max() - rows.timestamp
        window = check_optional_duration("window", self.window)
        half_life = check_optional_duration("half_life", self.half_life)
        if half_life is not None:
            rows = rows.decayed(half_life)
        if window is not None:
            rows = rows.take(age < np.timedelta64(window))
        return positive_entries(data.with_interactions(rows).matrix())

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        return {}, {"sales": self._sales}

    def _relearn(self, state: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:  # noqa: ARG002
        most = LARGEST_TOTAL
        self._sales = stored_array(arrays, "sales", "float32", (self.n_items,), least=-most, most=most)


class Popularity(_SalesModel):
    """Recent best sellers: the same list for every user, or one list for each segment of users.

    The score of an item is its number of sales in the window, plus its share of all-time sales. The share is scaled to
    stay below the sales of every item sold in the window, so that items without recent sales follow in the order of
    all-time sales.

    With `by`, users get the best sellers of their segment, smoothed by those of all users: 1,000 sales distributed as
    all sales are added to the segment's own sales, and the sum is scaled to the total of all sales. The fewer sales a
    segment has, the closer its list is to the overall one. Users without a segment get the overall best sellers.

    Parameters
    ----------
    window : str or None
        The window of recent sales, counted back from the last transaction: hours, days or weeks, such as "7d"
        (default). None counts all sales.
    half_life : str or None
        The age, counted back from the last transaction, at which a sale counts half, such as "3d". By default, all
        sales in the window count the same.
    by : str or None
        The column of the user features that defines the segments, such as "AGE_GROUP": one segment for each of its
        values or bins. By default there are no segments. Requires a dataset with that feature.

    Examples
    --------
    >>> import gingham as gg
    >>> data = gg.synth.sample_dataset()
    >>> gg.Popularity(window="14d").fit(data).recommend(["u07"], k=3)["item_id"].to_list()
    ['i00', 'i01', 'i02']

    Best sellers by age group:

    >>> gg.Popularity(window=None, by="age_group").fit(data).recommend(["u07"], k=3)["item_id"].to_list()
    ['i00', 'i01', 'i02']
    """

    kind: ClassVar[str] = "popularity"
    panel_cost: ClassVar[float | None] = 0.0
    constraints: ClassVar[Mapping[str, Check]] = {**_SalesModel.constraints, "by": optional(check_text)}

    _segments: SegmentPopularity | None

    def __init__(self, window: str | None = "7d", half_life: str | None = None, by: str | None = None) -> None:
        super().__init__(window, half_life)
        self.by = by

    def _fit(self, training_data: TrainingData, interactions: Data, n_threads: int) -> None:  # noqa: ARG002
        recent = self._recent(training_data, interactions)
        segments = None if self.by is None else SegmentPopularity.of(_segment_codes(self.by, interactions), recent)
        self._segments, self._sales = segments, _sales(training_data.matrix, recent)

    def _scores(self) -> Scores:
        if self._segments is None:
            return SharedScores(self._sales)
        return SegmentScores(self._segments.of_user, partial(self._segments.scores, self._sales), self.n_items)

    def _contributions(self, users: Indices, items: Indices) -> list[Part]:
        if self._segments is None:
            return [Part.of_all(Cause.BEST_SELLER, self._sales[items])]
        overall, own = self._segments.shares(self._sales, users, items)
        return [Part.of_all(Cause.BEST_SELLER, overall), Part.of_all(Cause.SEGMENT, own, self.by).take(own != 0)]

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        state, arrays = super()._learned()
        return state, arrays if self._segments is None else arrays | self._segments.arrays()

    def _relearn(self, state: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        super()._relearn(state, arrays)
        self._segments = SegmentPopularity.restored(arrays, self.n_users, self.n_items)


def _segment_codes(column: str, data: Data) -> Codes:
    """Return the codes of a categorical column of the user features."""
    features = data.user_features if isinstance(data, Dataset) else None
    categories = {} if features is None else features.categories()
    columns = {name: codes for name, codes in categories.items() if codes.is_known.any()}
    if column not in columns:
        names = ", ".join(map(repr, columns))
        hint = f"use one of {names}" if columns else "pass a dataset with categorical user features"
        raise ParameterError(f"by={column!r} is not a categorical user feature; {hint}, or leave out `by`.")
    return columns[column]


class _StoredHabits(Values):
    """Whether habits are stored; None in artifacts of version 0.1, which do not say it."""

    habits: bool | None = None


class BuyAgain(_SalesModel):
    """The items a user bought most often, followed by recent best sellers.

    The score of an item that the user bought is the number of purchases, plus a fraction below 1 that ranks equal
    counts by recent sales. All other items score below 1, in the order of `Popularity`.

    With `recency`, recent purchases count more; with `cycle`, items that the user is likely to need again do. Neither
    has an effect on a matrix or a dataset without timestamps. In both cases, and wherever counts are not integers (with
    weights such as amounts spent), the scores of the user's items are ranks instead: 1 for the last of them, 2 for the
    second last, and so on; equal counts are again ranked by recent sales.

    Parameters
    ----------
    window, half_life : str or None
        The window and half-life of the best sellers, as for `Popularity`; "7d" and None by default.
    recency : str or None
        The age, counted back from the last transaction, at which a user's purchase counts half, such as "60d". By
        default all purchases count the same.
    cycle : bool
        Whether to multiply a user's count of an item by the fourth root of its repurchase hazard: among users who have
        waited as many weeks since their last purchase of the item, the share who buy it again within a week. False by
        default; in our experiments it helped together with `recency`, and hurt without it.

    Examples
    --------
    >>> import gingham as gg
    >>> model = gg.BuyAgain(recency="30d").fit(gg.synth.sample_dataset())
    >>> model.recommend(["u07"], k=3)["item_id"].to_list()
    ['i15', 'i03', 'i16']
    """

    kind: ClassVar[str] = "buy-again"
    panel_cost: ClassVar[float | None] = 0.0
    constraints: ClassVar[Mapping[str, Check]] = {
        **_SalesModel.constraints,
        "recency": optional(check_duration),
        "cycle": check_bool,
    }

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

    def _fit(self, training_data: TrainingData, interactions: Data, n_threads: int) -> None:  # noqa: ARG002
        recent = self._recent(training_data, interactions)
        self._habits, self._sales = self._fit_habits(training_data, interactions), _sales(training_data.matrix, recent)

    def _fit_habits(self, training_data: TrainingData, data: Data) -> Floats | None:
        """Return the weight of each entry of the training matrix; None if it is its value."""
        if not (self.recency or self.cycle) or not isinstance(data, Dataset) or not data.interactions.has_times:
            return None
        habits: Floats = training_data.purchases(data, check_optional_duration("recency", self.recency)).data
        if self.cycle:
            habits *= repurchase_hazards(data.interactions, training_data.matrix) ** _HAZARD_EXPONENT
        return habits

    def _scores(self) -> SharedScores:
        purchases = self.training_data_.matrix
        # Ranks instead of sales: next to thousands of sales, float32 has no digits left to order equal counts.
        popularity = rank_scores(self._sales)
        scores = np.maximum(self._purchase_scores(purchases, popularity), popularity[purchases.indices])
        own = sp.csr_matrix((scores, purchases.indices, purchases.indptr), shape=purchases.shape)
        return SharedScores(popularity, lambda users: own[users])

    def _contributions(self, users: Indices, items: Indices) -> list[Part]:
        scores, purchases = self._scores().pairs(users, items), self.training_data_.matrix
        bought = entries_of(purchases, users, items)
        own = bought if self._counts_purchases(purchases) else scores
        own = np.where(bought > 0, np.minimum(own, scores), 0)
        of_purchases = replace(Part.of_all(Cause.BOUGHT_BEFORE, own), because=items)
        return [*divided(of_purchases, items), Part.of_all(Cause.BEST_SELLER, scores - own)]

    def _counts_purchases(self, purchases: sp.csr_matrix) -> bool:
        """Return whether scores are counts plus fractions that break ties, not ranks."""
        return self._habits is None and _leaves_room_for_fractions(purchases.data, np.diff(purchases.indptr))

    def _purchase_scores(self, purchases: sp.csr_matrix, popularity: Floats) -> Floats:
        """Score each entry of the training matrix: count plus a fraction that breaks ties, or the rank alone."""
        item_popularity, sizes = popularity[purchases.indices], np.diff(purchases.indptr)
        if not self._counts_purchases(purchases):
            habits = purchases.data if self._habits is None else self._habits
            return np.asarray(1 + _ascending_ranks(purchases, habits, item_popularity), np.float32)
        fraction = _ascending_ranks(purchases, item_popularity) / (np.repeat(sizes, sizes) + 1)
        return np.asarray(purchases.data + fraction, np.float32)

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        state, arrays = super()._learned()
        state = state | {"habits": self._habits is not None}
        return state, arrays if self._habits is None else arrays | {"habits": self._habits}

    def _relearn(self, state: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        super()._relearn(state, arrays)
        stored = _StoredHabits.read(state).habits
        has_habits = "habits" in arrays if stored is None else stored
        nnz = self.training_data_.matrix.nnz
        self._habits = stored_array(arrays, "habits", "float32", (nnz,), least=0) if has_habits else None


def _leaves_room_for_fractions(counts: Floats, sizes: npt.NDArray[Any]) -> bool:
    """Return whether counts are integers, and small enough for float32 to hold them plus a fraction."""
    return bool((counts == np.round(counts)).all() and counts.max(initial=0) * (sizes.max(initial=0) + 1) < _EXACT)


def _ascending_ranks(matrix: sp.csr_matrix, *keys: Floats) -> Longs:
    """Rank the entries of each row from zero by ascending keys, the first key first."""
    sizes = np.diff(matrix.indptr)
    by: list[npt.NDArray[Any]] = [*reversed(keys), np.repeat(np.arange(len(sizes)), sizes)]
    ranks = np.empty(matrix.nnz, np.int64)
    ranks[np.lexsort(by)] = np.arange(matrix.nnz) - np.repeat(matrix.indptr[:-1], sizes)
    return ranks


def _sales(matrix: sp.csr_matrix, recent: sp.csr_matrix) -> Floats:
    """Return the recent sales of each item, plus a share of all sales that is below the sales of any recent item."""
    total, recent_total = item_totals(matrix), item_totals(recent)
    least = recent_total.min(initial=1, where=recent_total > 0)
    return np.asarray(recent_total + least * total / (np.abs(total).sum() + 1), np.float32)


def item_totals(matrix: sp.csr_matrix) -> Doubles:
    """Sum the values of each column in float64; float32 would stop counting at 16 million."""
    return np.asarray(matrix.sum(axis=0, dtype=np.float64)).ravel()


def rank_scores(sales: npt.NDArray[Any]) -> Floats:
    """Return scores between 0 and 1, evenly spaced in the order of sales; of equal sales, the lower index is ahead."""
    scores = np.empty(len(sales), np.float32)
    scores[np.argsort(-sales, kind="stable")] = np.arange(len(sales), 0, -1) / (len(sales) + 1)
    return scores
