"""What is logged of a run, a comparison or a search: records with names that any tracking tool takes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from gingham import pipeline
from gingham.comparison import Comparison, Measured
from gingham.config import ModelSpec, Recipe
from gingham.tuning import Tuning, folder
from gingham.tuning.trials import parameters


@dataclass(frozen=True)
class Record:
    """What is logged together.

    Attributes
    ----------
    name : str
        What to call it.
    kind : str
        "run", "comparison" or "search"; of its parts, "model", "baseline" or "trial".
    params : mapping of str to value
        What it was made with.
    metrics : mapping of str to float
        What came of it, by names without "@": ``map_at_12`` is MAP@12.
    curve : polars.DataFrame, optional
        ``epoch`` and a column a figure that was measured after each.
    note : str
        What to say about it; nothing by default.
    artifacts : sequence of Path
        Files and folders to keep with it.
    parts : sequence of Record
        What it consists of.
    """

    name: str
    kind: str
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    curve: pl.DataFrame | None = None
    note: str = ""
    artifacts: Sequence[Path] = ()
    parts: Sequence["Record"] = ()


def of_run(recipe: Recipe, done: pipeline.Run) -> Record:
    """Record a run: its model's parameters and figures, what it stored, and the baselines as parts.

    The recommendations are left out: they name every customer.
    """
    comparison = done.comparison
    model, *baselines = _models(comparison, {pipeline.name_of(recipe.model): recipe.model})
    return Record(
        "run",
        "run",
        {**model.params, **_how(recipe)},
        model.metrics,
        model.curve,
        "\n\n".join(comparison.sentences),
        [done.folder / name for name in (pipeline.RECIPE, pipeline.METRICS, pipeline.STEPS, pipeline.MODEL)],
        baselines,
    )


def of_comparison(recipe: Recipe, comparison: Comparison, artifacts: Sequence[Path] = ()) -> Record:
    """Record a comparison: a part for each model and baseline, so that a tool can show them side by side."""
    return Record(
        "comparison",
        "comparison",
        {**_how(recipe), "metric": comparison.metric, "reference": comparison.reference},
        note="\n\n".join(comparison.sentences),
        artifacts=artifacts,
        parts=list(_models(comparison, pipeline.models_of(recipe))),
    )


def of_tuning(recipe: Recipe, found: Tuning, place: Path) -> Record:
    """Record a search: the best parameters, how good they are on validation and test, what it stored, its trials."""
    best = f"validation_{plain(found.metric)}"
    params = {"kind": recipe.model.kind, **found.model.get_params(), **found.best_params}
    kept = (folder.BEST, folder.REPORT, folder.SUMMARY, folder.TRIALS, folder.CURVES, folder.MODEL)
    parts = list(_trials(found, best))
    metrics: Mapping[str, float] = {}
    if found.comparison is not None:
        model, *baselines = _models(found.comparison, {})
        metrics, parts = model.metrics, [*baselines, *parts]
    return Record(
        "search",
        "search",
        {**params, **_how(recipe)},
        {**metrics, best: found.best_value},
        note="" if found.comparison is None else "\n\n".join(found.comparison.sentences),
        artifacts=[place / name for name in kept],
        parts=parts,
    )


def plain(metric: str) -> str:
    """Write a metric's name without "@", which tracking tools refuse."""
    return metric.replace("@", "_at_")


def _models(comparison: Comparison, specs: Mapping[str, ModelSpec]) -> Iterator[Record]:
    for name, one in comparison.measured.items():
        given = _given(specs[name]) if name in specs else {}
        kind = "baseline" if name in comparison.baselines else "model"
        yield Record(name, kind, {**one.params, **given}, _metrics(one), _curve(one.curve))


def _given(spec: ModelSpec) -> dict[str, Any]:
    """Give what a recipe says about a model beside its hyper-parameters, and of the models it is made of."""
    return spec.model_dump(mode="json", exclude_none=True)


def _how(recipe: Recipe) -> dict[str, Any]:
    split = recipe.split.model_dump(mode="json", exclude_none=True)
    told = {"k": recipe.evaluate.k, "filter_seen": recipe.filter_seen}
    return {f"split.{name}": value for name, value in split.items()} | told


def _metrics(one: Measured) -> dict[str, float]:
    """Give means, the ends of their intervals, what the lists are like, and costs; not what is undefined."""
    found: dict[str, float | None] = {}
    for metric, told in one.evaluation.to_dict().items():
        name = plain(metric)
        found |= {name: told["mean"], f"{name}_low": told["low"], f"{name}_high": told["high"]}
    found |= {plain(metric): value for metric, value in one.evaluation.lists.iter_rows()}
    found |= {"fit_seconds": one.fit_seconds, "recommend_seconds": one.recommend_seconds}
    found["peak_mb"] = None if one.peak_bytes is None else one.peak_bytes / 1e6
    return {name: value for name, value in found.items() if value is not None}


def _curve(curve: pl.DataFrame | None) -> pl.DataFrame | None:
    """Call what was measured after epochs otherwise than what was measured on the test."""
    if curve is None:
        return None
    validation = {name: f"validation_{plain(name)}" for name in curve.columns if name not in ("epoch", "loss")}
    return curve.rename(validation | {"seconds": "epoch_seconds"})


def _trials(found: Tuning, best: str) -> Iterator[Record]:
    names = parameters(found.trials)
    for trial in found.trials.to_dicts():
        curve = found.curves.filter(trial=trial["trial"]).drop("trial").rename({"value": f"{best}_of_some"})
        params = {name: trial[name] for name in names if trial[name] is not None}
        figures = {best: trial["value"], "best_epoch": trial["best_epoch"], "seconds": trial["seconds"]}
        metrics = {name: float(value) for name, value in figures.items() if value is not None}
        note = f"{trial['state']}: {trial['reason']}" if trial["reason"] else trial["state"]
        yield Record(f"trial {trial['trial']}", "trial", params, metrics, curve, note)
