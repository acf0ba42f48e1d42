"""The transactions, read once, batch by batch."""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import polars as pl

from gingham.columns import ITEM_ID, ROLES, TIMESTAMP, USER_ID
from gingham.errors import TableError
from gingham.tables.numbering import Numbering
from gingham.tables.origin import Origin

# Enough rows that a batch's fixed costs don't matter, few enough that it is small beside what is kept.
_BATCH = 100_000


@dataclass(frozen=True)
class Transactions:
    """What was read.

    Attributes
    ----------
    rows : polars.DataFrame
        The transactions that are kept: their role columns. Ids that were text are Categorical, of categories that are
        theirs alone.
    n_rows : int
        How many were read.
    """

    rows: pl.DataFrame
    n_rows: int
    _read: dict[str, "_Ids"]

    @classmethod
    def read(
        cls,
        frame: pl.LazyFrame,
        origin: Origin,
        keep: pl.Expr | None = None,
        whole: Collection[str] = (USER_ID, ITEM_ID),
    ) -> "Transactions":
        """Read the role columns of a table.

        Text is compared and stored once a distinct id, while the file is being read; what is not to be kept is never
        in memory at once.

        Parameters
        ----------
        frame : polars.LazyFrame
            The transactions.
        origin : Origin
            What errors call them.
        keep : polars.Expr, optional
            Which to keep, by other columns than the ids; all by default.
        whole : collection of str
            The columns of ids of which `n_ids` and `ids` are to know all that were read; both by default. It costs
            about as much as reading.

        Raises
        ------
        TableError
            If there are none, an id or timestamp is null, or they cannot be read.
        """
        schema = frame.collect_schema()
        roles = [role for role in ROLES if role in schema]
        ids = {str(role): _Ids(schema[role]) for role in (USER_ID, ITEM_ID)}
        nulls = {str(role): 0 for role in (USER_ID, ITEM_ID, TIMESTAMP) if role in roles}
        types = schema | {role: read.dtype for role, read in ids.items()}
        n_rows, kept = 0, [pl.DataFrame(schema={role: types[role] for role in roles})]
        with origin.reading(), ThreadPoolExecutor(len(ids)) as threads:

            def coded(batch: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
                add = threads.map(lambda column: ids[column].add(batch[column]), columns)
                return batch.with_columns(add)

            early = [role for role in ids if role in whole]
            late = [role for role in ids if role not in whole]
            for batch in frame.select(roles).collect_batches(chunk_size=_BATCH, engine="streaming"):
                n_rows += batch.height
                for role in nulls:
                    nulls[role] += batch[role].null_count()
                if any(nulls.values()):
                    continue  # only how many there are is still of interest
                left = coded(batch, early)
                kept.append(coded(left if keep is None else left.filter(keep), late))
        if not n_rows:
            raise TableError(f"The {origin} has no rows; give at least one transaction.")
        for role, number in nulls.items():
            require_no_nulls(number, role, origin)
        rows = pl.concat(kept)  # in pieces as they are, for all of them are much of the memory there is
        return cls(rows.with_columns(read.restored(rows[role]) for role, read in ids.items()), n_rows, ids)

    def n_ids(self, column: str) -> int:
        """Count the different ids of all that were read, kept or not, if the column was to be known as a whole."""
        return len(self._read[column])

    def ids(self, column: str) -> pl.Series:
        """List the different ids that `n_ids` counts: whole numbers or text, sorted."""
        return self._read[column].values()


class _Ids:
    """The ids of batches: texts are numbered, whole numbers stay as they are."""

    def __init__(self, dtype: pl.DataType) -> None:
        self.dtype: pl.DataType = dtype if dtype.is_integer() else pl.UInt32()
        self._numbering = None if dtype.is_integer() else Numbering()
        self._whole: list[pl.Series] = []

    def add(self, ids: pl.Series) -> pl.Series:
        """Take a batch; give it as it is kept."""
        if self._numbering is None:
            self._whole.append(ids.unique())
            return ids
        return self._numbering.add(ids.cast(pl.String)).alias(ids.name)

    def restored(self, ids: pl.Series) -> pl.Series:
        """Make categories of numbers."""
        if self._numbering is None:
            return ids
        dtype = pl.Categorical(pl.Categories.random())
        categories = self._numbering.texts().cast(dtype)
        # Polars numbers the categories of a new kind as they come, which is what these were numbered by.
        assert len(self) == 0 or categories.to_physical()[-1] == len(self) - 1
        return ids.cat.to(dtype)

    def __len__(self) -> int:
        return len(self.values()) if self._numbering is None else len(self._numbering)

    def values(self) -> pl.Series:
        return (pl.concat(self._whole).unique() if self._numbering is None else self._numbering.texts()).sort()


def require_no_nulls(number: int, role: str, origin: Origin) -> None:
    """Refuse a column with nulls.

    Raises
    ------
    TableError
        If there is one.
    """
    if number:
        rows = "1 row" if number == 1 else f"{number:,} rows"
        column = origin.column(role)
        raise TableError(f"The {origin} has null in column {column!r} in {rows}; fill them in or leave them out.")
