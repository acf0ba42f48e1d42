from pathlib import Path

from typer.testing import CliRunner

import gingham as gg
from gingham.cli import app


def test_profile_prints_its_sentences_and_writes_the_page(recipe: Path, tmp_path: Path) -> None:
    page = tmp_path / "new" / "page.html"
    done = CliRunner().invoke(app, ["profile", str(recipe), "--out", str(page)])
    assert done.exit_code == 0, done.output
    result = gg.profile(gg.read_tables(recipe))
    for number, sentence in enumerate(result.sentences, start=1):
        assert f"{number}. {sentence}" in done.stdout
    assert len(result.sentences) == 5
    assert f"Wrote {page}." in done.stdout
    assert "Profiling the tables" in done.stderr
    html = page.read_text(encoding="utf-8")
    assert "<h1>Profile: shop</h1>" in html
    assert "users where age &gt; 20" in html


def test_nothing_is_written_for_a_missing_recipe(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["profile", str(tmp_path / "no.toml"), "--out", str(tmp_path / "page.html")])
    assert isinstance(done.exception, gg.errors.ConfigError)
    assert not any(tmp_path.iterdir())


def test_a_folder_as_the_page_is_refused_before_anything_is_read(recipe: Path) -> None:
    done = CliRunner().invoke(app, ["profile", str(recipe), "--out", str(recipe.parent)])
    assert isinstance(done.exception, gg.errors.ReportError)
    assert "Reading" not in done.stderr
