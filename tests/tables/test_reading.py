import csv
import gzip
import io
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gingham.errors import TableError
from gingham.tables import FeatureSpec, ItemsSource, TransactionsSource, UsersSource, check_sources, clean, read

SALES = "when,who,what,cost,age,name\n2019-01-01,007,0108,1,20,hat\n2019-01-03,007,0200,1.5,21,cap\n"
SALES += "2019-01-02,9,0108,2,40,Hat\n"
ROLES = {"user_id": "who", "item_id": "what", "timestamp": "when"}


def sales(folder: Path, text: str | bytes = SALES, name: str = "sales.csv", **roles: Any) -> TransactionsSource:
    data = text if isinstance(text, bytes) else text.encode()
    (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return TransactionsSource(path=name, **ROLES | roles)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sales.csv", SALES),
        ("sales.csv.gz", SALES),
        ("sales.csv", SALES.encode("utf-8-sig")),
        ("sales.csv", SALES.replace("\n", "\r\n")),
    ],
    ids=["plain", "gzip", "byte order mark", "windows"],
)
def test_csv_ids_keep_their_leading_zeros(tmp_path: Path, name: str, text: Any) -> None:
    rows = read(sales(tmp_path, text, name, price="cost"), base=tmp_path).transactions.collect()
    assert rows.columns == ["user_id", "item_id", "timestamp", "price"]
    assert rows["user_id"].to_list() == ["007", "007", "9"]
    assert rows["item_id"].to_list() == ["0108", "0200", "0108"]
    assert rows["timestamp"].to_list() == [date(2019, 1, day) for day in (1, 3, 2)]
    assert rows["price"].to_list() == [1.0, 1.5, 2.0]


@pytest.mark.parametrize("path", ["sales.parquet", "folder", "folder/*.parquet"])
def test_parquet_ids_keep_their_type(tmp_path: Path, path: str) -> None:
    frame = pl.DataFrame({"who": [7, 9], "what": ["0108", "0200"]})
    (tmp_path / "folder").mkdir()
    frame.write_parquet(tmp_path / "sales.parquet")
    frame.head(1).write_parquet(tmp_path / "folder/1.parquet")
    frame.tail(1).write_parquet(tmp_path / "folder/2.parquet")
    rows = read(TransactionsSource(path=path, user_id="who", item_id="what"), base=tmp_path).transactions.collect()
    assert rows.rows() == [(7, "0108"), (9, "0200")]


def test_a_pattern_of_csv_files_is_one_table(tmp_path: Path) -> None:
    sales(tmp_path, SALES, "part-1.csv")
    sales(tmp_path, SALES, "part-2.csv")
    source = TransactionsSource(path="part-*.csv", **ROLES)
    assert read(source, base=tmp_path).transactions.collect().height == 6


def test_a_second_file_with_another_format_of_dates_is_refused(tmp_path: Path) -> None:
    sales(tmp_path, SALES, "1.csv")
    sales(tmp_path, SALES.replace("2019-01-03", "03/01/2019"), "2.csv")
    source = TransactionsSource(path=["1.csv", "2.csv"], **ROLES)
    words = "has '03/01/2019' in column 'when' in line 3 of 2.csv, but .*set timestamp_format"
    with pytest.raises(TableError, match=words):
        clean(read(source, base=tmp_path))
    (finding,) = check_sources(source, base=tmp_path)
    assert (finding.severity, "line 3 of 2.csv" in finding.what) == ("error", True)


@pytest.mark.parametrize("unit", [None, "ms"])
def test_digits_in_csv_are_numbers_since_1970(tmp_path: Path, unit: Any) -> None:
    text = "when,who,what\n1546300800000,a,x\n1546387200500,b,y\n"
    tables = read(sales(tmp_path, text, timestamp_unit=unit), UsersSource(columns=["what"]), base=tmp_path)
    assert tables.transactions.collect()["timestamp"].to_list() == [
        datetime(2019, 1, 1),
        datetime(2019, 1, 2, 0, 0, 0, 500_000),
    ]
    assert tables.origins["transactions"].detected == (() if unit else ('timestamp_unit "ms"',))


def test_other_dates_of_the_transactions_stay_text(tmp_path: Path) -> None:
    text = "when,who,what,born\n2019-01-01,a,x,01/02/1990\n"
    users = read(sales(tmp_path, text), UsersSource(columns=["born"]), base=tmp_path).users
    assert users is not None
    assert users.collect().rows() == [("a", "01/02/1990")]  # not 1 February


