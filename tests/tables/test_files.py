import gzip
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from gingham.errors import TableError
from gingham.tables import TransactionsSource, read
from gingham.tables.files import find_files, kind_of, open_files
from gingham.tables.format import FileFormat
from gingham.tables.origin import Origin

ORIGIN = Origin("transactions", "sales")
ROWS = pl.DataFrame({"who": ["007", "9"], "what": ["0108", "0200"], "cost": [1.5, 2.0]})


def write(file: Path, rows: pl.DataFrame = ROWS) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".gz":
        file.write_bytes(gzip.compress(rows.write_csv().encode()))
    elif file.suffix == ".zst":
        rows.lazy().sink_csv(file, compression="zstd")
    elif file.suffix == ".csv":
        rows.write_csv(file)
    else:
        rows.write_parquet(file)
    return file.name


def open_table(path: str | list[str], base: Path) -> pl.DataFrame:
    files = find_files(path, base, ORIGIN)
    return open_files(files, FileFormat(), ORIGIN).scan(["who", "what"], ["cost"]).collect()


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.csv.zst", "a.CSV", "a.parquet", "a.pq", "a[1]*.csv"])
def test_a_file_is_one_table(tmp_path: Path, name: str) -> None:
    write(tmp_path / name.lower())
    (tmp_path / name.lower()).rename(tmp_path / name)
    write(tmp_path / "a1.csv", ROWS.head(1))  # a[1]*.csv as a pattern would match this file
    assert open_table(name, tmp_path).equals(ROWS)


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "csv.zst", "parquet"])
def test_a_list_of_files_is_one_table_in_that_order(tmp_path: Path, ending: str) -> None:
    names = [write(tmp_path / f"{name}.{ending}", ROWS.with_columns(cost=float(name))) for name in (3, 1, 2)]
    assert open_table(names, tmp_path)["cost"].to_list() == [3, 3, 1, 1, 2, 2]


def test_a_list_may_contain_patterns_and_different_compressions(tmp_path: Path) -> None:
    write(tmp_path / "2024" / "b.csv", ROWS.with_columns(cost=2.0))
    write(tmp_path / "2024" / "a.csv.gz", ROWS.with_columns(cost=1.0))
    write(tmp_path / "2025" / "a.csv.zst", ROWS.with_columns(cost=3.0))
    assert open_table(["2024/*.csv*", "2025/a.csv.zst"], tmp_path)["cost"].to_list() == [1, 1, 2, 2, 3, 3]


def test_a_folder_of_parquet_files_may_be_partitioned(tmp_path: Path) -> None:
    for year in (2024, 2025):
        write(tmp_path / "sales" / f"year={year}" / "part.parquet", ROWS)
    assert open_table("sales", tmp_path)["year"].to_list() == [2024, 2024, 2025, 2025]
    assert open_table("sales/*/*.parquet", tmp_path).height == 4


def test_files_with_columns_in_another_order_are_refused(tmp_path: Path) -> None:
    # Polars reads the headers of the first ten files, and matches the columns of the others by position.
    names = [write(tmp_path / f"{number:02}.csv") for number in range(12)]
    write(tmp_path / "11.csv", ROWS.select("what", "who", "cost"))
    with pytest.raises(TableError, match=r"what, who, cost in 11\.csv, but who, what, cost in 00\.csv"):
        open_table(names, tmp_path)


def test_types_are_inferred_from_all_files(tmp_path: Path) -> None:
    for number in range(12):
        write(tmp_path / f"{number:02}.csv", pl.DataFrame({"who": ["a"], "age": [number]}))
    write(tmp_path / "12.csv", pl.DataFrame({"who": ["a"], "age": ["old"]}))
    files = find_files("*.csv", tmp_path, ORIGIN)
    assert open_files(files, FileFormat(), ORIGIN).scan(["who"]).collect()["age"][-1] == "old"


