"""What is probably a mistake in tables that cleaning has read, from what it has in memory."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import polars as pl

from gingham.columns import ITEM_ID, USER_ID
from gingham.tables.checks.entities import doubtful_entities
from gingham.tables.checks.id_texts import OddIds, odd_ids
from gingham.tables.checks.matches import unknown_ids
from gingham.tables.checks.transactions import row_checks
from gingham.tables.finding import EXAMPLES, N_ROWS, Finding, rename_to_file
from gingham.tables.schema import Tables
from gingham.tables.transactions import Transactions


def doubts(
    tables: Tables, transactions: Transactions, entities: Mapping[str, pl.DataFrame | None], is_dropped: bool = False
) -> Iterator[Finding]:
    """Find the warnings of `check` that cost little; it finds duplicate rows, too.

    Parameters
    ----------
    tables : Tables
        The tables, for their names and features.
    transactions : Transactions
        The transactions that were read.
    entities : mapping of str to polars.DataFrame or None
        The users and items tables that were read, by id column; None if there is none.
    is_dropped : bool
        Whether the recipe drops transactions whose user or item is not in its table.

    Raises
    ------
    TableError
        If no id of the transactions is in the users or items table.
    """
    for id_column in (USER_ID, ITEM_ID):
        frame, counts = entities[id_column], transactions.counts(id_column)
        for odd in odd_ids(counts, id_column, "transactions"):
            if odd.severity == "warning":
                yield _finding(odd, id_column, tables)
        if frame is not None and counts.height:
            unknown = unknown_ids(counts, frame[id_column], id_column, tables, is_dropped)
            if unknown is not None:
                yield _finding(unknown, id_column, tables)
    yield from _doubtful_rows(tables, transactions.rows)
    for id_column, spec, table in (
        (USER_ID, tables.user_features, "users"),
        (ITEM_ID, tables.item_features, "items"),
    ):
        if (frame := entities[id_column]) is not None:
            yield from doubtful_entities(frame, id_column, spec, tables.origins[table])


def _finding(odd: OddIds, id_column: str, tables: Tables) -> Finding:
    origin = tables.origins["transactions"]
    most = odd.counts.sort(N_ROWS, id_column, descending=[True, False]).head(EXAMPLES)
    rows = rename_to_file(most.rename({N_ROWS: "rows"}), origin)
    return Finding(odd.severity, "transactions", origin.column(id_column), odd.what, odd.n_rows, rows)


def _doubtful_rows(tables: Tables, rows: pl.DataFrame) -> Iterator[Finding]:
    origin = tables.origins["transactions"]
    checks = [
        one for one in row_checks(rows.lazy(), datetime.now(UTC).replace(tzinfo=None)) if one.severity == "warning"
    ]
    if not checks:
        return
    counts = rows.select(one.condition.sum().alias(str(i)) for i, one in enumerate(checks)).row(0)
    for one, count in zip(checks, counts, strict=True):
        if count:
            yield one.finding(count, rows.filter(one.condition).head(EXAMPLES), origin)
