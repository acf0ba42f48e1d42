"""Checks of the users and items tables."""

from collections.abc import Iterator

import polars as pl

from gingham.tables.finding import (
    EXAMPLES,
    NULLS,
    UNTIDY,
    Finding,
    Severity,
    is_missing,
    is_untidy,
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

    def find(severity: Severity, column: str, what: str, condition: pl.Expr) -> Iterator[Finding]:
        matches = renamed.filter(condition)
        if matches.height:
            yield Finding(severity, origin.table, column, what, matches.height, matches.head(EXAMPLES))

    if rows.is_empty():
        yield Finding("error", origin.table, None, "the table has no rows; add rows, or leave it out", 0, renamed)
        return
    ids = pl.col(id_name)
    yield from find("error", id_name, NULLS, ids.is_null())
    duplicates = renamed.filter(ids.is_not_null() & ids.is_duplicated()).sort(id_name, maintain_order=True)
    if duplicates.height:
        what = f"ids that appear more than once; keep one row per {id_column.removesuffix('_id')}"
        yield Finding("error", origin.table, id_name, what, duplicates.height, duplicates.head(EXAMPLES))
    if renamed.schema[id_name] == pl.String:
        yield from find("warning", id_name, UNTIDY, is_untidy(ids))
    for feature in spec.columns:
        missing = is_missing(feature, renamed.schema[feature])
        share = float(renamed.select(missing.mean()).item())
        if share >= _NEARLY_ALL:
            what = f"null in {share:.0%} of the rows; it adds little as a feature"
            yield from find("warning", feature, what, missing)
        elif not share and renamed[feature].n_unique() == 1:
            what = "the same value in all rows; it adds nothing as a feature"
            yield from find("warning", feature, what, pl.lit(True))
