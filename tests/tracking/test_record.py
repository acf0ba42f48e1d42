from pathlib import Path

import polars as pl
import pytest

import gingham as gg
from gingham import pipeline
from gingham.config import Recipe
from gingham.tracking import Record, of_comparison, of_run, of_tuning

MORE = """
[[compare.models]]
name = "bpr"
loss = "bpr"
epochs = 2

[tune]
metric = "map@5"
trials = 3
space = { n_components = [2, 4] }
"""

STAGES = """
[[compare.models]]
name = "stages"
kind = "two-stage"
candidates = [{ kind = "popularity" }, { kind = "buy-again" }]
ranker = { n_estimators = 5, min_child_samples = 5 }
"""


@pytest.fixture
def shop_recipe(recipe: Path) -> Recipe:
    recipe.write_text(recipe.read_text() + MORE)
    return Recipe.read(recipe)


def by_name(record: Record) -> dict[str, Record]:
    return {part.name: part for part in record.parts}


def test_a_run_has_its_baselines_as_parts(shop_recipe: Recipe, tmp_path: Path) -> None:
    run = gg.run(shop_recipe, tmp_path / "out")
    record = of_run(shop_recipe, run)
    wanted = {"kind": "hybrid", "n_components": 8, "loss": "warp", "epochs": 3, "weighted": False, "random_state": 1}
    assert wanted.items() <= record.params.items()
    assert {"split.kind": "time", "k": 5, "filter_seen": False}.items() <= record.params.items()
    of_map = run.comparison.table.row(by_predicate=(pl.col("model") == "hybrid") & (pl.col("metric") == "map@5"))
    assert tuple(record.metrics[name] for name in ("map_at_5", "map_at_5_low", "map_at_5_high")) == of_map[2:5]
    assert not [name for name in record.metrics if "@" in name]
    assert {"coverage_at_5", "fit_seconds", "recommend_seconds"} <= set(record.metrics)
    assert record.curve is not None
    assert record.curve.columns == ["epoch", "loss", "epoch_seconds"]
    assert record.curve["epoch"].to_list() == [1, 2, 3]
    assert [part.kind for part in record.parts] == ["baseline"] * 3
    assert "loss" not in by_name(record)["buy-again"].params
    names = {"recipe.toml", "metrics.json", "steps.json", "version.json", "model"}
    assert {path.name for path in record.artifacts} == names
    assert all(path.exists() for path in record.artifacts)
    assert record.note.startswith("By map@5, hybrid is ")


def test_a_comparison_has_a_part_for_every_model(shop_recipe: Recipe, tmp_path: Path) -> None:
    comparison = pipeline.compare(shop_recipe)
    record = of_comparison(shop_recipe, comparison, [tmp_path / "page.html"])
    assert not record.metrics
    assert record.params["metric"] == "map@5"
    assert record.artifacts == [tmp_path / "page.html"]
    parts = by_name(record)
    assert list(parts) == ["hybrid", "bpr", "best-sellers", "recent-best-sellers", "buy-again"]
    assert (parts["hybrid"].params["epochs"], parts["bpr"].params["epochs"]) == (3, 2)
    assert (parts["hybrid"].params["loss"], parts["bpr"].params["loss"]) == ("warp", "bpr")
    assert parts["bpr"].kind == "model"


def test_candidates_and_rankers_are_logged_as_the_recipe_writes_them(recipe: Path) -> None:
    recipe.write_text(f"{recipe.read_text()}{STAGES}")
    shop_recipe = Recipe.read(recipe)
    part = by_name(of_comparison(shop_recipe, pipeline.compare(shop_recipe)))["stages"]
    assert part.params["kind"] == "two-stage"
    assert [source["kind"] for source in part.params["candidates"]] == ["popularity", "buy-again"]
    assert part.params["ranker"] == {"n_estimators": 5, "min_child_samples": 5}


def test_metrics_after_an_epoch_have_names_of_their_own(shop_recipe: Recipe) -> None:
    changed = shop_recipe.model_copy(
        update={"model": shop_recipe.model.changed({"early_stopping": {"metric": "map@5"}})}
    )
    part = by_name(of_comparison(changed, pipeline.compare(changed)))["hybrid"]
    assert part.curve is not None
    assert part.curve.columns == ["epoch", "loss", "epoch_seconds", "validation_map_at_5"]
    assert {"metric": "map@5", "patience": 3}.items() <= part.params["early_stopping"].items()


def test_a_search_has_its_trials_as_parts(shop_recipe: Recipe, tmp_path: Path) -> None:
    tuning = gg.tune(shop_recipe, tmp_path / "out", verbose=False)
    record = of_tuning(shop_recipe, tuning, tmp_path / "out")
    assert record.params["n_components"] == tuning.best_params["n_components"]
    assert record.metrics["validation_map_at_5"] == tuning.best_value
    assert tuning.evaluation is not None
    assert record.metrics["map_at_5"] == tuning.evaluation.to_dict()["map@5"]["mean"]
    assert all(path.exists() for path in record.artifacts)
    trials = [part for part in record.parts if part.kind == "trial"]
    assert [trial.name for trial in trials] == ["trial 0", "trial 1", "trial 2"]
    for trial, row in zip(trials, tuning.trials.to_dicts(), strict=True):
        assert trial.params == {"n_components": row["n_components"]}
        assert trial.metrics.get("validation_map_at_5") == row["value"]
        assert trial.curve is not None
        assert trial.curve.columns == ["epoch", "loss", "validation_map_at_5_of_some"]


def test_undefined_metrics_are_left_out(shop_recipe: Recipe, tmp_path: Path) -> None:
    tables = gg.read_tables(shop_recipe)
    dataset = gg.Dataset.from_tables(tables)
    train, test = gg.split.by_time(dataset, test="7d")
    model = {"model": gg.Popularity()}
    # Of a catalogue whose every item is a test item of the only user, AUC has nothing to compare.
    everything = pl.DataFrame({"user_id": ["a"] * 3, "item_id": ["x", "y", "z"]})
    small = gg.Dataset.from_tables(gg.Tables(everything))
    comparison = gg.compare(model, small, small, k=1, allow_overlap=True)
    record = of_comparison(shop_recipe, comparison)
    assert "auc" not in by_name(record)["model"].metrics
    assert "auc" in by_name(of_comparison(shop_recipe, gg.compare(model, train, test, k=1)))["model"].metrics
