"""Text files as one table, whatever their form: Polars reads regular files itself, and a clean copy of others."""

import csv
import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from glob import has_magic
from pathlib import Path
from typing import Any

import polars as pl

from gingham.errors import TableError
from gingham.tables.content import collect, is_url, is_zip
from gingham.tables.csv_file import CsvFile, detect
from gingham.tables.csv_problems import refuse_problems
from gingham.tables.csv_scan import Counts, clean_copy, count_records
from gingham.tables.format import DOUBLE_COLON, FileFormat
from gingham.tables.number_format import NumberFormat, detect_numbers
from gingham.tables.origin import Origin

_INFER_ROWS = 10_000
_BOOLEANS = ("true", "True", "TRUE", "false", "False", "FALSE")
_SEPARATOR = ","

# Polars reads CSV in chunks, several in parallel; this variable is the only way to set their size. With chunks of 4 MB,
# the H&M data takes 0.2 GB less memory and the same time.
os.environ.setdefault("POLARS_CSV_CHUNK_SIZE", str(4 * 2**20))


@dataclass(frozen=True)
class CsvTable:
    """Text files that were opened as one table.

    Attributes
    ----------
    origin : Origin
        The table's name in error messages, with its files.
    sources : sequence of str or bytes
        Files that Polars reads, or clean copies of them.
    options : dict
        The arguments of `polars.scan_csv` with which it reads them.
    numbers : NumberFormat
        How numbers are written.
    """

    origin: Origin
    sources: Sequence[str] | Sequence[bytes]
    options: dict[str, Any]
    numbers: NumberFormat

    @classmethod
    def open(
        cls, paths: Sequence[str], given: FileFormat, origin: Origin, required: Iterable[str], numbers: Iterable[str]
    ) -> "CsvTable":
        """Open files: detect how they are written, and count their records.

        Parameters
        ----------
        paths : sequence of str
            Local files or URLs.
        given : FileFormat
            What the recipe says about the files.
        origin : Origin
            The table's name in error messages.
        required : iterable of str
            The columns that the recipe names.
        numbers : iterable of str
            The columns whose decimal mark is detected.

        Raises
        ------
        TableError
            If a file is damaged or not written in one way, or files have different columns.
        """
        if any(is_url(path) and has_magic(path) for path in paths):
            return cls._open_patterns(paths, given, origin)
        files: list[CsvFile] = []
        for path in paths:
            with _of_file(origin, path).wrap_errors():
                files.append(detect(path, given, required))
        _require_same_columns(files, origin)
        origin = replace(origin, text_files=tuple(files))
        for column in required:
            if column not in files[0].names:
                raise origin.missing_column(column, files[0].names)
        counts = [_count(file, _of_file(origin, file.path)) for file in files]
        n_rows = sum(one.records - file.has_header for one, file in zip(counts, files, strict=True))
        detected = tuple(dict.fromkeys(one for file in files for one in file.detected))
        origin = replace(origin, detected=detected, n_rows=n_rows)
        with origin.wrap_errors():
            sources, options = _sources(files, counts)
            if given.null_values:
                options |= {"null_values": list(given.null_values)}
            table = cls(origin, sources, options, NumberFormat())
            return table._with_numbers(given, [column for column in numbers if column in files[0].names])

    @classmethod
    def _open_patterns(cls, paths: Sequence[str], given: FileFormat, origin: Origin) -> "CsvTable":
        """Open URLs with patterns, which only Polars can expand: regular files, whose records are not counted."""
        unused = [
            key for key in given.format_keys if key in ("encoding", "column_names") or given.separator == DOUBLE_COLON
        ]
        if unused:
            raise TableError(f"The {origin} is a pattern of URLs, for which {unused[0]} cannot be set; list the URLs.")
        options: dict[str, Any] = {"separator": given.separator or _SEPARATOR}
        if given.null_values:
            options["null_values"] = list(given.null_values)
        return cls(origin, list(paths), options, NumberFormat.of(given.decimal, given.thousands))

    def _with_numbers(self, given: FileFormat, columns: list[str]) -> "CsvTable":
        """Detect how numbers are written, unless the recipe says so."""
        if given.decimal is not None or given.thousands is not None:
            return replace(self, numbers=NumberFormat.of(given.decimal, given.thousands))
        if not columns:
            return self
        sample = self._text().select(columns).head(_INFER_ROWS).collect()
        written = detect_numbers(sample, self.origin.text_files[0].separator)
        detected = (*self.origin.detected, *written.described)
        return replace(self, numbers=written, origin=replace(self.origin, detected=detected))

    def scan(self, texts: Iterable[str], numbers: Iterable[str] = ()) -> pl.LazyFrame:
        """Scan the table: columns `texts` are text and `numbers` are floats.

        The types of other columns are inferred from the first 10,000 rows of each file; dates stay text.
        """
        plain = self.numbers.is_plain
        types = dict.fromkeys(texts, pl.String()) | dict.fromkeys(numbers, pl.Float64() if plain else pl.String())
        with self.origin.wrap_errors():
            frame = self._scan(
                schema_overrides=types,
                infer_schema_length=_INFER_ROWS,
                infer_schema_files=len(self.sources),
            )
            names = frame.collect_schema().names()
        return (
            frame
            if plain
            else frame.with_columns(self.numbers.parse(name, pl.Float64()) for name in numbers if name in names)
        )

    def scan_all_rows(self, id_column: str, columns: Sequence[str] | None = None) -> pl.LazyFrame:
        """Scan the table, with column types inferred from all rows.

        The id is text. Another column has the first of these types that keeps all of its values: integer, float,
        boolean, text. Polars can infer types from all rows, too, but reads them twice and takes ten times as long.

        Parameters
        ----------
        id_column : str
            The column of the id.
        columns : list of str, optional
            The columns whose types are inferred, the others being text; all by default.

        Raises
        ------
        TableError
            If a column is missing.
        """
        with self.origin.wrap_errors():
            text = self._text()
            names = text.collect_schema().names()
            for column in (id_column, *(columns or ())):
                if column not in names:
                    raise self.origin.missing_column(column, names)
            types = self._infer_types(text, [column for column in columns or names if column != id_column])
            written = {} if self.numbers.is_plain else {name: one for name, one in types.items() if one.is_numeric()}
            rows = self._scan(infer_schema=False, schema_overrides=types | dict.fromkeys(written, pl.String()))
            return rows.with_columns(self.numbers.parse(name, dtype) for name, dtype in written.items())

    def _infer_types(self, text: pl.LazyFrame, columns: list[str]) -> dict[str, pl.DataType]:
        """Return the first type that keeps all values of each text column, in one pass over the rows."""
        fits: list[pl.Expr] = []
        for column in columns:
            value = pl.col(column)
            digits = value if self.numbers.is_plain else self.numbers.to_plain(column)
            integer, number = (digits.cast(dtype, strict=False) for dtype in (pl.Int64, pl.Float64))
            fits += [
                (value.count() == 0).alias(f"{pl.String()} {column}"),  # a column without values stays text
                (integer.null_count() == value.null_count()).alias(f"{pl.Int64()} {column}"),
                (number.null_count() == value.null_count()).alias(f"{pl.Float64()} {column}"),
                value.is_in(_BOOLEANS).all().alias(f"{pl.Boolean()} {column}"),
            ]
        fitting = text.select(fits).collect(engine="streaming").row(0, named=True) if fits else {}
        order = (pl.String(), pl.Int64(), pl.Float64(), pl.Boolean())
        return {
            column: next((dtype for dtype in order if fitting[f"{dtype} {column}"]), pl.String()) for column in columns
        }

    def _text(self) -> pl.LazyFrame:
        return self._scan(infer_schema=False)

    def _scan(self, **types: Any) -> pl.LazyFrame:
        # Local patterns are already expanded, so a bracket or star in a name is part of the name; Polars expands URLs.
        has_patterns = any(isinstance(source, str) and is_url(source) for source in self.sources)
        return pl.scan_csv(list(self.sources), **self.options, **types, glob=has_patterns)  # type: ignore[arg-type]


