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
from gingham.tuning.search import Search
from tests.processes import children, server_processes
from tests.recorder import Recorder

SPACE = {"n_components": {"low": 2, "high": 12}, "learning_rate": {"low": 0.01, "high": 0.2, "log": True}}
QUICK: dict[str, Any] = {"trials": 4, "metric": "map@5", "verbose": False}


@pytest.fixture
def tuned(recipe: Path) -> Path:
    """The small shop's recipe with one thread and a search space."""
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
    tuning = gg.tune(tuned, verbose=False)
    train, test = parts(tuned)
    assert tuning.trials["trial"].to_list() == [0, 1, 2, 3]
    assert tuning.best_value == tuning.trials["value"].max()
    assert isinstance(tuning.model, gg.HybridMF)
    model = gg.HybridMF(
        random_state=1, **{name: tuning.best_params[name] for name in ("n_components", "learning_rate", "epochs")}
    )
    model.fit(train, num_threads=1, verbose=False)
    np.testing.assert_array_equal(tuning.model.item_embeddings, model.item_embeddings)
    assert tuning.evaluation is not None
    assert tuning.evaluation.table.equals(gg.evaluate(model, test, k=5).table)
    assert list(tuning.evaluations) == ["hybrid", "best-sellers", "recent-best-sellers", "buy-again"]


def test_the_test_is_scored_by_the_maximised_metric_too(tuned: Path, tmp_path: Path) -> None:
    tuning = gg.tune(tuned, tmp_path / "out", metric="ndcg@7", verbose=False)
    assert tuning.comparison is not None
    assert tuning.comparison.metric == "ndcg@7"
    assert {"map@5", "map@7"} <= set(tuning.comparison.metrics)
    (sentence,) = tuning.comparison.sentences
    assert f"The test was scored once. {sentence}" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    with pytest.raises(
        ParameterError, match="k=26 is larger than the number of items in the catalogue; use at most 25"
    ):
        gg.tune(tuned, metric="map@26", verbose=False)


def test_the_default_metric_is_that_of_a_comparison(tuned: Path) -> None:
    tuned.write_text(tuned.read_text().replace('metric = "map@5"\n', ""))
    tuning = gg.tune(tuned, trials=1, verbose=False)
    assert tuning.comparison is not None
    assert tuning.metric == tuning.comparison.metric == gg.compare({}, *parts(tuned), k=5).metric == "map@5"


def test_a_trials_value_is_the_metric_on_the_last_days_of_train(tuned: Path) -> None:
    tuning = gg.tune(tuned, verbose=False)
    train, _ = parts(tuned)
    fitted, validation = gg.split.by_time(train, "7d")
    trial = tuning.trials.filter(pl.col("state") == "complete").row(0, named=True)
    model = gg.HybridMF(
        trial["n_components"], learning_rate=trial["learning_rate"], epochs=trial["best_epoch"], random_state=1
    )
    model.fit(fitted, num_threads=1, verbose=False)
    assert trial["value"] == pytest.approx(np.mean(compute("map@5", rank_test(model, validation)[0])))


def test_the_test_takes_no_part_in_the_search(tuned: Path) -> None:
    train, test = parts(tuned)
    model = {"random_state": 1, "num_threads": 1}
    one, other = (gg.tune(train, test=part, model=model, space=SPACE, **QUICK) for part in (test, None))
    assert one.trials.drop("seconds").equals(other.trials.drop("seconds"))
    assert one.best_params == other.best_params
    assert one.evaluation is not None
    assert other.evaluations == {}


def test_the_page_has_only_sections_with_content(tuned: Path, tmp_path: Path) -> None:
    train, _ = parts(tuned)
    gg.tune(train, tmp_path / "out", model={"kind": "buy-again"}, **QUICK | {"trials": 6})
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    headings = re.findall("<h2[^>]*>(.*?)</h2>", html)
    assert headings == ["The best trials", "Trial by trial", "All parameters of all trials", "What the metrics mean"]
    for words in ("best number of epochs", "The test was scored"):
        assert words not in html


def test_the_files_of_a_search(tuned: Path, tmp_path: Path) -> None:
    tuning = gg.tune(tuned, tmp_path / "out", verbose=False)
    assert sorted(entry.name for entry in (tmp_path / "out").iterdir()) == [
        "best.toml",
        "curves.parquet",
        "model",
        "report.html",
        "study.db",
        "trials.parquet",
        "tuning.json",
    ]
    assert pl.read_parquet(tmp_path / "out" / "trials.parquet").equals(tuning.trials)
    assert pl.read_parquet(tmp_path / "out" / "curves.parquet").equals(tuning.curves)
    summary = json.loads((tmp_path / "out" / "tuning.json").read_text())
    assert summary["best_params"] == tuning.best_params
    assert summary["test"]["hybrid"] == tuning.evaluations["hybrid"].to_dict()
    assert gg.load(tmp_path / "out" / "model").recommend(k=3).equals(tuning.model.recommend(k=3))


def test_the_best_recipe_runs_in_the_folder_and_gives_the_same_figures(tuned: Path, tmp_path: Path) -> None:
    tuning = gg.tune(tuned, tmp_path / "out", verbose=False)
    run = gg.run(tmp_path / "out" / "best.toml", tmp_path / "run")
    assert run.comparison.evaluations["hybrid"].table.equals(tuning.evaluations["hybrid"].table)
    model = tomllib.loads((tmp_path / "out" / "best.toml").read_text())["model"]
    assert model == {"random_state": 1, "num_threads": 1} | tuning.best_params


