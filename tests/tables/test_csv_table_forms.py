"""Files in other forms than UTF-8 with commas: each of the three tables is read as Python's csv reads it."""

import codecs
import csv
import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from gingham.errors import TableError
from gingham.tables import ItemsSource, Tables, TransactionsSource, UsersSource, check_sources, clean, read

Rows = list[list[str]]
TABLES = ("transactions", "users", "items")
NAMES = ["Zoë", "tea; box", "a,b", 'two "marks"', "x|y", "été", "plain", "", "tab\tbed", "two\nlines"]


def table_rows(table: str, names: list[str] = NAMES) -> Rows:
    """Return a header and rows: ids, and a column of names that is not used by the transactions."""
    ids = [["u1", "i1"], ["u2", "i2"], ["u1", "i2"]]
    header = ["user_id", "item_id"] if table == "transactions" else [f"{table[:-1]}_id"]
    rows = [
        [*(ids[n % 3] if table == "transactions" else [f"{table[0]}{n}"]), name, f"{n}.5"]
        for n, name in enumerate(names)
    ]
    return [[*header, "name", "size"], *rows]


def written(rows: Rows, separator: str = ",", end: str = "\n", **options: Any) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator=end, **options).writerows(rows)
    return text.getvalue()


def sources(folder: Path, table: str, data: bytes, name: str = "odd.csv", **keys: Any) -> dict[str, Any]:
    """Write the file of one table, and regular files for the others; return the sources of all three."""
    for other in TABLES:
        (folder / f"{other}.csv").write_text(written(table_rows(other, ["a"] * 5)))
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(data)
    options: dict[str, dict[str, Any]] = {other: {"path": f"{other}.csv"} for other in TABLES}
    options[table] = {"path": name.partition("/")[0]} | keys
    return {
        "transactions": TransactionsSource(user_id="user_id", item_id="item_id", **options["transactions"]),
        "users": UsersSource(**options["users"]),
        "items": ItemsSource(**options["items"]),
        "base": folder,
    }


def values(tables: Tables, table: str) -> list[list[str]]:
    """Return the rows of a table as text; an empty text for null."""
    frame: pl.LazyFrame = getattr(clean(tables), table)
    rows = frame.collect().with_columns(pl.all().cast(pl.String).fill_null(""))
    return [list(row) for row in rows.rows()]


def expected(rows: Rows, table: str) -> list[list[str]]:
    return [row[:2] if table == "transactions" else row for row in rows[1:]]


def compress(data: bytes) -> bytes:
    return gzip.compress(data)


