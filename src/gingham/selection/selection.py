"""`select`: fit a panel of models within a time budget, and take the best one on a validation part."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from gingham.comparison import Comparison, Measured, baselines
from gingham.comparison.comparison import MARKS
from gingham.comparison.memory import available_bytes
from gingham.config import ModelSpec
from gingham.config.models import build
from gingham.dataset import Dataset
from gingham.errors import ConfigError, GinghamError
from gingham.evaluation.evaluation import evaluate
from gingham.models import Epoch, Recommender
from gingham.progress import Progress
from gingham.report import Page
from gingham.selection.page import page
from gingham.selection.sample import ValidationParts, validation_parts
from gingham.split import SplitSpec

CHOSEN, FITTED, LEFT_OUT = "chosen", "fitted", "left out"


@dataclass(frozen=True, eq=False)
class Selection:
    """The choice of a model from a panel.

    Attributes
    ----------
    comparison : Comparison
        The models that were fitted, by kind, on the validation part.
    specs : mapping of str to ModelSpec
        The section ``[model]`` of each model of the panel, by kind.
    left_out : mapping of str to str
        Why the other models were left out, by kind.
    validation : SplitSpec
        How the validation part was split off the train part.

    Examples
    --------
    >>> import gingham as gg
    >>> from gingham.config import ModelSpec
    >>> from gingham.progress import Silent
    >>> from gingham.selection import select
    >>> auto, last_week = ModelSpec(kind="auto", random_state=0), gg.split.SplitSpec(test="7d")
    >>> options = {"k": 5, "metric": "map@5", "filter_seen": False, "progress": Silent()}
    >>> selection = select(auto, gg.synth.sample_dataset(), last_week, **options)
    >>> selection.chosen in selection.comparison.evaluations
    True
    >>> selection.spec.kind == selection.chosen
    True
    """

    comparison: Comparison
    specs: Mapping[str, ModelSpec]
    left_out: Mapping[str, str]
    validation: SplitSpec

    @property
    def chosen(self) -> str:
        """The kind of the model with the highest mean; of equal ones, the cheapest."""
        means = self._means
        return max(means, key=lambda kind: means[kind])

    @property
    def spec(self) -> ModelSpec:
        """The section ``[model]`` of the chosen model."""
        return self.specs[self.chosen]

    @property
    def value(self) -> float:
        """The metric of the chosen model on the validation part."""
        return self._means[self.chosen]

    @property
    def _means(self) -> dict[str, float]:
        rows = self.comparison.table.filter(metric=self.comparison.metric)
        return dict(rows.select("model", "mean").iter_rows())

    @property
    def table(self) -> pl.DataFrame:
        """One row per model of the panel, the best first.

        ``model``, ``mean`` (the metric), ``difference`` from the best baseline with ``low`` and ``high`` (its 95%
        interval), ``verdict`` ("+", "-", "=", or null for the best baseline), ``seconds`` (to fit and to evaluate),
        ``status`` ("chosen", "fitted" or "left out") and ``reason``, why it was left out.
        """
        differences = self.comparison.differences.filter(metric=self.comparison.metric)
        rows = differences.rows_by_key("model", named=True, unique=True)
        means = self._means
        table: list[dict[str, Any]] = [
            {
                "model": kind,
                "mean": means[kind],
                **{name: rows.get(kind, {}).get(name) for name in ("difference", "low", "high")},
                "verdict": MARKS[rows[kind]["verdict"]] if kind in rows else None,
                "seconds": measured.fit_seconds + measured.recommend_seconds,
                "status": CHOSEN if kind == self.chosen else FITTED,
                "reason": None,
            }
            for kind, measured in self.comparison.measured.items()
        ]
        table.sort(key=lambda row: -row["mean"])
        table += [{"model": kind, "status": LEFT_OUT, "reason": reason} for kind, reason in self.left_out.items()]
        numbers = dict.fromkeys(("mean", "difference", "low", "high", "seconds"), pl.Float64)
        return pl.DataFrame(table, infer_schema_length=None, schema_overrides=numbers).select(
            "model", "mean", "difference", "low", "high", "verdict", "seconds", "status", "reason"
        )

    @property
    def legend(self) -> str:
        """The explanation of the table."""
        users = max(self.comparison.table.filter(metric=self.comparison.metric)["users"].to_list())
        return (
            f"Means over {users:,} users with purchases in the validation part. Compared with "
            f"{self.comparison.reference}, the best baseline, paired by user: + better, - worse, = no clear difference."
        )

    @property
    def sentences(self) -> tuple[str, ...]:
        """Which model was chosen and why, and why models were left out, one sentence each."""
        metric, reference = self.comparison.metric, self.comparison.reference
        best = f"{self.chosen} is chosen: it has the highest {metric} on the validation part, {self.value:.4f}"
        if self.chosen in self.comparison.baselines:
            reason = f"{best}. No model is better than this baseline."
        else:
            row = self.table.row(0, named=True)
            mean = self._means[reference]
            more = f"{self.value / mean - 1:.1%} above the best baseline" if mean else "above the best baseline"
            reason = (
                f"{best}, {more}, {reference} ({mean:.4f}); the 95% interval of the difference is {row['low']:+.4f} to "
                f"{row['high']:+.4f}."
            )
        return (reason, *(f"{kind} is left out: {why}" for kind, why in self.left_out.items()))

    def to_dict(self) -> dict[str, Any]:
        """Return the choice as JSON values."""
        return {
            "chosen": self.chosen,
            "metric": self.comparison.metric,
            "baseline": self.comparison.reference,
            "validation": self.validation.model_dump(mode="json"),
            "sentences": list(self.sentences),
            "models": self.table.to_dicts(),
        }

    def page(self, title: str) -> Page:
        """Return the choice as a page of tables."""
        return page(self, title)


class _OutOfTimeError(GinghamError):
    """The time budget of a panel is used up."""


class _Panel:
    """The models of a panel that were fitted so far, and the time that is left.

    Parameters
    ----------
    auto : ModelSpec
        The section ``[model]`` with kind = "auto".
    data : ValidationParts
        The data.
    progress : Progress
        Receives the stages.
    options
        Further arguments of `gingham.evaluate`.
    """

    def __init__(self, auto: ModelSpec, data: ValidationParts, progress: Progress, **options: Any) -> None:
        self._data, self._progress, self._options = data, progress, options
        self._start, self._budget = time.monotonic(), auto.budget.total_seconds()
        self._cost = 0.0
        self.specs = {cls.kind: _spec_of(cls, auto) for cls in auto.classes}
        self.measured: dict[str, Measured] = {}
        self.left_out: dict[str, str] = {}

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._start

    def try_model(self, kind: str) -> None:
        """Fit and measure a model, or record why it is left out."""
        spec = self.specs[kind]
        model = build(spec, split=self._data.spec, filter_seen=self._options["filter_seen"])
        train = self._data.parts.train
        reason = model.panel_obstacle(train) or _needs_too_much_memory(model, train) or self._expects_too_long(model)
        if reason is None:
            try:
                self.measured[kind] = self._measure(kind, model)
                self._cost += model.panel_cost or 0
            except (GinghamError, MemoryError) as error:
                reason = str(error) or "it needs more memory than there is."
        if reason is not None:
            self.left_out[kind] = reason

    def _measure(self, kind: str, model: Recommender) -> Measured:
        """Fit and evaluate a model; unlike in a comparison, scores are computed once, because they may take long."""
        train, validation = self._data.parts
        start = self._elapsed
        with self._progress.stage(f"Fitting {kind}"):
            n_threads = self.specs[kind].num_threads
            model.fit(train, num_threads=n_threads, callbacks=[self._check_time], verbose=False)
        fitted = self._elapsed
        with self._progress.stage(f"Evaluating {kind}"):
            evaluation = evaluate(model, validation, by=None, **self._options)
        return Measured(evaluation, model.get_params(), fitted - start, self._elapsed - fitted, None, None)

    def _check_time(self, model: Recommender, epoch: Epoch) -> None:
        if self._elapsed > self._budget:
            raise _OutOfTimeError(
                f"the budget of {self._budget:.0f} s ended after {epoch.epoch} of its {model.get_params()['epochs']} "
                "epochs; set a longer budget."
            )

    def _expects_too_long(self, model: Recommender) -> str | None:
        """Return why a model does not fit into the time that is left, judged by the models that were fitted."""
        left = self._budget - self._elapsed
        expected = (model.panel_cost or 0) * self._elapsed / self._cost if self._cost else 0.0
        if expected <= left:
            return None
        return (
            f"it takes about {expected:.0f} s, and {max(0, left):.0f} s of the budget of {self._budget:.0f} s are "
            "left; set a longer budget."
        )


def select(
    auto: ModelSpec,
    train: Dataset,
    validation: SplitSpec,
    *,
    k: int,
    metric: str,
    filter_seen: bool,
    progress: Progress,
) -> Selection:
    """Fit the models of a panel to a part of the training data, and take the best one on the other part.

    The models are tried in the order of their costs. A model is left out if the data lack what it needs, if it needs
    more memory than there is, or if it takes longer than the time that is left.

    Parameters
    ----------
    auto : ModelSpec
        The section ``[model]`` with kind = "auto": the time budget, the threads and the seed.
    train : Dataset
        The training data.
    validation : SplitSpec
        How to split the validation part off.
    k : int
        The length of the lists.
    metric : str
        The metric to maximise.
    filter_seen : bool
        Whether to leave out the items of a user's history.
    progress : Progress
        Receives the stages, messages about the validation part, and the `Selection`.

    Raises
    ------
    ConfigError
        If no baseline can be fitted.
    GinghamError
        If the data cannot be split.
    """
    data = validation_parts(train, validation)
    for message in data.messages:
        progress.message(message)
    panel = _Panel(auto, data, progress, k=k, filter_seen=filter_seen, num_threads=auto.num_threads)
    with progress.stage(f"Searching the best of {len(panel.specs)} models"):
        for kind in panel.specs:
            panel.try_model(kind)
    simple = {model.kind for model in baselines().values()}
    names = tuple(kind for kind in panel.measured if kind in simple)
    if not names:
        reasons = "; ".join(panel.left_out.values())
        raise ConfigError(f"kind = 'auto' has nothing to choose from, because no baseline can be fitted: {reasons}")
    comparison = Comparison.of(panel.measured, names, metric, None)
    selection = Selection(comparison, panel.specs, panel.left_out, data.spec)
    progress.result(selection)
    return selection


def _needs_too_much_memory(model: Recommender, train: Dataset) -> str | None:
    needed, free = model.fit_bytes(train), available_bytes()
    if free is None or needed <= free:
        return None
    return f"it needs {needed / 1e9:.1f} GB of memory, of which {free / 1e9:.1f} GB are free."


def _spec_of(cls: type[Recommender], auto: ModelSpec) -> ModelSpec:
    """Return the section ``[model]`` of a model of the panel."""
    seed = auto.params.get("random_state")
    own = {"random_state": seed} if seed is not None and "random_state" in cls.param_names() else {}
    return ModelSpec.model_validate({"kind": cls.kind, "num_threads": auto.num_threads, **own})
