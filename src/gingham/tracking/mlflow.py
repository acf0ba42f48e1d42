"""Logging records to MLflow: to the server, database or folder that MLflow's environment variables name."""

import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

from gingham.errors import TrackingError
from gingham.extras import extra
from gingham.tables.database import without_password
from gingham.tables.origin import first_line
from gingham.tracking.record import Record

# The largest numbers of metrics and parameters that MLflow accepts in one call.
_METRICS, _PARAMS = 1000, 100
# Short texts for long error messages of MLflow, by a part of the message.
_REASONS = {
    "Max retries exceeded": "it does not answer",
    "MLFLOW_ALLOW_FILE_STORE": "MLflow keeps runs in a folder only if MLFLOW_ALLOW_FILE_STORE=true is set",
}
# By default MLflow retries for minutes. One retry is enough to find out whether the server answers before a run starts.
_ONE_RETRY = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}


@dataclass(frozen=True)
class MLflow:
    """An experiment in MLflow, to which records are logged.

    Attributes
    ----------
    uri : str
        The tracking URI, without password.
    experiment : str
        The experiment's name.
    """

    uri: str
    experiment: str
    _client: Any = field(repr=False)
    _experiment_id: str = field(repr=False)
    _start_ms: int = field(repr=False)

    @classmethod
    def open(cls, name: str) -> Self:
        """Open an experiment; create it if it does not exist.

        Parameters
        ----------
        name : str
            The experiment's name, unless the environment variable MLFLOW_EXPERIMENT_NAME is set. MLFLOW_TRACKING_URI
            says where it is stored; by default in MLflow's file ``mlflow.db`` in the current folder.

        Raises
        ------
        MissingExtraError
            If MLflow is not installed.
        TrackingError
            If MLflow does not answer or reports an error, or the experiment is deleted.
        """
        mlflow = _mlflow()
        uri = without_password(mlflow.get_tracking_uri())
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", name)
        remedy = "check MLFLOW_TRACKING_URI and whether the server runs, or leave out --track"
        with _errors(f"MLflow at {uri} cannot be used", remedy), _environment(_ONE_RETRY):
            client = mlflow.MlflowClient()
            experiment = client.get_experiment_by_name(name)
            experiment_id = client.create_experiment(name) if experiment is None else experiment.experiment_id
        if experiment is not None and experiment.lifecycle_stage != "active":
            raise TrackingError(
                f"MLflow's experiment {name!r} at {uri} is deleted; restore it, or set MLFLOW_EXPERIMENT_NAME to the "
                "name of another one."
            )
        return cls(uri, name, client, experiment_id, _now_ms())

    def log(self, record: Record) -> None:
        """Log a record and its parts, each as a run whose start time is that of `open`.

        Raises
        ------
        TrackingError
            If MLflow does not answer or reports an error, or Ctrl-C was pressed. Runs that were logged only in part are
            marked as failed.
        """
        try:
            with _errors(
                f"The results are stored, but logging them to MLflow at {self.uri} failed",
                "fix this and repeat the command",
            ):
                self._log(record)
        except KeyboardInterrupt:
            raise TrackingError("The results are stored, but logging them to MLflow was interrupted.") from None

    def _log(self, record: Record, parent: str | None = None) -> None:
        run = self._client.create_run(self._experiment_id, self._start_ms, _tags(record, parent), record.name)
        run_id = run.info.run_id
        try:
            self._log_figures(run_id, record)
            for path in record.artifacts:
                self._log_file(run_id, path)
            for part in record.parts:
                self._log(part, run_id)
        except BaseException:
            with suppress(Exception):
                self._client.set_terminated(run_id, "FAILED")
            raise
        self._client.set_terminated(run_id)

    def _log_figures(self, run_id: str, record: Record) -> None:
        from mlflow.entities import Metric, Param

        metrics = [Metric(name, value, _now_ms(), 0) for name, value in record.metrics.items()]
        for row in () if record.curve is None else record.curve.to_dicts():
            epoch = row.pop("epoch")
            metrics += [Metric(name, value, _now_ms(), epoch) for name, value in row.items() if value is not None]
        params = [Param(name, str(value)) for name, value in record.params.items()]
        for start in range(0, len(params), _PARAMS):
            self._client.log_batch(run_id, params=params[start : start + _PARAMS])
        for start in range(0, len(metrics), _METRICS):
            self._client.log_batch(run_id, metrics=metrics[start : start + _METRICS])

    def _log_file(self, run_id: str, path: Path) -> None:
        if path.is_dir():
            self._client.log_artifacts(run_id, str(path), path.name)
        else:
            self._client.log_artifact(run_id, str(path))


def _mlflow() -> Any:
    # Without this, MLflow sends usage data to its developers.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    mlflow = extra("mlflow", "mlflow", "Tracking")
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    return mlflow


def _tags(record: Record, parent: str | None) -> dict[str, str]:
    # MLflow's pages use the tags that start with "mlflow." to nest runs and to describe them.
    tags = {"gingham.kind": record.kind, "gingham.version": version("gingham")}
    tags |= {"mlflow.note.content": record.note} if record.note else {}
    return tags | ({} if parent is None else {"mlflow.parentRunId": parent})


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@contextmanager
def _errors(problem: str, remedy: str) -> Iterator[None]:
    """Turn any error of MLflow, its storage or a driver into a TrackingError of one sentence."""
    try:
        yield
    except Exception as error:
        raise TrackingError(f"{problem}: {_reason(error)}; {remedy}.") from error


def _reason(error: Exception) -> str:
    """Return the first sentence of an error message, or a shorter text for it."""
    line = first_line(error)
    first_sentence = without_password(line).partition(". ")[0]
    return next((reason for part, reason in _REASONS.items() if part in line), first_sentence)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables within the `with` block, except those that are already set."""
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
