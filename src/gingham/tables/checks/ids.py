"""Checks of the ids in the transactions."""

from collections.abc import Iterator

import polars as pl

from gingham.columns import USER_ID
from gingham.errors import TableError
from gingham.tables.checks.id_texts import OddIds, odd_ids
from gingham.tables.checks.matches import unknown_ids
from gingham.tables.finding import EXAMPLES, Finding, examples_of, failure, rename_to_file
from gingham.tables.schema import Tables


def check_ids(
    frame: pl.LazyFrame,
    counts: pl.DataFrame,
    id_column: str,
    entities: pl.DataFrame | None,
    tables: Tables,
    is_dropped: bool = False,
) -> Iterator[Finding]:
    """Check the ids of the transactions, with their counts; compare them with those of the users or items table."""
    ids = pl.col(id_column)
    counts = counts.filter(ids.is_not_null())
    if not counts.schema[id_column].is_integer():
        counts = counts.with_columns(ids.cast(pl.String))
    for odd in odd_ids(counts, id_column, "transactions"):
        yield _with_rows(frame, odd, id_column, tables)
    if entities is None or counts.is_empty():
        return
    table_ids = entities[id_column].drop_nulls().cast(counts.schema[id_column])
    if table_ids.is_empty():
        return
    try:
        unknown = unknown_ids(counts, table_ids, id_column, tables, is_dropped)
    except TableError as error:
        yield failure("transactions", error)
        return
    if unknown is not None:
        yield _with_rows(frame, unknown, id_column, tables)
    origin = tables.origins["users" if id_column == USER_ID else "items"]
    unused = entities.filter(ids.is_not_null() & ~ids.cast(table_ids.dtype).is_in(counts[id_column].implode()))
    if unused.height:
        rows = rename_to_file(unused.head(EXAMPLES), origin)
        yield Finding("note", origin.table, origin.column(id_column), "ids without transactions", unused.height, rows)


def _with_rows(frame: pl.LazyFrame, odd: OddIds, id_column: str, tables: Tables) -> Finding:
    """Return a finding about the transactions that have any of the ids."""
    origin = tables.origins["transactions"]
    examples = odd.counts[id_column].sort().head(EXAMPLES).implode()
    dtype = frame.collect_schema()[id_column]
    ids = pl.col(id_column) if dtype.is_integer() else pl.col(id_column).cast(pl.String)
    rows = examples_of(frame, ids.is_in(examples), origin)
    return Finding(odd.severity, "transactions", origin.column(id_column), odd.what, odd.n_rows, rows)
