"""How one text file is written, detected from its start where only one reading fits."""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from gingham.tables.content import ContentError, read_chunks
from gingham.tables.format import DOUBLE_COLON, FileFormat

_SEPARATORS = (",", ";", "\t", "|", DOUBLE_COLON)
# The byte order marks, longer ones first because the mark of UTF-16 starts that of UTF-32.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BINARY = ((b"PAR1", "Parquet"), (b"\xd0\xcf\x11\xe0", "Excel"), (b"%PDF", "PDF"), (b"SQLite format 3", "SQLite"))
_SAMPLE = 1 << 18
_LONGEST_HEADER = 1 << 25
_MARK = "\ufeff".encode()
_SEPARATOR_LINE = re.compile(rb'"?sep=(.)"?\r?\n', re.IGNORECASE)
_NO_LIMIT = 2**31 - 1


@dataclass(frozen=True)
class CsvFile:
    """A text file, and how it is written.

    Attributes
    ----------
    path : str
        The file; a path or a URL.
    encoding : str
        The name of the encoding, as Python writes it.
    separator : str
        One character or ``"::"``.
    names : tuple of str
        The names of the columns.
    has_header : bool
        Whether the first record has these names.
    has_separator_line : bool
        Whether the first line is ``sep=;``, as Excel writes it.
    detected : tuple of str
        What was detected and is not what Gingham assumes by default, such as "separator ';'".
    """

    path: str
    encoding: str = "utf-8"
    separator: str = ","
    names: tuple[str, ...] = ()
    has_header: bool = True
    has_separator_line: bool = False
    detected: tuple[str, ...] = ()

    @property
    def first_line(self) -> int:
        """The line number of the first record."""
        return 2 if self.has_separator_line else 1

    def chunks(self) -> Iterator[bytes]:
        """Yield the text in UTF-8, without byte order mark and without the line that names the separator.

        Raises
        ------
        ContentError
            If it is not in its encoding, or the compressed file is damaged or too large.
        """
        chunks = _decode(self.path, self.encoding)
        for first in chunks:
            start = first.removeprefix(_MARK)
            yield start.partition(b"\n")[2] if self.has_separator_line else start
            break
        yield from chunks

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the records that are not blank, the header first, each with the line where it starts.

        Python's reader is much slower than Polars, but it knows the line of each record.
        """
        stream: Any = _Stream(self.chunks())
        text = io.TextIOWrapper(io.BufferedReader(stream), "utf-8", errors="replace", newline="")
        for lines, row in _records(text, self.separator):
            yield self.first_line + lines, row


class _Stream(io.RawIOBase):
    """Chunks of bytes as a stream."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


@contextmanager
def _without_field_limit() -> Iterator[None]:
    limit = csv.field_size_limit(_NO_LIMIT)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _decode(path: str, encoding: str) -> Iterator[bytes]:
    if encoding == "utf-8":
        yield from read_chunks(path)
        return
    decoder = codecs.getincrementaldecoder(encoding)()
    lines = 1
    try:
        for chunk in read_chunks(path):
            text = decoder.decode(chunk)
            lines += text.count("\n")
            yield text.encode()
        yield decoder.decode(b"", True).encode()
    except UnicodeError as error:
        raise ContentError(not_in_encoding(f" near line {lines:,}", encoding)) from error


def detect(path: str, given: FileFormat, required: Iterable[str]) -> CsvFile:
    """Return how a text file is written.

    Parameters
    ----------
    path : str
        The file.
    given : FileFormat
        What the recipe says; the rest is detected.
    required : iterable of str
        The columns that the recipe names. The separator is the one whose header has them.

    Raises
    ------
    ContentError
        If the file is binary, or not text in UTF-8 and no encoding is given, or more than one separator fits.
    """
    sample = _start(path)
    detected = []
    encoding = given.encoding or _encoding(sample)
    if given.encoding is None and encoding != "utf-8":
        detected.append(f"encoding {encoding}")
    text = _text(sample, encoding)
    named = _SEPARATOR_LINE.match(text.encode())
    text = text.partition("\n")[2] if named else text
    separator = given.separator
    if separator is None:
        separator = named[1].decode() if named else _separator(text, given.column_names, set(required))
        if separator != ",":
            detected.append(f"separator {separator!r}")
    header = _header(text, separator)
    names = given.column_names or header
    if not header:
        raise ContentError("has no columns: there is no text in it; export it again")
    if header == given.column_names:
        raise ContentError("has the column_names in its first line; remove column_names from the recipe")
    return CsvFile(
        path, encoding, separator, tuple(names), given.column_names is None, named is not None, tuple(detected)
    )


