"""A worker process, which tries parameters until nobody asks for more.

It is sent the parameters of each trial, and sends what each epoch came to; an answer says whether to go on. It knows
nothing of the study: whatever becomes of it, that is whole.
"""

import os
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from gingham.config.models import build
from gingham.errors import DataError, GinghamError
from gingham.metrics import compute, rank_test
from gingham.models import EarlyStopping, Recommender
from gingham.models.early_stopping import Monitor
from gingham.models.epochs import Epoch
from gingham.tuning import job
from gingham.tuning.job import Fold, Settings

# Hears an epoch's number, metric and loss, and says whether to go on.
Listener = Callable[[int, float, float], bool]


def attempt(settings: Settings, folds: list[Fold], params: dict[str, Any], listener: Listener) -> dict[str, Any] | None:
    """Fit the model with these parameters to each fold and measure it; None if the listener ended it.

    Returns
    -------
    dict
        ``value``, the metric's mean over folds; ``epochs``, after how many it was reached (None for a model that has
        none); ``seconds``.

    Raises
    ------
    DataError
        If the metric is undefined for every user of a validation part.
    GinghamError
        For what fitting raises.
    """
    start = time.perf_counter()
    values, epochs = [], []
    for number, fold in enumerate(folds):
        # Folds are fitted one after the other; what is known early of all trials is how they do on the first.
        fitted = _fit(settings, fold, params, listener if number == 0 else lambda *_: True)
        if fitted is None:
            return None
        model, epoch = fitted
        ranks, _ = rank_test(model, fold.validation, 0, settings.filter_seen, settings.num_threads)
        of_users = compute(settings.metric, ranks)
        defined = of_users[~np.isnan(of_users)]
        if not len(defined):
            raise DataError(
                f"{settings.metric} is undefined for every user of the validation part; choose another metric, or "
                "another validation part."
            )
        values.append(float(defined.mean()))
        epochs.append(epoch)
    found = round(float(np.median(epochs))) if any(epochs) else None
    return {"value": float(np.mean(values)), "epochs": found, "seconds": time.perf_counter() - start}


def _fit(settings: Settings, fold: Fold, params: dict[str, Any], listener: Listener) -> tuple[Recommender, int] | None:
    """Fit one model; give it and the epoch that it is of, or None if the listener ended it."""
    stopping = EarlyStopping(settings.metric, max(1, settings.patience), fold.watched, settings.filter_seen)
    monitor = Monitor(stopping, settings.num_threads)
    going = True

    def measured(model: Recommender, epoch: Epoch) -> None:
        monitor.improved(model, epoch)

    def heard(_: Recommender, epoch: Epoch) -> bool:
        nonlocal going
        going = listener(epoch.epoch, epoch.metrics[settings.metric], epoch.loss)
        return not going

    model = build(settings.model.changed(params))
    has_epochs = "epochs" in model.supports
    callbacks = [heard] if settings.patience else [measured, heard]
    if has_epochs:
        model.set_params(early_stopping=stopping if settings.patience else None)
    model.fit(fold.train, num_threads=settings.num_threads, callbacks=callbacks, verbose=False)
    return (model, model.best_epoch_ if has_epochs else 0) if going else None


def log_of(folder: Path, number: int) -> Path:
    """Where a worker of a job leaves what it prints, and why it failed."""
    return folder / f"worker-{number}.log"


def work(folder: Path, number: int, line: Connection) -> None:
    """Try what the other end of the line asks for, until that is closed.

    Parameters
    ----------
    folder : Path
        The job.
    number : int
        The worker's.
    line : Connection
        To whoever asks.
    """
    with log_of(folder, number).open("w") as log:
        # Standard output is the nursery's own line.
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)

    def listener(epoch: int, value: float, loss: float) -> bool:
        line.send({"epoch": epoch, "value": value, "loss": loss})
        return bool(line.recv())

    settings, folds = job.read(folder)
    try:
        while True:
            params = line.recv()
            try:
                line.send({"result": attempt(settings, folds, params, listener)})
            except GinghamError as error:
                line.send({"error": str(error)})
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # whoever asked is gone
