"""Counts of the records of CSV files by the kernel, and copies that every program reads alike."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass

import numpy as np

from gingham import _native
from gingham.arrays import Longs
from gingham.tables import content


@dataclass
class Counts:
    """What a scan counts, in the order of ``CsvSlot`` in ``native/csv_scan.hpp``.

    A line is that of the first occurrence; 0 if there is none.

    Attributes
    ----------
    line : int
        Where the next record starts.
    columns : int
        The number of fields of the first record.
    records : int
        Records that are not blank, the header included.
    blank, inner_blank : int
        Blank lines, and those before the last record.
    long, long_line, short, short_line : int
        Records with more or fewer fields than columns.
    quoted : int
        Fields that start with a quotation mark.
    stray, stray_line : int
        Quotation marks inside an unquoted field.
    after_quote, after_quote_line : int
        Quoted fields that are followed by text.
    unclosed_line : int
        Where a field starts whose quotation mark is never closed.
    nul, nul_line : int
        NUL bytes.
    lone_cr : int
        Records that end with a carriage return only.
    headers, header_line : int
        Records that repeat the header.
    copied : int
        Bytes written to the copy.
    """

    line: int = 1
    columns: int = 0
    records: int = 0
    blank: int = 0
    inner_blank: int = 0
    long: int = 0
    long_line: int = 0
    short: int = 0
    short_line: int = 0
    quoted: int = 0
    stray: int = 0
    stray_line: int = 0
    after_quote: int = 0
    after_quote_line: int = 0
    unclosed_line: int = 0
    nul: int = 0
    nul_line: int = 0
    lone_cr: int = 0
    headers: int = 0
    header_line: int = 0
    copied: int = 0


def count_records(chunks: Iterator[bytes], separator: str, line: int = 1, columns: int = 0, header: str = "") -> Counts:
    """Count the records of a text.

    Parameters
    ----------
    chunks : iterator of bytes
        The text in UTF-8.
    separator : str
        One ASCII character, or ``"::"``, with which quotation marks have no meaning.
    line : int
        The number of its first line.
    columns : int
        The number of columns; by default the number of fields of the first record.
    header : str
        The text of the first record, to find its repetitions; they are not counted by default.
    """
    counts = np.array(astuple(Counts(line=line, columns=columns)), np.int64)
    for _ in _run(_ahead(chunks), separator, counts, None, header):
        pass
    return Counts(*counts.tolist())


def clean_copy(chunks: Iterator[bytes], separator: str, copied_separator: str) -> Iterator[bytes]:
    """Yield a copy of a text without blank lines, in which every field with a quotation mark or separator is quoted."""
    return _run(chunks, separator, np.array(astuple(Counts()), np.int64), copied_separator)


def _ahead(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the same chunks; while one is in use, the next is read."""
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(next, chunks, None)
        while (chunk := following.result()) is not None:
            following = thread.submit(next, chunks, None)
            yield chunk


def _run(
    chunks: Iterator[bytes], separator: str, counts: Longs, copied_separator: str | None, header: str = ""
) -> Iterator[bytes]:
    rest, enough = bytearray(), 0
    for chunk in chunks:
        rest += chunk
        # Where a record is longer than a chunk, the next attempt waits until there is twice as much.
        if len(rest) >= enough:
            read, copy = _scan(rest, False, separator, counts, copied_separator, header)
            yield copy
            del rest[:read]
            enough = 2 * len(rest) if read == 0 else 0
        if len(rest) > content.LONGEST:
            raise content.too_long(f"a record from line {int(counts[0]):,} on")
    yield _scan(rest, True, separator, counts, copied_separator, header)[1]


def _scan(
    data: bytearray, last: bool, separator: str, counts: Longs, copied_separator: str | None, header: str
) -> tuple[int, bytes]:
    out = None if copied_separator is None else np.empty(4 * len(data) + 1, np.uint8)
    before = int(counts[-1])
    read = _native.scan_csv(
        data=np.frombuffer(data, np.uint8),
        last=last,
        separator=separator,
        quoting=len(separator) == 1,
        header=header,
        counts=counts,
        copied_separator=copied_separator or ",",
        out=out,
    )
    return read, b"" if out is None else out[: int(counts[-1]) - before].tobytes()
