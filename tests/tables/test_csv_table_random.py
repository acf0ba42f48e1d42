"""Random texts as tables: read exactly as Python's csv reads them, or refused, by reading and checking alike."""

import csv
import io
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gingham.errors import TableError
from gingham.tables import TransactionsSource, UsersSource, check_sources, clean, read

FIELD = st.one_of(
    st.sampled_from(["", "a", '"a"', '"a,b"', '"a\nb"', 'a"', '"a""b"', "1", '7" x', "é", '"']),
    st.text('a";\t', max_size=3),
)
ROWS = st.lists(st.lists(FIELD, min_size=1, max_size=4), min_size=1, max_size=6)
SEPARATOR = st.sampled_from([",", ";", "\t", "|"])
END = st.sampled_from(["\n", "\r\n", "\r", "\n\n"])


def read_rows(folder: Path, text: str) -> list[tuple[str, ...]] | None:
    """Return the rows of a users table with ids, or None if it is refused."""
    (folder / "sales.csv").write_text("id,item\nu0,i1\n")
    (folder / "users.csv").write_bytes(text.encode())
    sources = {
        "transactions": TransactionsSource(path="sales.csv", user_id="id", item_id="item"),
        "users": UsersSource(path="users.csv", user_id="id"),
    }
    errors = [one for one in check_sources(**sources, base=folder) if one.severity == "error"]
    try:
        users = clean(read(**sources, base=folder)).users
    except TableError:
        assert errors
        assert all("\n" not in one.what for one in errors)
        return None
    assert users is not None
    assert errors == []
    return users.collect().with_columns(pl.all().cast(pl.String).fill_null("")).rows()


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, separator=SEPARATOR, end=END, last=st.booleans())
def test_rows_are_those_of_pythons_reader(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], separator: str, end: str, last: bool
) -> None:
    lines = [separator.join(["id", "b", "c"]), *(separator.join([f"u{n}", *row]) for n, row in enumerate(rows))]
    text = end.join(lines) + (end if last else "")
    result = read_rows(tmp_path_factory.mktemp("random"), text)
    if result is not None:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        assert result == [tuple(row) for row in reader if row][1:]


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(st.tuples(*[st.text('a",;\n\t|é ', max_size=4)] * 2), min_size=1, max_size=6), separator=SEPARATOR)
def test_what_python_writes_is_never_refused(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], separator: str
) -> None:
    text = io.StringIO()
    numbered = [[f"u{n}", *row] for n, row in enumerate(rows)]
    csv.writer(text, delimiter=separator, lineterminator="\n").writerows([["id", "b", "c"], *numbered])
    assert read_rows(tmp_path_factory.mktemp("random"), text.getvalue()) == [tuple(row) for row in numbered]