def zipped(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__MACOSX/._odd.csv", b"\0")
        archive.writestr("folder/", b"")
        archive.writestr("folder/odd.csv", data)
    return buffer.getvalue()


def without(character: str) -> list[str]:
    return [name for name in NAMES if character not in name and "\n" not in name and '"' not in name]


Form = tuple[Callable[[str], bytes], str, dict[str, Any], str]
FORMS: dict[str, Form] = {
    # how a table is made to bytes, the name of the file, the keys of the recipe, what the steps report
    "plain": (lambda t: written(table_rows(t)).encode(), "odd.csv", {}, ""),
    "windows": (lambda t: written(table_rows(t), end="\r\n").encode(), "odd.csv", {}, ""),
    "old mac": (lambda t: written(table_rows(t, without("\n")), end="\r").encode(), "odd.csv", {}, ""),
    "mixed line ends": (
        lambda t: text(t).replace("4.5\n", "4.5\r\n").replace("size\n", "size\r\n").encode(), "odd.csv", {}, ""
    ),
    "mark": (lambda t: written(table_rows(t)).encode("utf-8-sig"), "odd.csv", {}, ""),
    "mark and quotes": (lambda t: written(table_rows(t), quoting=csv.QUOTE_ALL).encode("utf-8-sig"), "odd.csv", {}, ""),
    "quotes": (lambda t: written(table_rows(t), quoting=csv.QUOTE_ALL).encode(), "odd.csv", {}, ""),
    "no last line end": (lambda t: written(table_rows(t)).rstrip("\n").encode() + b",9", "odd.csv", {}, "uneven"),
    "blank last line": (lambda t: (written(table_rows(t)) + "\n").encode(), "odd.csv", {}, ""),
    "blank lines": (lambda t: written(table_rows(t), end="\n\n").encode(), "odd.csv", {}, ""),
    "blank first lines": (lambda t: b"\n\n" + written(table_rows(t)).encode(), "odd.csv", {}, ""),
    "blank windows lines": (lambda t: (written(table_rows(t), end="\r\n") + "\r\n \r\n").encode(), "odd.csv", {}, ""),
    "semicolons": (lambda t: written(table_rows(t), ";").encode(), "odd.csv", {}, "separator ';'"),
    "tabs": (lambda t: written(table_rows(t), "\t").encode(), "odd.tsv", {}, "separator '\\t'"),
    "bars": (lambda t: written(table_rows(t), "|").encode(), "odd.txt", {}, "separator '|'"),
    "bars that are set": (lambda t: written(table_rows(t), "|").encode(), "odd.txt", {"separator": "|"}, ""),
    "carets": (lambda t: written(table_rows(t), "^").encode(), "odd.csv", {"separator": "^"}, ""),
    "spaces": (lambda t: written(table_rows(t), " ").encode(), "odd.dat", {"separator": " "}, ""),
    "excel line": (lambda t: ("sep=;\r\n" + written(table_rows(t), ";", "\r\n")).encode(), "odd.csv", {}, ";"),
    "excel line of commas": (lambda t: ("sep=,\n" + written(table_rows(t))).encode(), "odd.csv", {}, ""),
    "excel line and mark": (
        lambda t: ("sep=;\n" + written(table_rows(t), ";")).encode("utf-8-sig"), "odd.csv", {}, "separator ';'"
    ),
    "latin-1": (lambda t: written(table_rows(t), ";").encode("latin-1"), "odd.csv", {"encoding": "latin-1"}, ";"),
    "cp1252": (lambda t: written(table_rows(t)).encode("cp1252"), "odd.csv", {"encoding": "cp1252"}, ""),
    "utf-16": (lambda t: written(table_rows(t), "\t").encode("utf-16"), "odd.txt", {}, "encoding utf-16"),
    "utf-16-le": (
        lambda t: codecs.BOM_UTF16_LE + written(table_rows(t)).encode("utf-16-le"), "odd.csv", {}, "encoding utf-16"
    ),
    "utf-16-be": (
        lambda t: written(table_rows(t)).encode("utf-16-be"), "odd.csv", {"encoding": "utf-16-be"}, ""
    ),
    "utf-32": (lambda t: written(table_rows(t)).encode("utf-32"), "odd.csv", {}, "encoding utf-32"),
    "utf-8 that is set": (lambda t: written(table_rows(t)).encode("utf-8-sig"), "odd.csv", {"encoding": "UTF8"}, ""),
    "shift_jis": (
        lambda t: written(table_rows(t, ["緑茶", "茶"])).encode("shift_jis"), "odd.csv", {"encoding": "shift_jis"}, ""
    ),
    "gzip": (lambda t: compress(written(table_rows(t)).encode()), "odd.csv.gz", {}, ""),
    "gzip named csv": (lambda t: compress(written(table_rows(t)).encode()), "odd.csv", {}, ""),
    "gzip of semicolons": (lambda t: compress(written(table_rows(t), ";").encode()), "odd.tsv.gz", {}, ";"),
    "gzip in latin-1": (
        lambda t: compress(written(table_rows(t)).encode("latin-1")), "odd.csv.gz", {"encoding": "latin-1"}, ""
    ),
    "zip": (lambda t: zipped(written(table_rows(t)).encode()), "odd.zip", {}, ""),
    "zip of semicolons": (lambda t: zipped(written(table_rows(t), ";").encode()), "odd.csv.zip", {}, "separator ';'"),
    "spark": (lambda t: written(table_rows(t)).encode(), "odd/part-00000-1a.csv", {}, ""),
}  # fmt: skip


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("form", sorted(FORMS))
def test_other_forms_are_read(tmp_path: Path, table: str, form: str) -> None:
    make, name, keys, report = FORMS[form]
    arguments = sources(tmp_path, table, make(table), name, **keys)
    if name.startswith("odd/"):
        for marker in ("_SUCCESS", ".part-00000-1a.csv.crc", "._SUCCESS.crc"):
            (tmp_path / "odd" / marker).write_bytes(b"crc\0")
        (tmp_path / "odd" / "part-00001-1a.csv").touch()
    if report == "uneven":
        with pytest.raises(TableError, match="more fields than columns in line"):
            read(**arguments)
        return
    tables = read(**arguments)
    rows = table_rows(table, ["緑茶", "茶"] if form == "shift_jis" else without("\n") if form == "old mac" else NAMES)
    assert values(tables, table) == expected(rows, table)
    notes = [finding.what for finding in check_sources(**arguments) if finding.severity != "warning"]
    notes = [what for what in notes if "duplicate" not in what and "ids without" not in what]
    assert (len(notes) == 1 and report in notes[0]) if report else notes == []
    step = clean(tables).steps[0].name
    assert report in step if report else step == "read"


def text(table: str, start: int = 0) -> str:
    return written(table_rows(table)[start:])


def colons(rows: Rows) -> bytes:
    return "".join("::".join(row) + "\n" for row in rows).encode()


MOVIES = ["One Man's Hero (1999)", '"Great Performances" Cats (1998)', "a,b;c|d", '7" single']


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("has_header", [True, False])
def test_double_colons_are_read(tmp_path: Path, table: str, has_header: bool) -> None:
    rows = table_rows(table, MOVIES)
    keys = {} if has_header else {"column_names": rows[0]}
    arguments = sources(tmp_path, table, colons(rows if has_header else rows[1:]), "odd.dat", **keys)
    tables = read(**arguments)
    assert values(tables, table) == expected(rows, table)
    assert "separator '::'" in clean(tables).steps[0].name


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("names", [NAMES, ["a", "b"]])
def test_files_without_header_are_read(tmp_path: Path, table: str, separator: str, names: list[str]) -> None:
    rows = table_rows(table, names)
    data = written(rows[1:], separator).encode()
    arguments = sources(tmp_path, table, data, column_names=rows[0])
    assert values(read(**arguments), table) == expected(rows, table)


@pytest.mark.parametrize("table", TABLES)
def test_a_list_of_files_may_be_of_different_forms(tmp_path: Path, table: str) -> None:
    rows = table_rows(table)
    arguments = sources(tmp_path, table, b"", "unused.csv")
    (tmp_path / "a.csv").write_text(written(rows[:4], ";"), encoding="utf-8-sig")
    (tmp_path / "b.csv").write_text(written([rows[0], *rows[4:7]], "\t"), encoding="utf-16")
    (tmp_path / "c.csv").write_text(written([rows[0], *rows[7:]]))
    arguments[table] = arguments[table].model_copy(update={"path": ["a.csv", "b.csv", "c.csv"]})
    assert values(read(**arguments), table) == expected(rows, table)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    ("make", "name", "keys", "words"),
    [
        (lambda t: text(t).encode("latin-1"), "odd.csv", {}, 'in line 2 that are not UTF-8; set encoding = "cp1252"'),
        (lambda t: written(table_rows(t)).encode("utf-16-le"), "odd.csv", {}, 'set encoding = "utf-16-le"'),
        (lambda t: written(table_rows(t)).encode("utf-16-be"), "odd.csv", {}, 'set encoding = "utf-16-be"'),
        (lambda t: written(table_rows(t)).encode(), "odd.csv", {"encoding": "utf-16"}, "is not utf-16 text"),
        (lambda t: written(table_rows(t)).encode("latin-1"), "odd.csv", {"encoding": "ascii"}, "are not ascii"),
        (lambda t: written(table_rows(t)[1:]).encode(), "odd.csv", {}, "has no column"),
        (lambda t: b"1,2,3.5\n2,3,4.5\n", "odd.csv", {}, "if the file has no header, set column_names"),
        (lambda t: text(t, 1).encode(), "odd.csv", {"column_names": ["user_id", "item_id"]}, "column_names"),
        (lambda t: written(table_rows(t)).encode(), "odd.csv", {"separator": ";"}, "has no column"),
        (lambda t: b"user_id,item_id\nu,i\n", "a.csv", {"column_names": ["user_id", "item_id"]}, "remove column_names"),
        (lambda t: zipped(b""), "odd.zip", {}, "0 bytes"),
        (lambda t: zipped(written(table_rows(t)).encode())[:80], "odd.zip", {}, "compressed file is damaged"),
        (lambda t: compress(written(table_rows(t)).encode())[:60], "odd.csv.gz", {}, "compressed file is damaged"),
        (lambda t: b"PAR1" + bytes(50), "odd.csv", {}, "is a Parquet file, not text"),
        (lambda t: b"\n\n \n", "odd.csv", {}, "has no columns"),
        (lambda t: b"\xef\xbb\xbf", "odd.csv", {}, "has no columns"),
    ],
)  # fmt: skip
def test_a_refused_file_names_the_key_that_reads_it(
    tmp_path: Path, table: str, make: Callable[[str], bytes], name: str, keys: dict[str, Any], words: str
) -> None:
    arguments = sources(tmp_path, table, make(table), name, **keys)
    with pytest.raises(TableError) as caught:
        read(**arguments)
    message = str(caught.value)
    assert words in message
    assert message.startswith(f"The {table} table ({name}) ")
    assert "\n" not in message
    assert [finding.what for finding in check_sources(**arguments) if finding.severity == "error"] == [message]
