import json
import os
import re
import signal
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import gingham as gg
from gingham.errors import ArtifactError, ConfigError, GinghamError, ParameterError
from gingham.metrics import compute, rank_test
from tests.processes import children, nurseries
from tests.recorder import Recorder

SPACE = {"n_components": {"low": 2, "high": 12}, "learning_rate": {"low": 0.01, "high": 0.2, "log": True}}
QUICK: dict[str, Any] = {"trials": 4, "metric": "map@5", "verbose": False}


@pytest.fixture
def tuned(recipe: Path) -> Path:
    """The little shop's recipe, with one thread and a space of its own."""
    text = recipe.read_text().replace("epochs = 3", "epochs = 3\nnum_threads = 1")
    recipe.write_text(
        f'{text}\n[tune]\nmetric = "map@5"\ntrials = 4\n[tune.space]\nn_components = {{ low = 2, high = 12 }}\n'
        "learning_rate = { low = 0.01, high = 0.2, log = true }\nepochs = { low = 2, high = 6 }\n"
    )
    return recipe


def parts(recipe: Path) -> tuple[gg.Dataset, gg.Dataset]:
    read = gg.Recipe.read(recipe)
    train, test = read.split.apply(gg.read_dataset(read))
    return train, test


def test_the_best_parameters_are_refitted_to_all_of_train_and_scored_on_the_test(tuned: Path) -> None:
    found = gg.tune(tuned, verbose=False)
    train, test = parts(tuned)
    assert found.trials["trial"].to_list() == [0, 1, 2, 3]
    assert found.best_value == found.trials["value"].max()
    assert isinstance(found.model, gg.HybridMF)
    again = gg.HybridMF(random_state=1, **{name: found.best_params[name] for name in ("n_components", "learning_rate")})
    again.fit(train, epochs=found.best_params["epochs"], num_threads=1, verbose=False)
    np.testing.assert_array_equal(found.model.item_embeddings, again.item_embeddings)
    assert found.evaluation is not None
    assert found.evaluation.table.equals(gg.evaluate(again, test, k=5).table)
    assert list(found.evaluations) == ["hybrid", "best-sellers", "recent-best-sellers", "buy-again"]


def test_the_test_is_scored_by_what_was_maximised_too(tuned: Path, tmp_path: Path) -> None:
    found = gg.tune(tuned, tmp_path / "out", metric="ndcg@7", verbose=False)
    assert found.comparison is not None
    assert found.comparison.metric == "ndcg@7"
    assert {"map@5", "map@7"} <= set(found.comparison.metrics)
    (sentence,) = found.comparison.sentences
    assert f"The test was scored once. {sentence}" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    with pytest.raises(ParameterError, match="k=26 is larger than the number of items in the catalogue, 25"):
        gg.tune(tuned, metric="map@26", verbose=False)


def test_what_is_maximised_is_by_default_what_a_comparison_decides_by(tuned: Path) -> None:
    tuned.write_text(tuned.read_text().replace('metric = "map@5"\n', ""))
    found = gg.tune(tuned, trials=1, verbose=False)
    assert found.comparison is not None
    assert found.metric == found.comparison.metric == gg.compare({}, *parts(tuned), k=5).metric == "map@5"


def test_a_trials_value_is_the_metric_on_the_last_days_of_train(tuned: Path) -> None:
    found = gg.tune(tuned, verbose=False)
    train, _ = parts(tuned)
    fitted, validation = gg.split.by_time(train, "7d")
    done = found.trials.filter(pl.col("state") == "complete").row(0, named=True)
    model = gg.HybridMF(done["n_components"], learning_rate=done["learning_rate"], random_state=1)
    model.fit(fitted, epochs=done["best_epoch"], num_threads=1, verbose=False)
    assert done["value"] == pytest.approx(np.mean(compute("map@5", rank_test(model, validation)[0])))


def test_the_test_takes_no_part_in_the_search(tuned: Path) -> None:
    train, test = parts(tuned)
    model = {"random_state": 1, "num_threads": 1}
    one, other = (gg.tune(train, test=part, model=model, space=SPACE, **QUICK) for part in (test, None))
    assert one.trials.drop("seconds").equals(other.trials.drop("seconds"))
    assert one.best_params == other.best_params
    assert one.evaluation is not None
    assert other.evaluations == {}


