"""Checks of how the files of the tables are written and read."""

from collections.abc import Iterable, Iterator

import polars as pl

from gingham.errors import TableError
from gingham.tables.finding import Finding, failure
from gingham.tables.origin import Origin, format_rows


def check_lines(origins: Iterable[Origin]) -> Iterator[Finding]:
    """Note how files are written, as far as that was detected."""
    for origin in origins:
        if origin.detected:
            what = f"read with {', '.join(origin.detected)}, which was detected; set it in the recipe if it is wrong"
            yield Finding("note", origin.table, None, what, 0, pl.DataFrame())


def check_count(n_rows: int, origin: Origin) -> Iterator[Finding]:
    """Compare the number of rows that were read with the number of records that were counted."""
    if origin.n_rows is not None and n_rows != origin.n_rows:
        what = f"{format_rows(n_rows)} of {origin.n_rows:,} were read; report this with an example of the file"
        yield Finding("error", origin.table, None, what, abs(origin.n_rows - n_rows), pl.DataFrame())


def collect(frames: list[pl.LazyFrame], origin: Origin, findings: list[Finding]) -> list[pl.DataFrame] | None:
    """Read a table in one pass; if it cannot be read, add a finding and return None."""
    try:
        with origin.wrap_errors():
            return pl.collect_all(frames, engine="streaming")
    except TableError as error:
        findings.append(failure(origin.table, error))
        return None
