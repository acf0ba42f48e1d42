"""Wrong input and a full disk: one message, exit code 2, and the earlier run is unchanged."""

import gzip
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import gingham as gg
from tests.little_shop import write_shop

SALES, PEOPLE, THINGS = "transactions.csv", "customers.csv", "articles.csv"


def run(recipe: Path, out: Path, bytes_a_file: int | None = None) -> subprocess.CompletedProcess[str]:
    def limited() -> None:
        if bytes_a_file is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_a_file, bytes_a_file))

    command = [sys.executable, "-B", "-m", "gingham", "run", str(recipe), "--out", str(out)]
    return subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"}, timeout=120, preexec_fn=limited
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def earlier(recipe: Path, tmp_path: Path) -> Path:
    gg.run(recipe, tmp_path / "out")
    return tmp_path / "out"


def assert_refused(done: subprocess.CompletedProcess[str], words: list[str]) -> None:
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    (error,) = (line for line in done.stderr.splitlines() if line.startswith("Error: "))
    assert done.stderr.strip().endswith(error)
    for word in words:
        assert word in error


def append(file: Path, text: str | bytes) -> None:
    with file.open("ab") as stream:
        stream.write(text if isinstance(text, bytes) else text.encode())


def as_parquet_numbers(folder: Path) -> None:
    articles = pl.read_csv(folder / THINGS)
    assert articles["article"].dtype == pl.Int64
    articles.write_parquet(folder / "articles.parquet")
    recipe = folder / "shop.toml"
    recipe.write_text(recipe.read_text().replace(THINGS, "articles.parquet"))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: append(folder / SALES, "c001,03,2024-01-01,7\n"), [SALES, "line 1,202", "more fields"]),
        (lambda folder: append(folder / SALES, "c001\n"), [SALES, "fewer fields", "line 1,202"]),
        (lambda folder: append(folder / SALES, "c001,03,01.02.2024\n"), [SALES, "'01.02.2024'", "'day'", "line 1,202"]),
        (lambda folder: append(folder / PEOPLE, '"c1,2\n'), [PEOPLE, "quotation mark", "line 42"]),
        (lambda folder: append(folder / PEOPLE, b"\xe9,2\n"), [PEOPLE, "UTF-8", "line 42"]),
        (lambda folder: (folder / THINGS).write_bytes(b""), [THINGS, "0 bytes"]),
        (lambda folder: (folder / THINGS).unlink(), [THINGS, "no file"]),
        (as_parquet_numbers, ["articles.parquet", "Int64", "'article'", "String", SALES]),
    ],
)
def test_broken_tables(recipe: Path, earlier: Path, spoil: Callable[[Path], Any], words: list[str]) -> None:
    before = contents(earlier)
    spoil(recipe.parent)
    assert_refused(run(recipe, earlier), words)
    assert contents(earlier) == before
    assert not [entry for entry in earlier.parent.iterdir() if entry.name.startswith(".")]


@pytest.mark.parametrize("limit", [0, 500, 3_000])
def test_a_full_disk(recipe: Path, earlier: Path, limit: int) -> None:
    """The limit decides which file does not fit."""
    sizes = {name: len(content) for name, content in contents(earlier).items()}
    assert max(sizes.values()) > limit
    before = contents(earlier)
    assert_refused(run(recipe, earlier, limit), [str(earlier), "cannot be written", "its current version is unchanged"])
    assert contents(earlier) == before
    assert not [entry for entry in earlier.parent.iterdir() if entry.name.startswith(".")]


def test_unusual_files_are_accepted(recipe: Path, tmp_path: Path) -> None:
    """A byte order mark, Windows' line ends, line breaks within fields, compression."""
    plain = gg.run(recipe, tmp_path / "plain")
    for name in (SALES, PEOPLE, THINGS):
        text = (tmp_path / name).read_text().replace("thing ", '"thing\n').replace("[/b]", '[/b]"')
        content = b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
        (tmp_path / name).unlink()
    recipe.write_text(recipe.read_text().replace('.csv"', '.csv.gz"'))
    done = run(recipe, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert gg.run(recipe, tmp_path / "odd").steps == plain.steps


def test_a_list_of_files_in_a_recipe(recipe: Path, tmp_path: Path) -> None:
    whole = gg.read_tables(recipe)
    lines = (tmp_path / SALES).read_text().splitlines(keepends=True)
    (tmp_path / "old.csv").write_text("".join(lines[:500]))
    (tmp_path / "new.csv").write_text("".join([lines[0], *lines[500:]]))
    recipe.write_text(recipe.read_text().replace('"transactions.csv"', '["old.csv", "new.csv"]'))
    parts = gg.read_tables(recipe)
    assert parts.steps == whole.steps
    one, other = (table.transactions.collect().cast({pl.Categorical: pl.String}) for table in (parts, whole))
    assert one.equals(other)


def test_the_shop_has_the_expected_size(tmp_path: Path) -> None:
    write_shop(tmp_path)
    assert len((tmp_path / SALES).read_text().splitlines()) == 1201
    assert len((tmp_path / PEOPLE).read_text().splitlines()) == 41