def test_the_kind_is_the_end_of_the_name() -> None:
    assert kind_of("A.CSV") == kind_of("a.dat.gz") == kind_of("a.zip") == kind_of("s3://shop/a.csv?version=1") == "text"
    assert kind_of("a.ndjson.gz") == "JSON lines"
    assert kind_of("a.docx") is None


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("sale.csv", ["no file", "'sales.csv'"]),
        ("nothing-*.csv", ["no file", "nothing-*.csv"]),
        (["sales.csv", "zero.csv"], ["zero.csv", "0 bytes"]),
        ("z*.csv", ["zero.csv", "0 bytes"]),
        (["sales.csv", "sales.parquet"], ["Parquet and text"]),
        ("notes.docx", ["notes.docx", ".csv", ".zst", ".parquet"]),
        ("empty", ["empty", "without tables"]),
        ("pipe.csv", ["pipe.csv", "is not a regular file"]),
        ("fake.parquet", ["cannot be read"]),
        ("cut.csv.gz", ["cannot be read"]),
    ],
)
def test_an_invalid_path_raises_one_sentence(tmp_path: Path, path: Any, words: list[str]) -> None:
    write(tmp_path / "sales.csv")
    write(tmp_path / "sales.parquet")
    (tmp_path / "zero.csv").touch()
    (tmp_path / "notes.docx").write_text("who,what\n")
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "fake.parquet").write_text("PAR1 but not Parquet")
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(ROWS.write_csv().encode() * 100)[:40])
    with pytest.raises(TableError) as caught:
        open_table(path, tmp_path)
    message = str(caught.value)
    assert message.startswith("The transactions table (sales) ")
    assert "\n" not in message
    for word in words:
        assert word in message


class Bucket(BaseHTTPRequestHandler):
    """The part of S3 that reading needs: HEAD, and GET with or without a range."""

    objects: dict[str, bytes] = {}  # noqa: RUF012 (each test's own subclass has its own)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        content = self.objects.get(self.path.partition("?")[0])
        if content is None:
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start, end = 0, len(content)
        if span := self.headers.get("Range"):
            low, _, high = span.removeprefix("bytes=").partition("-")
            start, end = (int(low), int(high) + 1 if high else end) if low else (max(0, end - int(high)), end)
            end = min(end, len(content))
        self.send_response(206 if span else 200)
        if span:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(content)}")
        self.send_header("Content-Length", str(end - start))
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Thu, 31 Jan 2019 18:30:00 GMT")
        self.end_headers()
        if body:
            self.wfile.write(content[start:end])

    def log_message(self, format: str, *args: Any) -> None:
        """Do not log."""


@pytest.fixture(scope="module")
def bucket() -> Iterator[dict[str, bytes]]:
    """Objects by path, which ``s3://`` reads from a local server; one for all tests, because Polars caches it."""
    objects: dict[str, bytes] = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OneBucket", (Bucket,), {"objects": objects}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "test-key",
            "AWS_SECRET_ACCESS_KEY": "test-secret",
            "AWS_REGION": "eu-north-1",
            "AWS_CONFIG_FILE": "no-config",
            "AWS_SHARED_CREDENTIALS_FILE": "no-credentials",
        }.items():
            environment.setenv(name, value)
        yield objects
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("name", ["sales.parquet", "sales.csv"])
def test_s3_is_read_through_polars(tmp_path: Path, bucket: dict[str, bytes], name: str) -> None:
    write(tmp_path / name)
    bucket[f"/shop/{name}"] = (tmp_path / name).read_bytes()
    source = TransactionsSource(path=f"s3://shop/{name}", user_id="who", item_id="what", price="cost")
    # The base folder does not matter for a URL, so it need not exist.
    rows = read(source, base=tmp_path / "nowhere").transactions.collect()
    assert rows.rows() == ROWS.rows()


@pytest.mark.parametrize("name", ["a.csv", "[ab].csv", "a.csv.gz", "odd.csv"])
def test_a_url_may_be_of_any_regular_file_or_a_pattern(tmp_path: Path, name: str) -> None:
    for file in ("a.csv", "b.csv", "a.csv.gz"):
        write(tmp_path / file)
    (tmp_path / "odd.csv").write_text('who;what;cost;name\n007;0108;1.5;7" x\n9;0200;2.0;"a;b"\n')
    source = TransactionsSource(path=f"file://{tmp_path}/{name}", user_id="who", item_id="what", price="cost")
    rows = read(source).transactions.collect().rows()
    assert rows == ROWS.rows() * (2 if "[" in name else 1)


def test_a_pattern_of_urls_has_fewer_keys(tmp_path: Path) -> None:
    write(tmp_path / "a.csv")
    source = TransactionsSource(path=f"file://{tmp_path}/*.csv", user_id="who", item_id="what", encoding="latin-1")
    with pytest.raises(TableError, match="is a pattern of URLs, for which encoding cannot be set; list the URLs"):
        read(source)


def test_a_missing_s3_object_raises_one_sentence(tmp_path: Path, bucket: dict[str, bytes]) -> None:
    source = TransactionsSource(path="s3://shop/none.parquet", user_id="who", item_id="what")
    with pytest.raises(TableError, match=r"transactions table \(s3://shop/none\.parquet\) cannot be read") as caught:
        read(source, base=tmp_path)
    assert "\n" not in str(caught.value)
