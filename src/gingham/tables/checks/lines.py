"""Checks of how the files of the tables are written and read."""

from collections.abc import Callable, Iterable, Iterator

import polars as pl

from gingham.errors import TableError
from gingham.tables.finding import Finding, failure
from gingham.tables.origin import Origin


def check_lines(origins: Iterable[Origin]) -> Iterator[Finding]:
    """Note how files are written, as far as that was detected."""
    for origin in origins:
        if origin.detected:
            what = f"read with {', '.join(origin.detected)}, which was detected; set it in the recipe if it is wrong"
            yield Finding("note", origin.table, None, what, 0, pl.DataFrame())


def collect(
    frames: list[pl.LazyFrame],
    origin: Origin,
    findings: list[Finding],
    n_rows: Callable[[pl.DataFrame], int] = lambda rows: rows.height,
) -> list[pl.DataFrame] | None:
    """Read a table in one pass; if it cannot be read, add a finding and return None.

    `n_rows` is a function of the first result: how many rows were read.
    """
    try:
        with origin.wrap_errors():
            results = pl.collect_all(frames, engine="streaming")
        origin.require_all_rows(n_rows(results[0]))
        return results
    except TableError as error:
        findings.append(failure(origin.table, error))
        return None
