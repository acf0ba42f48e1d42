from pathlib import Path

import pytest
from typer.testing import CliRunner

import gingham as gg
from gingham.cli import app

MORE = """
[[compare.models]]
name = "bpr"
loss = "bpr"

[[compare.models]]
name = "[b]a model of [/b] a rather long name[/b]"
kind = "popularity"
window = "1d"
"""


@pytest.fixture
def compared(recipe: Path) -> Path:
    recipe.write_text(recipe.read_text() + MORE)
    return recipe


@pytest.mark.parametrize("width", [80, 120])
def test_compare_prints_the_table_at_any_width(compared: Path, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setattr("gingham.cli.console.output._width", width)
    done = CliRunner().invoke(app, ["compare", str(compared)])
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert max(len(line) for line in lines) <= width
    assert sum("Metrics: mean" in line for line in lines) == (2 if width == 80 else 1)
    for words in ("map@5", "recent-best-", "coverage", "By map@5, bpr is ", "[b]a model of"):
        assert words in done.stdout
    assert "…" not in done.stdout
    assert "Fitting bpr" in done.stderr


def test_compare_writes_the_page(compared: Path, tmp_path: Path) -> None:
    page = tmp_path / "new" / "page.html"
    done = CliRunner().invoke(app, ["compare", str(compared), "--out", str(page)])
    assert done.exit_code == 0, done.output
    assert f"Wrote {page}." in done.stdout.replace("\n", "")
    assert "<h1>Comparison: shop</h1>" in page.read_text(encoding="utf-8")


def test_a_folder_as_the_page_is_refused_before_anything_is_read(recipe: Path) -> None:
    done = CliRunner().invoke(app, ["compare", str(recipe), "--out", str(recipe.parent)])
    assert isinstance(done.exception, gg.errors.ReportError)
    assert "Reading" not in done.stderr