def test_the_page_is_silent_on_what_a_search_does_not_have(tuned: Path, tmp_path: Path) -> None:
    train, _ = parts(tuned)
    gg.tune(train, tmp_path / "out", model={"kind": "buy-again"}, **QUICK | {"trials": 6})
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    headings = re.findall("<h2[^>]*>(.*?)</h2>", html)
    assert headings == ["The best trials", "Trial after trial", "All parameters of all trials"]
    for words in ("after how many", "The test was scored"):
        assert words not in html


def test_what_is_left_in_the_folder(tuned: Path, tmp_path: Path) -> None:
    found = gg.tune(tuned, tmp_path / "out", verbose=False)
    assert sorted(entry.name for entry in (tmp_path / "out").iterdir()) == [
        "best.toml",
        "curves.parquet",
        "model",
        "report.html",
        "study.db",
        "trials.parquet",
        "tuning.json",
    ]
    assert pl.read_parquet(tmp_path / "out" / "trials.parquet").equals(found.trials)
    assert pl.read_parquet(tmp_path / "out" / "curves.parquet").equals(found.curves)
    summary = json.loads((tmp_path / "out" / "tuning.json").read_text())
    assert summary["best_params"] == found.best_params
    assert summary["test"]["hybrid"] == found.evaluations["hybrid"].to_dict()
    assert gg.load(tmp_path / "out" / "model").recommend(k=3).equals(found.model.recommend(k=3))


def test_the_best_recipe_runs_where_it_is_and_gives_the_same_figures(tuned: Path, tmp_path: Path) -> None:
    found = gg.tune(tuned, tmp_path / "out", verbose=False)
    run = gg.run(tmp_path / "out" / "best.toml", tmp_path / "run")
    assert run.comparison.evaluations["hybrid"].table.equals(found.evaluations["hybrid"].table)
    model = tomllib.loads((tmp_path / "out" / "best.toml").read_text())["model"]
    assert model == {"random_state": 1, "num_threads": 1} | found.best_params


def test_the_same_seed_searches_alike_and_another_does_not(tuned: Path) -> None:
    first, second = (gg.tune(tuned, verbose=False).trials.drop("seconds") for _ in range(2))
    assert first.equals(second)
    assert not first.equals(gg.tune(tuned, seed=7, verbose=False).trials.drop("seconds"))


def test_a_search_goes_on_where_it_ended(tuned: Path, tmp_path: Path) -> None:
    before = gg.tune(tuned, tmp_path / "out", verbose=False).trials
    recorder = Recorder()
    after = gg.tune(tuned, tmp_path / "out", trials=7, progress=recorder, verbose=False).trials
    assert after[:4].equals(before)
    assert after.height == 7
    assert after["n_components"][4:].to_list() != before["n_components"][:3].to_list()
    assert any("4 of 7 trials" in sentence for sentence in recorder.messages)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("high = 12", "high = 13", "its space differs"),
        ("age > 20", "age > 30", "its data differs"),
        ("random_state = 1", "random_state = 2", "its model differs"),
        ('"map@5"', '"recall@5"', "its metric differs"),
        ("[model]", '[split]\nkind = "random"\n[model]', "its data and metric and validation differ"),
    ],
)
def test_the_study_of_another_recipe_is_refused(tuned: Path, tmp_path: Path, old: str, new: str, words: str) -> None:
    gg.tune(tuned, tmp_path / "out", verbose=False)
    before = {file: file.read_bytes() for file in (tmp_path / "out").rglob("*") if file.is_file()}
    tuned.write_text(tuned.read_text().replace(old, new))
    with pytest.raises(ConfigError, match="another recipe") as caught:
        gg.tune(tuned, tmp_path / "out", verbose=False)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert before == {file: file.read_bytes() for file in (tmp_path / "out").rglob("*") if file.is_file()}


