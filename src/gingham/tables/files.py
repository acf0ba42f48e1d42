"""Tables from files: CSV and Parquet, local or at a URL, one or several, scanned lazily."""

import difflib
import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl

from gingham.errors import TableError
from gingham.tables.origin import Origin

_CSV = (".csv", ".csv.gz", ".csv.zst")
_PARQUET = (".parquet", ".pq")
_INFER_ROWS = 10_000
_BOOLEANS = ("true", "True", "TRUE", "false", "False", "FALSE")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")

# Polars reads CSV in chunks, several in parallel; this variable is the only way to set their size. With chunks of 4 MB,
# the H&M data takes 0.2 GB less memory and the same time.
os.environ.setdefault("POLARS_CSV_CHUNK_SIZE", str(4 * 2**20))


def is_csv(file: str) -> bool:
    """Return whether a file's name is that of a CSV file."""
    return file.lower().endswith(_CSV)


def find_files(path: str | list[str], base: Path, origin: Origin) -> tuple[str, ...]:
    """Return the files of a recipe's path: patterns are expanded, folders and URLs stay.

    Raises
    ------
    TableError
        If a file is missing, empty, not readable or neither CSV nor Parquet, or if there are files of both kinds.
    """
    paths = [path] if isinstance(path, str) else path
    with origin.wrap_errors():
        files = [file for one in paths for file in ([one] if _is_url(one) else _find_local(base / one, origin))]
    if len({is_csv(file) for file in files}) > 1:
        raise TableError(f"The {origin} mixes CSV and Parquet files; use one kind.")
    return tuple(files)


def scan(files: Sequence[str], origin: Origin, texts: list[str], numbers: Iterable[str] = ()) -> pl.LazyFrame:
    """Scan files as one table.

    In CSV, columns `texts` are text and `numbers` are floats. The types of other columns are inferred from the first
    10,000 rows of each file.

    Raises
    ------
    TableError
        If a file is not of the kind that its name says, or files have different columns.
    """
    # Local patterns are already expanded, so a bracket or star in a name is part of the name; Polars expands URLs.
    has_patterns = any(map(_is_url, files))
    with origin.wrap_errors():
        if not is_csv(files[0]):
            # A single folder may be partitioned; Polars then adds columns from the names of its folders.
            frame = pl.scan_parquet(files[0] if len(files) == 1 else list(files), glob=has_patterns)
        else:
            _require_same_columns(files, has_patterns, origin)
            types = dict.fromkeys(texts, pl.String()) | dict.fromkeys(numbers, pl.Float64())
            frame = pl.scan_csv(
                list(files),
                schema_overrides=types,
                try_parse_dates=True,
                infer_schema_length=_INFER_ROWS,
                infer_schema_files=len(files),
                glob=has_patterns,
            )
        frame.collect_schema()
    return frame


def scan_all_rows(
    files: Sequence[str], origin: Origin, id_column: str, columns: Sequence[str] | None = None
) -> pl.LazyFrame:
    """Scan files as one table, with column types inferred from all rows.

    In CSV, the id is text. Another column has the first of these types that keeps all of its values: integer, float,
    boolean, text. Polars can infer types from all rows, too, but reads them twice and takes ten times as long.

    Parameters
    ----------
    files, origin
        As for `scan`.
    id_column : str
        The column of the id.
    columns : list of str, optional
        The columns whose types are inferred, the others being text; all by default.

    Raises
    ------
    TableError
        If a file is not of the kind that its name says, files have different columns, or a column is missing.
    """
    if not is_csv(files[0]):
        return scan(files, origin, [])
    has_patterns = any(map(_is_url, files))
    with origin.wrap_errors():
        _require_same_columns(files, has_patterns, origin)
        text = pl.scan_csv(list(files), infer_schema=False, glob=has_patterns)
        names = text.collect_schema().names()
        for column in (id_column, *(columns or ())):
            if column not in names:
                raise origin.missing_column(column, names)
        types = _infer_types(text, [column for column in columns or names if column != id_column])
        return pl.scan_csv(list(files), infer_schema=False, schema_overrides=types, glob=has_patterns)


def _infer_types(text: pl.LazyFrame, columns: list[str]) -> dict[str, pl.DataType]:
    """Return the first type that keeps all values of each text column, in one pass over the rows."""
    fits: list[pl.Expr] = []
    for column in columns:
        value = pl.col(column)
        integer, number = (value.cast(dtype, strict=False) for dtype in (pl.Int64, pl.Float64))
        fits += [
            (value.count() == 0).alias(f"{pl.String()} {column}"),  # a column without values stays text
            (integer.null_count() == value.null_count()).alias(f"{pl.Int64()} {column}"),
            (number.null_count() == value.null_count()).alias(f"{pl.Float64()} {column}"),
            value.is_in(_BOOLEANS).all().alias(f"{pl.Boolean()} {column}"),
        ]
    fitting = text.select(fits).collect(engine="streaming").row(0, named=True) if fits else {}
    order = (pl.String(), pl.Int64(), pl.Float64(), pl.Boolean())
    return {column: next((dtype for dtype in order if fitting[f"{dtype} {column}"]), pl.String()) for column in columns}


def _is_url(path: str) -> bool:
    return "://" in path


def _find_local(path: Path, origin: Origin) -> list[str]:
    if path.exists():
        _require_readable(path, origin)
        return [str(path)]
    matches = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 (any part may be a pattern)
    if not matches:
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        similar = difflib.get_close_matches(path.name, siblings, n=1)
        hint = f"did you mean {similar[0]!r}?" if similar else "check the path in the recipe."
        raise TableError(f"The {origin} does not exist: there is no file {path}; {hint}")
    for file in matches:
        _require_readable(Path(file), origin)
    return matches


def _require_readable(path: Path, origin: Origin) -> None:
    if path.is_dir():
        if not any(file for ending in _PARQUET for file in path.rglob(f"*{ending}")):
            raise TableError(
                f"The {origin} is a folder without Parquet files: {path}; use the path of a file, "
                "or a pattern such as 'sales/*.csv'."
            )
        return
    if not path.name.lower().endswith(_CSV + _PARQUET):
        raise TableError(
            f"The {origin} is not a CSV or Parquet file: {path.name}; use a file that ends in "
            f"{', '.join(_CSV)} or {' or '.join(_PARQUET)}."
        )
    with path.open("rb") as stream:
        start = stream.read(2)
    if not start:
        raise TableError(f"The {origin} is an empty file: {path} has 0 bytes; export it again.")
    if is_csv(path.name) and start in _UTF16:
        raise TableError(f"The {origin} is UTF-16 text: {path}; save it as UTF-8.")


def _require_same_columns(files: Sequence[str], has_patterns: bool, origin: Origin) -> None:
    """Refuse files with different columns: Polars would match the columns of many files by position, not by name."""
    first: list[str] = []
    for file in files if len(files) > 1 else ():
        names = pl.scan_csv(file, infer_schema=False, glob=has_patterns).collect_schema().names()
        first = first or names
        if names != first:
            raise TableError(
                f"The {origin} has columns {', '.join(names)} in {Path(file).name}, but {', '.join(first)} in "
                f"{Path(files[0]).name}; use the same columns in the same order in all files."
            )