def test_users_and_items_keep_all_columns(tmp_path: Path) -> None:
    (tmp_path / "u.csv").write_text("who,age,zip\n007,1,x\n9,2,y\n")
    (tmp_path / "i.csv").write_text("sku,label\n0108,hat\n0200,cap\n")
    tables = read(
        sales(tmp_path),
        UsersSource(path="u.csv"),
        ItemsSource(path="i.csv", item_id="sku", name="label"),
        tmp_path,
        user_features=FeatureSpec(quantile={"age": 2}),
    )
    assert tables.users is not None
    assert tables.items is not None
    assert tables.users.collect().rows() == [("007", 1, "x"), ("9", 2, "y")]
    assert tables.users.collect_schema().names() == ["user_id", "age", "zip"]
    assert tables.items.collect_schema().names() == ["item_id", "label"]
    assert tables.item_name == "label"
    assert tables.user_features.columns == ["age"]


def test_only_columns_in_the_recipe_are_kept(tmp_path: Path) -> None:
    (tmp_path / "u.csv").write_text("who,age,zip\n007,1,x\n")
    users = read(sales(tmp_path), UsersSource(path="u.csv", columns=["zip"]), base=tmp_path).users
    assert users is not None
    assert users.collect_schema().names() == ["user_id", "zip"]


def test_tables_from_transactions_have_the_latest_values(tmp_path: Path) -> None:
    tables = read(sales(tmp_path), UsersSource(columns=["age"]), ItemsSource(name="name", columns=["cost"]), tmp_path)
    assert tables.users is not None
    assert tables.items is not None
    assert tables.users.collect().rows() == [("007", 21), ("9", 40)]
    assert tables.items.collect().sort("item_id").rows() == [("0108", 2.0, "Hat"), ("0200", 1.5, "cap")]


@pytest.mark.parametrize(
    ("dates", "timestamp_format"),
    [
        (["1/1/2019", "1/3/2019", "01/02/2019"], "%m/%d/%Y"),
        (["01.01.2019 00:00", "03.01.2019 00:00", "02.01.2019 00:00"], "%d.%m.%Y %H:%M"),
        (["20190101", "20190103", "20190102"], "%Y%m%d"),
        (["2019/01/01 02:00 +0200", "2019/01/02 23:00 -0100", "2019/01/02 00:00 +0000"], "%Y/%m/%d %H:%M %z"),
    ],
)
def test_timestamp_format_parses_other_text(tmp_path: Path, dates: list[str], timestamp_format: str) -> None:
    text = SALES
    for old, new in zip(["2019-01-01", "2019-01-03", "2019-01-02"], dates, strict=True):
        text = text.replace(old, new)
    source = sales(tmp_path, text, timestamp_format=timestamp_format)
    tables = read(source, None, ItemsSource(name="name"), tmp_path)
    rows = tables.transactions.collect()
    assert rows["timestamp"].to_list() == [datetime(2019, 1, day) for day in (1, 3, 2)]
    assert rows["timestamp"].dtype == pl.Datetime("us")
    assert tables.items is not None
    assert tables.items.collect()["name"].to_list() == ["Hat", "cap"]


def test_timestamps_that_do_not_match_the_format_are_refused(tmp_path: Path) -> None:
    source = sales(tmp_path, SALES.replace("2019-01-02", "13/40/2019"), timestamp_format="%Y-%m-%d")
    with pytest.raises(TableError, match="'13/40/2019' in column 'when'"):
        clean(read(source, base=tmp_path))
    with pytest.raises(ValueError, match="timestamp_format is set without timestamp"):
        sales(tmp_path, timestamp=None, timestamp_format="%Y")
    pl.DataFrame({"who": ["a"], "what": ["b"], "when": [datetime(2019, 1, 1)]}).write_parquet(tmp_path / "s.parquet")
    with pytest.raises(TableError, match="timestamp_format is for text only"):
        read(TransactionsSource(path="s.parquet", **ROLES, timestamp_format="%Y-%m-%d"), base=tmp_path)


def test_the_last_row_is_the_latest_without_timestamps(tmp_path: Path) -> None:
    text = "who,what,age\na,x,1\nb,x,2\na,x,3\n"
    users = read(sales(tmp_path, text, timestamp=None), UsersSource(columns=["age"]), base=tmp_path).users
    assert users is not None
    assert users.collect().rows() == [("a", 3), ("b", 2)]


@given(st.lists(st.tuples(*[st.text('0a", \n\r;é', min_size=1, max_size=4)] * 2), min_size=1, max_size=6))
def test_ids_are_read_as_python_wrote_them(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]]
) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([["who", "what"], *pairs])
    folder = tmp_path_factory.mktemp("read")
    source = sales(folder, text.getvalue(), timestamp=None)
    assert read(source, base=folder).transactions.collect().rows() == pairs