def _of_file(origin: Origin, path: str) -> Origin:
    """Return the origin for messages about one of several files."""
    return origin if len(origin.files) < 2 else replace(origin, file=Path(path).name)


def _count(file: CsvFile, origin: Origin) -> Counts:
    """Count the records of a file; refuse one that programs read differently."""
    with origin.wrap_errors():
        columns = 0 if file.has_header else len(file.names)
        header = file.separator.join(file.names) if file.has_header else ""
        counts = count_records(file.chunks(), file.separator, file.first_line, columns, header)
        refuse_problems(file, counts)
    return counts


def _sources(files: Sequence[CsvFile], counts: Sequence[Counts]) -> tuple[list[str] | list[bytes], dict[str, Any]]:
    """Return the files and the options with which Polars reads them, or else clean copies."""
    options = [_options(file, one) for file, one in zip(files, counts, strict=True)]
    common = options[0]
    if common is not None and all(one == common for one in options) and (len(files) == 1 or "n_rows" not in common):
        return [file.path for file in files], common
    return [_copy(file) for file in files], {}


def _options(file: CsvFile, counts: Counts) -> dict[str, Any] | None:
    """Return the options with which Polars reads a file as it is; None if it would read something else."""
    has_marks_as_text = counts.stray > 0
    if (
        file.encoding != "utf-8"
        or len(file.separator) > 1
        or is_zip(file.path)
        or counts.inner_blank
        or counts.lone_cr
        or (has_marks_as_text and counts.quoted)
    ):
        return None
    options: dict[str, Any] = {}
    if file.separator != _SEPARATOR:
        options["separator"] = file.separator
    if has_marks_as_text:
        options["quote_char"] = None
    if file.has_separator_line:
        options["skip_lines"] = 1
    if not file.has_header:
        options |= {"has_header": False, "new_columns": list(file.names)}
    if counts.blank:
        options["n_rows"] = counts.records - file.has_header  # the blank lines are the last ones
    return options


def _copy(file: CsvFile) -> bytes:
    """Return a file as Polars reads it: UTF-8, with a header, commas and closed quotation marks."""
    header = io.StringIO()
    if not file.has_header:
        csv.writer(header, lineterminator="\n").writerow(file.names)

    def copy() -> Iterable[bytes]:
        yield header.getvalue().encode()
        yield from clean_copy(file.chunks(), file.separator, _SEPARATOR)

    return collect(iter(copy()))


def _require_same_columns(files: Sequence[CsvFile], origin: Origin) -> None:
    """Refuse columns that are there twice, and files with different columns, which Polars would match by position."""
    first = files[0]
    for file in files:
        twice = next((name for name in file.names if name and file.names.count(name) > 1), None)
        if twice is not None:
            places = [str(place) for place, name in enumerate(file.names, 1) if name == twice]
            times = "twice" if len(places) == 2 else f"{len(places)} times"
            raise TableError(
                f"The {_of_file(origin, file.path)} has the column {twice!r} {times} (columns {' and '.join(places)}); "
                "rename one of them."
            )
        if file.names != first.names:
            raise TableError(
                f"The {origin} has columns {', '.join(file.names)} in {Path(file.path).name}, but "
                f"{', '.join(first.names)} in {Path(first.path).name}; use the same columns in the same order in all "
                "files."
            )
