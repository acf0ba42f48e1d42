"""Checks of the ids in the transactions."""

from collections.abc import Iterator

import polars as pl

from gingham.columns import USER_ID
from gingham.tables.finding import EXAMPLES, UNTIDY, Finding, examples_of, is_untidy, rename_to_file
from gingham.tables.schema import Tables

N_ROWS = "gingham_rows"


def check_ids(
    frame: pl.LazyFrame, counts: pl.DataFrame, id_column: str, entities: pl.DataFrame | None, tables: Tables
) -> Iterator[Finding]:
    """Compare the ids of the transactions, and their counts, with those of the users or items table."""
    ids = pl.col(id_column)
    counts = counts.filter(ids.is_not_null())
    if not counts.schema[id_column].is_integer():
        counts = counts.with_columns(ids.cast(pl.String))
        yield from _warn_of_ids(frame, counts.filter(is_untidy(ids)), id_column, UNTIDY, tables)
    if entities is None:
        return
    origin = tables.origins["users" if id_column == USER_ID else "items"]
    table_ids = entities.select(ids.cast(counts.schema[id_column]))
    unknown = counts.join(table_ids, on=id_column, how="anti")
    number = "1 id that is" if unknown.height == 1 else f"{unknown.height:,} different ids that are"
    what = f"{number} not in the {origin.table} table"
    if unknown.height and unknown.schema[id_column] == pl.String:
        bare = ids.str.strip_chars_start("0")
        n_zeros = unknown.with_columns(bare).join(table_ids.with_columns(bare), on=id_column, how="semi").height
        what += f", {n_zeros:,} of them only because of leading zeros" if n_zeros else ""
    what += f'; add them to the {origin.table} table, or set unknown = "drop" in [clean]'
    yield from _warn_of_ids(frame, unknown, id_column, what, tables)
    unused = entities.filter(
        ids.is_not_null() & ~ids.cast(table_ids.schema[id_column]).is_in(counts[id_column].implode())
    )
    if unused.height:
        rows = rename_to_file(unused.head(EXAMPLES), origin)
        yield Finding("note", origin.table, origin.column(id_column), "ids without transactions", unused.height, rows)


def _warn_of_ids(
    frame: pl.LazyFrame, counts: pl.DataFrame, id_column: str, what: str, tables: Tables
) -> Iterator[Finding]:
    """Yield a warning about the transactions that have any of the ids in `counts`, if there are any."""
    if counts.height:
        origin = tables.origins["transactions"]
        examples = counts[id_column].sort().head(EXAMPLES).implode()
        dtype = frame.collect_schema()[id_column]
        ids = pl.col(id_column) if dtype.is_integer() else pl.col(id_column).cast(pl.String)
        rows = examples_of(frame, ids.is_in(examples), origin)
        yield Finding("warning", "transactions", origin.column(id_column), what, int(counts[N_ROWS].sum()), rows)
