"""Checks of the users and items tables."""

from collections.abc import Iterator

import polars as pl

from gingham.tables.checks.id_texts import odd_ids
from gingham.tables.finding import (
    EXAMPLES,
    N_ROWS,
    NULLS,
    Finding,
    Severity,
    is_missing,
    rename_to_file,
)
from gingham.tables.origin import Origin
from gingham.tables.schema import FeatureSpec

# A feature carries little information if at least this share of its values is null.
_NEARLY_ALL = 0.95


def check_entities(rows: pl.DataFrame, id_column: str, spec: FeatureSpec, origin: Origin) -> Iterator[Finding]:
    """Check a users or items table."""
    renamed = rename_to_file(rows, origin)
    id_name = origin.column(id_column)
    if rows.is_empty():
        yield Finding("error", origin.table, None, "the table has no rows; add rows, or leave it out", 0, renamed)
        return
    ids = pl.col(id_name)
    yield from _find(renamed, "error", origin.table, id_name, NULLS, ids.is_null())
    duplicates = renamed.filter(ids.is_not_null() & ids.is_duplicated()).sort(id_name, maintain_order=True)
    if duplicates.height:
        what = f"ids that appear more than once; keep one row per {id_column.removesuffix('_id')}"
        yield Finding("error", origin.table, id_name, what, duplicates.height, duplicates.head(EXAMPLES))
    yield from doubtful_entities(rows.unique(id_column, maintain_order=True), id_column, spec, origin)


def doubtful_entities(rows: pl.DataFrame, id_column: str, spec: FeatureSpec, origin: Origin) -> Iterator[Finding]:
    """Find what is probably a mistake in a users or items table that can be read."""
    renamed = rename_to_file(rows, origin)
    id_name = origin.column(id_column)
    if not rows.schema[id_column].is_integer():
        ids = pl.col(id_column).cast(pl.String)
        counts = rows.select(ids, pl.lit(1).alias(N_ROWS)).drop_nulls()
        for odd in odd_ids(counts, id_column, origin.table):
            condition = pl.col(id_name).cast(pl.String).is_in(odd.counts[id_column].implode())
            yield from _find(renamed, odd.severity, origin.table, id_name, odd.what, condition)
    for feature in spec.columns:
        missing = is_missing(feature, renamed.schema[feature])
        share = float(renamed.select(missing.mean()).item())
        if share >= _NEARLY_ALL:
            what = f"null in {share:.0%} of the rows; it adds little as a feature"
            yield from _find(renamed, "warning", origin.table, feature, what, missing)
        elif not share and renamed[feature].n_unique() == 1:
            what = "the same value in all rows; it adds nothing as a feature"
            yield from _find(renamed, "warning", origin.table, feature, what, pl.lit(True))


def _find(
    rows: pl.DataFrame, severity: Severity, table: str, column: str, what: str, condition: pl.Expr
) -> Iterator[Finding]:
    matches = rows.filter(condition)
    if matches.height:
        yield Finding(severity, table, column, what, matches.height, matches.head(EXAMPLES))
