import os
import pwd
import shlex
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import polars as pl
import pytest
import sqlalchemy

from gingham.errors import TableError
from gingham.tables import ItemsSource, TransactionsSource, UsersSource, clean, read
from gingham.tables.database import without_password

PASSWORD = "p@ss:w/rd"
ROLES = {"user_id": "who", "item_id": "what", "timestamp": "day", "price": "cost"}
SALES = """
CREATE TABLE sales (who text, what text, day {when}, cost {number}, pieces integer);
INSERT INTO sales VALUES ('007', '0108775015', '2019-01-31 18:30:00', 1.50, 1);
INSERT INTO sales VALUES ('007', '0200', '2019-02-01 00:00:00', NULL, 2);
INSERT INTO sales VALUES ('9', '0108775015', '2019-02-02 12:00:00', 2, NULL);
CREATE TABLE people (who text, age integer);
INSERT INTO people VALUES ('007', 40), ('9', NULL);
"""
BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server that listens on a socket in a folder."""

    folder: Path

    def url(self, password: str = PASSWORD) -> str:
        return f"postgresql+psycopg://shop:{quote(password, safe='')}@/postgres?host={quote(str(self.folder))}"

    def execute(self, *statements: str) -> None:
        engine = sqlalchemy.create_engine(self.url())
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        engine.dispose()


def binary(name: str) -> str:
    place = shutil.which(name, path=os.pathsep.join([*map(str, BINARIES), os.environ["PATH"]]))
    if place is None:
        pytest.fail(f"{name} is missing; install PostgreSQL to run these tests: apt-get install postgresql")
    return place


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="gingham-"))
    (folder / "password").write_text(PASSWORD)
    account: dict[str, object] = {}
    if os.geteuid() == 0:
        # The server refuses to run as root.
        entry = pwd.getpwnam("nobody")
        account = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        for place in (folder, folder / "password"):
            os.chown(place, entry.pw_uid, entry.pw_gid)

    def run(name: str, *arguments: str) -> None:
        done = subprocess.run(
            [binary(name), "-D", str(folder / "data"), *arguments],
            capture_output=True, text=True, cwd=folder, **account,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    try:
        who = ("-U", "shop", "-A", "scram-sha-256", f"--pwfile={folder / 'password'}")
        run("initdb", *who, "-E", "UTF8", "--locale=C", "-N")
        options = f"-k {shlex.quote(str(folder))} -c listen_addresses='' -c fsync=off"
        run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield Server(folder)
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def shop(server: Server) -> Server:
    server.execute(*SALES.format(when="timestamp", number="numeric(8,2)").strip().split("\n"))
    return server


@pytest.fixture
def sqlite(tmp_path: Path) -> Path:
    file = tmp_path / "shop.db"
    connection = sqlite3.connect(file)
    connection.executescript(SALES.format(when="text", number="real"))
    connection.close()
    return file


def sales(url: str, query: str = "SELECT * FROM sales ORDER BY day", **roles: str) -> TransactionsSource:
    return TransactionsSource(url=url, query=query, **ROLES | roles)


def assert_sales(rows: pl.DataFrame) -> None:
    assert rows.to_dict(as_series=False) == {
        "user_id": ["007", "007", "9"],
        "item_id": ["0108775015", "0200", "0108775015"],
        "timestamp": [datetime(2019, 1, 31, 18, 30), datetime(2019, 2, 1), datetime(2019, 2, 2, 12)],
        "price": [1.5, None, 2.0],
    }
    assert rows.schema["price"] == pl.Float64


def test_postgresql_is_read(shop: Server) -> None:
    assert shop.url().count("@") == 1
    tables = read(sales(shop.url()), UsersSource(url=shop.url(), query="SELECT * FROM people ORDER BY who"))
    assert_sales(tables.transactions.collect())
    assert tables.users is not None
    assert tables.users.collect().rows() == [("007", 40), ("9", None)]


def test_sqlite_path_is_relative_to_the_recipe(sqlite: Path) -> None:
    tables = read(sales("sqlite:///shop.db"), items=ItemsSource(columns=["pieces"]), base=sqlite.parent)
    assert_sales(tables.transactions.collect())
    assert_sales(read(sales(f"sqlite:///{sqlite}")).transactions.collect())


def test_items_may_come_from_columns_of_the_query(shop: Server) -> None:
    items = read(sales(shop.url()), items=ItemsSource(columns=["pieces"])).items
    assert items is not None
    assert items.collect().sort("item_id").rows() == [("0108775015", None), ("0200", 2)]


def test_integers_stay_integers_and_zones_become_utc(shop: Server) -> None:
    query = "SELECT 7::bigint AS who, 8::smallint AS what, timestamptz '2019-01-31 18:30+02' AS day, 1 AS cost"
    rows = read(sales(shop.url(), query)).transactions.collect()
    assert rows.rows() == [(7, 8, datetime(2019, 1, 31, 16, 30), 1)]
    assert rows.schema["user_id"] == rows.schema["item_id"] == pl.Int64


def test_all_rows_of_several_batches_are_read_once(shop: Server) -> None:
    # Only the last batch has prices.
    query = """
        SELECT n AS who, n % 10 AS what, date '2019-01-01' AS day, CASE WHEN n > 119000 THEN n * 0.5 END AS cost
        FROM generate_series(1, 120000) AS n
    """
    rows = read(sales(shop.url(), query)).transactions.collect()
    assert rows.height == 120_000
    assert rows["user_id"].sort().to_list() == list(range(1, 120_001))
    assert rows["price"].sum() == sum(range(119_001, 120_001)) / 2


def test_ids_without_a_polars_type_become_text(shop: Server) -> None:
    uuid = "0e37df36-f698-11e6-8dd4-cb9ced3df976"
    query = f"SELECT uuid '{uuid}' AS who, what, day, cost FROM sales"
    assert read(sales(shop.url(), query)).transactions.collect()["user_id"].to_list() == [uuid] * 3


def test_a_query_cannot_change_anything(shop: Server, sqlite: Path) -> None:
    for url in (shop.url(), f"sqlite:///{sqlite}"):
        assert "DELETE" in read_error(sales(url, "DELETE FROM sales"))
        assert read(sales(url)).transactions.collect().height == 3


def test_percent_signs_and_colons_in_a_query_have_no_special_meaning(shop: Server) -> None:
    query = "SELECT who, what, day, cost FROM sales WHERE what LIKE '01%' AND to_char(day, 'HH24:MI') <> ':x'"
    assert read(sales(shop.url(), query)).transactions.collect().height == 2


def test_an_empty_result_is_refused(shop: Server) -> None:
    with pytest.raises(TableError, match="no rows"):
        clean(read(sales(shop.url(), "SELECT * FROM sales WHERE cost > 99")))


def test_a_password_may_come_from_the_environment(shop: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", quote(PASSWORD, safe=""))
    url = f"postgresql+psycopg://shop:${{SHOP_PASSWORD}}@/postgres?host={shop.folder}"
    assert_sales(read(sales(url)).transactions.collect())
    monkeypatch.setenv("SHOP_DB", shop.url())
    assert_sales(read(sales("${SHOP_DB}")).transactions.collect())


def test_a_missing_environment_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_DB", raising=False)
    with pytest.raises(TableError, match=r"transactions table \(\$\{SHOP_DB\}\) needs .* 'SHOP_DB', which is not set"):
        read(sales("${SHOP_DB}"))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql+psycopg://shop:pw@host/db", "postgresql+psycopg://shop:***@host/db"),
        ("postgresql://shop:p@w@host/db", "postgresql://shop:***@host/db"),
        ("postgresql://shop@host/db", "postgresql://shop@host/db"),
        ("postgresql:///db?user=shop&password=pw&host=x", "postgresql:///db?user=shop&password=***&host=x"),
        ("sqlite:///shop.db", "sqlite:///shop.db"),
        ("${SHOP_DB}", "${SHOP_DB}"),
    ],
)
def test_passwords_are_not_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown
    assert url == shown or url not in repr(sales(url))


def read_error(source: TransactionsSource, base: Path = Path()) -> str:
    """Return the message of reading and cleaning; check that neither it nor its causes show the password."""
    with pytest.raises(TableError) as caught:
        clean(read(source, base=base))
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("The transactions table")
    error: BaseException | None = caught.value
    while error is not None:
        assert "pssst" not in str(error)
        error = error.__cause__
    return message


def test_a_wrong_password_is_not_shown(shop: Server) -> None:
    message = read_error(sales(shop.url("pssst")))
    assert "password authentication failed" in message
    assert "shop:***@" in message


def test_an_unreachable_server_raises_one_sentence(tmp_path: Path) -> None:
    message = read_error(sales(f"postgresql+psycopg://shop:pssst@/postgres?host={tmp_path}"))
    assert str(tmp_path) in message


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT * FROM sails", ["sails"]),
        ("SELECT who, cost FROM sales", ["'what'"]),
        ("SELECT who, what, what, day, cost FROM sales", ["'what'", "more than once"]),
        ("DELETE FROM sales", ["DELETE"]),
        ("SELECT who, what, 'noon' AS day, cost FROM sales", ["'noon'", "'day'"]),
        ("SELECT who, what, day, 'dear' AS cost FROM sales", ["'cost'", "numbers"]),
        ("SELECT NULL AS who, what, day, cost FROM sales", ["null", "'who'", "3 rows"]),
    ],
)
def test_an_invalid_query_raises_one_sentence(shop: Server, query: str, words: list[str]) -> None:
    message = read_error(sales(shop.url(), query))
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite:///shup.db", ["no file", "shup.db"]),
        ("shop.db", ["url", "postgresql+psycopg://"]),
        ("nosql://shop:pssst@host/db", ["nosql", "driver"]),
        ("mysql+pymysql://shop:pssst@host/db", ["pymysql", "driver"]),
    ],
)
def test_an_invalid_url_raises_one_sentence(sqlite: Path, url: str, words: list[str]) -> None:
    message = read_error(sales(url), sqlite.parent)
    for word in words:
        assert word in message
    assert [entry.name for entry in sqlite.parent.iterdir()] == ["shop.db"]


def sqlite_source(sqlite: Path, rows: str) -> TransactionsSource:
    """Return a table of SQLite whose columns have no type."""
    connection = sqlite3.connect(sqlite)
    connection.executescript(f"CREATE TABLE mixed (who, what, cost); INSERT INTO mixed {rows};")
    connection.close()
    query = "SELECT * FROM mixed ORDER BY rowid"
    return TransactionsSource(url="sqlite:///shop.db", query=query, user_id="who", item_id="what", price="cost")


def test_mixed_types_in_an_id_column_raise_one_sentence(sqlite: Path) -> None:
    message = read_error(sqlite_source(sqlite, "VALUES (1, 'x', 1), ('a', 'y', 1)"), sqlite.parent)
    assert "mixes types in column 'who': int and str; CAST it" in message


def test_types_that_change_between_batches_raise_one_sentence(sqlite: Path) -> None:
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) SELECT i, 'x', 1 FROM n"
    message = read_error(sqlite_source(sqlite, f"{numbers} UNION ALL SELECT '007', 'x', 1"), sqlite.parent)
    assert "mixes types in column 'who': Int64 and String; CAST it" in message


def test_integers_and_floats_in_a_column_are_floats(sqlite: Path) -> None:
    rows = read(sqlite_source(sqlite, "VALUES (1, 'x', 1), (2, 'y', 0.5), (3, 'y', NULL)"), base=sqlite.parent)
    assert rows.transactions.collect()["price"].to_list() == [1.0, 0.5, None]


def test_error_without_sqlalchemy_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sqlalchemy", None)
    with pytest.raises(TableError, match=r"pip install 'gingham\[sql\]'"):
        read(sales("sqlite:///shop.db"))
