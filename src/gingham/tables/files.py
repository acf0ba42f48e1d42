"""Files of a recipe's path, of any kind, as one table that is scanned lazily."""

import difflib
import glob
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from gingham.errors import TableError
from gingham.tables.content import is_url
from gingham.tables.csv_table import CsvTable
from gingham.tables.format import FileFormat
from gingham.tables.origin import Origin
from gingham.tables.typed_table import TypedTable, open_excel, open_json_lines, open_parquet

_COMPRESSED = ("", ".gz", ".zst", ".zip")
_TEXT = tuple(f"{name}{end}" for name in (".csv", ".tsv", ".txt", ".dat", ".tab", ".psv") for end in _COMPRESSED)
_PARQUET = (".parquet", ".pq")
_JSON = tuple(f"{name}{end}" for name in (".jsonl", ".ndjson", ".json") for end in ("", ".gz"))
_EXCEL = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_KINDS = {
    "text": (*_TEXT, ".zip", ".gz"),
    "Parquet": _PARQUET,
    "JSON lines": _JSON,
    "Excel": _EXCEL,
}
_ENDINGS = ".csv, .tsv, .txt or .dat (also with .gz, .zst or .zip), .parquet, .jsonl or .xlsx"
_OPENERS = {"Parquet": open_parquet, "JSON lines": open_json_lines, "Excel": open_excel}
# The keys of a format that do not only apply to text.
_ALLOWED = {"Parquet": {"null_values"}, "JSON lines": {"null_values"}, "Excel": {"null_values", "sheet"}}


def kind_of(file: str) -> str | None:
    """Return the kind of a file by the end of its name; None if it is unknown.

    Examples
    --------
    >>> kind_of("sales-2024.csv.gz"), kind_of("sales.parquet"), kind_of("notes.docx")
    ('text', 'Parquet', None)
    """
    name = file.lower().partition("?")[0] if is_url(file) else file.lower()
    kinds = (kind for kind in ("Parquet", "JSON lines", "Excel", "text") if name.endswith(_KINDS[kind]))
    return next(kinds, None)


def find_files(path: str | list[str], base: Path, origin: Origin) -> tuple[str, ...]:
    """Return the files of a recipe's path: patterns and folders are expanded, URLs stay.

    Raises
    ------
    TableError
        If a file is missing, empty, not readable or of an unknown kind, or if there are files of several kinds.
    """
    paths = [path] if isinstance(path, str) else path
    with origin.wrap_errors():
        files = [file for one in paths for file in ([one] if is_url(one) else _find_local(base / one, origin))]
    kinds = sorted({kind_of(file) or "unknown" for file in files})
    if len(kinds) > 1:
        raise TableError(f"The {origin} mixes {' and '.join(kinds)} files; use one kind.")
    return tuple(files)


def open_files(
    files: Sequence[str], given: FileFormat, origin: Origin, required: Iterable[str] = (), numbers: Iterable[str] = ()
) -> CsvTable | TypedTable:
    """Open files as one table.

    Parameters
    ----------
    files : sequence of str
        The files, all of one kind, as `find_files` returns them.
    given : FileFormat
        What the recipe says about how they are written.
    origin : Origin
        The table's name in error messages.
    required : iterable of str
        The columns that the recipe names.
    numbers : iterable of str
        The columns of numbers in text, whose decimal mark is detected.

    Raises
    ------
    TableError
        If a file is not of the kind that its name says or is damaged, or files have different columns.
    """
    kind = kind_of(files[0]) or "text"
    origin = replace(origin, files=tuple(files))
    unused = [
        key for key in given.format_keys if key not in _ALLOWED.get(kind, set(FileFormat.model_fields) - {"sheet"})
    ]
    if unused:
        raise TableError(f"The {origin} is {kind}, to which {unused[0]} does not apply; remove {unused[0]}.")
    if kind == "text":
        return CsvTable.open(files, given, origin, tuple(required), tuple(numbers))
    with origin.wrap_errors():
        return _OPENERS[kind](files, given, origin)


def _find_local(path: Path, origin: Origin) -> list[str]:
    if path.is_dir():
        return _files_of_folder(path, origin)
    if path.exists():
        _require_readable(path, origin)
        return [str(path)]
    matches = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 (any part may be a pattern)
    matches = [file for file in matches if not _is_marker(Path(file))]
    if not matches:
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        similar = difflib.get_close_matches(path.name, siblings, n=1)
        hint = f"did you mean {similar[0]!r}?" if similar else "check the path in the recipe."
        raise TableError(f"The {origin} does not exist: there is no file {path}; {hint}")
    files = []
    for file in matches:
        if Path(file).is_dir():
            files += _files_of_folder(Path(file), origin)
        else:
            _require_readable(Path(file), origin)
            files.append(file)
    return files


def _is_marker(path: Path) -> bool:
    """Return whether a file is one that Spark and Hadoop write besides the data, such as _SUCCESS."""
    return (path.name.startswith((".", "_")) and kind_of(path.name) is None) or path.name.endswith(".crc")


def _files_of_folder(folder: Path, origin: Origin) -> list[str]:
    """Return the files of a folder, without markers, hidden files and empty parts."""
    files = [
        file
        for file in sorted(folder.rglob("*"))
        if file.is_file()
        and not any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)
        and kind_of(file.name) is not None
        and file.stat().st_size
    ]
    if not files:
        raise TableError(
            f"The {origin} is a folder without tables: {folder}; use the path of a file or of a folder of Parquet, CSV "
            "or JSON lines files, or a pattern such as 'sales/*.csv'."
        )
    for file in files:
        _require_readable(file, origin)
    return [str(file) for file in files]


def _require_readable(path: Path, origin: Origin) -> None:
    if kind_of(path.name) is None:
        raise TableError(f"The {origin} is not a table: {path.name}; use a file that ends in {_ENDINGS}.")
    if not path.is_file():
        raise TableError(f"The {origin} is not a regular file: {path}; use the path of a file or folder.")
    with path.open("rb") as stream:
        if not stream.read(1):
            raise TableError(f"The {origin} is an empty file: {path} has 0 bytes; export it again.")
