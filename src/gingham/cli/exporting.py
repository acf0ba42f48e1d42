"""Recommendations as files."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import polars as pl

from gingham import store
from gingham.columns import NAME, TYPE
from gingham.errors import ParameterError

_WRITERS: Mapping[str, Callable[[pl.DataFrame, BinaryIO], object]] = {
    ".csv": pl.DataFrame.write_csv,
    ".jsonl": pl.DataFrame.write_ndjson,
    ".parquet": pl.DataFrame.write_parquet,
}


def require_format(path: Path) -> None:
    """Check that a file's name says its format, and that it is not a folder.

    Raises
    ------
    ParameterError
        If not.
    """
    if path.suffix not in _WRITERS:
        raise ParameterError(f"The format of {str(path)!r} is unknown; use a name that ends in {_endings()}.")
    if path.is_dir():
        raise ParameterError(f"{path} is a folder; use the name of a file.")


def with_names(rows: pl.DataFrame, labels: pl.DataFrame | None) -> pl.DataFrame:
    """Add the items' names and types, if there are any."""
    if labels is None:
        return rows
    id_column, *columns = [name for name in labels.columns if name in (labels.columns[0], NAME, TYPE)]
    item_column = next(name for name in rows.columns if name.endswith("item_id"))
    return rows.join(
        labels.select(pl.col(id_column).alias(item_column), *columns), on=item_column, how="left", maintain_order="left"
    )


def write_rows(rows: pl.DataFrame, path: Path) -> None:
    """Write rows in the format of the file's name; an existing file is replaced at the end.

    Texts are written as they are: a name that starts with "=" is a formula for spreadsheet programs.

    Raises
    ------
    ParameterError
        If the file cannot be written.
    """
    try:
        with store.replace_file(path) as file:
            _WRITERS[path.suffix](rows, file)
    except OSError as error:
        raise ParameterError(f"{path} cannot be written: {store.reason(error)}; choose another path.") from error


def _endings() -> str:
    *others, last = _WRITERS
    return f"{', '.join(others)} or {last}"
