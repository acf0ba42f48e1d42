"""Text files of every form: read as Python's csv reads them, or refused in one sentence."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from gingham.errors import TableError
from gingham.tables import ItemsSource, Tables, TransactionsSource, UsersSource, check_sources, clean, read

N = 2000
SALES = "user_id,item_id\n" + "".join(f"u{row % 7},i{row % 5}\n" for row in range(N))


def write(folder: Path, table: str, text: str | bytes, name: str = "odd.csv") -> dict[str, Any]:
    """Write the file of one table, and regular files for the others; return the sources of all three."""
    for other, rows in (("users", "user_id"), ("items", "item_id")):
        (folder / f"{other}.csv").write_text(f"{rows},age\n" + "".join(f"{rows[0]}{n},3\n" for n in range(10)))
    (folder / "sales.csv").write_text(SALES)
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    paths = {"transactions": "sales.csv", "users": "users.csv", "items": "items.csv"} | {table: name}
    return {
        "transactions": TransactionsSource(path=paths["transactions"], user_id="user_id", item_id="item_id"),
        "users": UsersSource(path=paths["users"]),
        "items": ItemsSource(path=paths["items"]),
        "base": folder,
    }


def rows_of(tables: Tables, table: str) -> pl.DataFrame:
    frame: pl.LazyFrame = getattr(clean(tables), table)
    return frame.collect()


def lines(table: str, names: dict[int, str], n: int = 20, header: str = "name") -> str:
    """Return a CSV file of `n` rows with a column of names, most of them "plain"."""
    ids = {"transactions": "user_id,item_id", "users": "user_id", "items": "item_id"}[table]
    rows = []
    for row in range(n):
        id_ = f"u{row % 7},i{row % 5}" if table == "transactions" else f"{table[0]}{row}"
        rows.append(f"{id_},{names.get(row, 'plain')},{row}\n")
    return f"{ids},{header},n\n" + "".join(rows)


TABLES = ("transactions", "users", "items")


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "names",
    [
        {3: 'FRAME 7" OAK', 11: 'BOX 12" X 4"'},
        {3: 'FRAME 7"', 18: 'FRAME 8"'},
        {3: 'FRAME 7" OAK', 4: '"quoted, with comma"', 11: 'BOX 9"'},
        {3: 'FRAME 7" OAK', 4: '"of two\nlines"', 11: 'BOX 9"'},
        {4: '"quoted, with comma"', 5: '"two ""marks"""'},
        {3: 'a"'},
    ],
)
def test_no_row_is_lost_to_a_quotation_mark(tmp_path: Path, table: str, names: dict[int, str]) -> None:
    tables = read(**write(tmp_path, table, lines(table, names)))
    rows = rows_of(tables, table)
    assert rows.height == 20
    if table != "transactions":
        expected = [names.get(row, "plain").strip('"').replace('""', '"') for row in range(20)]
        assert [name.strip('"') for name in rows["name"]] == [name.strip('"') for name in expected]
        assert rows["n"].to_list() == list(range(20))


@pytest.mark.parametrize("table", TABLES)
def test_200_000_rows_with_two_inch_marks_are_all_read(tmp_path: Path, table: str) -> None:
    text = lines(table, {60_000: 'FRAME 7" OAK', 160_000: 'FRAME 8" OAK'}, 200_000)
    assert rows_of(read(**write(tmp_path, table, text)), table).height == 200_000


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({5: "Tea, box"}, "more fields than columns in line 7; quote fields"),
        ({5: "Tea, box", 9: "a,b,c"}, "more fields than columns in line 7 and 1 more"),
        ({5: '"open'}, "quotation mark in line 7 that is not closed"),
        ({5: '"a"b'}, "closing quotation mark in line 7 that is followed by text"),
        ({5: "a\0b"}, "NUL bytes in line 7"),
        ({5: "a,1\nHEADER\nu9,i9,b"}, "has its header again in line 8, like files that were joined"),
        ({5: "short\nrow"}, "fewer fields than columns in line 7"),
    ],
)
def test_a_damaged_line_is_refused_by_reading_and_checking(
    tmp_path: Path, table: str, names: dict[int, str], words: str
) -> None:
    header, ids = lines(table, {}).partition("\n")[0], "u9,i9" if table == "transactions" else "u9"
    text = lines(table, names).replace("HEADER", header).replace("u9,i9", ids)
    sources = write(tmp_path, table, text)
    with pytest.raises(TableError) as caught:
        read(**sources)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"The {table} table (odd.csv) has ")
    findings = [finding for finding in check_sources(**sources) if finding.severity == "error"]
    assert [(finding.table, words in finding.what) for finding in findings] == [(table, True)]
    assert findings[0].count > 0
    assert findings[0].examples["line"][0] in (7, 8)


@pytest.mark.parametrize("table", TABLES)
def test_a_column_that_is_there_twice_is_refused(tmp_path: Path, table: str) -> None:
    sources = write(tmp_path, table, lines(table, {}, header="n"))
    place = 3 if table == "transactions" else 2
    with pytest.raises(TableError, match=rf"has the column 'n' twice \(columns {place} and {place + 1}\); rename"):
        read(**sources)
    assert [finding.severity for finding in check_sources(**sources) if finding.table == table] == ["error"]


def test_a_header_may_be_longer_than_the_sample(tmp_path: Path) -> None:
    names = [f"{'c' * 90}{number}" for number in range(5_000)]
    text = f"user_id,{','.join(names)},last\n" + f"u1{',1' * 5_001}\n"
    sources = write(tmp_path, "users", text)
    sources["users"] = UsersSource(path="odd.csv", columns=["last"])
    assert rows_of(read(**sources), "users").rows() == [("u1", 1)]
