"""Train and test parts of a dataset."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Annotated, Any, Generic, Literal, Self, TypeAlias, TypeVar, get_args, overload

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from pydantic import BaseModel, ConfigDict, Field, SkipValidation, model_validator

from gingham.arrays import Matrix
from gingham.dataset import Dataset
from gingham.duration import duration
from gingham.errors import DataError, ParameterError
from gingham.randomness import RandomState, generator

By: TypeAlias = Literal["pair", "user"]

Part = TypeVar("Part", bound=Dataset | sp.csr_matrix)

_DAY = timedelta(days=1)
# Nobody's test part is a century long; counted back from a date, it would leave the calendar.
_LONGEST = timedelta(days=36_525)


class Split(tuple[Part, Part], Generic[Part]):
    """Two parts of one whole, which share no row: unpacks as ``train, test = split``.

    Of a dataset, each part has all users, items and features, and rows with the values and timestamps that they had; of
    a matrix, each has the shape.

    Attributes
    ----------
    train, test : Dataset or csr_matrix
        What to fit to, and what to evaluate on.
    cold_users, cold_items : int32 array
        The indices, ascending, of users (items) that test has rows of and train has none.
    """

    def __new__(cls, train: Part, test: Part) -> Self:
        """Make one of its parts."""
        return super().__new__(cls, (train, test))

    def __getnewargs__(self) -> tuple[Part, Part]:
        return self[0], self[1]

    @property
    def train(self) -> Part:
        """What to fit to."""
        return self[0]

    @property
    def test(self) -> Part:
        """What to evaluate on."""
        return self[1]

    @cached_property
    def cold_users(self) -> npt.NDArray[np.int32]:
        """Who is in test and not in train: their indices, ascending, int32."""
        return self._cold(0)

    @cached_property
    def cold_items(self) -> npt.NDArray[np.int32]:
        """What is in test and not in train: indices, ascending, int32."""
        return self._cold(1)

    def _cold(self, axis: Literal[0, 1]) -> npt.NDArray[np.int32]:
        train, test = (_there(part, axis) for part in self)
        return np.flatnonzero(test & ~train).astype(np.int32)


def _there(part: Dataset | sp.csr_matrix, axis: Literal[0, 1]) -> npt.NDArray[np.bool_]:
    """Tell which users (0) or items (1) have a row or entry."""
    if isinstance(part, Dataset):
        size = (part.n_users, part.n_items)[axis]
        index = (part.interactions.user_index, part.interactions.item_index)[axis]
    else:
        entries = part.tocoo()
        size, index = part.shape[axis], (entries.row, entries.col)[axis]
    there = np.zeros(size, bool)
    there[index] = True
    return there


class SplitSpec(BaseModel):
    """The recipe's ``[split]``.

    Attributes
    ----------
    kind : {"time", "random", "last-n"}
        Which of `by_time` (default), `random` and `last_n`.
    test : str, date, float or int
        The size of the test part, as that function takes it; by default its own default.
    by : {"pair", "user"}
        What a random split draws; "pair" by default.
    random_state : int
        The seed of a random split; 42 by default, so that a recipe means the same on every run.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["time", "random", "last-n"] = "time"
    test: Annotated[date | str | float | int | None, SkipValidation] = None
    by: By = "pair"
    random_state: int = Field(default=42, ge=0)

    @model_validator(mode="after")
    def _fits_kind(self) -> Self:
        if self.by != "pair" and self.kind != "random":
            raise ValueError(f"by = {self.by!r} is for kind = 'random'; leave it out with kind = {self.kind!r}")
        if self.test is None:
            return self
        if self.kind == "time":
            _time(self.test)
        elif self.kind == "random":
            _require_share(self.test)
        else:
            _require_count("test", self.test)
        return self

    def apply(self, dataset: Dataset) -> Split[Dataset]:
        """Split `dataset` as the recipe says."""
        # The default of `test` stands once, with each function.
        test: dict[str, Any] = {} if self.test is None else {"test": self.test}
        if self.kind == "time":
            return by_time(dataset, **test)
        if self.kind == "random":
            return random(dataset, **test, random_state=self.random_state, by=self.by)
        return last_n(dataset, *test.values())


def by_time(dataset: Dataset, test: str | timedelta | date = "7d") -> Split[Dataset]:
    """Split at a moment: what comes before is train, the rest is test.

    Parameters
    ----------
    dataset : Dataset
        With timestamps.
    test : str, timedelta, date or datetime
        How long the test part is: hours, days or weeks, such as ``"12h"``, ``"7d"`` (default), ``"2w"``. Whole days
        are calendar days, the day of the last timestamp included; anything else is counted back from the last
        timestamp, and what is exactly that old is train. A date or time (``"2020-09-16"`` too) is where test begins.

    Returns
    -------
    Split of Dataset

    Raises
    ------
    DataError
        If there are no timestamps, `test` is none of the above, or one part is empty.
    """
    times = _timestamps(dataset)
    chosen = _time(test)
    start = np.datetime64(chosen, "us") if isinstance(chosen, datetime) else period_starts(times, chosen, 1)[0]
    return _parts(dataset, times >= start, f"test={test!r}")


