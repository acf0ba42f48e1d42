import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import optuna
import pytest

import gingham as gg
from gingham.config import ModelSpec, TuneSpec
from gingham.config.space import Range, Space
from gingham.errors import ConfigError
from gingham.tuning import job, study
from gingham.tuning.job import Settings
from gingham.tuning.search import Search
from gingham.tuning.study import finished, open_study
from tests.processes import children, command, nurseries

SPACE: Space = {"n_components": Range(2, 12), "epochs": [3]}
STATES = optuna.trial.TrialState


@pytest.fixture
def folder(recipe: Path, tmp_path: Path) -> Path:
    """A job on the little shop."""
    place = tmp_path / "job"
    place.mkdir()
    model = ModelSpec(random_state=1)  # type: ignore[call-arg]
    job.write(place, Settings(model, "map@5", False, 5, 1), [gg.split.by_time(gg.read_dataset(recipe), "7d")])
    return place


def opened(folder: Path, spec: TuneSpec) -> optuna.Study:
    return open_study(f"sqlite:///{folder.parent / 'study.db'}", "shop", {"for": "this"}, spec)


def search(folder: Path, space: Space, say: Callable[[str], None] = lambda _: None, **settings: Any) -> optuna.Study:
    spec = TuneSpec(metric="map@5", **settings)
    known = opened(folder, spec)
    Search(known, space, spec, say).run(folder, verbose=False)
    return known


def test_time_that_is_up_ends_trials_after_an_epoch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endless: Space = {"epochs": [10**9], "n_components": [2]}
    spec = TuneSpec(metric="map@5", timeout="1m", patience=0, pruner="none")
    known = opened(folder, spec)
    searching = Search(known, endless, spec, lambda _: None)
    searching._deadline = time.monotonic() + 3
    job_text = (folder / "job.json").read_text()
    (folder / "job.json").write_text(job_text.replace('"patience": 5', '"patience": 0'))
    searching.run(folder, verbose=False)
    (trial,) = known.trials
    assert trial.state == STATES.PRUNED
    assert trial.intermediate_values


def test_a_trial_that_fails_is_told_of_and_the_search_goes_on(folder: Path) -> None:
    # Whoever asks for more of the best than there are positives to draw is refused when it is fitted.
    heard: list[str] = []
    space: Space = {"loss": ["warp-kos"], "k": [3, 4, 5, 20], "epochs": [1]}
    known = search(folder, space, heard.append, trials=8, sampler="random", seed=3)
    states = [trial.state for trial in known.trials]
    assert states.count(STATES.FAIL) == sum("k=20 is larger" in sentence for sentence in heard) > 0
    assert STATES.COMPLETE in states
    assert len(states) == 8


def test_a_search_that_only_fails_ends_with_the_reason(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"All of the first 3 trials failed, .* k=20 is larger"):
        search(folder, {"loss": ["warp-kos"], "k": [20]})


def test_workers_that_cannot_begin_end_the_search(folder: Path) -> None:
    (folder / "job.json").write_text("{}")
    with pytest.raises(
        ConfigError, match=r"first 3 trials failed, .* its worker ended with code 1 \(KeyError: 'folds'\)"
    ):
        search(folder, SPACE)


def test_parameters_that_kill_two_workers_are_left_out(folder: Path) -> None:
    heard: list[str] = []
    spec = TuneSpec(metric="map@5", trials=2, seed=1)
    known = opened(folder, spec)
    searching = Search(known, SPACE, spec, heard.append)
    report, killed = searching._report, []

    def kill(worker: Any, epoch: dict[str, Any]) -> None:
        if searching._running[worker].number < 2:
            (nursery,) = nurseries()
            (pid,) = children(nursery)
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)
        else:
            report(worker, epoch)

    searching._report = kill  # type: ignore[method-assign]
    searching.run(folder, verbose=False)
    first, second, third = known.trials
    assert first.params == second.params
    assert (first.state, second.state, third.state) == (STATES.FAIL, STATES.FAIL, STATES.COMPLETE)
    assert [trial.number for trial in finished(known)] == [1, 2]
    assert len(killed) == 2
    assert "tried again" in heard[0]
    assert "left out" in heard[1]


def test_what_a_search_that_was_killed_left_is_tried_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "SILENCE", 1)
    spec = TuneSpec(metric="map@5")
    known = opened(folder, spec)
    with pytest.warns(UserWarning, match="Heartbeat"):
        left = known.ask(study.distributions(SPACE))
    known._storage.record_heartbeat(left._trial_id)  # type: ignore[attr-defined]
    time.sleep(2.5)
    heard: list[str] = []
    again = search(folder, SPACE, heard.append, trials=3)
    assert again.trials[0].state == STATES.FAIL
    assert any("Trial 0 was left by a search that was killed" in sentence for sentence in heard)
    assert left.params in [trial.params for trial in again.trials[1:]]
    assert len(finished(again)) == 3


SCRIPT = """
import sys
import gingham as gg
gg.tune(sys.argv[1], sys.argv[2], trials=1000, timeout="5m", verbose=False)
"""


def begun(recipe: Path, out: Path) -> subprocess.Popen[str]:
    """A search in a process of its own, after its first trials."""
    # The script has no "if __name__ == '__main__'": it needs none.
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(recipe), str(out)], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        time.sleep(0.3)
        if (out / "study.db").exists() and n_done(out / "study.db") >= 2:
            return process
    process.kill()
    raise AssertionError(process.communicate()[1])


def n_done(file: Path) -> int:
    """Count trials that ended. Not by Optuna, which would make the tables that the search is about to make."""
    with closing(sqlite3.connect(file)) as study:
        if not study.execute("SELECT 1 FROM sqlite_master WHERE name = 'trials'").fetchone():
            return 0
        return int(study.execute("SELECT count(*) FROM trials WHERE state <> 'RUNNING'").fetchone()[0])


def done(out: Path) -> list[optuna.trial.FrozenTrial]:
    return finished(optuna.load_study(study_name="shop", storage=f"sqlite:///{out / 'study.db'}"))


def test_workers_end_with_a_search_that_is_killed(recipe: Path, tmp_path: Path) -> None:
    process = begun(recipe, tmp_path / "out")
    (nursery,) = (child for child in children(process.pid) if "nursery" in command(child))
    below = [nursery, *children(nursery)]
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 30
    while any(map(command, below)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(below) == 2
    assert not any(map(command, below))


def test_ctrl_c_ends_with_the_best_so_far(recipe: Path, tmp_path: Path) -> None:
    process = begun(recipe, tmp_path / "out")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert gg.load(tmp_path / "out" / "model").n_items == 25
    assert all(trial.state != STATES.RUNNING for trial in done(tmp_path / "out"))


def test_a_search_that_is_killed_loses_nothing_that_was_done(recipe: Path, tmp_path: Path) -> None:
    process = begun(recipe, tmp_path / "out")
    process.kill()
    process.communicate()
    before = [trial.params for trial in done(tmp_path / "out")]
    found = gg.tune(recipe, tmp_path / "out", trials=len(before) + 1, verbose=False)
    assert found.trials.height == len(before) + 1
    assert found.trials["n_components"].to_list()[: len(before)] == [params["n_components"] for params in before]
