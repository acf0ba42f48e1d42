"""Errors for broken files: one sentence with the file, the column and the line."""

import gzip
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from gingham.errors import TableError
from gingham.tables import ItemsSource, Tables, TransactionsSource, UsersSource, clean, read

HEAD = "when,who,what,cost\n"
GOOD = "2019-01-01,007,0108,1\n2019-01-02,9,0200,2\n"
PEOPLE = "who,age\n007,30\n9,40\n"


def open_tables(folder: Path, sales: str | bytes, users: str | bytes = PEOPLE, ending: str = "csv") -> Tables:
    for name, text in (("sales", sales), ("users", users)):
        data = text if isinstance(text, bytes) else text.encode()
        (folder / f"{name}.{ending}").write_bytes(gzip.compress(data) if ending.endswith("gz") else data)
    return read(
        TransactionsSource(path=f"sales.{ending}", user_id="who", item_id="what", timestamp="when", price="cost"),
        UsersSource(path=f"users.{ending}"),
        base=folder,
    )


def read_error(*arguments: Any, **more: Any) -> str:
    with pytest.raises(TableError) as caught:
        clean(open_tables(*arguments, **more))
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 500
    return message


@pytest.mark.parametrize("ending", ["csv", "csv.gz"])
@pytest.mark.parametrize(
    ("sales", "users", "words"),
    [
        (HEAD + GOOD + "2019-01-03,9,0108,1,5\n", PEOPLE, ["transactions table (sales.", "line 4", "more fields"]),
        (HEAD + GOOD, PEOPLE + '"a\nb",1\n9,1,2\n', ["users table (users.", "line 6", "more fields"]),
        (HEAD + GOOD + "2019-01-03,9\n", PEOPLE, ["transactions table (sales.", "fewer fields", "line 4"]),
        (HEAD + GOOD + "2019-01-03,9,0108,dear\n", PEOPLE, ["'dear'", "'cost'", "line 4", "a number", "null_values"]),
        (HEAD + GOOD + "2019-01-03,9,0108,1 EUR\n", PEOPLE, ["'1 EUR'", "'cost'", "line 4", "set decimal"]),
        (HEAD + GOOD + "02/01/2019,9,0108,1\n", PEOPLE, ["'02/01/2019'", "'when'", "line 4", "ISO 8601"]),
        (HEAD + GOOD + "2019-02-30,9,0108,1\n", PEOPLE, ["'2019-02-30'", "'when'", "line 4"]),
        (HEAD + "02/01/2019,9,0108,1\n" + GOOD, PEOPLE, ["'02/01/2019'", "'when'", "ISO 8601"]),
        (HEAD + GOOD, PEOPLE + '"open,1\n5,6\n', ["users table", "quotation mark", "line 4"]),
        (HEAD + GOOD, PEOPLE + '"a"b,1\n5,6\n', ["users table", "quotation mark", "line 4"]),
        (HEAD + GOOD, (PEOPLE + "Zoë,1\n").encode("latin-1"), ["users table", "line 4", "UTF-8"]),
        (HEAD, PEOPLE, ["transactions table", "no rows"]),
        (HEAD + GOOD, "who,age\n", ["users table", "no rows"]),
        (HEAD + GOOD, PEOPLE + "9,3\n", ["users table", "who '9' appears twice", "one row per user"]),
    ],
)
def test_error_names_the_broken_line(tmp_path: Path, sales: Any, users: Any, words: list[str], ending: str) -> None:
    message = read_error(tmp_path, sales, users, ending=ending)
    for word in words:
        assert word in message


def test_an_invalid_date_far_behind_the_rows_used_for_inference_is_found(tmp_path: Path) -> None:
    sales = HEAD + GOOD * 20_000 + "03/01/2019,9,0108,1\n" + GOOD
    message = read_error(tmp_path, sales)
    assert "'03/01/2019'" in message
    assert "line 40,002" in message


