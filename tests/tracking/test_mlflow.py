import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import mlflow
import polars as pl
import pytest

from gingham.errors import MissingExtraError, TrackingError
from gingham.tracking import MLflow, Record


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which MLflow keeps runs."""
    folder = tmp_path / "store"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", str(folder))
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return folder


def runs(experiment: str) -> list[Any]:
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name(experiment)
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id]))


def test_a_record_is_logged_with_all_its_parts(store: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "arrays").write_text("numbers")
    (tmp_path / "recipe.toml").write_text("name = 1")
    record = Record(
        "run",
        "run",
        {"loss": "warp", "split.test": "7d", **{f"feature {number}": number for number in range(150)}},
        {"map_at_12": 0.25},
        pl.DataFrame({"epoch": [1, 2], "loss": [0.5, 0.25], "validation_map_at_5": [None, 0.125]}),
        "It is worse.",
        [tmp_path / "model", tmp_path / "recipe.toml"],
        [Record("best-sellers", "baseline", metrics={"map_at_12": 0.5})],
    )
    MLflow.open("shop").log(record)

    by_name = {run.info.run_name: run for run in runs("shop")}
    assert set(by_name) == {"run", "best-sellers"}
    run, part = by_name["run"], by_name["best-sellers"]
    assert run.info.status == part.info.status == "FINISHED"
    assert run.data.params == {name: str(value) for name, value in record.params.items()}
    assert run.data.metrics == {"map_at_12": 0.25, "loss": 0.25, "validation_map_at_5": 0.125}
    assert run.data.tags["mlflow.note.content"] == "It is worse."
    assert part.data.tags["mlflow.parentRunId"] == run.info.run_id
    assert part.data.tags["gingham.kind"] == "baseline"
    client = mlflow.MlflowClient()
    curve = client.get_metric_history(run.info.run_id, "loss")
    assert [(point.step, point.value) for point in curve] == [(1, 0.5), (2, 0.25)]
    assert [point.step for point in client.get_metric_history(run.info.run_id, "validation_map_at_5")] == [2]
    artifacts = Path(run.info.artifact_uri)
    assert (artifacts / "model" / "arrays").read_text() == "numbers"
    assert (artifacts / "recipe.toml").read_text() == "name = 1"


def test_a_curve_may_be_longer_than_one_call_accepts(store: Path) -> None:
    curve = pl.DataFrame({"epoch": range(1, 1202), "loss": [1.0] * 1201})
    MLflow.open("shop").log(Record("run", "run", curve=curve))
    (run,) = runs("shop")
    assert len(mlflow.MlflowClient().get_metric_history(run.info.run_id, "loss")) == 1201


def test_an_environment_variable_names_the_experiment(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "the team")
    opened = MLflow.open("shop")
    assert opened.experiment == "the team"
    opened.log(Record("run", "run"))
    MLflow.open("shop").log(Record("another", "run"))
    assert len(runs("the team")) == 2


def test_a_deleted_experiment_is_refused(store: Path) -> None:
    MLflow.open("shop")
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("shop")
    assert experiment is not None
    client.delete_experiment(experiment.experiment_id)
    with pytest.raises(TrackingError, match=r"'shop' at .* is deleted; restore it"):
        MLflow.open("shop")


def test_runs_that_are_logged_in_part_are_marked_as_failed(store: Path, tmp_path: Path) -> None:
    opened = MLflow.open("shop")
    with pytest.raises(
        TrackingError, match=r"The results are stored, but logging them to MLflow at .*nowhere.*repeat the command"
    ):
        opened.log(Record("run", "run", parts=[Record("part", "model", artifacts=[tmp_path / "nowhere"])]))
    assert {run.info.status for run in runs("shop")} == {"FAILED"}


def test_a_server_that_does_not_answer_is_reported_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://joe:secret@127.0.0.1:{port}")
    with pytest.raises(TrackingError) as raised:
        MLflow.open("shop")
    assert str(raised.value) == (
        f"MLflow at http://joe:***@127.0.0.1:{port} cannot be used: it does not answer; check MLFLOW_TRACKING_URI "
        "and whether the server runs, or leave out --track."
    )


def test_a_folder_that_mlflow_does_not_accept_is_explained(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "false")
    with pytest.raises(TrackingError, match="only if MLFLOW_ALLOW_FILE_STORE=true is set"):
        MLflow.open("shop")


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'gingham\[mlflow\]'"):
        MLflow.open("shop")


QUIET = """
import sys

used = []
sys.addaudithook(lambda event, arguments: used.append(event) if event.startswith("socket.connect") else None)
from gingham.tracking import MLflow, Record
MLflow.open("shop").log(Record("run", "run"))
assert not used, used
"""


def test_a_folder_or_a_file_needs_no_network(store: Path) -> None:
    process = subprocess.run([sys.executable, "-c", QUIET], capture_output=True, text=True)
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")


def test_ctrl_c_ends_only_the_logging(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    opened = MLflow.open("shop")
    monkeypatch.setattr(mlflow.MlflowClient, "log_batch", interrupted)
    with pytest.raises(TrackingError, match=r"The results are stored, but .* was interrupted"):
        opened.log(Record("run", "run", {"loss": "warp"}))
    (run,) = runs("shop")
    assert run.info.status == "FAILED"
