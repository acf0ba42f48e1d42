"""JSON lines, Excel and Parquet: tables with types of their own."""

import datetime as dt
import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter

from gingham.errors import MissingExtraError, TableError
from gingham.tables import ItemsSource, TransactionsSource, UsersSource, check_sources, clean, read

ROWS = [
    {"user_id": "u1", "item_id": "0108", "timestamp": "2024-01-31T10:00:00", "price": 1.5},
    {"user_id": "u2", "item_id": "0200", "timestamp": "2024-02-01T10:00:00", "price": 2},
    {"user_id": "u1", "item_id": "0108", "timestamp": "2024-02-02T10:00:00", "note": "gift", "price": None},
]
ROLES = {"user_id": "user_id", "item_id": "item_id"}


def json_lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def write_excel(file: Path, **sheets: list[list[Any]]) -> None:
    with xlsxwriter.Workbook(file) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                for column, value in enumerate(row):
                    if isinstance(value, dt.datetime):
                        sheet.write_datetime(number, column, value, book.add_format({"num_format": "yyyy-mm-dd"}))
                    else:
                        sheet.write(number, column, value)


@pytest.mark.parametrize("name", ["sales.jsonl", "sales.ndjson", "sales.json", "sales.jsonl.gz"])
@pytest.mark.parametrize("end", ["", "\n\n"])
def test_json_lines_are_read(tmp_path: Path, name: str, end: str) -> None:
    data = (json_lines(ROWS) + end).encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    source = TransactionsSource(path=name, **ROLES, timestamp="timestamp", price="price")
    rows = clean(read(source, base=tmp_path)).transactions.collect()
    assert rows["item_id"].cast(pl.String).to_list() == ["0108", "0200", "0108"]
    assert rows["timestamp"].to_list() == [dt.datetime(2024, *day, 10) for day in ((1, 31), (2, 1), (2, 2))]
    assert rows["price"].to_list() == [1.5, 2.0, None]


def test_json_lines_of_users_and_items_are_read(tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_text(json_lines(ROWS))
    (tmp_path / "u.jsonl").write_text('{"user_id": "u1", "age": 30}\n{"user_id": "u2"}\n')
    (tmp_path / "i.jsonl").write_text('{"item_id": "0108"}\n{"item_id": "0200", "size": "N/A"}\n')
    users, items = UsersSource(path="u.jsonl"), ItemsSource(path="i.jsonl", null_values=["N/A"])
    tables = read(TransactionsSource(path="s.jsonl", **ROLES), users, items, tmp_path)
    assert tables.users is not None
    assert tables.items is not None
    assert tables.users.collect().rows() == [("u1", 30), ("u2", None)]
    assert tables.items.collect().rows() == [("0108", None), ("0200", None)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"user_id": "a", "item_id": "b"}\n{"user_id": "a", "item_id"\n', "is not a JSON object in line 2"),
        ('{"user_id": "a", "item_id": "b"}\n[1, 2]\n', "is not a JSON object in line 2"),
        ('[{"user_id": "a", "item_id": "b"}]\n', "is not a JSON object in line 1"),
        ('{"user_id": "a"}\n', "has no column 'item_id'"),
        ('{"user_id": "a", "item_id": "b"} {"user_id": "a", "item_id": "b"}\n', "is not a JSON object in line 1"),
        ("\n", "has no rows"),
    ],
)
def test_damaged_json_lines_are_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "s.jsonl").write_text(text)
    source = TransactionsSource(path="s.jsonl", **ROLES)
    with pytest.raises(TableError, match=words) as caught:
        clean(read(source, base=tmp_path))
    assert "\n" not in str(caught.value)
    assert [finding.severity for finding in check_sources(source, base=tmp_path)] == ["error"]


HEADER = ["user_id", "item_id", "when", "price"]
SHEET = [HEADER, [13085, 85048, dt.datetime(2009, 12, 1), 6.95], [13085.0, "79323P", dt.datetime(2009, 12, 2), 7]]


def test_an_excel_sheet_is_read(tmp_path: Path) -> None:
    write_excel(tmp_path / "sales.xlsx", Sales=SHEET)
    source = TransactionsSource(path="sales.xlsx", **ROLES, timestamp="when", price="price")
    rows = clean(read(source, base=tmp_path)).transactions.collect()
    assert rows.with_columns(pl.col("item_id").cast(pl.String)).rows() == [
        (13085, "85048", dt.datetime(2009, 12, 1), 6.95),
        (13085, "79323P", dt.datetime(2009, 12, 2), 7.0),
    ]


def test_sheets_are_chosen(tmp_path: Path) -> None:
    write_excel(tmp_path / "sales.xlsx", A=SHEET, B=SHEET[:2], Notes=[["text"], ["x"]])
    roles = ROLES | {"timestamp": "when"}
    with pytest.raises(TableError, match=r"has 3 sheets \(\"A\", \"B\", \"Notes\"\).*choose with sheet = \"A\""):
        read(TransactionsSource(path="sales.xlsx", **roles), base=tmp_path)
    with pytest.raises(TableError, match="has no sheet 'C'"):
        read(TransactionsSource(path="sales.xlsx", **roles, sheet="C"), base=tmp_path)
    with pytest.raises(TableError, match="sheets with the columns"):
        read(TransactionsSource(path="sales.xlsx", **roles, sheet=["A", "Notes"]), base=tmp_path)
    for sheet, n_rows in (("A", 2), ("B", 1), (["A", "B"], 3)):
        source = TransactionsSource(path="sales.xlsx", **roles, sheet=sheet)
        assert clean(read(source, base=tmp_path)).steps[0].rows == n_rows


