"""Runs, comparisons and searches of recipes with kind = "auto"."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

import gingham as gg
from gingham import pipeline
from gingham.cli import app
from gingham.errors import ConfigError
from gingham.models import Recommender
from gingham.tracking import of_run, of_tuning
from tests.recorder import Recorder


@pytest.fixture(autouse=True)
def panel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A panel of models that are quick."""
    for cls in Recommender.classes_by_kind.values():
        if cls.kind not in ("popularity", "buy-again", "item-knn", "next-basket"):
            monkeypatch.setattr(cls, "panel_cost", None)


@pytest.fixture
def auto(recipe: Path) -> Path:
    """The small shop's recipe with kind = "auto"."""
    before, model, after = recipe.read_text().partition("[model]")
    _, evaluate, rest = after.partition("[evaluate]")
    recipe.write_text(f'{before}{model}\nkind = "auto"\nrandom_state = 1\n\n{evaluate}{rest}')
    return recipe


def expected(auto: Path) -> dict[str, float]:
    """Return the metric of each model on the last week of the train part."""
    train, _ = gg.Recipe.read(auto).split.apply(gg.read_dataset(auto))
    fitted, validation = gg.split.by_time(train, "7d")
    models = {
        "popularity": gg.Popularity(),
        "buy-again": gg.BuyAgain(),
        "item-knn": gg.ItemKNN(),
        "next-basket": gg.NextBasket(),
    }
    return {
        kind: gg.evaluate(model.fit(fitted), validation, k=5).to_dict()["map@5"]["mean"]
        for kind, model in models.items()
    }


def test_a_run_stores_the_best_model_and_the_choice(auto: Path, tmp_path: Path) -> None:
    recorder = Recorder()
    run = gg.run(auto, tmp_path / "out", recorder)
    assert run.selection is not None
    values = expected(auto)
    assert dict(run.selection.table.select("model", "mean").iter_rows()) == pytest.approx(values)
    best = max(values, key=lambda kind: values[kind])
    assert run.selection.chosen == best == type(run.model).kind
    assert run.selection in recorder.results
    metrics = json.loads((tmp_path / "out" / "current" / "metrics.json").read_text())
    assert metrics["selection"]["chosen"] == best
    assert best in next(iter(metrics["models"]))
    assert best in (tmp_path / "out" / "current" / "selection.html").read_text(encoding="utf-8")
    loaded = gg.load(tmp_path / "out")
    assert loaded.recommend(k=4).equals(pl.read_parquet(tmp_path / "out" / "current" / "recommendations.parquet"))


def test_a_later_run_of_another_model_leaves_no_choice_behind(auto: Path, tmp_path: Path) -> None:
    gg.run(auto, tmp_path / "out")
    auto.write_text(auto.read_text().replace('"auto"\nrandom_state = 1', '"popularity"'))
    assert gg.run(auto, tmp_path / "out").selection is None
    assert not (tmp_path / "out" / "current" / "selection.html").exists()


def test_a_comparison_compares_the_best_model(auto: Path) -> None:
    auto.write_text(auto.read_text() + '\n[[compare.models]]\nname = "mine"\nkind = "item-knn"\nn_neighbours = 5\n')
    recorder = Recorder()
    comparison = pipeline.compare(auto, recorder)
    (choice,) = (result for result in recorder.results if hasattr(result, "chosen"))
    assert comparison.models[0].startswith(choice.chosen)
    assert comparison.models[1] == "mine"


def test_the_validation_part_of_the_search_is_used(auto: Path, tmp_path: Path) -> None:
    auto.write_text(auto.read_text() + '\n[tune]\nvalidation = { kind = "random", test = 0.3 }\n')
    choice = gg.run(auto, tmp_path / "out").selection
    assert choice is not None
    assert (choice.validation.kind, choice.validation.test) == ("random", 0.3)


def test_a_recipe_with_auto_is_checked(auto: Path) -> None:
    assert all(finding.severity != "error" for finding in pipeline.check_recipe(auto))


def test_a_search_chooses_the_kind_of_model(auto: Path, tmp_path: Path) -> None:
    tuning = gg.tune(auto, tmp_path / "out", verbose=False)
    values = expected(auto)
    assert tuning.best_value == pytest.approx(max(values.values()))
    assert values[tuning.best_params["kind"]] == pytest.approx(tuning.best_value)
    assert dict(tuning.trials.select("kind", "value").iter_rows()) == pytest.approx(values)
    assert type(tuning.model).kind == tuning.best_params["kind"]
    assert tuning.evaluation is not None
    model = tomllib.loads((tmp_path / "out" / "best.toml").read_text())["model"]
    assert model == {"kind": tuning.best_params["kind"]}
    assert "The panel" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    summary = json.loads((tmp_path / "out" / "tuning.json").read_text())
    assert summary["selection"]["chosen"] == tuning.best_params["kind"]


def test_the_command_replaces_the_recipe_s_model(recipe: Path, tmp_path: Path) -> None:
    command = ["tune", str(recipe), "--model", "auto", "--timeout", "2m", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    for words in ("Models on the validation part", " is chosen: ", "Best on the validation part: map@5"):
        assert words in done.stdout
    model = tomllib.loads((tmp_path / "out" / "best.toml").read_text())["model"]
    assert model["kind"] in ("popularity", "buy-again", "item-knn", "next-basket")
    assert model.keys() <= {"kind", "random_state"}


def test_a_search_for_parameters_of_another_kind(recipe: Path, tmp_path: Path) -> None:
    command = ["tune", str(recipe), "--model", "item-knn", "--trials", "2", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert tomllib.loads((tmp_path / "out" / "best.toml").read_text())["model"]["kind"] == "item-knn"


def test_what_is_tracked_of_a_choice(auto: Path, tmp_path: Path) -> None:
    recipe = gg.Recipe.read(auto)
    run = gg.run(recipe, tmp_path / "run")
    record = of_run(recipe, run)
    assert run.selection is not None
    assert record.params["kind"] == run.selection.chosen
    assert run.folder / "selection.html" in record.artifacts
    record = of_tuning(recipe, gg.tune(recipe, tmp_path / "tuned", verbose=False), tmp_path / "tuned")
    assert record.params["kind"] == run.selection.chosen
    trials = {part.params["kind"] for part in record.parts if part.kind == "trial"}
    assert trials == set(run.selection.table["model"])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"storage": "sqlite:///study.db"}, "kind = 'auto' has no study to store in sqlite:///study.db"),
        ({"trials": 3}, "'trials' is a setting of a search for parameters"),
        ({"timeout": "soon"}, "'soon'"),
    ],
)
def test_settings_of_a_search_for_parameters_are_refused(auto: Path, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        gg.tune(auto, verbose=False, **settings)
    assert "\n" not in str(caught.value)


def test_a_model_that_loses_to_a_baseline_comes_with_advice(recipe: Path, tmp_path: Path) -> None:
    recipe.write_text(recipe.read_text().replace("epochs = 3", "epochs = 1\nlearning_rate = 1e-6"))
    done = CliRunner().invoke(app, ["run", str(recipe), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    advice = json.loads((tmp_path / "out" / "current" / "metrics.json").read_text())["advice"]
    assert len(advice) == 1
    assert re.match(r"hybrid is \d+\.\d% below ", advice[0])
    assert "`gingham tune --model auto`" in advice[0]
    assert advice[0] in " ".join(done.stdout.split())
