"""The items table of rules: columns of a shop's items, by the items of a model."""

import logging
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import polars as pl

from gingham.arrays import Bools, Floats, Indices
from gingham.columns import ITEM_ID
from gingham.dataset import Ids
from gingham.dataset.id_list import typed
from gingham.errors import TableError
from gingham.forks import require_threads
from gingham.frames import to_frame
from gingham.rules.condition import Condition, Request
from gingham.tables.origin import Origin

_log = logging.getLogger("gingham")
_ORIGIN = Origin("items")
# What a forked process cannot do, unless the same was done before the fork.
_WORK = "Applying rules on item columns"


class ItemTable:
    """The columns of an items table that rules use.

    Parameters
    ----------
    items : data frame
        One row per item, with ``item_id`` and the columns.
    columns : list of str
        The columns that are used.

    Raises
    ------
    TableError
        If a column is missing, or an id is missing or not unique.

    Examples
    --------
    >>> table = ItemTable(pl.DataFrame({"item_id": ["b", "a"], "price": [2, 1]}), ["price"])
    >>> table.of(Ids.from_series(["a", "c"])).frame.rows()
    [('a', 1), (None, None)]
    """

    def __init__(self, items: Any, columns: list[str]) -> None:
        require_threads("Reading the items table of rules")
        frame = to_frame(items, "items table", [ITEM_ID, *columns])
        names = frame.collect_schema().names()
        for column in (ITEM_ID, *columns):
            if column not in names:
                raise _ORIGIN.missing_column(column, names)
        with _ORIGIN.wrap_errors():
            table = frame.select(list(dict.fromkeys([ITEM_ID, *columns]))).collect()
        ids = typed(table[ITEM_ID])
        if ids.null_count():
            raise TableError(f"The items table has {ids.null_count():,} rows without an item_id; remove them.")
        if ids.n_unique() < len(ids):
            first = ids.filter(ids.is_duplicated())[0]
            raise TableError(f"item_id {first!r} appears more than once in the items table; keep one row per item.")
        self.frame = table.with_columns(ids.alias(ITEM_ID)).sort(ITEM_ID)
        self._ids = Ids(self.frame[ITEM_ID])
        self._aligned: WeakKeyDictionary[Ids, ModelItems] = WeakKeyDictionary()

    def __reduce__(self) -> tuple[type["ItemTable"], tuple[pl.DataFrame, list[str]]]:
        return ItemTable, (self.frame, self.frame.columns[1:])  # without what was computed for models

    def of(self, item_ids: Ids) -> "ModelItems":
        """Return one row per item of a model, in the order of `item_ids`; all null, also the id, where there is no row.

        The logger "gingham" warns how many items have no row, and names some of them.

        Raises
        ------
        TableError
            If no item has a row.
        """
        if item_ids not in self._aligned:
            self._aligned[item_ids] = ModelItems(self._align(item_ids))
        return self._aligned[item_ids]

    def _align(self, item_ids: Ids) -> pl.DataFrame:
        require_threads(_WORK)
        rows = pl.Series(self._ids.find(item_ids.values))
        missing = item_ids.values.filter(rows < 0)
        some = ", ".join(repr(value) for value in missing.head(3))
        if len(missing) == len(item_ids):
            example = f", such as {self._ids.values[0]!r}" if len(self._ids) else ""
            raise TableError(
                f"No item of the model is in the items table: the model has {some}, and the table {len(self._ids):,} "
                f"ids{example}; use the same ids in both."
            )
        if len(missing):
            _log.warning(
                "Items without a row in the items table of the rules: %s of %s, such as %s; "
                "no condition is true for them.",
                f"{len(missing):,}",
                f"{len(item_ids):,}",
                some,
            )
        return self.frame.select(pl.all().gather(rows.set(rows < 0, None)))

    def without_row(self, item_ids: Ids) -> pl.Series:
        """Return the ids that have no row."""
        return item_ids.values.filter(pl.Series(self._ids.find(item_ids.values)) < 0)


class ModelItems:
    """The columns of a model's items, and what was computed of them; requests come by the thousand.

    Parameters
    ----------
    frame : polars.DataFrame
        One row per item, in the order of the model's ids.
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame
        self._matches: dict[Condition, Bools] = {}
        self._codes: dict[str, Indices] = {}
        self._vectors: dict[str, Floats | None] = {}

    def matches(self, condition: Condition, request: Request) -> Bools:
        """Return for which items a condition is true."""
        if condition.values:
            require_threads(_WORK)
            return condition.matches(self.frame, request)
        if condition not in self._matches:
            require_threads(_WORK)
            self._matches[condition] = condition.matches(self.frame, request)
        return self._matches[condition]

    def codes(self, column: str) -> Indices:
        """Return a number for each distinct value of a column, and -1 for null."""
        if column not in self._codes:
            require_threads(_WORK)
            self._codes[column] = codes(self.frame[column])
        return self._codes[column]

    def vectors(self, column: str) -> Floats | None:
        """Return a column of lists of numbers as rows of length 1; None for another column."""
        if column not in self._vectors:
            require_threads(_WORK)
            self._vectors[column] = vectors(self.frame[column])
        return self._vectors[column]


def codes(column: pl.Series) -> Indices:
    """Return a number for each distinct value of a column, and -1 for null."""
    return np.asarray((column.rank("dense").cast(pl.Int32) - 1).fill_null(-1).to_numpy(), np.int32)


def vectors(column: pl.Series) -> Floats | None:
    """Return a column of lists of numbers as rows of length 1 (0 for null and zeros); None for another column.

    Raises
    ------
    TableError
        If the lists have several lengths, or a number is missing or not finite.
    """
    inner = getattr(column.dtype, "inner", None)
    if inner is None:
        return None
    lists = column.cast(pl.List(pl.Float64), strict=False)
    lengths = lists.list.len().drop_nulls().unique().to_list()
    if not inner.is_numeric() or len(lengths) != 1 or not lengths[0]:
        raise TableError(
            f"The column {column.name!r} of the items table has lists of {', '.join(map(str, sorted(lengths)))} "
            f"{inner} values; diversity needs lists of equally many numbers."
        )
    rows = np.zeros((len(lists), lengths[0]))
    rows[lists.is_not_null().to_numpy()] = lists.drop_nulls().explode().to_numpy().reshape(-1, lengths[0])
    if not np.isfinite(rows).all():
        raise TableError(
            f"The column {column.name!r} of the items table has lists with missing or infinite numbers; fill them in."
        )
    return unit_rows(rows)


def unit_rows(rows: np.ndarray[Any, Any]) -> Floats:
    """Return rows divided by their lengths; rows of zeros stay."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(norms > 0, norms, 1), np.float32)
