"""The first trials of a search, on models whose scores are known."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest

from gingham.config import TuneSpec
from gingham.config.space import Range, Space
from gingham.tuning import search as searching
from gingham.tuning.search import Search
from gingham.tuning.starts import Start
from gingham.tuning.study import PARAMS, finished_trials, open_study
from gingham.tuning.trials import curves_table, given_value, importances, trials_table
from tests.fake_pool import Curve, fake_pool
from tests.recorder import Recorder

SPACE: Space = {"size": Range(1, 9), "decay": Range(0.001, 1.0, log=True), "late": [False, True]}
GIVEN = {"size": 5, "decay": 0.0, "late": False}
STARTS = [Start(GIVEN), Start({**GIVEN, "late": True}), Start({"size": 5}, is_complete=False)]
STATES = optuna.trial.TrialState


def run(monkeypatch: pytest.MonkeyPatch, curve: Curve, url: str = "sqlite://", **settings: Any) -> optuna.Study:
    monkeypatch.setattr(searching, "WorkerPool", fake_pool(curve))
    spec = TuneSpec(metric="map@5", **settings)
    study = open_study(url, "fake", {"for": "this"}, spec)
    Search(study, SPACE, spec, Recorder(), STARTS).run(Path(), verbose=False)
    return study


def best_as_given(params: dict[str, Any]) -> list[float]:
    """Every change of the given parameters costs."""
    loss = abs(params["size"] - 5) + params["decay"] + params["late"]
    return [1 / (1 + loss)] * 4


def better_late(params: dict[str, Any]) -> list[float]:
    """The switch costs at first, and doubles the metric from the third epoch on."""
    return [0.01, 0.02, 2.0, 2.0] if params["late"] else [0.5, 1.0, 1.0, 1.0]


@pytest.mark.parametrize(("pruner", "curve"), [("median", better_late), ("hyperband", best_as_given)])
def test_the_best_trial_is_never_worse_than_the_given_parameters(
    monkeypatch: pytest.MonkeyPatch, pruner: str, curve: Curve
) -> None:
    study = run(monkeypatch, curve, trials=6, pruner=pruner)
    values = curve(GIVEN)
    assert values is not None
    assert given_value(study) == max(values)
    assert study.best_value >= max(values)


def test_given_parameters_that_are_optimal_stay_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    study = run(monkeypatch, best_as_given, trials=4)
    assert study.best_trial.number == 0
    assert study.best_trial.user_attrs[PARAMS] == GIVEN
    assert trials_table(study).select(*GIVEN).row(0, named=True) == GIVEN


def test_a_switch_that_helps_late_is_not_pruned(monkeypatch: pytest.MonkeyPatch) -> None:
    study = run(monkeypatch, better_late, trials=4)
    assert study.trials[1].user_attrs[PARAMS] == STARTS[1].params
    assert study.trials[1].state == STATES.COMPLETE
    assert study.best_value == 2


def test_a_pruned_trial_cannot_be_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    def promising(params: dict[str, Any]) -> list[float]:
        return [1.0] * 4 if params == GIVEN else [9.0, 0.0, 0.0, 0.0]

    study = run(monkeypatch, promising, trials=10, sampler="random")
    assert {trial.state for trial in study.trials} <= {STATES.COMPLETE, STATES.PRUNED}
    assert study.best_trial.state == STATES.COMPLETE


def test_trials_are_compared_after_the_same_share_of_their_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    def rising(params: dict[str, Any]) -> list[float]:
        n_epochs = 4 * params["size"]
        return [epoch / n_epochs for epoch in range(1, n_epochs + 1)]

    study = run(monkeypatch, rising, trials=8)
    assert all(trial.state == STATES.COMPLETE for trial in study.trials)
    for trial in study.trials:
        assert trial.intermediate_values == {1: 0.25, 2: 0.5, 3: 0.75, 4: 1.0}
    curve = curves_table(study).filter(trial=0)
    assert curve["epoch"].to_list() == list(range(1, 21))
    assert curve["value"].to_list() == rising(GIVEN)


def test_the_sampler_learns_from_the_first_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    study = run(monkeypatch, best_as_given, trials=12)
    assert study.trials[0].params == {"size": 5, "decay": 0.001, "late": False}
    assert all(trial.params.keys() == SPACE.keys() for trial in study.trials)
    assert importances(study).keys() == SPACE.keys()


def test_a_start_may_leave_parameters_to_the_sampler(monkeypatch: pytest.MonkeyPatch) -> None:
    study = run(monkeypatch, best_as_given, trials=3)
    params = study.trials[2].user_attrs[PARAMS]
    assert params == study.trials[2].params
    assert params["size"] == 5
    assert params["decay"] > 0.001


def test_a_continued_search_does_not_repeat_the_first_trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    run(monkeypatch, best_as_given, url, trials=1)
    study = run(monkeypatch, best_as_given, url, trials=4)
    assert [trial.user_attrs[PARAMS] for trial in study.trials[:2]] == [start.params for start in STARTS[:2]]
    assert len(finished_trials(study)) == 4


def test_a_trial_that_never_ends_is_stopped_soon_after_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]

    def endless_unless_given(params: dict[str, Any]) -> list[float] | None:
        if params == GIVEN:
            return [1.0]
        clock[0] += 66
        return None

    monkeypatch.setattr(searching, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    study = run(monkeypatch, endless_unless_given, trials=9, timeout="1m")
    assert [trial.state for trial in study.trials] == [STATES.COMPLETE, STATES.PRUNED]
    assert study.best_trial.number == 0
