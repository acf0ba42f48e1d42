"""External ids and their indices."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from weakref import ReferenceType, ref

import numpy as np
import numpy.typing as npt
import polars as pl

from gingham.arrays import Bools, Indices, Longs, array_of, require_indices
from gingham.dataset.id_list import IdList, id_series, typed
from gingham.errors import DataError, UnknownIdError
from gingham.forks import require_threads, threads_lost
from gingham.tables.id_codes import is_strictly_increasing
from gingham.validation import check_bool, check_list, check_text, check_type, shown

# For fewer ids a binary search is faster than building the hash table of a join.
_FEW = 10_000
# A handful of ids is found in a dict, in a twentieth of the time; that of many ids would be large.
_HANDFUL, _SMALL = 64, 100_000

_log = logging.getLogger("gingham")


@dataclass(frozen=True, eq=False)
class Ids:
    """The distinct ids of users or items, in ascending order; the index of an id is its place in this order.

    Parameters
    ----------
    values : polars.Series
        Sorted, distinct and without nulls; Int64 or String. `from_series` accepts any series.

    Raises
    ------
    DataError
        If `values` is not like this.

    Examples
    --------
    >>> import gingham as gg
    >>> import polars as pl
    >>> ids = gg.Ids.from_series(pl.Series(["b", "a", "b"]))
    >>> ids
    Ids(2 String)
    >>> ids.index(["b", "b", "a"])
    array([1, 1, 0], dtype=int32)
    >>> ids.ids([1]).to_list()
    ['b']
    """

    values: pl.Series
    # The ids that these grew from, and the index of each among these; the earlier ids need not stay in memory.
    _origin: "tuple[ReferenceType[Ids], Indices] | None" = field(default=None, init=False)

    def __post_init__(self) -> None:
        check_type("values", self.values, pl.Series, "a polars.Series; use Ids.from_series for other ids")
        if self.values.dtype not in (pl.Int64, pl.String):
            raise DataError(f"Ids are {self.values.dtype}; use integers (Int64) or text (String).")
        if not is_strictly_increasing(self.values):
            raise DataError("Ids are not sorted, distinct and without nulls; use Ids.from_series.")

    @classmethod
    def from_series(cls, series: IdList) -> "Ids":
        """Build ids from a series of integers or text, in any order and with duplicates."""
        series = series if isinstance(series, pl.Series) else id_series(series)
        if isinstance(series.dtype, pl.Categorical) or not is_strictly_increasing(series):
            require_threads("Sorting ids")
            # First, because the conversion to text costs time per row, and categories have each text once.
            series = series.unique(maintain_order=True)
        ids = typed(series)
        return cls(ids if ids.is_sorted() else ids.sort())

    def __getstate__(self) -> dict[str, Any]:
        return {"values": self.values}  # a copy in another process does not know what it grew from

    def with_new(self, new: IdList) -> "Ids":
        """Return these and some more ids, which may be among these."""
        unknown = Ids.from_series(new).values
        unknown = unknown.filter(~pl.Series(self.contains(unknown)))
        if not len(unknown):
            return self
        values = pl.concat([self.values.alias(""), unknown.alias("")]) if len(self) else unknown
        grown = Ids(values if is_strictly_increasing(values) else values.sort())
        is_new = np.zeros(len(grown), bool)
        is_new[grown._search(unknown)] = True
        object.__setattr__(grown, "_origin", (ref(self), np.flatnonzero(~is_new).astype(np.int32)))
        return grown

    def places_of(self, earlier: "Ids") -> Indices:
        """Return the index of each of some earlier ids, as `find` does; at once where these grew from them."""
        if earlier is self:
            return np.arange(len(self), dtype=np.int32)
        if self._origin is not None and self._origin[0]() is earlier:
            return self._origin[1]
        return self.find(earlier.values)

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return f"Ids({len(self):,} {self.values.dtype})"

    def index(self, ids: IdList, what: str = "user") -> Indices:
        """Return the index of each id.

        Parameters
        ----------
        ids : int, str, or series, array or iterable of them
            One id, or several in any order; ids may be repeated.
        what : str
            What the ids are, for the error message: ``"user"`` (default) or ``"item"``.

        Returns
        -------
        int32 array
            One index for each of `ids`.

        Raises
        ------
        UnknownIdError
            If some of `ids` are not among these; the message lists up to three of them.
        """
        wanted = id_series(ids)
        index = self._find(wanted)
        if len(index) and index.min() < 0:
            raise UnknownIdError(f"{self._unknown(wanted.gather(np.flatnonzero(index < 0)).to_list(), f'{what} id')}.")
        return index

    def matches(self, lists: Iterable[IdList], name: str, strict: bool = False) -> list[Indices]:
        """Return the indices of those ids of several lists that are among these.

        The other ids are ignored. Their number is a warning of the logger "gingham".

        Parameters
        ----------
        lists : iterable of lists of ids
            Each an id, or several.
        name : str
            What the lists are, for messages: "exclude", for example.
        strict : bool
            Whether an unknown id is an error instead; False by default.

        Returns
        -------
        list of int32 array
            One array for each list.

        Raises
        ------
        UnknownIdError
            If `strict`, and some ids are not among these.
        """
        return [index[index >= 0] for index in self.places(lists, name, strict)]

    def places(self, lists: Iterable[IdList], name: str, strict: bool = False) -> list[Indices]:
        """Return the index of each id of several lists, as `matches` does; -1 for an id that is not among these."""
        check_bool("strict", strict)
        series = [id_series(ids) for ids in check_list("lists", lists, "lists of ids")]
        places = [self._find(ids) for ids in series]
        pairs = zip(series, places, strict=True)
        unknown = [value for ids, index in pairs if -1 in index for value in ids.gather(np.flatnonzero(index < 0))]
        if unknown:
            sentence = self._unknown(unknown, "id", f" in {name}")
            if strict:
                raise UnknownIdError(f"{sentence}.")
            _log.warning("Ignored %s.", sentence)
        return places

    def _unknown(self, ids: list[Any], what: str, where: str = "") -> str:
        """Return the number of unknown ids, some of them, and what the known ones are."""
        distinct = list(dict.fromkeys(ids))
        some = ", ".join(shown(value) for value in distinct[:3])
        plural = "s" * (len(distinct) > 1)
        return (
            f"{len(distinct):,} unknown {what}{plural}{where}: {some}; the {len(self):,} known ids are {self._kind()}"
        )

    def contains(self, ids: IdList) -> Bools:
        """Return whether each of `ids` is among these."""
        return np.asarray(self.find(ids) >= 0)

    def find(self, ids: IdList) -> Indices:
        """Return the index of each id as int32, -1 if it is not among these."""
        return self._find(id_series(ids))

    def ids(self, index: npt.ArrayLike) -> pl.Series:
        """Return the ids at `index`, an array of integers."""
        places = array_of(np.atleast_1d(index) if np.isscalar(index) else index, "index", "integers")
        require_indices("index", places, len(self))
        return self.values[places]  # takes a quarter of the time of `gather`

    def cast(self, value: str) -> int | str:
        """Convert text, such as an argument of the command line, to an id of this type.

        Raises
        ------
        UnknownIdError
            If the ids are integers and `value` is not one.
        """
        check_text("value", value)
        if self.values.dtype == pl.String:
            return value
        try:
            return int(value)
        except ValueError:
            raise UnknownIdError(f"Unknown id {value!r}; ids are {self._kind()}.") from None

    def _find(self, wanted: pl.Series) -> Indices:
        """Return the index of each id, -1 if it is not among these."""
        if isinstance(wanted.dtype, pl.Categorical):
            return self._find_categories(wanted)
        if wanted.dtype.is_integer():
            wanted = wanted.cast(pl.Int64, strict=False)
        if not len(self) or wanted.dtype != self.values.dtype:
            return np.full(len(wanted), -1, np.int32)
        if len(wanted) <= _HANDFUL and len(self) <= _SMALL:
            return np.array([self._places.get(value, -1) for value in wanted.to_list()], np.int32)
        if len(wanted) < _FEW or threads_lost():
            return self._search(wanted)
        table = pl.DataFrame({"id": self.values, "index": np.arange(len(self), dtype=np.int32)})
        # An inner join builds its hash table from the shorter side, which usually are the ids to look up.
        both = wanted.alias("id").to_frame().with_row_index("row").join(table, on="id")
        index = np.full(len(wanted), -1, np.int32)
        index[both["row"].to_numpy()] = both["index"].to_numpy()
        return index

    @cached_property
    def _places(self) -> dict[int | str, int]:
        return {value: place for place, value in enumerate(self.values.to_list())}

    @cached_property
    def _numbers(self) -> Longs:
        return self.values.to_numpy()

    def _search(self, wanted: pl.Series) -> Indices:
        """Return the index of each id by binary search, without Polars' threads, which a forked process lacks."""
        if self.values.dtype == pl.Int64 and not wanted.null_count():
            values, numbers = self._numbers, wanted.to_numpy()
            place = np.minimum(np.searchsorted(values, numbers), len(values) - 1)
            return np.where(values[place] == numbers, place, -1).astype(np.int32)
        place = np.zeros(len(wanted), np.int64)
        for power in range(len(self).bit_length() - 1, -1, -1):
            # The next 2 ** power ids from `place` on are all smaller than the id if the last of them is.
            last = place + (1 << power) - 1
            smaller = self.values.gather(np.minimum(last, len(self) - 1)) < wanted
            place += np.where((last < len(self)) & _true(smaller), 1 << power, 0)
        place = np.minimum(place, len(self) - 1)
        return np.where(_true(self.values.gather(place) == wanted), place, -1).astype(np.int32)

    def _find_categories(self, wanted: pl.Series) -> Indices:
        """Return the index of each id of a categorical series: look up each category once, then the rows."""
        if threads_lost():
            return self._find(wanted.cast(pl.String))
        distinct = wanted.unique().drop_nulls()
        codes = distinct.to_physical().to_numpy()
        # The last place is for null.
        table = np.full(int(codes.max(initial=0)) + 2, -1, np.int32)
        table[codes] = self._find(distinct.cast(pl.String))
        return np.asarray(table[wanted.to_physical().fill_null(len(table) - 1).to_numpy()])

    def _kind(self) -> str:
        kind = "text" if self.values.dtype == pl.String else "integers"
        return f"{kind}, such as {self.values[0]!r}" if len(self) else kind


def _true(conditions: pl.Series) -> Bools:
    """Return which conditions are true, not false or null; `Series.fill_null` would need Polars' threads."""
    values = conditions.to_numpy()
    return values if values.dtype == bool else np.array([value is True for value in values], bool)


def all_ids(of_table: pl.Series | None, of_rows: pl.Series, entity: str) -> tuple[Ids, Indices]:
    """Return the ids of the users or items table, if there is one, and of the rows; and the index of each row."""
    ids = Ids.from_series(of_rows if of_table is None else of_table)
    index = ids.find(of_rows)
    new = of_rows.filter(pl.Series(index < 0)).unique()
    if new.is_empty():
        return ids, index
    ids = Ids.from_series(pl.concat([ids.values, new.cast(ids.values.dtype)]))
    return ids, ids.index(of_rows, entity)
