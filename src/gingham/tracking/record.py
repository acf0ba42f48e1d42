"""What is logged of a run, a comparison or a search, with names that any tracking tool accepts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from gingham import pipeline
from gingham.comparison import Comparison, Measured
from gingham.config import ModelSpec, Recipe
from gingham.models import EarlyStopping
from gingham.tuning import Tuning, folder
from gingham.tuning.trials import parameter_columns
from gingham.versions import files


@dataclass(frozen=True)
class Record:
    """What is logged as one run of a tracking tool, and its nested runs.

    Attributes
    ----------
    name : str
        The name.
    kind : str
        "run", "comparison" or "search"; for parts "model", "baseline" or "trial".
    params : mapping of str to value
        The parameters.
    metrics : mapping of str to float
        The metrics, with names without "@": ``map_at_12`` is MAP@12.
    curve : polars.DataFrame, optional
        ``epoch``, and a column for each figure that was measured after each epoch.
    note : str
        A description; empty by default.
    artifacts : sequence of Path
        Files and folders to store with it.
    parts : sequence of Record
        The parts, logged as nested runs.

    Examples
    --------
    >>> from gingham.tracking import Record
    >>> Record("als", "model", {"n_components": 64}, {"map_at_12": 0.031}).metrics
    {'map_at_12': 0.031}
    """

    name: str
    kind: str
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    curve: pl.DataFrame | None = None
    note: str = ""
    artifacts: Sequence[Path] = ()
    parts: Sequence["Record"] = ()


def of_run(recipe: Recipe, run: pipeline.Run) -> Record:
    """Build the record of a run: its model's parameters and figures and its files, with the baselines as parts.

    The recommendations are not included, because they contain the id of every user.
    """
    comparison = run.comparison
    spec = recipe.model if run.selection is None else run.selection.spec
    model, *baselines = _models(comparison, {pipeline.name_of(spec): spec})
    choice = () if run.selection is None else (files.SELECTION,)
    names = (files.RECIPE, files.METRICS, files.STEPS, files.VERSION, *choice, files.MODEL)
    return Record(
        "run",
        "run",
        {**model.params, **_evaluation_params(recipe)},
        model.metrics,
        model.curve,
        "\n\n".join(comparison.sentences),
        [run.folder / name for name in names],
        baselines,
    )


def of_comparison(recipe: Recipe, comparison: Comparison, artifacts: Sequence[Path] = ()) -> Record:
    """Build the record of a comparison, with a part for each model and baseline, so that a tool can compare them."""
    return Record(
        "comparison",
        "comparison",
        {**_evaluation_params(recipe), "metric": comparison.metric, "reference": comparison.reference},
        note="\n\n".join(comparison.sentences),
        artifacts=artifacts,
        parts=list(_models(comparison, pipeline.models_of(recipe))),
    )


def of_tuning(recipe: Recipe, tuning: Tuning, out: Path) -> Record:
    """Build the record of a search: the best parameters, their figures on validation part and test, files and trials.

    Parameters
    ----------
    recipe : Recipe
        The recipe of the search.
    tuning : Tuning
        Its result.
    out : Path
        The folder in which it is stored.
    """
    best = f"validation_{plain(tuning.metric)}"
    spec = recipe.model if tuning.selection is None else tuning.selection.spec
    params = _model_params(tuning.model.get_params(), spec)
    names = (folder.BEST, folder.REPORT, folder.SUMMARY, folder.TRIALS, folder.CURVES, folder.MODEL)
    parts = list(_trials(tuning, best))
    metrics: Mapping[str, float] = {}
    if tuning.comparison is not None:
        model, *baselines = _models(tuning.comparison, {})
        metrics, parts = model.metrics, [*baselines, *parts]
    return Record(
        "search",
        "search",
        {**params, **_evaluation_params(recipe)},
        {**metrics, best: tuning.best_value},
        note="" if tuning.comparison is None else "\n\n".join(tuning.comparison.sentences),
        artifacts=[out / name for name in names],
        parts=parts,
    )


def plain(metric: str) -> str:
    """Return a metric's name without "@", which tracking tools do not accept."""
    return metric.replace("@", "_at_")


def _models(comparison: Comparison, specs: Mapping[str, ModelSpec]) -> Iterator[Record]:
    for name, measured in comparison.measured.items():
        kind = "baseline" if name in comparison.baselines else "model"
        yield Record(
            name, kind, _model_params(measured.params, specs.get(name)), _metrics(measured), _curve(measured.curve)
        )


def _model_params(params: Mapping[str, Any], spec: ModelSpec | None) -> dict[str, Any]:
    """Return the parameters of a model of a recipe; candidates and rankers as the recipe writes them.

    Parameters
    ----------
    params : mapping of str to value
        The model's parameters.
    spec : ModelSpec or None
        What the recipe says about the model; None for a baseline.
    """
    params = {name: value.to_json() if isinstance(value, EarlyStopping) else value for name, value in params.items()}
    if spec is None:
        return params
    own = {name: value for name, value in spec.params.items() if name in ("candidates", "ranker")}
    return {"kind": spec.kind, "num_threads": spec.num_threads, **params, **own}


def _evaluation_params(recipe: Recipe) -> dict[str, Any]:
    split = recipe.split.model_dump(mode="json", exclude_none=True)
    settings = {"k": recipe.evaluate.k, "filter_seen": recipe.filter_seen}
    return {f"split.{name}": value for name, value in split.items()} | settings


def _metrics(measured: Measured) -> dict[str, float]:
    """Return the defined figures: means of metrics, the ends of their intervals, figures of the lists, and costs."""
    metrics: dict[str, float | None] = {}
    for metric, figures in measured.evaluation.to_dict().items():
        name = plain(metric)
        metrics |= {name: figures["mean"], f"{name}_low": figures["low"], f"{name}_high": figures["high"]}
    metrics |= {plain(metric): value for metric, value in measured.evaluation.lists.iter_rows()}
    metrics |= {"fit_seconds": measured.fit_seconds, "recommend_seconds": measured.recommend_seconds}
    metrics["peak_mb"] = None if measured.peak_bytes is None else measured.peak_bytes / 1e6
    return {name: value for name, value in metrics.items() if value is not None}


def _curve(curve: pl.DataFrame | None) -> pl.DataFrame | None:
    """Rename the metrics of a learning curve, so that they are not taken for those of the test."""
    if curve is None:
        return None
    validation = {name: f"validation_{plain(name)}" for name in curve.columns if name not in ("epoch", "loss")}
    return curve.rename(validation | {"seconds": "epoch_seconds"})


def _trials(tuning: Tuning, best: str) -> Iterator[Record]:
    names = parameter_columns(tuning.trials)
    for trial in tuning.trials.to_dicts():
        curve = tuning.curves.filter(trial=trial["trial"]).drop("trial").rename({"value": f"{best}_of_some"})
        params = {name: trial[name] for name in names if trial[name] is not None}
        figures = {best: trial["value"], "best_epoch": trial["best_epoch"], "seconds": trial["seconds"]}
        metrics = {name: float(value) for name, value in figures.items() if value is not None}
        note = f"{trial['state']}: {trial['reason']}" if trial["reason"] else trial["state"]
        yield Record(f"trial {trial['trial']}", "trial", params, metrics, curve, note)
