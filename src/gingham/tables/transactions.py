"""The transactions, read once in batches."""

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import polars as pl

from gingham.columns import ITEM_ID, ORDER, ROLES, TIMESTAMP, USER_ID
from gingham.errors import TableError
from gingham.tables.conditions import IS_KEPT
from gingham.tables.finding import N_ROWS
from gingham.tables.numbering import Numbering
from gingham.tables.origin import Origin, format_rows
from gingham.tables.timestamp import is_possible, require_possible

# Large enough that the fixed cost of a batch does not matter, small compared with the rows that are kept.
_BATCH = 100_000
# How many of these batches are counted at once.
_COUNTED = 30
_FILL_IN = "fill them in, or remove these rows"


@dataclass(frozen=True)
class Transactions:
    """The transactions that were read.

    Attributes
    ----------
    rows : polars.DataFrame
        The role columns of the transactions that are kept. Text ids are Categorical; the categories of each column are
        its own.
    n_rows : tuple of int
        The number of transactions that were read, and the number that was left after each filter.
    """

    rows: pl.DataFrame
    n_rows: tuple[int, ...]
    _collectors: dict[str, "_IdCollector"]

    @classmethod
    def read(
        cls,
        frame: pl.LazyFrame,
        origin: Origin,
        keep: pl.Expr | None = None,
        count_all: Collection[str] = (USER_ID, ITEM_ID),
        *,
        filters: Sequence[pl.Expr] = (),
        null_users: str = _FILL_IN,
    ) -> "Transactions":
        """Read the role columns of a table.

        Each distinct text id is stored once, while the file is read. Rows that are not kept are never in memory
        together.

        Parameters
        ----------
        frame : polars.LazyFrame
            The transactions.
        origin : Origin
            The table's name in error messages.
        keep : polars.Expr, optional
            Which transactions to keep, as a condition on columns other than the ids; all by default.
        count_all : collection of str
            The id columns for which `n_ids` and `ids` include ids of transactions that are not kept; both by default.
            This takes about as long as reading.
        filters : sequence of polars.Expr
            Conditions on the role columns and `IS_KEPT`. A row that does not fulfil them is not a transaction: its ids
            do not count, and may be null.
        null_users : str
            What to do about null user ids; part of the error message.

        Raises
        ------
        TableError
            If there are no rows, an id or timestamp is null, or the table cannot be read.
        """
        schema = frame.collect_schema()
        roles = [role for role in ROLES if role in schema]
        columns = [*roles, *([IS_KEPT] if IS_KEPT in schema else [])]
        collectors = {str(role): _IdCollector(schema[role]) for role in (USER_ID, ITEM_ID)}
        n_nulls = {str(role): 0 for role in (USER_ID, ITEM_ID, TIMESTAMP, ORDER) if role in roles}
        types = schema | {role: collector.dtype for role, collector in collectors.items()}
        before_filter = [role for role in collectors if role in count_all]
        after_filter = [role for role in collectors if role not in count_all]
        possible = is_possible(TIMESTAMP, schema[TIMESTAMP]) if TIMESTAMP in roles else pl.lit(True)
        n_rows, batches = [0] * (1 + len(filters)), [pl.DataFrame(schema={role: types[role] for role in roles})]
        with origin.wrap_errors(), ThreadPoolExecutor(len(collectors)) as threads:

            def collect_ids(batch: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
                return batch.with_columns(threads.map(lambda column: collectors[column].add(batch[column]), columns))

            for batch in frame.select(columns).collect_batches(chunk_size=_BATCH, engine="streaming"):
                n_rows[0] += batch.height
                for number, condition in enumerate(filters, start=1):
                    batch = batch.filter(condition)
                    n_rows[number] += batch.height
                for role in n_nulls:
                    n_nulls[role] += batch[role].null_count()
                if any(n_nulls.values()):
                    continue  # the table is refused; only the number of nulls is still needed
                if not batch.select(possible.all()).item():
                    require_possible(batch.filter(~possible)[TIMESTAMP], origin)
                rows = collect_ids(batch.select(roles), before_filter)
                batches.append(collect_ids(rows if keep is None else rows.filter(keep), after_filter))
        origin.require_all_rows(n_rows[0])
        if not n_rows[0]:
            raise TableError(f"The {origin} has no rows; it needs at least one transaction.")
        for role, number in n_nulls.items():
            require_no_nulls(number, role, origin, null_users if role == USER_ID else _FILL_IN)
        rows = pl.concat(batches)  # not rechunked: a copy would double the peak of memory
        ids = (collector.restore(rows[role]) for role, collector in collectors.items())
        return cls(rows.with_columns(ids), tuple(n_rows), collectors)

    def n_ids(self, column: str) -> int:
        """Return the number of distinct ids; those of all transactions that were read if in `count_all`."""
        return len(self._collectors[column])

    def counts(self, column: str) -> pl.DataFrame:
        """Return the distinct ids of the transactions that are kept, and in how many rows each occurs (`N_ROWS`)."""
        ids = self.rows[column]
        if ids.dtype.is_integer():
            return ids.value_counts(name=N_ROWS)
        numbers = np.zeros(len(self._collectors[column]), np.int64)
        chunks = [chunk.to_numpy() for chunk in ids.to_physical().get_chunks()]
        for first in range(0, len(chunks), _COUNTED):
            # A bincount has a place for each id, so it is made for many rows at once.
            numbers += np.bincount(np.concatenate(chunks[first : first + _COUNTED]), minlength=len(numbers))
        counts = pl.DataFrame({column: self._collectors[column].texts(), N_ROWS: numbers})
        return counts if numbers.all() else counts.filter(pl.col(N_ROWS) > 0)

    def ids(self, column: str) -> pl.Series:
        """Return the distinct ids that `n_ids` counts, sorted; Int64 or String."""
        return self._collectors[column].values()


class _IdCollector:
    """Collects the distinct ids of batches; text ids are replaced by numbers, integers stay."""

    def __init__(self, dtype: pl.DataType) -> None:
        self.dtype: pl.DataType = dtype if dtype.is_integer() else pl.UInt32()
        self._numbering = None if dtype.is_integer() else Numbering()
        self._distinct: list[pl.Series] = []

    def add(self, ids: pl.Series) -> pl.Series:
        """Return the ids of a batch as integers."""
        if self._numbering is None:
            self._distinct.append(ids.unique())
            return ids
        return self._numbering.add(ids.cast(pl.String)).alias(ids.name)

    def restore(self, ids: pl.Series) -> pl.Series:
        """Return the numbers of text ids as Categorical, and integer ids as they are."""
        if self._numbering is None:
            return ids
        dtype = pl.Categorical(pl.Categories.random())
        categories = self._numbering.texts().cast(dtype)
        # Polars numbers new categories in the order of their first occurrence, as the numbering does.
        assert len(self) == 0 or categories.to_physical()[-1] == len(self) - 1
        return ids.cat.to(dtype)

    def texts(self) -> pl.Series:
        """Return the distinct texts in the order of their numbers."""
        assert self._numbering is not None
        return self._numbering.texts()

    def __len__(self) -> int:
        return len(self.values()) if self._numbering is None else len(self._numbering)

    def values(self) -> pl.Series:
        return (pl.concat(self._distinct).unique() if self._numbering is None else self._numbering.texts()).sort()


def require_no_nulls(number: int, role: str, origin: Origin, remedy: str = _FILL_IN) -> None:
    """Refuse a column that has `number` nulls.

    Raises
    ------
    TableError
        If `number` is not 0.
    """
    if number:
        raise TableError(
            f"The {origin} has null values in column {origin.column(role)!r} in {format_rows(number)}; {remedy}."
        )
