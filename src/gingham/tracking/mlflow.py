"""MLflow, where records are logged: the server, database or folder that its own environment variables name."""

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

# MLflow takes no more in one call.
_METRICS, _PARAMS = 1000, 100
# What MLflow says in several sentences, in a few words.
_KNOWN = {
    "Max retries exceeded": "it does not answer",
    "MLFLOW_ALLOW_FILE_STORE": "MLflow keeps runs in a folder only if MLFLOW_ALLOW_FILE_STORE=true is set",
}
# MLflow asks a silent server again for minutes. To find out before the work whether it is there, one more time does.
_IMPATIENT = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}


@dataclass(frozen=True)
class MLflow:
    """An experiment of MLflow's.

    Attributes
    ----------
    uri : str
        Where it is kept, without password.
    experiment : str
        Its name.
    """

    uri: str
    experiment: str
    _client: Any = field(repr=False)
    _experiment_id: str = field(repr=False)
    _began: int = field(repr=False)

    @classmethod
    def open(cls, name: str) -> Self:
        """Ask MLflow for its experiment, which is made unless it is there.

        Parameters
        ----------
        name : str
            The experiment's name, unless MLFLOW_EXPERIMENT_NAME says another. Where it is kept says
            MLFLOW_TRACKING_URI; by default MLflow's own file ``mlflow.db`` in the current folder.

        Raises
        ------
        MissingExtraError
            If MLflow is not installed.
        TrackingError
            If it can't be reached or refuses, or the experiment is deleted.
        """
        mlflow = _mlflow()
        uri = without_password(mlflow.get_tracking_uri())
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", name)
        remedy = "look at MLFLOW_TRACKING_URI and whether the server runs, or leave out --track"
        with _asked(f"MLflow at {uri} cannot be used", remedy), _environment(_IMPATIENT):
            client = mlflow.MlflowClient()
            known = client.get_experiment_by_name(name)
            experiment_id = client.create_experiment(name) if known is None else known.experiment_id
        if known is not None and known.lifecycle_stage != "active":
            raise TrackingError(
                f"MLflow's experiment {name!r} at {uri} is deleted; restore it, or name another in "
                "MLFLOW_EXPERIMENT_NAME."
            )
        return cls(uri, name, client, experiment_id, _now())

    def log(self, record: Record) -> None:
        """Log a record and its parts, each as a run; it began when the experiment was opened.

        Raises
        ------
        TrackingError
            If it can't be reached any more, refuses, or is interrupted; what it got is marked as failed.
        """
        try:
            with _asked(
                f"All else is done, but MLflow at {self.uri} does not take it", "see to that, and repeat the command"
            ):
                self._log(record)
        except KeyboardInterrupt:
            raise TrackingError("Logging to MLflow was interrupted; all else is done.") from None

    def _log(self, record: Record, parent: str | None = None) -> None:
        run = self._client.create_run(self._experiment_id, self._began, _tags(record, parent), record.name)
        run_id = run.info.run_id
        try:
            self._figures(run_id, record)
            for path in record.artifacts:
                self._keep(run_id, path)
            for part in record.parts:
                self._log(part, run_id)
        except BaseException:
            with suppress(Exception):
                self._client.set_terminated(run_id, "FAILED")
            raise
        self._client.set_terminated(run_id)

    def _figures(self, run_id: str, record: Record) -> None:
        from mlflow.entities import Metric, Param

        metrics = [Metric(name, value, _now(), 0) for name, value in record.metrics.items()]
        for row in () if record.curve is None else record.curve.to_dicts():
            epoch = row.pop("epoch")
            metrics += [Metric(name, value, _now(), epoch) for name, value in row.items() if value is not None]
        params = [Param(name, str(value)) for name, value in record.params.items()]
        for start in range(0, len(params), _PARAMS):
            self._client.log_batch(run_id, params=params[start : start + _PARAMS])
        for start in range(0, len(metrics), _METRICS):
            self._client.log_batch(run_id, metrics=metrics[start : start + _METRICS])

    def _keep(self, run_id: str, path: Path) -> None:
        if path.is_dir():
            self._client.log_artifacts(run_id, str(path), path.name)
        else:
            self._client.log_artifact(run_id, str(path))


def _mlflow() -> Any:
    # MLflow tells its makers of its use, unless this is set; nothing leaves this machine that nobody asked for.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    mlflow = extra("mlflow", "mlflow", "Tracking")
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    return mlflow


def _tags(record: Record, parent: str | None) -> dict[str, str]:
    # The names that begin with mlflow are those by which MLflow's pages nest runs and describe them.
    tags = {"gingham.kind": record.kind, "gingham.version": version("gingham")}
    tags |= {"mlflow.note.content": record.note} if record.note else {}
    return tags | ({} if parent is None else {"mlflow.parentRunId": parent})


def _now() -> int:
    return time.time_ns() // 1_000_000


@contextmanager
def _asked(trouble: str, remedy: str) -> Iterator[None]:
    """Turn whatever MLflow, its stores and their drivers raise into one sentence."""
    try:
        yield
    except Exception as error:
        raise TrackingError(f"{trouble}: {_said(error)}; {remedy}.") from error


def _said(error: Exception) -> str:
    """Give the first sentence of what MLflow says."""
    line = first_line(error)
    return next((said for part, said in _KNOWN.items() if part in line), without_password(line).partition(". ")[0])


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables that are not set, as long as the block lasts."""
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
