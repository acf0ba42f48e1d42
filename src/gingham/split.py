"""Train and test parts of a dataset."""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal, Self, TypeAlias, overload

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from pydantic import BaseModel, ConfigDict, SkipValidation, model_validator

from gingham.dataset import Dataset
from gingham.errors import DataError, ParameterError

Matrix: TypeAlias = sp.spmatrix | sp.sparray
RandomState: TypeAlias = int | np.random.Generator | np.random.RandomState | None

_DURATION = re.compile(r"(\d+)\s*([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


class SplitSpec(BaseModel):
    """The recipe's ``[split]``.

    Attributes
    ----------
    kind : {"time", "random", "last-n"}
        Which of `by_time` (default), `random` and `last_n`.
    test : str, date, float or int
        The size of the test part, as that function takes it; by default its own default.
    random_state : int
        The seed of a random split; 42 by default, so that a recipe means the same on every run.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["time", "random", "last-n"] = "time"
    test: Annotated[date | str | float | int | None, SkipValidation] = None
    random_state: int = 42

    @model_validator(mode="after")
    def _test_fits_kind(self) -> Self:
        if self.test is None:
            return self
        if self.kind == "time":
            _time(self.test)
        elif self.kind == "random":
            _require_share(self.test)
        else:
            _require_count("test", self.test)
        return self

    def apply(self, dataset: Dataset) -> tuple[Dataset, Dataset]:
        """Split `dataset` as the recipe says: (train, test)."""
        # The default of `test` stands once, with each function.
        test: dict[str, Any] = {} if self.test is None else {"test": self.test}
        if self.kind == "time":
            return by_time(dataset, **test)
        if self.kind == "random":
            return random(dataset, **test, random_state=self.random_state)
        return last_n(dataset, *test.values())


def by_time(dataset: Dataset, test: str | timedelta | date = "7d") -> tuple[Dataset, Dataset]:
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
    train, test : Dataset
        With the users, items and features of `dataset`.

    Raises
    ------
    DataError
        If there are no timestamps, `test` is none of the above, or one part is empty.
    """
    times = _timestamps(dataset)
    chosen = _time(test)
    if isinstance(chosen, datetime):
        late = times >= np.datetime64(chosen, "us")
    elif chosen % timedelta(days=1):
        late = times > times.max() - np.timedelta64(chosen)
    else:
        late = times >= times.max().astype("datetime64[D]") + np.timedelta64(1, "D") - np.timedelta64(chosen)
    return _parts(dataset, late, f"test={test!r}")


@overload
def random(data: Dataset, test: float = ..., random_state: RandomState = ...) -> tuple[Dataset, Dataset]: ...
@overload
def random(data: Matrix, test: float = ..., random_state: RandomState = ...) -> tuple[sp.csr_matrix, sp.csr_matrix]: ...
def random(data: Dataset | Matrix, test: float = 0.2, random_state: RandomState = None) -> tuple[Any, Any]:
    """Split distinct (user, item) pairs at random; train and test never share a pair.

    Parameters
    ----------
    data : Dataset or SciPy sparse matrix
        A matrix is split by its stored entries, zeros among them; duplicates are summed first.
    test : float
        The share of pairs that go to test, between 0 and 1; 0.2 by default.
    random_state : int, Generator, RandomState or None
        The seed or source of randomness; None (default) differs on every call.

    Returns
    -------
    train, test : Dataset or csr_matrix
        As `data`; the same users, items and features, or the same shape.

    Raises
    ------
    ParameterError
        If `test` is not between 0 and 1.
    DataError
        If one part is empty.
    """
    _require_share(test)
    data, pairs = _numbered_pairs(data)
    n_pairs = int(pairs.max(initial=-1)) + 1
    chosen = np.zeros(n_pairs, bool)
    chosen[np.random.default_rng(random_state).permutation(n_pairs)[: round(test * n_pairs)]] = True
    return _parts(data, chosen[pairs], f"test={test}")


@overload
def k_fold(data: Dataset, k: int = ..., random_state: RandomState = ...) -> Iterator[tuple[Dataset, Dataset]]: ...
@overload
def k_fold(
    data: Matrix, k: int = ..., random_state: RandomState = ...
) -> Iterator[tuple[sp.csr_matrix, sp.csr_matrix]]: ...
def k_fold(data: Dataset | Matrix, k: int = 5, random_state: RandomState = None) -> Iterator[tuple[Any, Any]]:
    """Split distinct (user, item) pairs into `k` random folds, and let each be test once.

    Parameters
    ----------
    data, random_state
        As for `random`.
    k : int
        The number of folds, at least 2; 5 by default. Their sizes differ by one pair at most.

    Yields
    ------
    train, test : Dataset or csr_matrix
        As `random` returns; the test parts together are `data`.

    Raises
    ------
    ParameterError
        If `k` is less than 2.
    DataError
        If there are fewer pairs than folds.
    """
    _require_count("k", k, least=2)
    data, pairs = _numbered_pairs(data)
    n_pairs = int(pairs.max(initial=-1)) + 1
    if n_pairs < k:
        raise DataError(f"k={k} folds cannot be made of {n_pairs} pairs; give a smaller k.")
    folds = np.random.default_rng(random_state).permutation(np.arange(n_pairs) % k)[pairs]
    # An inner generator, so that wrong parameters are refused at the call, not at the first fold.
    return (_parts(data, folds == fold, f"k={k}") for fold in range(k))


def last_n(dataset: Dataset, n: int = 1) -> tuple[Dataset, Dataset]:
    """Split off the last `n` transactions of every user, those with no others included.

    Parameters
    ----------
    dataset : Dataset
        With timestamps; where they are equal, position decides.
    n : int
        How many, at least 1; 1 by default.

    Returns
    -------
    train, test : Dataset
        With the users, items and features of `dataset`.

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
        match = _DURATION.fullmatch(test.strip())
        if match:
            test = int(match[1]) * _UNITS[match[2]]
        else:
            with suppress(ValueError):
                test = datetime.fromisoformat(test)
    if isinstance(test, datetime):
        return test if test.tzinfo is None else test.astimezone(UTC).replace(tzinfo=None)
    if isinstance(test, date):
        return datetime.combine(test, time())
    if isinstance(test, timedelta) and test > timedelta(0):
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
    matrix = sp.csr_matrix(data, copy=True)
    matrix.sum_duplicates()
    return matrix, np.arange(matrix.nnz)


def _parts(data: Dataset | sp.csr_matrix, late: npt.NDArray[np.bool_], how: str) -> tuple[Any, Any]:
    n_test = int(late.sum())
    if n_test in (0, len(late)):
        part = "test" if not n_test else "train"
        raise DataError(f"The {part} part of {len(late):,} interactions is empty with {how}; choose another split.")
    return _part(data, ~late), _part(data, late)


def _part(data: Dataset | sp.csr_matrix, rows: npt.NDArray[np.bool_]) -> Any:
    if isinstance(data, Dataset):
        return data.with_interactions(data.interactions.take(rows))
    entries = data.tocoo()
    kept = (entries.data[rows], (entries.row[rows], entries.col[rows]))
    return sp.csr_matrix(kept, shape=data.shape, dtype=data.dtype)
