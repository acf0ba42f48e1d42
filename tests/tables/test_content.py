"""Compressed files, and files that would fill the memory."""

import gzip
import io
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gingham.errors import TableError
from gingham.tables import TransactionsSource, content, read
from gingham.tables.content import ContentError, collect, free_memory, read_chunks

ROLES = {"user_id": "user_id", "item_id": "item_id"}
ROW = b"user-1,item-1\n"


def open_table(folder: Path, name: str) -> None:
    read(TransactionsSource(path=name, **ROLES), base=folder)


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("_csv", ".csv"), data)
    return buffer.getvalue()


def test_free_memory_is_a_number_of_bytes() -> None:
    memory = free_memory()
    assert memory is None or memory > 2**20


@pytest.mark.parametrize(
    ("name", "pack"), [("sales.csv.gz", gzip.compress), ("sales.zip", lambda data: zipped(a_csv=data))]
)
def test_a_bomb_is_refused_before_it_fills_the_memory(
    tmp_path: Path, name: str, pack: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).write_bytes(pack(b"user_id,item_id\n" + ROW * 1_000_000))
    open_table(tmp_path, name)
    monkeypatch.setattr(content, "free_memory", lambda: 2**20)
    with pytest.raises(TableError, match=r"is larger than 0\.0 GB, which is most of the free memory") as caught:
        open_table(tmp_path, name)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_converted_in_memory_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sales.csv").write_bytes(b"user_id,item_id\n\n" + ROW * 100_000)
    monkeypatch.setattr(content, "free_memory", lambda: 2**20)
    with pytest.raises(TableError, match="most of the free memory"):
        open_table(tmp_path, "sales.csv")


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "LONGEST", 2**20)
    (tmp_path / "sales.csv").write_bytes(b"user_id,item_id\n" + ROW + b"x" * 3_000_000)
    with pytest.raises(TableError, match=r"has a record from line 3 on of more than .* GB"):
        open_table(tmp_path, "sales.csv")


@pytest.mark.parametrize("name", ["sales.jsonl.gz", "sales.xlsx"])
def test_bombs_of_other_kinds_are_refused(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    line = b'{"user_id": 1, "item_id": 2}\n'
    data = gzip.compress(line * 100_000) if name.endswith(".gz") else zipped(a_csv=line * 100_000)
    (tmp_path / name).write_bytes(data)
    monkeypatch.setattr(content, "free_memory", lambda: 2**20)
    with pytest.raises(TableError, match="most of the free memory"):
        open_table(tmp_path, name)


def test_json_without_line_ends_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "LONGEST", 2**20)
    (tmp_path / "sales.jsonl").write_bytes(b"{" * 3_000_000)
    with pytest.raises(TableError, match=r"has a line of more than .* GB; it is not a table"):
        open_table(tmp_path, "sales.jsonl")


def test_lines_do_not_depend_on_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\n\ntwo\nthree")
    for size in (1, 2, 5, 100):
        monkeypatch.setattr(content, "_CHUNK", size)
        assert list(content.read_lines(str(tmp_path / "a.txt"))) == [b"one", b"", b"two", b"three"]


BOMB = """
import resource, sys
from gingham.errors import TableError
from gingham.tables import TransactionsSource, clean, read

source = TransactionsSource(path=sys.argv[1], user_id="user_id", item_id="item_id")
good = TransactionsSource(path=sys.argv[2], user_id="user_id", item_id="item_id")
clean(read(good))  # import everything before the memory is limited
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 60 * 2**20, resource.RLIM_INFINITY))
try:
    clean(read(source))
except TableError as error:
    print(error)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the size of the process is not known")
def test_a_bomb_ends_in_one_sentence_where_memory_is_limited(tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_bytes(b"user_id,item_id\n" + ROW)
    with gzip.open(tmp_path / "bomb.csv.gz", "wb", compresslevel=1) as stream:
        stream.write(b"user_id,item_id\n")
        for _ in range(100):
            stream.write(ROW * 75_000)
    paths = [str(tmp_path / name) for name in ("bomb.csv.gz", "good.csv")]
    done = subprocess.run([sys.executable, "-c", BOMB, *paths], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "which is most of the free memory" in done.stdout
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (zipped(), "is a zip archive with 0 files, not"),
        (zipped(a_csv=ROW, b_csv=ROW), r"is a zip archive with 2 files \(a\.csv, b\.csv\), not"),
        (zipped(**{"[Content_Types].xml": ROW}), "is an Excel file, not text; rename it"),
        (b"PK\x03\x04 damaged", "compressed file is damaged"),
        (b"\x1f\x8b damaged", "compressed file is damaged"),
    ],
)
def test_a_damaged_archive_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "sales.zip").write_bytes(data)
    with pytest.raises(ContentError, match=words):
        collect(read_chunks(str(tmp_path / "sales.zip")))


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damaged_members_are_refused(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "sales.zip", "w", method) as archive:
        archive.writestr("sales.csv", np.random.default_rng(0).bytes(10_000))
    data = bytearray((tmp_path / "sales.zip").read_bytes())
    data[60:200] = bytes(140)
    (tmp_path / "sales.zip").write_bytes(data)
    with pytest.raises(ContentError, match="compressed file is damaged"):
        collect(read_chunks(str(tmp_path / "sales.zip")))


def test_an_encrypted_archive_is_refused(tmp_path: Path) -> None:
    data = bytearray(zipped(a_csv=ROW))
    data[6] |= 1  # the flag in the local header and in the directory
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "sales.zip").write_bytes(data)
    with pytest.raises(TableError, match="encrypted, password required for extraction; unpack it"):
        open_table(tmp_path, "sales.zip")
