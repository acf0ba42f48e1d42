"""A worker process: it fits and measures the model with the parameters that it receives, until the connection closes.

A worker receives the parameters of a trial, sends the figures of each epoch, and receives whether to continue. It has
no access to the study, so a worker that crashes can't damage it.
"""

import os
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from gingham.config.models import build
from gingham.errors import DataError, GinghamError
from gingham.metrics import compute, rank_test
from gingham.models import EarlyStopping, Recommender
from gingham.models.early_stopping import Monitor
from gingham.models.epochs import Epoch
from gingham.tuning.job import Fold, Settings, read_job

# Takes the number, metric and loss of an epoch and the number of all epochs; returns whether the trial should continue.
EpochReport: TypeAlias = Callable[[int, float, float, int], bool]


def run_trial(
    settings: Settings, folds: list[Fold], params: dict[str, Any], report: EpochReport, as_given: bool = False
) -> dict[str, Any] | None:
    """Fit the model with some parameters to each fold and compute the metric.

    Parameters
    ----------
    settings : Settings
        What all trials share.
    folds : list of Fold
        The data.
    params : dict
        The trial's parameters.
    report : callable
        Called after each epoch on the first fold; if it returns False, the trial is pruned.
    as_given : bool
        Whether the trial is the model as it is given: then it is trained for all of its epochs, unless it has early
        stopping of its own. False by default: a trial stops early.

    Returns
    -------
    dict or None
        None for a pruned trial. Otherwise ``value``, the mean of the metric over folds; ``epochs``, the best number of
        epochs (None for a model without epochs); and ``seconds``.

    Raises
    ------
    DataError
        If the metric is undefined for every user of a validation part.
    GinghamError
        If the model cannot be fitted.
    """
    start = time.perf_counter()
    values, epochs = [], []
    stops_early = settings.patience > 0 and not (as_given and settings.model.params.get("early_stopping") is None)
    for number, fold in enumerate(folds):
        # The folds are fitted one after the other, so a trial is pruned by its figures on the first one.
        fitted = _fit(settings, fold, params, report if number == 0 else lambda *_: True, stops_early)
        if fitted is None:
            return None
        model, best_epoch = fitted
        ranks, _ = rank_test(model, fold.validation, 0, settings.filter_seen, settings.num_threads)
        user_values = compute(settings.metric, ranks)
        defined = user_values[~np.isnan(user_values)]
        if not len(defined):
            raise DataError(
                f"{settings.metric} is undefined for every user of the validation part; choose another metric or "
                "another validation part."
            )
        values.append(float(defined.mean()))
        epochs.append(best_epoch)
    n_epochs = round(float(np.median(epochs))) if any(epochs) else None
    return {"value": float(np.mean(values)), "epochs": n_epochs, "seconds": time.perf_counter() - start}


def _fit(
    settings: Settings, fold: Fold, params: dict[str, Any], report: EpochReport, stops_early: bool
) -> tuple[Recommender, int] | None:
    """Fit one model; return it and its best epoch (0 for a model without epochs), or None if the trial is pruned."""
    stopping = EarlyStopping(settings.metric, max(1, settings.patience), fold.monitored, settings.filter_seen)
    monitor = Monitor(stopping, settings.num_threads)
    pruned = False

    def measure(model: Recommender, epoch: Epoch) -> None:
        monitor.improved(model, epoch)

    def send_report(model: Recommender, epoch: Epoch) -> bool:
        nonlocal pruned
        n_epochs = int(model.get_params()["epochs"])
        pruned = not report(epoch.epoch, epoch.metrics[settings.metric], epoch.loss, n_epochs)
        return pruned

    model = build(settings.model.changed(params), split=settings.validation, filter_seen=settings.filter_seen)
    stops_early = stops_early and "early_stopping" in model.param_names()
    if "early_stopping" in model.param_names():
        # Each trial has early stopping of its own, so a recipe's is ignored.
        model.set_params(early_stopping=stopping if stops_early else None)
    # Early stopping computes the metric before the callbacks are called.
    callbacks = [send_report] if stops_early else [measure, send_report]
    model.fit(fold.train, num_threads=settings.num_threads, callbacks=callbacks, verbose=False)
    return None if pruned else (model, model.best_epoch_)


def worker_log(folder: Path, number: int) -> Path:
    """Return the file to which a job's worker writes its output and the error that ended it."""
    return folder / f"worker-{number}.log"


def run_worker(folder: Path, number: int, connection: Connection) -> None:
    """Run trials with the parameters that arrive, until the other end of the connection closes.

    Parameters
    ----------
    folder : Path
        The job.
    number : int
        The worker's number.
    connection : Connection
        The connection to the server process.
    """
    with worker_log(folder, number).open("w") as log:
        # The server process uses its standard output for messages to the search.
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)

    def report(epoch: int, value: float, loss: float, epochs: int) -> bool:
        connection.send({"epoch": epoch, "value": value, "loss": loss, "epochs": epochs})
        return bool(connection.recv())

    settings, folds = read_job(folder)
    try:
        while True:
            trial = connection.recv()
            try:
                connection.send({"result": run_trial(settings, folds, trial["params"], report, trial["as_given"])})
            except GinghamError as error:
                connection.send({"error": str(error)})
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the search has ended