def test_types_of_a_users_table_are_inferred_from_all_rows(tmp_path: Path) -> None:
    ages = "\n".join(f"{row},{row}" for row in range(20_000))
    (tmp_path / "u.csv").write_text(f"who,age\n{ages}\nlast,0.5\n")
    users = read(sales(tmp_path), UsersSource(path="u.csv"), base=tmp_path).users
    assert users is not None
    assert users.collect()["age"][-1] == 0.5


@pytest.mark.parametrize(
    ("text", "name", "roles", "words"),
    [
        (SALES, "sales.csv", {"user_id": "whoo"}, ["sales.csv", "'whoo'", "'who'"]),
        (SALES, "sales.csv", {"timestamp": "date"}, ["sales.csv", "'date'"]),
        (SALES, "sales.doc", {}, ["sales.doc", ".csv"]),
        ("", "sales.csv", {}, ["sales.csv", "0 bytes"]),
        (b"PAR1 but no Parquet", "sales.parquet", {}, ["sales.parquet", "cannot be read"]),
        (SALES.replace("2019-01-0", "01/01/201"), "sales.csv", {}, ["sales.csv", "'01/01/2011'", "'when'"]),
        (SALES.replace("2019-01-0", "2019010"), "sales.csv", {}, ["sales.csv", "20190101", "'when'"]),
    ],
)
def test_an_invalid_file_raises_one_sentence(
    tmp_path: Path, text: Any, name: str, roles: Any, words: list[str]
) -> None:
    with pytest.raises(TableError) as caught:
        read(sales(tmp_path, text, name, **roles), base=tmp_path)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("text", "roles", "words"),
    [
        (SALES + "2019-02-01,9\n", {}, ["sales.csv", "fewer fields", "line 5"]),
        (SALES + "2019-13-01,9,x,1,2,hat\n", {}, ["sales.csv", "2019-13-01", "'when'"]),
        (SALES + "2019-02-01,9,x,dear,2,hat\n", {"price": "cost"}, ["sales.csv", "dear", "cost"]),
        ("when,who,what\n", {}, ["sales.csv", "no rows"]),
    ],
)
def test_invalid_lines_raise_one_sentence_when_they_are_read(
    tmp_path: Path, text: str, roles: Any, words: list[str]
) -> None:
    with pytest.raises(TableError) as caught:
        clean(read(sales(tmp_path, text, **roles), base=tmp_path))
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_a_line_with_too_many_fields_is_refused(tmp_path: Path) -> None:
    (tmp_path / "u.csv").write_text("who,age\n007,1\n9,1,5\n")
    with pytest.raises(TableError, match=r"users table \(u\.csv\) has more fields than columns in line 3; quote"):
        clean(read(sales(tmp_path), UsersSource(path="u.csv"), base=tmp_path))


def test_error_for_a_missing_file_suggests_a_similar_one(tmp_path: Path) -> None:
    sales(tmp_path)
    with pytest.raises(TableError, match=r"no file .*sale\.csv; did you mean 'sales\.csv'"):
        read(TransactionsSource(path="sale.csv", **ROLES), base=tmp_path)
    with pytest.raises(TableError, match=r"users table \(u\.csv\) does not exist.*u\.csv"):
        read(sales(tmp_path), UsersSource(path="u.csv"), base=tmp_path)


def test_a_pattern_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"no file .*nothing-\*\.csv"):
        read(TransactionsSource(path="nothing-*.csv", **ROLES), base=tmp_path)


@pytest.mark.parametrize(
    ("users", "words"),
    [
        (UsersSource(path="u.csv", user_id="id"), ["users table (u.csv)", "'id'"]),
        (UsersSource(path="u.csv", columns=["aeg"]), ["users table (u.csv)", "'aeg'", "'age'"]),
        (UsersSource(columns=["zip"]), ["transactions table (sales.csv)", "'zip'"]),
    ],
)
def test_a_missing_column_is_refused(tmp_path: Path, users: UsersSource, words: list[str]) -> None:
    (tmp_path / "u.csv").write_text("who,age\n007,1\n")
    with pytest.raises(TableError) as caught:
        read(sales(tmp_path), users, base=tmp_path)
    for word in words:
        assert word in str(caught.value)


def test_a_second_id_column_is_refused(tmp_path: Path) -> None:
    (tmp_path / "u.csv").write_text("who,user_id\n007,1\n")
    with pytest.raises(TableError, match="has a column 'user_id', but its id is in column 'who'; rename or remove"):
        read(sales(tmp_path), UsersSource(path="u.csv"), base=tmp_path)
