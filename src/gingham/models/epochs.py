"""What models share that are trained in epochs: the loop, its history, and how it is interrupted."""

import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sized
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from gingham.arrays import Matrix
from gingham.errors import DivergedError
from gingham.models.base import Callback
from gingham.models.early_stopping import EarlyStopping
from gingham.models.embedding import EmbeddingModel
from gingham.models.side import Average, Snapshot
from gingham.models.training_data import Data
from gingham.validation import check_integer, check_num_threads

T = TypeVar("T", bound=Sized)


@dataclass(frozen=True)
class Epoch:
    """One epoch of training.

    Attributes
    ----------
    epoch : int
        Its number, from 1.
    loss : float
        What the model says its loss was, for each of the epoch's examples in the mean.
    seconds : float
        How long it took.
    metrics : dict of str to float
        What callbacks measured after it.
    """

    epoch: int
    loss: float
    seconds: float
    metrics: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Write it down; JSON has no word for what is not finite but null."""
        metrics = {name: float(value) if np.isfinite(value) else None for name, value in self.metrics.items()}
        return {**asdict(self), "metrics": metrics}

    @classmethod
    def of_json(cls, stored: dict[str, Any]) -> "Epoch":
        """Read what `to_json` wrote."""
        metrics = {name: np.nan if value is None else value for name, value in stored["metrics"].items()}
        return cls(**{**stored, "metrics": metrics})


class EpochModel(EmbeddingModel, Generic[T]):
    """A model of embeddings that is trained in epochs, on a `T` whose length is what progress counts.

    Attributes
    ----------
    history_ : list of Epoch
        The epochs since the last `fit`.
    """

    history_: list[Epoch]
    # How much earlier epochs count in what the model is after each; a parameter of models that offer it.
    averaging: float = 0.0

    @abstractmethod
    def fit(
        self,
        interactions: Data,
        *,
        user_features: Matrix | None = None,
        item_features: Matrix | None = None,
        sample_weight: Matrix | None = None,
        epochs: int = ...,
        num_threads: int = ...,
        callbacks: Iterable[Callback] = (),
        early_stopping: EarlyStopping | None = None,
        verbose: bool = True,
    ) -> Self:
        """Train from scratch."""

    @abstractmethod
    def _run_epoch(self, training: T, n_threads: int, progress: Callable[[int], None]) -> float:
        """Change what is learned in place; give the mean loss."""

    @property
    @abstractmethod
    def _calmer(self) -> str:
        """What to fit with after training has diverged."""

    def train(
        self,
        training: T,
        epochs: int,
        num_threads: int = 1,
        callbacks: Iterable[Callback] = (),
        early_stopping: EarlyStopping | None = None,
        verbose: bool = True,
    ) -> Self:
        """Train a model that was fitted, or resumed, on what an epoch goes through.

        Parameters
        ----------
        training : T
            Of the same users and items.
        epochs, num_threads, callbacks, early_stopping, verbose
            As for `fit`.

        Raises
        ------
        ParameterError, DivergedError
            As `fit` does.
        """
        check_integer("epochs", epochs, 0)
        n_threads, callbacks = check_num_threads(num_threads), list(callbacks)
        if early_stopping is not None:
            early_stopping.start()
        self._train_epochs(training, epochs, n_threads, callbacks, early_stopping, verbose)
        return self

    def _train(
        self,
        start: dict[str, Any],
        training: T,
        epochs: int,
        num_threads: int,
        callbacks: Iterable[Callback],
        early_stopping: EarlyStopping | None,
        verbose: bool,
    ) -> Self:
        """Train from a state, which the model keeps unless an argument is wrong or no epoch is finished."""
        before = {name: vars(self)[name] for name in start if name in vars(self)}
        vars(self).update(start)
        first = len(self.history_)
        try:
            self.train(training, epochs, num_threads, callbacks, early_stopping, verbose)
        except BaseException:
            if len(self.history_) == first:
                for name in start:
                    vars(self).pop(name)
                vars(self).update(before)
            raise
        return self

    def _train_epochs(
        self,
        training: T,
        epochs: int,
        n_threads: int,
        callbacks: list[Callback],
        early_stopping: EarlyStopping | None,
        verbose: bool,
    ) -> None:
        before, best = Snapshot(self._users, self._items), Snapshot(self._users, self._items)
        average = Average(self.averaging, self._users, self._items)
        with tqdm(
            total=epochs * len(training), unit=" pairs", unit_scale=True, disable=None if verbose else True
        ) as bar:
            for done in range(epochs):
                with average.set_aside():
                    epoch = self._train_epoch(training, n_threads, before, partial(_show, bar, done * len(training)))
                if early_stopping is not None and early_stopping.improved(self, epoch):
                    best.take()
                stop = [callback(self, epoch) for callback in callbacks]
                bar.set_postfix({"epoch": f"{done + 1}/{epochs}", "loss": epoch.loss, **epoch.metrics})
                _show(bar, 0, (done + 1) * len(training))
                if any(stop) or (early_stopping is not None and early_stopping.exhausted(epoch)):
                    break
        if early_stopping is not None:
            best.restore()

    def _train_epoch(self, training: T, n_threads: int, before: Snapshot, progress: Callable[[int], None]) -> Epoch:
        """Train for an epoch, or not at all: what fails or is interrupted leaves the model as it was."""
        before.take()
        start = time.perf_counter()
        try:
            loss = self._run_epoch(training, n_threads, progress)
            self._require_finite()
        except BaseException:
            before.restore()
            raise
        epoch = Epoch(len(self.history_) + 1, loss, time.perf_counter() - start)
        self.history_.append(epoch)
        return epoch

    def _require_finite(self) -> None:
        for side, what in ((self._users, "user"), (self._items, "item")):
            with np.errstate(all="ignore"):
                finite = np.isfinite(side.state.sum())  # not finite if any of its terms is not, and no copy
            if not finite:
                raise DivergedError(
                    f"The {what} parameters are no longer finite after epoch {len(self.history_) + 1}; the model is as "
                    f"before that epoch: fit again with {self._calmer}."
                )

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        state, arrays = super()._learned()
        return state | {"history": [epoch.to_json() for epoch in self.history_]}, arrays

    def _relearn(self, state: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> None:
        super()._relearn(state, arrays)
        self.history_ = [Epoch.of_json(epoch) for epoch in state["history"]]


def _show(bar: "tqdm[Any]", before: int, done: int) -> None:
    bar.update(before + done - bar.n)
