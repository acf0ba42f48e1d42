"""What is probably a mistake in tables that cleaning has read, from what it has in memory."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial

import polars as pl

from gingham.columns import USER_ID
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
    """Find the warnings of `check` about the transactions, except for duplicate rows, whose count costs another pass.

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
    tasks = [
        *(
            partial(_doubtful_ids, tables, transactions, frame, column, is_dropped)
            for column, frame in entities.items()
        ),
        partial(_doubtful_rows, tables, transactions.rows),
    ]
    with ThreadPoolExecutor(2) as threads:
        for findings in threads.map(lambda task: list(task()), tasks):
            yield from findings


def entity_doubts(tables: Tables, frame: pl.DataFrame | None, id_column: str) -> list[Finding]:
    """Find the warnings of `check` about the users or items table, if there is one."""
    if frame is None:
        return []
    of_users = id_column == USER_ID
    spec = tables.user_features if of_users else tables.item_features
    return list(doubtful_entities(frame, id_column, spec, tables.origins["users" if of_users else "items"]))


def _doubtful_ids(
    tables: Tables, transactions: Transactions, frame: pl.DataFrame | None, id_column: str, is_dropped: bool
) -> Iterator[Finding]:
    counts = transactions.counts(id_column)
    for odd in odd_ids(counts, id_column, "transactions"):
        if odd.severity == "warning":
            yield _finding(odd, id_column, tables)
    if frame is not None and counts.height:
        unknown = unknown_ids(counts, frame[id_column], id_column, tables, is_dropped)
        if unknown is not None:
            yield _finding(unknown, id_column, tables)


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
    # If a condition is true of any value, it is true of the smallest or the largest.
    columns = pl.col(list(dict.fromkeys(one.role for one in checks)))
    extremes = pl.concat([rows.select(columns.min()), rows.select(columns.max())]) if checks else rows
    checks = [one for one in checks if extremes.select(one.condition.any()).item()]
    for one in checks:
        count = int(rows.select(one.condition.sum()).item())
        yield one.finding(count, rows.filter(one.condition).head(EXAMPLES), origin)
