import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import optuna
import pytest

import gingham as gg
from gingham.config import ModelSpec, TuneSpec
from gingham.config.space import Range, Space
from gingham.errors import ArtifactError, ConfigError
from gingham.tuning import study
from gingham.tuning.job import Settings, write_job
from gingham.tuning.search import Search
from gingham.tuning.study import finished_trials, open_study
from tests.processes import children, command, server_processes
from tests.recorder import Recorder

SPACE: Space = {"n_components": Range(2, 12), "epochs": [3]}
STATES = optuna.trial.TrialState


@pytest.fixture
def folder(recipe: Path, tmp_path: Path) -> Path:
    """The job of a search in the small shop."""
    job = tmp_path / "job"
    job.mkdir()
    model = ModelSpec(random_state=1)  # type: ignore[call-arg]
    write_job(job, Settings(model, "map@5", False, 5, 1), [gg.split.by_time(gg.read_dataset(recipe), "7d")])
    return job


def create_study(folder: Path, spec: TuneSpec) -> optuna.Study:
    return open_study(f"sqlite:///{folder.parent / 'study.db'}", "shop", {"for": "this"}, spec)


def search(folder: Path, space: Space, recorder: Recorder | None = None, **settings: Any) -> optuna.Study:
    spec = TuneSpec(metric="map@5", **settings)
    created = create_study(folder, spec)
    Search(created, space, spec, recorder or Recorder()).run(folder, verbose=False)
    return created


def test_the_time_limit_ends_a_trial_after_an_epoch(folder: Path) -> None:
    endless: Space = {"epochs": [10**9], "n_components": [2]}
    spec = TuneSpec(metric="map@5", timeout="1m", patience=0, pruner="none")
    created = create_study(folder, spec)
    searching = Search(created, endless, spec, Recorder())
    searching._deadline = time.monotonic() + 3
    job_text = (folder / "job.json").read_text()
    (folder / "job.json").write_text(job_text.replace('"patience": 5', '"patience": 0'))
    searching.run(folder, verbose=False)
    (trial,) = created.trials
    assert trial.state == STATES.PRUNED
    assert trial.user_attrs["values"]


def test_the_search_continues_after_a_failed_trial(folder: Path) -> None:
    # fit refuses a k that is larger than the number of positives that are drawn.
    recorder = Recorder()
    space: Space = {"loss": ["warp-kos"], "k": [3, 4, 5, 20], "epochs": [1]}
    created = search(folder, space, recorder, trials=8, sampler="random", seed=3)
    states = [trial.state for trial in created.trials]
    assert states.count(STATES.FAIL) == sum("k=20 is larger" in text for text in recorder.messages) > 0
    assert STATES.COMPLETE in states
    assert len(states) == 8


def test_a_search_ends_when_its_first_trials_fail(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"All of the first 3 trials failed. .* k=20 is larger"):
        search(folder, {"loss": ["warp-kos"], "k": [20]})


def test_a_search_ends_when_workers_cannot_start(folder: Path) -> None:
    (folder / "job.json").write_text("{}")
    with pytest.raises(
        ConfigError, match=r"first 3 trials failed\. .* its worker ended with code 1 \(KeyError: 'sys_path'\)"
    ):
        search(folder, SPACE)


def test_parameters_that_kill_two_workers_are_left_out(folder: Path) -> None:
    recorder = Recorder()
    spec = TuneSpec(metric="map@5", trials=2, seed=1)
    created = create_study(folder, spec)
    searching = Search(created, SPACE, spec, recorder)
    record_epoch, killed = searching._record_epoch, []

    def kill(worker: Any, epoch: dict[str, Any]) -> None:
        if searching._running[worker].number < 2:
            (server,) = server_processes()
            (pid,) = children(server)
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)
        else:
            record_epoch(worker, epoch)

    searching._record_epoch = kill  # type: ignore[method-assign]
    searching.run(folder, verbose=False)
    first, second, third = created.trials
    assert first.params == second.params
    assert (first.state, second.state, third.state) == (STATES.FAIL, STATES.FAIL, STATES.COMPLETE)
    assert [trial.number for trial in finished_trials(created)] == [1, 2]
    assert len(killed) == 2
    assert "tried again" in recorder.messages[0]
    assert "left out" in recorder.messages[1]


