import csv
import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gingham import _native

pytestmark = pytest.mark.usefixtures("kernel")

(LINE, COLUMNS, RECORDS, BLANK, INNER_BLANK, LONG, LONG_LINE, SHORT, SHORT_LINE) = range(9)
HEADERS, HEADER_LINE, COPIED = range(18, 21)
(QUOTED, STRAY, STRAY_LINE, AFTER, AFTER_LINE, UNCLOSED_LINE, NUL, NUL_LINE, LONE_CR) = range(9, 18)
TEXT = st.text('a" ,;\n\r:é', max_size=40)


def scan(
    text: str | bytes, separator: str = ",", size: int = 1 << 20, copied: str = ",", header: str = ""
) -> tuple[list[int], str]:
    """Scan a text in pieces of `size` bytes, as the reader of files does; return the counts and the copy."""
    data = text if isinstance(text, bytes) else text.encode()
    counts, copied_counts = np.zeros(21, np.int64), np.zeros(21, np.int64)
    counts[LINE] = copied_counts[LINE] = 1
    rest, copy = b"", b""
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    for number, piece in enumerate([*pieces, b""]):
        rest += piece
        options: dict[str, Any] = {
            "data": np.frombuffer(rest, np.uint8),
            "last": number == len(pieces),
            "separator": separator,
            "quoting": len(separator) == 1,
            "copied_separator": copied,
            "header": header,
        }
        out = np.empty(4 * len(rest) + 1, np.uint8)
        before = copied_counts[COPIED]
        read = _native.scan_csv(**options, counts=counts, out=None)
        assert _native.scan_csv(**options, counts=copied_counts, out=out) == read
        copy += out[: copied_counts[COPIED] - before].tobytes()
        rest = rest[read:]
    assert not rest
    assert counts[:COPIED].tolist() == copied_counts[:COPIED].tolist()
    return counts.tolist(), copy.decode()


def records(text: str, separator: str = ",") -> list[list[str]]:
    """Return the records that Python reads, without blank lines."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    one_column = False
    kept: list[list[str]] = []
    for row in rows:
        if len(row) > 1 or (row and (row[0].strip(" \t") or (one_column and row[0]))):
            kept.append(row)
            one_column = len(kept[0]) == 1
    return kept


def test_each_problem_is_counted_with_its_first_line() -> None:
    text = 'a,b\r\n1,2\r\n\r\n1\r\n"x\ny",2,3\r\nz"",4\r\n"q"r,5\r\n\0,6\r\n1,2,3\r\n  \r\n"open,\n'
    counts, _ = scan(text)
    assert counts[COLUMNS] == 2
    assert counts[RECORDS] == 9
    assert (counts[BLANK], counts[INNER_BLANK]) == (2, 2)
    assert (counts[LONG], counts[LONG_LINE], counts[SHORT], counts[SHORT_LINE]) == (2, 5, 2, 4)
    assert (counts[QUOTED], counts[STRAY], counts[STRAY_LINE]) == (3, 2, 7)
    assert (counts[AFTER], counts[AFTER_LINE], counts[UNCLOSED_LINE]) == (1, 8, 12)
    assert (counts[NUL], counts[NUL_LINE], counts[LONE_CR]) == (1, 9, 0)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("long", ["x", "x" * 200])
def test_a_header_within_the_file_is_counted(end: str, long: str) -> None:
    text = end.join([f"a,{long}", "1,2", f"a,{long}", f"a,{long}x", '"q",1', f"a,{long}"])
    counts, _ = scan(text, header=f"a,{long}")
    assert (counts[RECORDS], counts[HEADERS], counts[HEADER_LINE]) == (6, 2, 3)


@given(TEXT, st.integers(1, 12))
def test_records_and_copy_are_those_of_pythons_reader(text: str, size: int) -> None:
    counts, copy = scan(text, size=size)
    assert (counts, copy) == scan(text)
    if counts[AFTER] or counts[UNCLOSED_LINE] or '""' in text:
        return  # these are refused, or Python cannot tell an empty field from a blank line
    if counts[COLUMNS] <= 1 and counts[QUOTED]:
        return  # quoted spaces are a value
    expected = records(text)
    assert counts[RECORDS] == len(expected)
    assert counts[LONG] == sum(len(row) > len(expected[0]) for row in expected)
    assert counts[SHORT] == sum(len(row) < len(expected[0]) for row in expected)
    assert [row for row in csv.reader(io.StringIO(copy, newline="")) if row] == expected


@given(TEXT)
def test_the_copy_has_another_separator(text: str) -> None:
    counts, copy = scan(text, separator=";")
    is_quoted_space = counts[COLUMNS] <= 1 and counts[QUOTED]
    if not (counts[AFTER] or counts[UNCLOSED_LINE] or is_quoted_space or '""' in text):
        assert [row for row in csv.reader(io.StringIO(copy, newline="")) if row] == records(text, ";")


@given(TEXT)
def test_two_colons_separate_without_quotation_marks(text: str) -> None:
    lines = [line for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if line.strip()]
    if any(not line.strip() and line for line in text.splitlines()):
        return  # a line of spaces is a value if there is one column
    counts, copy = scan(text, separator="::")
    assert (counts[RECORDS], counts[QUOTED], counts[STRAY]) == (len(lines), 0, 0)
    assert list(csv.reader(io.StringIO(copy, newline=""))) == [line.split("::") for line in lines]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"separator": ""}, "one byte"),
        ({"separator": ":;"}, "one byte"),
        ({"separator": '"'}, "must not be a quotation mark"),
        ({"copied_separator": "\n"}, "must not be a quotation mark"),
        ({"copied_separator": "::"}, "one byte"),
        ({"counts": np.zeros(20, np.int64)}, "one entry"),
        ({"counts": np.full(21, -1)}, "out of range"),
        ({"out": np.empty(12, np.uint8)}, "four times"),
    ],
)
def test_invalid_arguments_are_refused(change: dict[str, Any], words: str) -> None:
    valid: dict[str, Any] = {
        "data": np.frombuffer(b"a,b", np.uint8),
        "last": True,
        "separator": ",",
        "quoting": True,
        "header": "",
        "counts": np.zeros(21, np.int64),
        "copied_separator": ",",
        "out": None,
    }
    assert _native.scan_csv(**valid) == 3
    with pytest.raises(ValueError, match=words):
        _native.scan_csv(**{**valid, **change})
