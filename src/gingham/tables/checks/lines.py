"""Checks of the lines of CSV files."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl

from gingham.errors import TableError
from gingham.tables.csv_rows import LINE, SURPLUS, TEXT, uneven_rows
from gingham.tables.files import is_csv
from gingham.tables.finding import EXAMPLES, Finding, Severity, failure
from gingham.tables.origin import Origin

LONG_LINES = "lines with more fields than columns"
_QUOTE_FIELDS = "quote fields that contain a comma, or correct the lines"
_SHORT_LINES = "lines with fewer fields than columns"
_FILL_FIELDS = "correct them unless the missing fields are empty (they are read as null)"


def check_lines(origins: Iterable[Origin]) -> Iterator[Finding]:
    """Find lines of local CSV files that have more or fewer fields than columns."""
    # Users or items may come from the files of the transactions; these are checked once, as transactions.
    owners = {file: origin for origin in reversed(list(origins)) for file in origin.files if is_csv(file)}
    for file, origin in owners.items():
        if "://" in file:
            continue
        try:
            with origin.wrap_errors():
                rows = uneven_rows(file)
        except TableError:
            continue  # reading its columns reports the same error
        name = "" if len(origin.files) == 1 else f" in {Path(file).name}"
        kinds: tuple[tuple[Severity, str, str, pl.Expr], ...] = (
            ("error", LONG_LINES, _QUOTE_FIELDS, pl.col(SURPLUS) > 0),
            ("warning", _SHORT_LINES, _FILL_FIELDS, pl.col(SURPLUS) < 0),
        )
        for severity, problem, remedy, condition in kinds:
            matches = rows.filter(condition)
            if matches.height:
                examples = matches.select(LINE, TEXT).head(EXAMPLES)
                yield Finding(severity, origin.table, None, f"{problem}{name}; {remedy}", matches.height, examples)


def collect(frames: list[pl.LazyFrame], origin: Origin, findings: list[Finding]) -> list[pl.DataFrame] | None:
    """Read a table in one pass; if it cannot be read, add a finding and return None."""
    try:
        with origin.wrap_errors():
            return pl.collect_all(frames, engine="streaming")
    except TableError as error:
        long_lines = any(finding.table == origin.table and finding.what.startswith(LONG_LINES) for finding in findings)
        if not (long_lines and "more fields than columns" in str(error)):
            findings.append(failure(origin.table, error))
        return None
