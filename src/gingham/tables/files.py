"""Files as tables: CSV and Parquet, local or behind a URL, one or several, scanned lazily."""

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
_TRUTHS = ("true", "True", "TRUE", "false", "False", "FALSE")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")

# Polars reads CSV in pieces, several at a time, and has no other setting for their size. With those of 4 MB a shop of
# H&M's size takes 0.2 GB less, and as long.
os.environ.setdefault("POLARS_CSV_CHUNK_SIZE", str(4 * 2**20))


def is_csv(file: str) -> bool:
    """Tell by its name whether a file is CSV."""
    return file.lower().endswith(_CSV)


def find(path: str | list[str], base: Path, origin: Origin) -> tuple[str, ...]:
    """List the files that a recipe's path means: patterns are expanded, folders and URLs stay as they are.

    Raises
    ------
    TableError
        If one is missing, empty, not readable or of a kind that Gingham does not read, or if there are two kinds.
    """
    paths = [path] if isinstance(path, str) else path
    with origin.reading():
        found = [file for one in paths for file in ([one] if _is_url(one) else _local(base / one, origin))]
    if len({is_csv(file) for file in found}) > 1:
        raise TableError(f"The {origin} mixes CSV and Parquet; give files of one kind.")
    return tuple(found)


def scan(files: Sequence[str], origin: Origin, texts: list[str], numbers: Iterable[str] = ()) -> pl.LazyFrame:
    """Open files as one table.

    In CSV, columns `texts` are text and `numbers` are floats; the others are what the first 10,000 rows of each file
    suggest.

    Raises
    ------
    TableError
        If a file is no such file, or its columns are not those of the first.
    """
    # A name with a bracket or star in it is a name, no pattern; only a URL's pattern is left to Polars.
    patterns = any(map(_is_url, files))
    with origin.reading():
        if not is_csv(files[0]):
            # A folder that stands alone may be partitioned; Polars then makes columns of its folders' names.
            frame = pl.scan_parquet(files[0] if len(files) == 1 else list(files), glob=patterns)
        else:
            _require_same_columns(files, patterns, origin)
            types = dict.fromkeys(texts, pl.String()) | dict.fromkeys(numbers, pl.Float64())
            frame = pl.scan_csv(
                list(files),
                schema_overrides=types,
                try_parse_dates=True,
                infer_schema_length=_INFER_ROWS,
                infer_schema_files=len(files),
                glob=patterns,
            )
        frame.collect_schema()
    return frame


def scan_settled(
    files: Sequence[str], origin: Origin, id_column: str, columns: Sequence[str] | None = None
) -> pl.LazyFrame:
    """Open files as one table whose columns are of types that all of their rows agree with.

    In CSV the id is text; another column is of the first of these types that it can be without losing a value: whole
    numbers, other numbers, true or false, text. Polars would look at all rows of all columns, too, but twice, and ten
    times as long.

    Parameters
    ----------
    files, origin
        As for `scan`.
    id_column : str
        The column of the id.
    columns : list of str, optional
        The only ones to look at; the others are text.

    Raises
    ------
    TableError
        If a file is no such file, its columns are not those of the first, or it has no such columns.
    """
    if not is_csv(files[0]):
        return scan(files, origin, [])
    patterns = any(map(_is_url, files))
    with origin.reading():
        _require_same_columns(files, patterns, origin)
        text = pl.scan_csv(list(files), infer_schema=False, glob=patterns)
        names = text.collect_schema().names()
        for column in (id_column, *(columns or ())):
            if column not in names:
                raise origin.missing(column, names)
        looked_at = [column for column in columns or names if column != id_column]
        types = _narrowest(text, looked_at)
        return pl.scan_csv(list(files), infer_schema=False, schema_overrides=types, glob=patterns)


def _narrowest(text: pl.LazyFrame, columns: list[str]) -> dict[str, pl.DataType]:
    """Find the first type that every value of a column of text can have, in one pass over them all."""
    fits: list[pl.Expr] = []
    for column in columns:
        value = pl.col(column)
        whole, number = (value.cast(dtype, strict=False) for dtype in (pl.Int64, pl.Float64))
        fits += [
            (value.count() == 0).alias(f"{pl.String()} {column}"),  # a column without values stays text
            (whole.null_count() == value.null_count()).alias(f"{pl.Int64()} {column}"),
            (number.null_count() == value.null_count()).alias(f"{pl.Float64()} {column}"),
            value.is_in(_TRUTHS).all().alias(f"{pl.Boolean()} {column}"),
        ]
    fitting = text.select(fits).collect(engine="streaming").row(0, named=True) if fits else {}
    order = (pl.String(), pl.Int64(), pl.Float64(), pl.Boolean())
    return {column: next((dtype for dtype in order if fitting[f"{dtype} {column}"]), pl.String()) for column in columns}


def _is_url(path: str) -> bool:
    return "://" in path


def _local(path: Path, origin: Origin) -> list[str]:
    if path.exists():
        _require_readable(path, origin)
        return [str(path)]
    found = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 (any part may be a pattern)
    if not found:
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, siblings, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "check the path in the recipe."
        raise TableError(f"The {origin} does not exist: there is no file {path}; {hint}")
    for file in found:
        _require_readable(Path(file), origin)
    return found


def _require_readable(path: Path, origin: Origin) -> None:
    if path.is_dir():
        if not any(file for ending in _PARQUET for file in path.rglob(f"*{ending}")):
            raise TableError(f"The {origin} is a folder without Parquet files: {path}; give files, or a pattern.")
        return
    if not path.name.lower().endswith(_CSV + _PARQUET):
        raise TableError(
            f"The {origin} is not a file Gingham reads: {path.name}; give a {', '.join(_CSV + _PARQUET)} file."
        )
    with path.open("rb") as stream:
        start = stream.read(2)
    if not start:
        raise TableError(f"The {origin} is an empty file: {path} has 0 bytes; export it again.")
    if is_csv(path.name) and start in _UTF16:
        raise TableError(f"The {origin} is UTF-16 text: {path}; save it as UTF-8.")


def _require_same_columns(files: Sequence[str], patterns: bool, origin: Origin) -> None:
    """Refuse files that don't agree: Polars takes the columns of many by their position, whatever their names."""
    first: list[str] = []
    for file in files if len(files) > 1 else ():
        names = pl.scan_csv(file, infer_schema=False, glob=patterns).collect_schema().names()
        first = first or names
        if names != first:
            raise TableError(
                f"The {origin} has columns {', '.join(names)} in {Path(file).name}, but {', '.join(first)} in "
                f"{Path(files[0]).name}; give all files the same columns in the same order."
            )
