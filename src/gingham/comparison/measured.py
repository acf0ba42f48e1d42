"""One model of a comparison: how it is fitted, and what was measured of it."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

import polars as pl

from gingham.columns import USER_ID
from gingham.comparison.memory import PeakMemory
from gingham.errors import NotFittedError, ParameterError
from gingham.evaluation.evaluation import Evaluation, evaluate
from gingham.models import Epoch, EpochModel, Recommender
from gingham.models.training_data import Data
from gingham.progress import Progress


@dataclass(frozen=True)
class Fitted:
    """A fitted model and its learning curve.

    Attributes
    ----------
    model : Recommender
        Fitted.
    curve : sequence of Epoch
        What to show of its training: its own `history_`, or that of the fit that found the best number of epochs.
    """

    model: Recommender
    curve: Sequence[Epoch]

    @classmethod
    def of(cls, fitted: "Recommender | Fitted") -> "Fitted":
        """Take a model with its own history, where it is trained in epochs; what is a `Fitted` stays it."""
        if isinstance(fitted, Fitted):
            return fitted
        return cls(fitted, fitted.history_ if isinstance(fitted, EpochModel) else ())


Fitting: TypeAlias = Callable[[Any], Recommender | Fitted]


@dataclass(frozen=True)
class Measured:
    """What was measured of a model.

    Attributes
    ----------
    evaluation : Evaluation
        How good it is on the test.
    params : dict of str to value
        The model's parameters.
    fit_seconds, recommend_seconds : float
        How long it took to fit, and to recommend as many items as the largest `k` to each user of the test.
    peak_bytes : int or None
        How much more memory than before the process had resident at most, fitting and evaluating; see `PeakMemory`.
    curve : polars.DataFrame or None
        ``epoch``, ``loss``, ``seconds`` and a column a metric that was measured after epochs; None for a model without
        epochs.
    """

    evaluation: Evaluation
    params: dict[str, Any]
    fit_seconds: float
    recommend_seconds: float
    peak_bytes: int | None
    curve: pl.DataFrame | None


def fitting(name: str, model: Recommender | Fitting) -> Fitting:
    """Give what fits a model: itself if it is callable, a fresh copy's `fit` if it is an unfitted model.

    Raises
    ------
    ParameterError
        If it is neither, or its name is no text.
    """
    if not isinstance(name, str):
        raise ParameterError(f"The name {name!r} is a {type(name).__name__}; give each model a text as its name.")
    if isinstance(model, Recommender):
        if _is_fitted(model):
            raise ParameterError(
                f"The model {name!r} is fitted already, and was maybe fitted to the test; give it unfitted, or a "
                "function that takes train and gives a fitted model."
            )
        model.validate()
        return type(model)(**model.get_params()).fit
    if isinstance(model, type) or not callable(model):  # a class can be called, but not with train
        kind = "class" if isinstance(model, type) else type(model).__name__
        raise ParameterError(
            f"The model {name!r} is a {kind}; give an unfitted model, or a function that takes train and gives a "
            "fitted one."
        )
    return model


def measure(
    name: str,
    fit: Fitting,
    train: Data,
    test: Data,
    ks: Sequence[int],
    *,
    filter_seen: bool,
    num_threads: int,
    progress: Progress,
    **options: Any,
) -> Measured:
    """Fit a model to train, and measure it on test; `options` are more of `evaluate`.

    Raises
    ------
    ParameterError
        If what `fit` gives is no fitted model.
    """
    k = max(ks)
    with PeakMemory() as memory:
        with progress.stage(f"Fitting {name}"):
            start = time.perf_counter()
            fitted = Fitted.of(fit(train))
            fit_seconds = time.perf_counter() - start
        model = fitted.model
        if not isinstance(model, Recommender):
            raise ParameterError(f"The function for {name!r} gives a {type(model).__name__}; let it give a model.")
        with progress.stage(f"Evaluating {name}"):
            evaluation = evaluate(model, test, ks, filter_seen=filter_seen, num_threads=num_threads, **options)
            start = time.perf_counter()
            model.recommend(evaluation.per_user[USER_ID], k, filter_seen, num_threads=num_threads)
            recommend_seconds = time.perf_counter() - start
    curve = _table(fitted.curve)
    return Measured(evaluation, model.get_params(), fit_seconds, recommend_seconds, memory.bytes, curve)


def _is_fitted(model: Recommender) -> bool:
    with suppress(NotFittedError):
        return bool(model.training_data_)
    return False


def _table(curve: Sequence[Epoch]) -> pl.DataFrame | None:
    if not curve:
        return None
    rows = [{"epoch": one.epoch, "loss": one.loss, "seconds": one.seconds, **one.metrics} for one in curve]
    return pl.from_dicts(rows, infer_schema_length=None)