def rolling(dataset: Dataset, test: str | timedelta = "7d", folds: int = 3) -> Iterator[Split[Dataset]]:
    """Split at several moments, as if the model had been fitted anew each time.

    Each test part begins where its train part ends and where the test part before it ends; the last one is that of
    `by_time`. Train is all that came before.

    Parameters
    ----------
    dataset : Dataset
        With timestamps.
    test : str or timedelta
        How long each test part is, as for `by_time`; ``"7d"`` by default.
    folds : int
        How many, at least 1; 3 by default.

    Yields
    ------
    Split of Dataset
        The oldest first.

    Raises
    ------
    ParameterError
        If `folds` is less than 1.
    DataError
        If there are no timestamps, `test` is no length of time, or a part is empty.
    """
    _require_count("folds", folds)
    times = _timestamps(dataset)
    length = _time(test)
    if not isinstance(length, timedelta):
        raise DataError(f"test={test!r} is no length of time; give one such as '7d', '2w' or '12h'.")
    if folds > (times.max() - times.min() + np.timedelta64(_DAY)).item() / length:
        raise DataError(
            f"folds={folds} test parts of {test!r} leave nothing to train on in the time from {times.min().item()} to "
            f"{times.max().item()}; choose fewer, or shorter ones."
        )
    starts = period_starts(times, length, folds)
    # Window 0 is before every test part.
    windows = np.searchsorted(starts, times, side="right")
    empty = np.flatnonzero(np.bincount(windows, minlength=folds + 1) == 0)
    if len(empty):
        where = f"test part that begins {starts[empty[0] - 1].item()}" if empty[0] else "first train part"
        raise DataError(f"The {where} is empty with test={test!r} and folds={folds}; choose other folds.")
    # An inner generator, so that wrong parameters are refused at the call, not at the first fold.
    return (Split(_part(dataset, windows < fold), _part(dataset, windows == fold)) for fold in range(1, folds + 1))


def period_starts(times: npt.NDArray[np.datetime64], length: timedelta, n: int) -> npt.NDArray[np.datetime64]:
    """Find where the last periods begin: `n` of this length, the last of which ends with the last time, or its day."""
    if length % _DAY:
        end = times.max() + np.timedelta64(1, "us")
    else:
        end = (times.max().astype("datetime64[D]") + np.timedelta64(1, "D")).astype("datetime64[us]")
    return np.asarray(end - np.arange(n, 0, -1) * np.timedelta64(length).astype("timedelta64[us]"))


@overload
def random(data: Dataset, test: float = ..., random_state: RandomState = ..., by: By = ...) -> Split[Dataset]: ...
@overload
def random(data: Matrix, test: float = ..., random_state: RandomState = ..., by: By = ...) -> Split[sp.csr_matrix]: ...
def random(data: Dataset | Matrix, test: float = 0.2, random_state: RandomState = None, by: By = "pair") -> Split[Any]:
    """Split distinct (user, item) pairs, or users, at random; train and test never share one.

    Parameters
    ----------
    data : Dataset or SciPy sparse matrix
        A matrix is split by its stored entries, zeros among them; duplicates are summed first.
    test : float
        The share that goes to test, between 0 and 1; 0.2 by default.
    random_state : int, Generator, RandomState or None
        The seed or source of randomness; None (default) differs on every call.
    by : {"pair", "user"}
        What to draw: pairs (default), or users, who go to test with all that they have; those without anything are not
        drawn.

    Returns
    -------
    Split of Dataset or csr_matrix

    Raises
    ------
    ParameterError
        If `test` is not between 0 and 1, `by` is something else, or `random_state` no source of randomness.
    DataError
        If one part is empty.
    """
    _require_share(test)
    if by not in get_args(By):
        raise ParameterError(f"by={by!r} is nothing to draw; give 'pair' or 'user'.")
    data, numbers = _numbered_pairs(data) if by == "pair" else _numbered_users(data)
    n = int(numbers.max(initial=-1)) + 1
    chosen = np.zeros(n, bool)
    chosen[generator(random_state).permutation(n)[: round(test * n)]] = True
    return _parts(data, chosen[numbers], f"test={test}")


