"""Tables whose files say what type each column has: Parquet, JSON lines, Excel; and results of queries."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from gingham.errors import TableError
from gingham.extras import extra
from gingham.tables.content import (
    ContentError,
    collect,
    is_plain,
    is_url,
    is_zip,
    read_chunks,
    read_lines,
    require_memory,
)
from gingham.tables.format import FileFormat
from gingham.tables.origin import Origin

# Floats beyond this do not represent every integer.
_EXACT = 2**53


@dataclass(frozen=True)
class TypedTable:
    """A table with types of its own.

    Attributes
    ----------
    origin : Origin
        The table's name in error messages, with its files.
    frame : polars.LazyFrame
        Its rows.
    """

    origin: Origin
    frame: pl.LazyFrame

    def scan(self, texts: Iterable[str], numbers: Iterable[str] = ()) -> pl.LazyFrame:  # noqa: ARG002
        """Return the rows; the columns have the types of the file, whatever they are for."""
        return self.frame

    def scan_all_rows(self, id_column: str, columns: Sequence[str] | None = None) -> pl.LazyFrame:  # noqa: ARG002
        """Return the rows."""
        return self.frame

    def with_nulls(self, words: Sequence[str] | None) -> "TypedTable":
        """Return the table with null instead of some words."""
        if not words:
            return self
        text = pl.selectors.string()
        return replace(self, frame=self.frame.with_columns(pl.when(~text.is_in(list(words))).then(text)))


def open_parquet(files: Sequence[str], given: FileFormat, origin: Origin) -> TypedTable:
    """Open Parquet files; the names of partitioned folders become columns."""
    # Local patterns are already expanded, so a bracket or star in a name is part of the name; Polars expands URLs.
    has_patterns = any(map(is_url, files))
    is_partitioned = any("=" in part for part in Path(files[0]).parent.parts)
    frame = pl.scan_parquet(list(files), glob=has_patterns, hive_partitioning=is_partitioned or None)
    frame.collect_schema()
    return TypedTable(origin, frame).with_nulls(given.null_values)


def open_json_lines(files: Sequence[str], given: FileFormat, origin: Origin) -> TypedTable:
    """Open JSON lines: one object in each line."""
    frames = [_json_lines(file, replace(origin, file=Path(file).name) if files[1:] else origin) for file in files]
    rows = pl.concat(frames, how="diagonal_relaxed")
    return TypedTable(replace(origin, n_rows=rows.height), rows.lazy()).with_nulls(given.null_values)


def _json_lines(file: str, origin: Origin) -> pl.DataFrame:
    n_lines = sum(1 for _ in _lines(file))
    if not n_lines:
        raise TableError(f"The {origin} has no rows: there is no JSON object in it; export it again.")
    content: Any = Path(file) if is_plain(file) else collect(read_chunks(file))
    with origin.wrap_errors():
        try:
            rows = pl.read_ndjson(content, infer_schema_length=None)
        except pl.exceptions.PolarsError as error:
            _refuse_line(file, error)
            raise
        if rows.height != n_lines:
            _refuse_line(file, None)
    return rows


def _refuse_line(file: str, error: Exception | None) -> None:
    """Refuse the first line that is not a JSON object, if there is one."""
    for number, line in _lines(file):
        try:
            is_object = isinstance(json.loads(line), dict)
        except (ValueError, RecursionError):
            is_object = False
        if not is_object:
            reason = f"is not a JSON object in line {number:,}; write one object in each line"
            raise ContentError(reason) from error


def _lines(file: str) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank with their numbers."""
    for number, line in enumerate(read_lines(file), start=1):
        if line.strip():
            yield number, line


def open_excel(files: Sequence[str], given: FileFormat, origin: Origin) -> TypedTable:
    """Open the sheets of Excel files; columns of whole numbers become integers."""
    extra("fastexcel", "excel", "Reading Excel files")
    frames = [frame for file in files for frame in _sheets(file, given)]
    first = frames[0]
    for frame in frames:
        if frame.columns != first.columns:
            raise TableError(
                f"The {origin} has sheets with the columns {', '.join(first.columns)} and {', '.join(frame.columns)}; "
                "choose sheets with the same columns in sheet."
            )
    rows = pl.concat(frames, how="vertical_relaxed")
    return TypedTable(replace(origin, n_rows=rows.height), rows.lazy()).with_nulls(given.null_values)


def _sheets(file: str, given: FileFormat) -> list[pl.DataFrame]:
    if is_url(file):
        raise ContentError("is an Excel file at a URL; download it, and use the path of the file")
    fastexcel = extra("fastexcel", "excel", "Reading Excel files")
    if is_zip(file):
        require_memory(file)
    with _excel_errors():
        names = fastexcel.read_excel(file).sheet_names
    chosen = [given.sheet] if isinstance(given.sheet, str) else given.sheet
    if chosen is None and len(names) > 1:
        raise ContentError(
            f"has {len(names)} sheets ({', '.join(map(repr, names))}) in {Path(file).name}; choose with "
            f"sheet = {names[0]!r}, or several in a list".replace("'", '"')
        )
    for name in chosen or ():
        if name not in names:
            raise ContentError(
                f"has no sheet {name!r} in {Path(file).name}; its sheets are {', '.join(map(repr, names))}"
            )
    return [_sheet(file, name) for name in chosen or names]


@contextmanager
def _excel_errors() -> Iterator[None]:
    """Raise any error as a `ContentError`: the reader has errors of its own for each kind of damage."""
    try:
        yield
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ContentError(f"cannot be read as Excel: {reason}; save it again as .xlsx or as CSV") from error


def _sheet(file: str, name: str) -> pl.DataFrame:
    with _excel_errors():
        rows = pl.read_excel(file, sheet_name=name, infer_schema_length=None, drop_empty_rows=True)
    floats = pl.selectors.float()
    whole = rows.select(
        ((floats.is_null() | (floats == floats.floor())) & (floats.abs() < _EXACT).fill_null(True)).all()
    )
    integers = [column for column in whole.columns if whole[column][0]]
    texts = pl.selectors.string()
    return rows.with_columns(
        pl.col(integers).cast(pl.Int64),
        texts.str.replace(r"^(\d+)\.0$", "${1}"),  # numbers in a column with text
    )
