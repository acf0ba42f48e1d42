"""Ids as whole numbers: what is counted and looked up millions of times is an index into an array."""

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

Codes = npt.NDArray[np.integer[Any]]

# Whole numbers that are spread no wider than this, in multiples of how many there are, are codes as they stand.
_SPREAD = 4


def codes(ids: pl.Series) -> Codes:
    """Give equal ids equal numbers from 0 on, few being left out.

    Parameters
    ----------
    ids : polars.Series
        Whole numbers or Categorical, without nulls.

    Returns
    -------
    array of unsigned or signed integers, one an id
    """
    if isinstance(ids.dtype, pl.Categorical):
        return ids.to_physical().to_numpy()
    low, high = ids.min(), ids.max()
    if isinstance(low, int) and isinstance(high, int) and high - low < _SPREAD * len(ids):
        return (ids - low).to_numpy()
    return (ids.rank("dense") - 1).to_numpy()


def occurring(ids: pl.Series, least: int, most: int | None = None) -> pl.Series:
    """Tell which ids are there at least and, unless it is None, at most so many times."""
    coded = codes(ids)
    times = np.bincount(coded)
    enough = times >= least
    if most is not None:
        enough &= times <= most
    return pl.Series(enough[coded])


def n_distinct(ids: pl.Series) -> int:
    """Count the different ids."""
    return int(np.count_nonzero(np.bincount(codes(ids))))


def ascends(ids: pl.Series) -> bool:
    """Tell whether each id is greater than the one before it, so that none is there twice; a null never is."""
    return not ids.null_count() and bool((ids.slice(1) > ids.head(max(len(ids) - 1, 0))).all())


def among(ids: pl.Series, some: pl.Series) -> pl.Series:
    """Tell which of `ids` are among `some`, which has the same type or, for categories, is text."""
    some = some.cast(ids.dtype)
    if not isinstance(ids.dtype, pl.Categorical):
        return ids.is_in(some.implode())
    wanted = codes(some)
    there = np.zeros(max(int(codes(ids).max(initial=0)), int(wanted.max(initial=0))) + 1, bool)
    there[wanted] = True
    return pl.Series(there[codes(ids)])
