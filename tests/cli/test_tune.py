from pathlib import Path

from typer.testing import CliRunner

from gingham.cli import app
from gingham.errors import ConfigError


def test_tune_prints_the_best_parameters_and_continues_a_study(recipe: Path, tmp_path: Path) -> None:
    recipe.write_text(f"{recipe.read_text()}\n[tune.space]\nn_components = [2, 4, 8]\n")
    command = ["tune", str(recipe), "--out", str(tmp_path / "out"), "--metric", "map@5", "--trials"]
    done = CliRunner().invoke(app, [*command, "2"])
    assert done.exit_code == 0, done.output
    assert "Best on the validation part: map@5" in done.stdout
    assert "n_components = " in done.stdout
    assert "best-sellers" in done.stdout
    assert "the best so far" in done.stderr
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    for heading in ("Tuning: shop", "The best trials", "On the test", "Trial by trial", "After each epoch"):
        assert heading in html
    again = CliRunner().invoke(app, [*command, "3"])
    assert again.exit_code == 0, again.output
    assert "has 2 of 3 trials" in again.stderr


def test_a_wrong_option_is_refused_before_anything_is_read(recipe: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["tune", str(recipe), "--out", str(tmp_path / "out"), "--sampler", "luck"])
    assert isinstance(done.exception, ConfigError)
    assert "'luck'" in str(done.exception)
    assert not (tmp_path / "out").exists()
