"""External ids and the indices they stand at."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gingham.errors import DataError, UnknownIdError
from gingham.tables.id_codes import is_strictly_increasing

IndexArray = npt.NDArray[np.int32]

# Below this many look-ups a binary search is quicker than building the hash table of a join.
_FEW = 10_000


@dataclass(frozen=True, eq=False)
class Ids:
    """The distinct ids of users or items; an id's index is its place in their order.

    Parameters
    ----------
    values : polars.Series
        Sorted, distinct and without nulls; Int64 or String. `from_series` makes one of any series.

    Raises
    ------
    DataError
        If `values` is not that.
    """

    values: pl.Series

    def __post_init__(self) -> None:
        if self.values.dtype not in (pl.Int64, pl.String):
            raise DataError(f"Ids are {self.values.dtype}; give whole numbers (Int64) or text (String).")
        if not is_strictly_increasing(self.values):
            raise DataError("Ids are not sorted, distinct and without nulls; make them with Ids.from_series.")

    @classmethod
    def from_series(cls, series: pl.Series) -> "Ids":
        """Sort the distinct values of a series of whole numbers or text; the order of its rows does not matter."""
        if isinstance(series.dtype, pl.Categorical) or not is_strictly_increasing(series):
            # Before they are typed, which is for text where categories have it once.
            series = series.unique(maintain_order=True)
        typed = _typed(series)
        return cls(typed if typed.is_sorted() else typed.sort())

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return f"Ids({len(self):,} {self.values.dtype})"

    def index(self, ids: "pl.Series | Iterable[Any]", what: str = "user") -> IndexArray:
        """Find where ids stand.

        Parameters
        ----------
        ids : series or iterable of int or str
            In any order, repeated or not.
        what : str
            What the ids are, for the error message: ``"user"`` (default) or ``"item"``.

        Returns
        -------
        int32 array, one an id

        Raises
        ------
        UnknownIdError
            If some of `ids` are not among these; names up to three.
        """
        wanted = _series(ids)
        found = self._find(wanted)
        unknown = wanted.filter(pl.Series(found < 0))
        if len(unknown):
            some = ", ".join(repr(value) for value in unknown.unique(maintain_order=True).head(3))
            raise UnknownIdError(
                f"{unknown.n_unique():,} unknown {what} id{'s' if unknown.n_unique() > 1 else ''}: {some}; "
                f"the {len(self):,} known ones are {self._kind()}."
            )
        return found

    def contains(self, ids: "pl.Series | Iterable[Any]") -> npt.NDArray[np.bool_]:
        """Tell which of `ids` are among these: one bool an id."""
        return np.asarray(self.find(ids) >= 0)

    def find(self, ids: "pl.Series | Iterable[Any]") -> IndexArray:
        """Find where ids stand: an int32 index each, -1 for those that are not among these."""
        return self._find(_series(ids))

    def ids(self, index: npt.ArrayLike) -> pl.Series:
        """Give the ids that stand at `index`, an array of integers."""
        return self.values.gather(np.asarray(index))

    def cast(self, value: str) -> int | str:
        """Turn what someone typed into an id of this type.

        Raises
        ------
        UnknownIdError
            If ids are whole numbers and `value` is not one.
        """
        if self.values.dtype == pl.String:
            return value
        try:
            return int(value)
        except ValueError:
            raise UnknownIdError(f"Unknown id {value!r}; ids are {self._kind()}.") from None

    def _find(self, wanted: pl.Series) -> IndexArray:
        """Find the index of each id, -1 where there is none."""
        if isinstance(wanted.dtype, pl.Categorical):
            return self._find_categories(wanted)
        if wanted.dtype.is_integer():
            wanted = wanted.cast(pl.Int64, strict=False)
        if not len(self) or wanted.dtype != self.values.dtype:
            return np.full(len(wanted), -1, np.int32)
        if len(wanted) < _FEW and not wanted.null_count():
            place = self.values.search_sorted(wanted, side="left")
            there = self.values.gather(place.clip(0, len(self) - 1)) == wanted
            return np.where(there.to_numpy(), place.to_numpy(), -1).astype(np.int32)
        known = pl.DataFrame({"id": self.values, "index": np.arange(len(self), dtype=np.int32)})
        # An inner join builds its hash table of the shorter side, and mostly few of very many are looked up.
        both = wanted.alias("id").to_frame().with_row_index("row").join(known, on="id")
        found = np.full(len(wanted), -1, np.int32)
        found[both["row"].to_numpy()] = both["index"].to_numpy()
        return found

    def _find_categories(self, wanted: pl.Series) -> IndexArray:
        """Find each category once; the rows then look theirs up."""
        distinct = wanted.unique().drop_nulls()
        codes = distinct.to_physical().to_numpy()
        # The last place is for null.
        table = np.full(int(codes.max(initial=0)) + 2, -1, np.int32)
        table[codes] = self._find(distinct.cast(pl.String))
        return np.asarray(table[wanted.to_physical().fill_null(len(table) - 1).to_numpy()])

    def _kind(self) -> str:
        kind = "text" if self.values.dtype == pl.String else "whole numbers"
        return f"{kind}, such as {self.values[0]!r}" if len(self) else kind


def _series(ids: "pl.Series | Iterable[Any]") -> pl.Series:
    if isinstance(ids, str):
        raise DataError(f"{ids!r} is one id; give a list of ids.")
    try:
        series = ids if isinstance(ids, pl.Series) else pl.Series(values=ids)
    except TypeError as error:
        raise DataError(f"The ids cannot be taken as one column: {error}; give them one type.") from error
    # Whole numbers stay as they are: one that is beyond Int64 is an unknown id, to be named as it was given.
    as_it_is = series.dtype == pl.Null or isinstance(series.dtype, pl.Categorical) or series.dtype.is_integer()
    return series if as_it_is or not len(series) else _typed(series)


def _typed(series: pl.Series) -> pl.Series:
    """Ids as Int64 or String."""
    if series.dtype.is_integer():
        typed = series.cast(pl.Int64, strict=False)
        if typed.null_count() > series.null_count():
            beyond = series.filter(typed.is_null() & series.is_not_null())[0]
            raise DataError(f"The id {beyond} is beyond 64 bits; give such ids as text.")
        return typed
    if isinstance(series.dtype, (pl.Categorical, pl.Enum)):
        return series.cast(pl.String)
    if series.dtype != pl.String:
        raise DataError(f"Ids are {series.dtype}; give whole numbers or text.")
    return series