@overload
def k_fold(data: Dataset, k: int = ..., random_state: RandomState = ...) -> Iterator[Split[Dataset]]: ...
@overload
def k_fold(data: Matrix, k: int = ..., random_state: RandomState = ...) -> Iterator[Split[sp.csr_matrix]]: ...
def k_fold(data: Dataset | Matrix, k: int = 5, random_state: RandomState = None) -> Iterator[Split[Any]]:
    """Split distinct (user, item) pairs into `k` random folds, and let each be test once.

    Parameters
    ----------
    data, random_state
        As for `random`.
    k : int
        The number of folds, at least 2; 5 by default. Their sizes differ by one pair at most.

    Yields
    ------
    Split of Dataset or csr_matrix
        The test parts together are `data`.

    Raises
    ------
    ParameterError
        If `k` is less than 2, or `random_state` no source of randomness.
    DataError
        If there are fewer pairs than folds.
    """
    _require_count("k", k, least=2)
    data, pairs = _numbered_pairs(data)
    n_pairs = int(pairs.max(initial=-1)) + 1
    if n_pairs < k:
        raise DataError(f"k={k} folds cannot be made of {n_pairs} pairs; give a smaller k.")
    folds = generator(random_state).permutation(np.arange(n_pairs) % k)[pairs]
    # An inner generator, so that wrong parameters are refused at the call, not at the first fold.
    return (_parts(data, folds == fold, f"k={k}") for fold in range(k))


def last_n(dataset: Dataset, n: int = 1) -> Split[Dataset]:
    """Split off the last `n` transactions of every user, those with no others included.

    Parameters
    ----------
    dataset : Dataset
        With timestamps; where they are equal, position decides.
    n : int
        How many, at least 1; 1 by default.

    Returns
    -------
    Split of Dataset

    Raises
    ------
    ParameterError
        If `n` is less than 1.
    DataError
        If there are no timestamps, or one part is empty.
    """
    _require_count("n", n)
    users = dataset.interactions.user_index
    rows = np.lexsort((_timestamps(dataset), users))  # stable: by user, then time, then position
    ends = np.searchsorted(users[rows], users[rows], side="right")
    late = np.empty(len(rows), bool)
    late[rows] = ends - np.arange(len(rows)) <= n
    return _parts(dataset, late, f"n={n}")


def _timestamps(dataset: Dataset) -> npt.NDArray[np.datetime64]:
    times = dataset.interactions.timestamp
    if times is None:
        raise DataError("The interactions have no timestamp to split by; name its column, or split at random.")
    if not len(times):
        raise DataError("There are no interactions to split; give at least two.")
    return times


def _time(test: object) -> timedelta | datetime:
    """Understand how long the test part is, or the moment it begins at."""
    if isinstance(test, str):
        for understand in (duration, datetime.fromisoformat):
            with suppress(ValueError, OverflowError):
                return _time(understand(test))
    if isinstance(test, datetime):
        return test if test.tzinfo is None else test.astimezone(UTC).replace(tzinfo=None)
    if isinstance(test, date):
        return datetime.combine(test, time())
    if isinstance(test, timedelta) and timedelta(0) < test < _LONGEST:
        return test
    raise DataError(f"test={test!r} is no time; give a duration such as '7d', '2w' or '12h', or a date.")


def _require_share(test: object) -> None:
    if isinstance(test, bool) or not isinstance(test, int | float) or not 0 < test < 1:
        raise ParameterError(f"test={test!r} is no share of the pairs; give a number between 0 and 1.")


def _require_count(name: str, value: object, least: int = 1) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ParameterError(f"{name}={value!r} is too small or no whole number; give {least} or more.")


def _numbered_pairs(data: Any) -> tuple[Dataset | sp.csr_matrix, npt.NDArray[np.int64]]:
    """Give each row of the data the number of its distinct pair; a matrix comes back with its duplicates summed."""
    if isinstance(data, Dataset):
        return data, np.unique(data.interactions.pairs(), return_inverse=True)[1]
    matrix = _canonical(data)
    return matrix, np.arange(matrix.nnz)


def _numbered_users(data: Any) -> tuple[Dataset | sp.csr_matrix, npt.NDArray[np.int64]]:
    """Give each row of the data the number of its user, of those who have any."""
    data = data if isinstance(data, Dataset) else _canonical(data)
    users = data.interactions.user_index if isinstance(data, Dataset) else data.tocoo().row
    return data, (np.cumsum(_there(data, 0)) - 1)[users]


def _canonical(data: Any) -> sp.csr_matrix:
    matrix: sp.csr_matrix = sp.csr_matrix(data, copy=True)
    matrix.sum_duplicates()
    return matrix


def _parts(data: Dataset | sp.csr_matrix, late: npt.NDArray[np.bool_], how: str) -> Split[Any]:
    n_test = int(late.sum())
    if n_test in (0, len(late)):
        part = "test" if not n_test else "train"
        raise DataError(f"The {part} part of {len(late):,} interactions is empty with {how}; choose another split.")
    return Split(_part(data, ~late), _part(data, late))


def _part(data: Dataset | sp.csr_matrix, rows: npt.NDArray[np.bool_]) -> Any:
    if isinstance(data, Dataset):
        return data.with_interactions(data.interactions.take(rows))
    entries = data.tocoo()
    kept = (entries.data[rows], (entries.row[rows], entries.col[rows]))
    return sp.csr_matrix(kept, shape=data.shape, dtype=data.dtype)