def test_trials_of_a_killed_search_are_tried_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "GRACE_SECONDS", 1)
    spec = TuneSpec(metric="map@5")
    created = create_study(folder, spec)
    with pytest.warns(UserWarning, match="Heartbeat"):
        left = created.ask(study.optuna_distributions(SPACE))
    created._storage.record_heartbeat(left._trial_id)  # type: ignore[attr-defined]
    time.sleep(2.5)
    recorder = Recorder()
    continued = search(folder, SPACE, recorder, trials=3)
    assert continued.trials[0].state == STATES.FAIL
    assert any("search that ran trial 0 was killed" in text for text in recorder.messages)
    assert left.params in [trial.params for trial in continued.trials[1:]]
    assert len(finished_trials(continued)) == 3


SCRIPT = """
import sys
import gingham as gg
gg.tune(sys.argv[1], sys.argv[2], trials=1000, timeout="5m", verbose=False)
"""


@contextmanager
def running_search(recipe: Path, out: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a search in a process of its own, and wait for its first trials; leaving the block kills it."""
    # The script has no "if __name__ == '__main__'": it does not need one.
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(recipe), str(out)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary_files(out))},
    ) as process:
        try:
            # Long enough for a busy machine.
            deadline = time.monotonic() + 300
            while not ((out / "study.db").exists() and n_ended(out / "study.db") >= 2):
                assert process.poll() is None, process.communicate()[1]
                assert time.monotonic() < deadline
                time.sleep(0.2)
            yield process
        finally:
            process.kill()


def temporary_files(out: Path) -> Path:
    folder = out.with_name("temporary files")
    folder.mkdir(exist_ok=True)
    return folder


def n_ended(file: Path) -> int:
    """Return how many trials have ended. Optuna would create the tables that the search is about to create."""
    with closing(sqlite3.connect(file)) as study:
        if not study.execute("SELECT 1 FROM sqlite_master WHERE name = 'trials'").fetchone():
            return 0
        return int(study.execute("SELECT count(*) FROM trials WHERE state <> 'RUNNING'").fetchone()[0])


def stored_trials(out: Path) -> list[optuna.trial.FrozenTrial]:
    return finished_trials(optuna.load_study(study_name="shop", storage=f"sqlite:///{out / 'study.db'}"))


def test_workers_end_with_a_search_that_is_killed(recipe: Path, tmp_path: Path) -> None:
    with running_search(recipe, tmp_path / "out") as process:
        (server,) = server_processes(process.pid)
        descendants = [server, *children(server)]
    deadline = time.monotonic() + 60
    while any(map(command, descendants)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(descendants) == 2
    assert not any(map(command, descendants))
    assert not list(temporary_files(tmp_path / "out").iterdir())


def test_two_searches_cannot_write_to_one_folder(recipe: Path, tmp_path: Path) -> None:
    with running_search(recipe, tmp_path / "out") as process:
        with pytest.raises(ArtifactError, match="Another search is writing to"):
            gg.tune(recipe, tmp_path / "out", verbose=False)
        assert process.poll() is None


def test_ctrl_c_ends_with_the_best_trial_so_far(recipe: Path, tmp_path: Path) -> None:
    with running_search(recipe, tmp_path / "out") as process:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert gg.load(tmp_path / "out" / "model").n_items == 25
    assert all(trial.state != STATES.RUNNING for trial in stored_trials(tmp_path / "out"))


def test_a_killed_search_keeps_its_finished_trials(recipe: Path, tmp_path: Path) -> None:
    with running_search(recipe, tmp_path / "out"):
        pass
    before = [trial.params for trial in stored_trials(tmp_path / "out")]
    tuning = gg.tune(recipe, tmp_path / "out", trials=len(before) + 1, verbose=False)
    assert tuning.trials.height == len(before) + 1
    (study,) = optuna.get_all_study_names(storage := f"sqlite:///{tmp_path / 'out' / 'study.db'}")
    assert all(trial.state != STATES.RUNNING for trial in optuna.load_study(study_name=study, storage=storage).trials)
    assert tuning.trials["n_components"].to_list()[: len(before)] == [params["n_components"] for params in before]
