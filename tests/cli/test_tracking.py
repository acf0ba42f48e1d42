from pathlib import Path
from typing import Any

import mlflow
import pytest
from typer.testing import CliRunner

from gingham.cli import app
from gingham.errors import TrackingError


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", str(tmp_path / "store"))
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")


def kinds() -> list[str]:
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("shop")
    assert experiment is not None
    return sorted(run.data.tags["gingham.kind"] for run in client.search_runs([experiment.experiment_id]))


@pytest.mark.parametrize(
    ("command", "logged"),
    [
        (["run", "--out", "OUT"], ["baseline"] * 3 + ["run"]),
        (["compare"], ["baseline"] * 3 + ["comparison", "model"]),
        (["tune", "--out", "OUT", "--metric", "map@5", "--trials", "1"], ["baseline"] * 3 + ["search", "trial"]),
    ],
    ids=lambda value: value[0],
)
def test_results_are_logged(recipe: Path, tmp_path: Path, command: list[str], logged: list[str]) -> None:
    recipe.write_text(f"{recipe.read_text()}\n[tune.space]\nn_components = [4, 8]\n")
    arguments = [str(tmp_path / "out") if word == "OUT" else word for word in command]
    done = CliRunner().invoke(app, [*arguments, str(recipe), "--track", "mlflow"])
    assert done.exit_code == 0, done.output
    assert f"Logged to MLflow: experiment 'shop' at {tmp_path / 'store'}." in done.stdout.replace("\n", "")
    assert kinds() == logged


@pytest.mark.parametrize("command", ["run", "compare", "tune"])
def test_an_unreachable_server_is_an_error_before_the_work(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nowhere://at/all")
    out = tmp_path / "out"
    done = CliRunner().invoke(app, [command, str(recipe), "--out", str(out), "--track", "mlflow"])
    assert isinstance(done.exception, TrackingError)
    assert "'nowhere://at/all'" in str(done.exception)
    assert "Reading" not in done.stderr
    assert not out.exists()


def test_a_run_is_stored_although_mlflow_fails_at_its_end(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any) -> None:
        raise mlflow.MlflowException("The disk is full. Ask an administrator.")

    monkeypatch.setattr(mlflow.MlflowClient, "log_artifact", gone)
    out = tmp_path / "out"
    done = CliRunner().invoke(app, ["run", str(recipe), "--out", str(out), "--track", "mlflow"])
    assert isinstance(done.exception, TrackingError)
    assert "The results are stored" in str(done.exception)
    assert "The disk is full;" in str(done.exception)
    assert "Wrote" in done.stdout
    assert (out / "current" / "recommendations.parquet").exists()


def test_another_tool_is_refused(recipe: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["compare", str(recipe), "--track", "paper"])
    assert done.exit_code == 2
    assert "'paper'" in done.stderr
