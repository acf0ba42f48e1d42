"""Ids as integer codes, so that counting and looking up millions of ids works on arrays instead of text."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

Codes: TypeAlias = npt.NDArray[np.integer[Any]]

# Integer ids are used as codes directly if their range is at most this many times their number.
_MAX_SPREAD = 4


def encode_ids(ids: pl.Series) -> Codes:
    """Encode ids as non-negative integers: equal ids get equal codes, and codes have few gaps.

    Parameters
    ----------
    ids : polars.Series
        Integers or Categorical, without nulls.

    Returns
    -------
    integer array, shape (n_ids,)
    """
    if isinstance(ids.dtype, pl.Categorical):
        return ids.to_physical().to_numpy()
    low, high = ids.min(), ids.max()
    if isinstance(low, int) and isinstance(high, int) and high - low < _MAX_SPREAD * len(ids):
        return (ids - low).to_numpy()
    return (ids.rank("dense") - 1).to_numpy()


def has_count(ids: pl.Series, least: int, most: int | None = None) -> pl.Series:
    """Return, for each id, whether it occurs at least `least` and at most `most` times; None means no maximum."""
    codes = encode_ids(ids)
    counts = np.bincount(codes)
    matches = counts >= least
    if most is not None:
        matches &= counts <= most
    return pl.Series(matches[codes])


def count_distinct(ids: pl.Series) -> int:
    """Count the distinct ids."""
    return int(np.count_nonzero(np.bincount(encode_ids(ids))))


def is_strictly_increasing(ids: pl.Series) -> bool:
    """Return whether each id is greater than the one before it; False if there are nulls."""
    return not ids.null_count() and bool((ids.slice(1) > ids.head(max(len(ids) - 1, 0))).all())


def is_among(ids: pl.Series, others: pl.Series) -> pl.Series:
    """Return, for each id, whether it is one of `others`.

    Parameters
    ----------
    ids : polars.Series
        Integers or Categorical, without nulls.
    others : polars.Series
        Of the same type; text if `ids` is Categorical.
    """
    others = others.cast(ids.dtype)
    if not isinstance(ids.dtype, pl.Categorical):
        return ids.is_in(others.implode())
    codes, other_codes = encode_ids(ids), encode_ids(others)
    members = np.zeros(max(int(codes.max(initial=0)), int(other_codes.max(initial=0))) + 1, bool)
    members[other_codes] = True
    return pl.Series(members[codes])
