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
from gingham.dataset import Dataset, Interactions
from gingham.dataset.codes import Codes
from gingham.errors import ParameterError
from gingham.models.cold import ColdUsers
from gingham.models.contributions import Cause, Part, divided, entries_of
from gingham.models.cycles import RepurchaseHazards
from gingham.models.one_pass import OnePassModel
from gingham.models.segment_popularity import SegmentPopularity, SegmentScores, segments_of
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
# The number of users whose purchases are scored at a time.
_BLOCK_SIZE = 4096
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
        return self._segment_scores(self._segments, self._segments.of_user)

    def _segment_scores(self, segments: SegmentPopularity, of_user: Indices) -> SegmentScores:
        return SegmentScores(of_user, partial(segments.scores, self._sales), self.n_items)

    @property
    def _uses_features(self) -> bool:
        return self._segments is not None

    def _cold_scores(self, users: ColdUsers, n_threads: int) -> Scores:  # noqa: ARG002
        of_user = self._segments_of(users)
        if self._segments is None or of_user is None:
            return SharedScores(self._sales)
        return self._segment_scores(self._segments, of_user)

    def _segments_of(self, cold: ColdUsers | None) -> Indices | None:
        """Return the segment of each user of the training data, or of users outside it; None without segments."""
        if self._segments is None or cold is None:
            return None if self._segments is None else self._segments.of_user
        features = cold.described(self.training_data_.features("user"))
        codes = None if self.by is None else features.categories().get(self.by)
        # Another column, if the parameter was set after the fit, has other segments.
        return None if codes is None or codes.n_values != self._segments.sales.shape[0] else segments_of(codes)

    def _contributions(self, users: Indices, items: Indices, cold: ColdUsers | None = None) -> list[Part]:
        of_user = self._segments_of(cold)
        if self._segments is None or of_user is None:
            return [Part.of_all(Cause.BEST_SELLER, self._sales[items])]
        overall, own = self._segments.shares(self._sales, of_user[users], items)
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
    _hazards: RepurchaseHazards | None
    # Whether the score of an item that the user bought is a count plus a fraction, as far as the training data say.
    _counts: bool
    # Ranks instead of sales: next to thousands of sales, float32 has no digits left to order equal counts.
    _popularity: Floats

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
        recent, hazards = self._recent(training_data, interactions), None
        if self.cycle and isinstance(interactions, Dataset) and interactions.interactions.has_times:
            hazards = RepurchaseHazards.of(interactions.interactions)
        self._habits = self._fit_habits(training_data, interactions, hazards)
        self._hazards, self._sales = hazards, _sales(training_data.matrix, recent)
        self._prepare(training_data.matrix)

    def _fit_habits(self, training_data: TrainingData, data: Data, hazards: RepurchaseHazards | None) -> Floats | None:
        """Return the weight of each entry of the training matrix; None if it is its value."""
        if not (self.recency or self.cycle) or not isinstance(data, Dataset) or not data.interactions.has_times:
            return None
        habits = training_data.purchases(data, check_optional_duration("recency", self.recency))
        return _with_hazards(habits, data.interactions, hazards)

    def _prepare(self, purchases: sp.csr_matrix) -> None:
        """Compute what every list needs."""
        self._popularity = rank_scores(self._sales)
        self._counts = self._habits is None and _leaves_room_for_fractions(purchases.data, np.diff(purchases.indptr))

    def _scores(self) -> SharedScores:
        purchases, habits = self.training_data_.matrix, None
        if self._habits is not None:
            habits = sp.csr_matrix((self._habits, purchases.indices, purchases.indptr), shape=purchases.shape)
        return self._scores_of(purchases, habits)

    def _contributions(self, users: Indices, items: Indices, cold: ColdUsers | None = None) -> list[Part]:
        scores = self._all_scores(cold).pairs(users, items).astype(np.float64)
        bought = entries_of(self.training_data_.matrix if cold is None else cold.matrix, users, items)
        # What a count leaves of its score is the fraction below 1 that breaks ties; a rank has no count in it.
        is_count = self._counts & (scores >= bought) & (scores < bought + 1)
        own = np.where(bought > 0, np.where(is_count, bought, scores), 0)
        of_purchases = replace(Part.of_all(Cause.BOUGHT_BEFORE, own), because=items)
        return [*divided(of_purchases, items), Part.of_all(Cause.BEST_SELLER, scores - own)]

    def _cold_scores(self, users: ColdUsers, n_threads: int) -> SharedScores:  # noqa: ARG002
        habits = None
        if self._habits is not None:
            habits = users.purchases(check_optional_duration("recency", self.recency))
            habits.data = _with_hazards(habits, users.positives, self._hazards, users.now)
        # One user at a time where counts need ranks, so that no user's scores depend on the counts of another one.
        together = _leaves_room_for_fractions(users.matrix.data, np.diff(users.matrix.indptr))
        return self._scores_of(users.matrix, habits, _BLOCK_SIZE if together else 1)

    def _scores_of(
        self, purchases: sp.csr_matrix, habits: sp.csr_matrix | None, block_size: int = _BLOCK_SIZE
    ) -> SharedScores:
        def own(users: Indices) -> sp.csr_matrix:
            return self._purchase_scores(purchases[users], None if habits is None else habits[users].data)

        return SharedScores(self._popularity, own, block_size)

    def _purchase_scores(self, purchases: sp.csr_matrix, habits: Floats | None) -> sp.csr_matrix:
        """Score the purchases of some users: count plus a fraction that breaks ties, or the rank alone."""
        popularity, sizes = self._popularity[purchases.indices], np.diff(purchases.indptr)
        if self._counts and _leaves_room_for_fractions(purchases.data, sizes):
            fraction = _ascending_ranks(purchases, popularity) / (np.repeat(sizes, sizes) + 1)
            scores = np.asarray(purchases.data + fraction, np.float32)
        else:
            ranks = _ascending_ranks(purchases, purchases.data if habits is None else habits, popularity)
            scores = np.asarray(1 + ranks, np.float32)
        scores = np.maximum(scores, popularity)
        return sp.csr_matrix((scores, purchases.indices, purchases.indptr), shape=purchases.shape)

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        state, arrays = super()._learned()
        state = state | {"habits": self._habits is not None}
        arrays |= {} if self._habits is None else {"habits": self._habits}
        return state, arrays if self._hazards is None else arrays | {"hazards": self._hazards.table}

    def _relearn(self, state: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        super()._relearn(state, arrays)
        stored = _StoredHabits.read(state).habits
        has_habits = "habits" in arrays if stored is None else stored
        matrix = self.training_data_.matrix
        self._habits = stored_array(arrays, "habits", "float32", (matrix.nnz,), least=0) if has_habits else None
        self._hazards = RepurchaseHazards.restored(arrays, self.n_items)
        self._prepare(matrix)


def _with_hazards(
    habits: sp.csr_matrix, rows: Interactions, hazards: RepurchaseHazards | None, now: np.datetime64 | None = None
) -> Floats:
    """Multiply habits by a power of the repurchase hazards, if there are any."""
    if hazards is None:
        return np.asarray(habits.data, np.float32)
    factors = hazards.of_pairs(rows, habits, now) ** _HAZARD_EXPONENT
    return np.asarray(habits.data * factors, np.float32)


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
