"""The training loop of models that are trained in epochs."""

import time
from collections.abc import Sequence, Sized
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

import numpy as np
from tqdm import tqdm

from gingham.errors import DivergedError
from gingham.models.base import Callback
from gingham.models.early_stopping import Monitor
from gingham.models.epochs import EmbeddingState, Epoch, ProgressFunction
from gingham.models.side import Average, Checkpoint
from gingham.models.training_data import TrainingData
from gingham.progress import progress_bar

State_contra = TypeVar("State_contra", bound=EmbeddingState, contravariant=True)
Problem_contra = TypeVar("Problem_contra", bound=Sized, contravariant=True)


@dataclass(frozen=True)
class TrainingOptions:
    """How a model is trained, apart from what it is trained on.

    Attributes
    ----------
    epochs : int
        The number of epochs, at most.
    n_threads : int
        The number of threads.
    callbacks : sequence of callable
        Called with the model and the `Epoch` after each epoch; training ends when one returns True.
    monitor : Monitor or None
        Decides when training ends early; the parameters of the best epoch are then restored.
    verbose : bool
        Whether a terminal shows a progress bar.
    averaging : float
        The weight of earlier epochs in the parameters after each epoch; see `HybridMF`.
    """

    epochs: int
    n_threads: int = 1
    callbacks: Sequence[Callback] = ()
    monitor: Monitor | None = None
    verbose: bool = True
    averaging: float = 0.0


class Trainable(Protocol[State_contra, Problem_contra]):
    """What the loop asks of a model."""

    def _run_epoch(
        self, state: State_contra, problem: Problem_contra, n_threads: int, progress: ProgressFunction | None
    ) -> float: ...

    def _adopt(self, training_data: TrainingData, state: State_contra) -> None: ...

    @property
    def _divergence_remedy(self) -> str: ...


def train(
    model: Any, training_data: TrainingData, state: EmbeddingState, problem: Sized, options: TrainingOptions
) -> None:
    """Train a model's parameters epoch by epoch.

    The model takes over the training data and the state as soon as an epoch is finished, so an error before that leaves
    it as it was. An error or Ctrl-C later leaves it as after the last finished epoch.

    Parameters
    ----------
    model : EpochModel
    training_data : TrainingData
        The users, items and interactions that the model has afterwards.
    state : EmbeddingState
        The parameters to train, in place.
    problem : sized
        What an epoch goes through; its length is the unit of progress.
    options : TrainingOptions

    Raises
    ------
    DivergedError
        If a parameter stops being finite.
    """
    trainable: Trainable[EmbeddingState, Sized] = model
    last, best = Checkpoint(*state.sides), Checkpoint(*state.sides)
    average = Average(options.averaging, *state.sides)
    size, monitor = len(problem), options.monitor
    if not options.epochs:
        trainable._adopt(training_data, state)
    with progress_bar(total=options.epochs * size, unit=" pairs", unit_scale=True, verbose=options.verbose) as bar:
        for done in range(options.epochs):
            with average.set_aside():
                epoch = _finish_epoch(trainable, state, problem, options, last, partial(_show, bar, done * size))
            state.history.append(epoch)
            trainable._adopt(training_data, state)
            if monitor is not None and monitor.improved(model, epoch):
                best.take()
            stop = [callback(model, epoch) for callback in options.callbacks]
            bar.set_postfix({"epoch": f"{done + 1}/{options.epochs}", "loss": epoch.loss, **epoch.metrics})
            _show(bar, 0, (done + 1) * size)
            if any(stop) or (monitor is not None and monitor.exhausted(epoch)):
                break
    if monitor is not None:
        best.restore()
        trainable._adopt(training_data, state)


def _finish_epoch(
    model: Trainable[EmbeddingState, Sized],
    state: EmbeddingState,
    problem: Sized,
    options: TrainingOptions,
    last: Checkpoint,
    progress: ProgressFunction,
) -> Epoch:
    """Train one epoch; if that fails or is interrupted, restore the parameters from before it."""
    last.take()
    number, start = len(state.history) + 1, time.perf_counter()
    try:
        loss = model._run_epoch(state, problem, options.n_threads, progress)
        _check_finite(state, number, model._divergence_remedy)
    except BaseException:
        last.restore()
        raise
    return Epoch(number, loss, time.perf_counter() - start)


def _check_finite(state: EmbeddingState, epoch: int, remedy: str) -> None:
    for side, what in ((state.users, "user"), (state.items, "item")):
        with np.errstate(all="ignore"):
            finite = np.isfinite(side.state.sum())  # not finite if any term is not; needs no copy
        if not finite:
            raise DivergedError(
                f"The {what} parameters are not finite after epoch {epoch}; the model is as it was before that epoch: "
                f"fit again with {remedy}."
            )


def _show(bar: "tqdm[Any]", before: int, done: int) -> None:
    bar.update(before + done - bar.n)