def test_the_seed_determines_the_search(tuned: Path) -> None:
    first, second = (gg.tune(tuned, verbose=False).trials.drop("seconds") for _ in range(2))
    assert first.equals(second)
    assert not first.equals(gg.tune(tuned, seed=7, verbose=False).trials.drop("seconds"))


def test_a_search_is_continued(tuned: Path, tmp_path: Path) -> None:
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


@pytest.mark.parametrize("kill_server", [False, True])
def test_the_trial_of_a_killed_worker_is_tried_again(tuned: Path, kill_server: bool) -> None:
    class Killer(Recorder):
        def message(self, text: str) -> None:
            super().message(text)
            if "Trial 0" in text:
                (server,) = server_processes()
                os.kill(server if kill_server else children(server)[0], signal.SIGKILL)

    killer = Killer()
    tuning = gg.tune(tuned, trials=6, progress=killer, verbose=False)
    (message,) = (sentence for sentence in killer.messages if "SIGKILL" in sentence)
    assert "trial 1" in message
    assert "tried again" in message
    assert tuning.trials.height == 6
    assert 1 not in tuning.trials["trial"].to_list()
    without_kill = gg.tune(tuned, trials=6, verbose=False).trials
    lost = without_kill.row(1, named=True)
    assert lost["n_components"] in tuning.trials["n_components"].to_list()[1:]
    assert not server_processes()


def test_several_workers_share_the_work(tuned: Path) -> None:
    tuning = gg.tune(tuned, trials=8, workers=2, sampler="random", verbose=False)
    assert tuning.trials.height == 8
    assert tuning.trials["n_components"].n_unique() > 2


@pytest.mark.parametrize(
    ("settings", "kind", "words"),
    [
        ({"trials": 0}, ConfigError, ["tune.trials", "0"]),
        ({"trails": 3}, ConfigError, ["'trails'", "'trials'"]),
        ({"metric": "map@0"}, ConfigError, ["'map@0'"]),
        ({"timeout": "soon"}, ConfigError, ["'soon'"]),
        ({"space": {"n_component": [3]}}, ConfigError, ["'n_component'", "n_components"]),
        ({"space": {"n_components": {"low": 0, "high": 5}}}, ParameterError, ["n_components must be", "not 0"]),
        ({"space": {"loss": ["warp", "wrap"]}}, ParameterError, ["loss must be one of", "'wrap'"]),
        ({"space": {"epochs": [-1]}}, ParameterError, ["epochs must be", "not -1"]),
        ({"folds": 2, "validation": {"kind": "last-n"}}, ConfigError, ["folds = 2", "last-n"]),
    ],
)
def test_wrong_settings_give_one_sentence(
    tuned: Path, tmp_path: Path, settings: dict[str, Any], kind: type[Exception], words: list[str]
) -> None:
    with pytest.raises(kind) as caught:
        gg.tune(tuned, tmp_path / "out", verbose=False, **settings)
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("trials", "words"), [(1, "The only trial failed"), (2, "All of the first 2 trials failed")])
def test_a_metric_that_is_undefined_for_all_users_ends_the_search(trials: int, words: str) -> None:
    # In the last week the only user buys all items, so AUC has no other item to compare with.
    index = np.array([0, 1, 2, 0, 1, 2])
    days = np.array(["2024-01-01"] * 3 + ["2024-02-01"] * 3, "datetime64[us]")
    rows = gg.Interactions(np.zeros(6, int), index, 1, 3, timestamp=days)
    train = gg.Dataset(gg.Ids(pl.Series(["ann"])), gg.Ids(pl.Series(["hat", "shoe", "sock"])), rows)
    settings = {"trials": trials, "metric": "auc", "validation": {"kind": "time", "test": "7d"}}
    with pytest.raises(ConfigError, match=f"{words}.*auc is undefined for every user of the validation part"):
        gg.tune(train, model={"kind": "popularity"}, space={"window": ["1d", "7d"]}, verbose=False, **settings)


def test_a_folder_with_other_files_is_not_replaced(tuned: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"cat")
    with pytest.raises(ArtifactError, match="other files"):
        gg.tune(tuned, tmp_path / "photos", verbose=False)
    assert [entry.name for entry in (tmp_path / "photos").iterdir()] == ["cat.jpg"]


def test_no_folder_is_made_when_tables_cannot_be_read(tuned: Path, tmp_path: Path) -> None:
    tuned.write_text(re.sub(r'(\[transactions\]\npath = ")', r"\1no-such-", tuned.read_text()))
    with pytest.raises(GinghamError, match="no-such-"):
        gg.tune(tuned, tmp_path / "out", verbose=False)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("storage", [None, "sqlite:///{}/mine.db"])
def test_ctrl_c_says_where_the_study_is(
    tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, storage: str | None
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Search, "run", interrupted)
    url = storage and storage.format(tmp_path)
    with pytest.raises(KeyboardInterrupt) as caught:
        gg.tune(tuned, tmp_path / "out", storage=url, verbose=False)
    assert str(caught.value) == (
        f"Interrupted. The study in {url or tmp_path / 'out'} has the trials that finished; run the search again to "
        "continue it."
    )
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        gg.tune(gg.read_dataset(tuned), verbose=False)


def test_a_folder_may_have_any_name(tuned: Path, tmp_path: Path) -> None:
    out = tmp_path / "50% off? #1 & more"
    assert gg.tune(tuned, out, trials=1, verbose=False).trials.height == 1
    assert (out / "study.db").is_file()