def test_error_names_the_broken_file_of_several(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(HEAD + GOOD)
    (tmp_path / "b.csv").write_text(HEAD + GOOD + "2019-01-03,9,0108,dear\n")
    roles = {"user_id": "who", "item_id": "what", "timestamp": "when", "price": "cost"}
    with pytest.raises(TableError, match=r"\(a\.csv, b\.csv\) has 'dear' in column 'cost' in line 4 of b\.csv"):
        clean(read(TransactionsSource(path=["a.csv", "b.csv"], **roles), base=tmp_path))


@pytest.mark.parametrize("mark", [b"", "\ufeff".encode()], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "windows"])
def test_byte_order_marks_line_ends_and_quoted_fields_are_read(tmp_path: Path, mark: bytes, end: str) -> None:
    sales = mark + (HEAD + '2019-01-01,"0""07","01,08",1\n2019-01-02,"two\nlines",0200,2\n').replace("\n", end).encode()
    users = mark + ('who,age\n"two\nlines",30\n"0""07",40').replace("\n", end).encode()
    cleaned = clean(open_tables(tmp_path, sales, users))
    assert cleaned.users is not None
    text = f"two{end}lines"
    assert cleaned.transactions.collect().with_columns(pl.col("user_id", "item_id").cast(pl.String)).rows() == [
        ('0"07', "01,08", datetime(2019, 1, 1), 1.0),
        (text, "0200", datetime(2019, 1, 2), 2.0),
    ]
    assert cleaned.users.collect().rows() == [(text, 30), ('0"07', 40)]


def test_ids_of_mixed_types_are_text(tmp_path: Path) -> None:
    rows = clean(
        open_tables(tmp_path, HEAD + GOOD + "2019-01-03,x-1,3.5,1\n2019-01-03,007,1e3,1\n")
    ).transactions.collect()
    assert rows["user_id"].cast(pl.String).to_list() == ["007", "9", "x-1", "007"]
    assert rows["item_id"].cast(pl.String).to_list() == ["0108", "0200", "3.5", "1e3"]


@pytest.mark.parametrize("column", ["who", "age"])
def test_a_field_of_100_megabytes_is_read(tmp_path: Path, column: str) -> None:
    long = "x" * 100_000_000
    row = f"{long},1\n" if column == "who" else f'b,"{long}"\n'
    cleaned = clean(open_tables(tmp_path, HEAD + GOOD, PEOPLE + row))
    assert cleaned.users is not None
    assert cleaned.users.collect()["user_id" if column == "who" else "age"].str.len_bytes().max() == len(long)


def test_only_the_start_of_a_long_invalid_value_is_shown(tmp_path: Path) -> None:
    message = read_error(tmp_path, HEAD + GOOD + f"{'9' * 5_000_000},9,0108,1\n")
    assert "'when'" in message
    assert "line 4" in message


def test_ids_of_different_types_are_refused(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text(HEAD + GOOD)
    pl.DataFrame({"what": [108, 200]}).write_parquet(tmp_path / "items.parquet")
    source = TransactionsSource(path="sales.csv", user_id="who", item_id="what")
    words = r"sales\.csv\) has String such as '0108' in column 'what', but the items table \(items\.parquet\) has Int64"
    with pytest.raises(TableError, match=words):
        read(source, items=ItemsSource(path="items.parquet"), base=tmp_path)


PERMISSION = """
import os, sys
from gingham.errors import TableError
from gingham.tables import TransactionsSource, clean, read

def cleaned(path):
    return clean(read(TransactionsSource(path=path, user_id="who", item_id="what")))

good, *closed = sys.argv[1:]
cleaned(good)  # import everything before giving up the rights of root
if os.geteuid() == 0:
    # Root may read every file.
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
for path in closed:
    try:
        cleaned(path)
    except TableError as error:
        print(error)
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter; the folders of pytest belong to one user."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_a_file_without_read_permission_raises_one_sentence(open_folder: Path) -> None:
    rows = pl.DataFrame({"who": ["a"], "what": ["x"]})
    rows.write_csv(open_folder / "good.csv")
    closed = ["sales.csv", "sales.csv.gz", "sales.parquet", "sales*.csv", "closed/sales.csv"]
    (open_folder / "closed").mkdir()
    for name in ("sales.csv", "sales.csv.gz", "sales.parquet", "closed/sales.csv"):
        (open_folder / name).write_bytes((open_folder / "good.csv").read_bytes())
        (open_folder / name).chmod(0)
    (open_folder / "closed").chmod(0)
    paths = [str(open_folder / name) for name in ("good.csv", *closed)]
    done = subprocess.run([sys.executable, "-c", PERMISSION, *paths], capture_output=True, text=True)
    (open_folder / "closed").chmod(0o700)
    assert done.stderr == ""
    messages = done.stdout.splitlines()
    assert len(messages) == len(closed)
    for path, line in zip(paths[1:], messages, strict=True):
        assert line.startswith(f"The transactions table ({path}) ")
        assert "permission denied" in line