def _records(lines: Iterable[str], separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the records that are not blank, each with the number of lines before it."""
    if len(separator) > 1:
        for number, line in enumerate(lines):
            if line.strip():
                yield number, line.rstrip("\r\n").split(separator)
        return
    with _without_field_limit():
        reader, number = csv.reader(lines, delimiter=separator), 0
        for row in reader:
            if len(row) > 1 or (row and row[0].strip()):
                yield number, row
            number = reader.line_num


def _header(text: str, separator: str) -> list[str]:
    return next((row for _, row in _records(io.StringIO(text, newline=""), separator)), [])


def _start(path: str) -> bytes:
    """Return the first part of a file."""
    sample = b""
    for chunk in read_chunks(path):
        sample += chunk
        if len(sample) >= _SAMPLE and (b"\n" in sample or b"\r" in sample or len(sample) > _LONGEST_HEADER):
            break
    if not sample:
        raise ContentError("is an empty file: " + path + " has 0 bytes; export it again")
    return sample


def _encoding(sample: bytes) -> str:
    for mark, encoding in _MARKS:
        if sample.startswith(mark):
            return encoding
    for start, kind in _BINARY:
        if sample.startswith(start):
            raise ContentError(f"is a {kind} file, not text; rename it, or export it as CSV")
    pairs = sample[:1000]
    for zeros, encoding in ((pairs[1::2], "utf-16-le"), (pairs[0::2], "utf-16-be")):
        if len(zeros) > 2 and zeros.count(0) > 0.7 * len(zeros):
            raise ContentError(f'has NUL bytes in line 1, like UTF-16 text; set encoding = "{encoding}"')
    return "utf-8"


def _text(sample: bytes, encoding: str) -> str:
    """Decode the start of a file; it may end within a character."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(sample).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = sample.count(b"\n", 0, error.start) + 1
        raise ContentError(not_in_encoding(f" in line {line:,}", encoding)) from error
    except UnicodeError as error:
        raise ContentError(f"is not {encoding} text: {error}; set encoding to the one it was written with") from error


def not_in_encoding(where: str, encoding: str = "utf-8") -> str:
    """Return the end of a sentence about a file that is not in its encoding; `where` is " in line 7", for example."""
    if encoding == "utf-8":
        remedy = 'set encoding = "cp1252" (or the one it was written with), or save it as UTF-8'
        return f"has bytes{where} that are not UTF-8; {remedy}"
    return f"has bytes{where} that are not {encoding}; set encoding to the one it was written with"


def _separator(text: str, column_names: Sequence[str] | None, required: set[str]) -> str:
    if column_names is not None:
        return _separator_without_header(text, len(column_names))
    headers = {separator: _header(text, separator) for separator in _SEPARATORS}
    for separator, header in headers.items():
        if required <= set(header):
            return separator
    # No separator yields all columns, so the message about the missing one should list the most plausible columns.
    return max(_SEPARATORS, key=lambda one: (len(set(headers[one]) & required), len(headers[one])))


def _separator_without_header(text: str, n_columns: int) -> str:
    fits = []
    for separator in _SEPARATORS:
        widths = [len(row) for _, row in _records(io.StringIO(text, newline=""), separator)]
        widths = widths[:-1] or widths  # the sample may end within a record
        if widths and widths.count(n_columns) > 0.9 * len(widths):
            fits.append(separator)
    if n_columns == 1 or len(fits) == 1:
        return fits[0] if fits and n_columns > 1 else ","
    reason = f"{' and '.join(map(repr, fits))} fit" if fits else "no known separator fits"
    raise ContentError(
        f"has no header, and {reason} its {n_columns} column_names; set separator, or list the name of every column"
    )