def test_users_and_items_are_read_from_excel(tmp_path: Path) -> None:
    write_excel(tmp_path / "sales.xlsx", Sales=SHEET)
    write_excel(tmp_path / "users.xlsx", Users=[["user_id", "age"], [13085, 30], [13086, None]])
    write_excel(tmp_path / "items.xlsx", Items=[["item_id", "name"], [85048, "GLASS"], ["79323P", "LIGHTS"]])
    tables = read(
        TransactionsSource(path="sales.xlsx", **ROLES),
        UsersSource(path="users.xlsx"),
        ItemsSource(path="items.xlsx", name="name"),
        tmp_path,
    )
    assert tables.users is not None
    assert tables.items is not None
    assert tables.users.collect().rows() == [(13085, 30), (13086, None)]
    assert tables.items.collect().rows() == [("85048", "GLASS"), ("79323P", "LIGHTS")]


def test_a_file_that_is_not_excel_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sales.xlsx").write_text("user_id,item_id\na,b\n")
    with pytest.raises(TableError, match=r"\(sales.xlsx\) cannot be read as Excel") as caught:
        read(TransactionsSource(path="sales.xlsx", **ROLES), base=tmp_path)
    assert "\n" not in str(caught.value)


def test_a_damaged_sheet_is_refused(tmp_path: Path) -> None:
    write_excel(tmp_path / "sales.xlsx", Sales=SHEET)
    with zipfile.ZipFile(tmp_path / "sales.xlsx") as book, zipfile.ZipFile(tmp_path / "damaged.xlsx", "w") as damaged:
        for member in book.infolist():
            data = book.read(member)
            damaged.writestr(member.filename, data[:300] if "sheet1" in member.filename else data)
    with pytest.raises(TableError, match=r"\(damaged.xlsx\) cannot be read as Excel: .*; save it again"):
        read(TransactionsSource(path="damaged.xlsx", **ROLES), base=tmp_path)


def test_excel_needs_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_excel(tmp_path / "sales.xlsx", Sales=SHEET)
    monkeypatch.setitem(__import__("sys").modules, "fastexcel", None)
    with pytest.raises(MissingExtraError, match=r"Excel files needs fastexcel.*gingham\[excel\]"):
        read(TransactionsSource(path="sales.xlsx", **ROLES), base=tmp_path)


@pytest.mark.parametrize("partition", ["", "year=2024/"])
def test_a_folder_that_spark_wrote_is_read(tmp_path: Path, partition: str) -> None:
    folder = tmp_path / "sales" / partition
    folder.mkdir(parents=True)
    rows = pl.DataFrame({"user_id": ["a", "b"], "item_id": ["x", "y"]})
    rows.write_parquet(folder / "part-00000.snappy.parquet")
    rows.write_parquet(folder / "part-00001.snappy.parquet")
    for marker in ("_SUCCESS", "._SUCCESS.crc", ".part-00000.snappy.parquet.crc", "_committed_1"):
        (tmp_path / "sales" / marker).write_bytes(b"crc\0")
        (folder / marker).write_bytes(b"crc\0")
    for path in ("sales", "sales/", "sales/**/*.parquet"):
        assert read(TransactionsSource(path=path, **ROLES), base=tmp_path).transactions.collect().height == 4


def test_words_are_null_in_every_kind_of_file(tmp_path: Path) -> None:
    rows = pl.DataFrame({"user_id": ["a", "b"], "item_id": ["x", "y"], "club": ["NULL", "gold"]})
    rows.write_parquet(tmp_path / "a.parquet")
    rows.write_csv(tmp_path / "a.csv")
    rows.write_ndjson(tmp_path / "a.jsonl")
    for name in ("a.parquet", "a.csv", "a.jsonl"):
        users = UsersSource(path=name, columns=["club"], null_values=["NULL", "N/A"])
        table = read(TransactionsSource(path=name, **ROLES), users, base=tmp_path).users
        assert table is not None
        assert table.collect()["club"].to_list() == [None, "gold"]


def test_null_words_of_ids_are_refused(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("user_id,item_id\na,x\nNULL,y\n")
    with pytest.raises(TableError, match="null values in column 'user_id' in 1 row"):
        clean(read(TransactionsSource(path="s.csv", **ROLES, null_values=["NULL"]), base=tmp_path))


@pytest.mark.parametrize(
    ("name", "keys", "words"),
    [
        ("a.parquet", {"separator": ";"}, "is Parquet, to which separator does not apply"),
        ("a.jsonl", {"encoding": "latin-1"}, "is JSON lines, to which encoding does not apply"),
        ("a.csv", {"sheet": "A"}, "is text, to which sheet does not apply"),
    ],
)
def test_keys_of_another_kind_are_refused(tmp_path: Path, name: str, keys: dict[str, Any], words: str) -> None:
    (tmp_path / name).write_text("{}")
    with pytest.raises(TableError, match=words):
        read(TransactionsSource(path=name, **ROLES, **keys), base=tmp_path)
