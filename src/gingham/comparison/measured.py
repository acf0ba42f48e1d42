"""One model of a comparison: how it is fitted, and its measurements."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import polars as pl

from gingham.columns import USER_ID
from gingham.comparison.examples import Example, find_examples
from gingham.comparison.memory import PeakMemory
from gingham.comparison.ruled import measure_rules
from gingham.errors import NotFittedError, ParameterError
from gingham.evaluation.evaluation import Evaluation, evaluate
from gingham.models import Recommender
from gingham.models.training_data import Data
from gingham.progress import Progress
from gingham.rules import Rules

FitFunction: TypeAlias = Callable[[Any], Recommender]


@dataclass(frozen=True)
class Measured:
    """The measurements of a model.

    Attributes
    ----------
    evaluation : Evaluation
        The evaluation on the test.
    params : dict of str to value
        The model's parameters.
    fit_seconds, recommend_seconds : float
        The time to fit the model, and to recommend as many items as the largest `k` to each user of the test.
    peak_bytes : int or None
        The peak of the process's memory while the model was fitted and evaluated, compared with the memory before; see
        `PeakMemory`.
    curve : polars.DataFrame or None
        The learning curve: ``epoch``, ``loss``, ``seconds`` and a column for each metric that was computed after
        epochs. If early stopping split off validation data, it is the curve of that search. None for a model without
        epochs.
    examples : tuple of Example
        Three users of the test with their recommendations.
    candidates : polars.DataFrame or None
        How many of the test items are candidates: the result of `TwoStage.candidate_recall`; None for a model without
        candidates.
    rules : polars.DataFrame or None
        What rules cost or bring: the result of `measure_rules`; None without rules.
    """

    evaluation: Evaluation
    params: dict[str, Any]
    fit_seconds: float
    recommend_seconds: float
    peak_bytes: int | None
    curve: pl.DataFrame | None
    examples: tuple[Example, ...] = ()
    candidates: pl.DataFrame | None = None
    rules: pl.DataFrame | None = None


@runtime_checkable
class HasCandidates(Protocol):
    """A model that ranks the candidates of other models."""

    def candidate_recall(self, test: Data) -> pl.DataFrame:
        """Return the recall of the candidates of each of these models."""


def fit_function(name: str, model: Recommender | FitFunction) -> FitFunction:
    """Return the function that fits a model: the `fit` of a copy of an unfitted model; a function is returned as it is.

    Raises
    ------
    ParameterError
        If `model` is neither an unfitted model nor a function, or `name` is not a string.
    """
    if not isinstance(name, str):
        raise ParameterError(f"The names of models must be strings, not {name!r}.")
    if isinstance(model, Recommender):
        if _is_fitted(model):
            raise ParameterError(
                f"The model {name!r} is already fitted, possibly to test data; pass an unfitted model, or a function "
                "that takes train and returns a fitted model."
            )
        model.validate()
        return type(model)(**model.get_params()).fit
    if isinstance(model, type) or not callable(model):  # a class can be called, but not with train
        kind = "class" if isinstance(model, type) else type(model).__name__
        raise ParameterError(
            f"The model {name!r} is a {kind}; pass an unfitted model, or a function that takes train and returns a "
            "fitted model."
        )
    return model


def measure(
    name: str,
    fit: FitFunction,
    train: Data,
    test: Data,
    ks: Sequence[int],
    *,
    filter_seen: bool,
    num_threads: int,
    progress: Progress,
    rules: Mapping[str, Rules] | None = None,
    request: Mapping[str, Any] | None = None,
    **options: Any,
) -> Measured:
    """Fit a model to train and evaluate it on test, also under rules; `options` are further arguments of `evaluate`.

    Raises
    ------
    ParameterError
        If `fit` does not return a model.
    """
    k = max(ks)
    with PeakMemory() as memory:
        with progress.stage(f"Fitting {name}"):
            start = time.perf_counter()
            model = fit(train)
            fit_seconds = time.perf_counter() - start
        if not isinstance(model, Recommender):
            raise ParameterError(
                f"The function of {name!r} returns a {type(model).__name__}; it must return a fitted model."
            )
        with progress.stage(f"Evaluating {name}"):
            evaluation = evaluate(model, test, ks, filter_seen=filter_seen, num_threads=num_threads, **options)
            start = time.perf_counter()
            model.recommend(evaluation.per_user[USER_ID], k, filter_seen, num_threads=num_threads)
            recommend_seconds = time.perf_counter() - start
    users = evaluation.per_user[USER_ID]
    return Measured(
        evaluation,
        model.get_params(),
        fit_seconds,
        recommend_seconds,
        memory.bytes,
        _curve(model),
        find_examples(model, test, users, k, filter_seen, num_threads),
        model.candidate_recall(test) if isinstance(model, HasCandidates) else None,
        measure_rules(model, test, users, k, rules or {}, request, filter_seen, num_threads),
    )


def _is_fitted(model: Recommender) -> bool:
    with suppress(NotFittedError):
        return bool(model.training_data_)
    return False


def _curve(model: Recommender) -> pl.DataFrame | None:
    """Return the learning curve of a model: of the search for the number of epochs, if there was one."""
    epochs = model.validation_history_ or model.history_
    if not epochs:
        return None
    rows = [{"epoch": one.epoch, "loss": one.loss, "seconds": one.seconds, **one.metrics} for one in epochs]
    return pl.from_dicts(rows, infer_schema_length=None)
