import os
import subprocess
import sys
from pathlib import Path

import pytest

WIDE = {**os.environ, "COLUMNS": "160", "NO_COLOR": "1"}


def check(recipe: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gingham", "check", str(recipe), *options]
    return subprocess.run(command, capture_output=True, text=True, env=WIDE, timeout=120)


def change(recipe: Path, file: str, old: str, new: str) -> None:
    place = recipe.parent / file
    text = place.read_text()
    assert old in text
    place.write_text(text.replace(old, new))


def test_notes_do_not_fail(recipe: Path) -> None:
    for options in ([], ["--strict"]):
        done = check(recipe, *options)
        assert (done.returncode, done.stderr.strip()) == (0, "Checking the tables …"), done.stderr
        assert "note  users, customer (1 row): ids without transactions" in done.stdout
        assert "c039" in done.stdout
        assert "0 errors, 0 warnings, 2 notes." in done.stdout


def test_strict_makes_warnings_fail(recipe: Path) -> None:
    change(recipe, "customers.csv", "c000,", "[b]c999[/b],")
    done = check(recipe)
    assert done.returncode == 0
    assert " rows): 1 of 39 different ids is not in the users table; add" in done.stdout
    assert "[b]c999[/b]" in done.stdout  # markup in a value is text
    assert check(recipe, "--strict").returncode == 1


@pytest.mark.parametrize("options", [[], ["--strict"]])
def test_errors_are_all_listed_and_exit_with_2(recipe: Path, options: list[str]) -> None:
    change(recipe, "customers.csv", "c001,", "c000,")
    change(recipe, "articles.csv", "\n03,", "\n02,")
    done = check(recipe, *options)
    assert done.returncode == 2
    assert "error  users, customer (2 rows): ids that appear more than once; keep one row per user" in done.stdout
    assert "error  items, article (2 rows): ids that appear more than once; keep one row per item" in done.stdout
    assert " not in the items table; add" in done.stdout
    assert "2 errors, 2 warnings," in done.stdout


def test_a_table_that_cannot_be_read_is_an_error(recipe: Path) -> None:
    (recipe.parent / "articles.csv").write_bytes(b"")
    done = check(recipe)
    assert done.returncode == 2
    assert "error  items: The items table (articles.csv) is an empty file" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_filter_that_leaves_nothing_is_an_error(recipe: Path) -> None:
    change(recipe, "shop.toml", "age > 20", "age > 200")
    done = check(recipe)
    assert done.returncode == 2
    assert "error  transactions: The cleaning step 'users where age > 200' removes all" in done.stdout


def test_a_missing_recipe_is_an_error_of_one_line(tmp_path: Path) -> None:
    done = check(tmp_path / "none.toml")
    assert done.returncode == 2
    assert "gingham init" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