@pytest.mark.parametrize("whole", [False, True])
def test_a_worker_that_is_killed_costs_a_trial_that_is_tried_again(tuned: Path, whole: bool) -> None:
    """Whole: the process that workers come from is killed, and with it goes the only worker."""

    class Killer(Recorder):
        def message(self, text: str) -> None:
            super().message(text)
            if "Trial 0" in text:
                (nursery,) = nurseries()
                os.kill(nursery if whole else children(nursery)[0], signal.SIGKILL)

    killer = Killer()
    found = gg.tune(tuned, trials=6, progress=killer, verbose=False)
    (told,) = (sentence for sentence in killer.messages if "SIGKILL" in sentence)
    assert "trial 1" in told
    assert "tried again" in told
    assert found.trials.height == 6
    assert 1 not in found.trials["trial"].to_list()
    undisturbed = gg.tune(tuned, trials=6, verbose=False).trials
    lost = undisturbed.row(1, named=True)
    assert lost["n_components"] in found.trials["n_components"].to_list()[1:]
    assert not nurseries()


def test_several_workers_share_the_work(tuned: Path) -> None:
    found = gg.tune(tuned, trials=8, workers=2, sampler="random", verbose=False)
    assert found.trials.height == 8
    assert found.trials["n_components"].n_unique() > 2


@pytest.mark.parametrize(
    ("settings", "kind", "words"),
    [
        ({"trials": 0}, ConfigError, ["tune.trials", "0"]),
        ({"trails": 3}, ConfigError, ["'trails'", "'trials'"]),
        ({"metric": "map@0"}, ConfigError, ["'map@0'"]),
        ({"timeout": "soon"}, ConfigError, ["'soon'"]),
        ({"space": {"n_component": [3]}}, ConfigError, ["'n_component'", "n_components"]),
        ({"space": {"n_components": {"low": 0, "high": 5}}}, ParameterError, ["n_components=0"]),
        ({"space": {"loss": ["warp", "wrap"]}}, ParameterError, ["loss='wrap'"]),
        ({"space": {"epochs": [0]}}, ConfigError, ["model.epochs", "0"]),
        ({"folds": 2, "validation": {"kind": "last-n"}}, ConfigError, ["folds = 2", "last-n"]),
    ],
)
def test_wrong_settings_are_one_sentence_and_leave_nothing(
    tuned: Path, tmp_path: Path, settings: dict[str, Any], kind: type[Exception], words: list[str]
) -> None:
    with pytest.raises(kind) as caught:
        gg.tune(tuned, tmp_path / "out", verbose=False, **settings)
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("trials", "words"), [(1, "The only trial failed"), (2, "All of the first 2 trials failed")])
def test_a_metric_that_nobody_has_ends_the_search(trials: int, words: str) -> None:
    # In the last week the only user buys all items there are, so that none is left for auc to compare with.
    index = np.array([0, 1, 2, 0, 1, 2])
    days = np.array(["2024-01-01"] * 3 + ["2024-02-01"] * 3, "datetime64[us]")
    rows = gg.Interactions(np.zeros(6, int), index, 1, 3, timestamp=days)
    train = gg.Dataset(gg.Ids(pl.Series(["ann"])), gg.Ids(pl.Series(["hat", "shoe", "sock"])), rows)
    settings = {"trials": trials, "metric": "auc", "validation": {"kind": "time", "test": "7d"}}
    with pytest.raises(ConfigError, match=f"{words}.*auc is undefined for every user of the validation part"):
        gg.tune(train, model={"kind": "popularity"}, space={"window": ["1d", "7d"]}, verbose=False, **settings)


def test_a_folder_with_other_files_is_left_alone(tuned: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"cat")
    with pytest.raises(ArtifactError, match="other files"):
        gg.tune(tuned, tmp_path / "photos", verbose=False)
    assert [entry.name for entry in (tmp_path / "photos").iterdir()] == ["cat.jpg"]


def test_tables_that_cannot_be_read_leave_no_folder(tuned: Path, tmp_path: Path) -> None:
    tuned.write_text(re.sub(r'(\[transactions\]\npath = ")', r"\1no-such-", tuned.read_text()))
    with pytest.raises(GinghamError, match="no-such-"):
        gg.tune(tuned, tmp_path / "out", verbose=False)
    assert not (tmp_path / "out").exists()
