"""The run that a recipe describes: read, clean, split, fit, evaluate, recommend, store."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gingham import store
from gingham.comparison import BASELINES, Comparison, Fitted, Fitting
from gingham.comparison import compare as side_by_side
from gingham.config import ModelSpec, Recipe
from gingham.config.models import build, fit
from gingham.dataset import Dataset
from gingham.errors import ArtifactError, ConfigError
from gingham.models import Recommender
from gingham.progress import Progress, Silent
from gingham.split import Split
from gingham.tables import Step, Tables, clean, read
from gingham.validation import check_k

# What a run's folder holds.
RECOMMENDATIONS = "recommendations.parquet"
METRICS = "metrics.json"
STEPS = "steps.json"
RECIPE = "recipe.toml"
MODEL = "model"
_MARKER = f"{MODEL}/{store.MANIFEST}"


@dataclass(frozen=True)
class Run:
    """What a run produced.

    Attributes
    ----------
    folder : Path
        Where it is stored.
    steps : tuple of Step
        What cleaning and splitting left.
    comparison : Comparison
        Of the model, named by its kind, with the baselines.
    model : Recommender
        The one that recommends.
    """

    folder: Path
    steps: tuple[Step, ...]
    comparison: Comparison
    model: Recommender


def read_tables(recipe: Recipe | Path | str) -> Tables:
    """Read and clean the tables of a recipe.

    Parameters
    ----------
    recipe : Recipe or path
        A path is read as a recipe file.

    Raises
    ------
    ConfigError, TableError
        If the recipe or a table is wrong, or a filter leaves nothing.
    """
    return _cleaned(recipe if isinstance(recipe, Recipe) else Recipe.read(recipe))


def _cleaned(recipe: Recipe, count_ids: bool = True) -> Tables:
    tables = read(
        recipe.transactions,
        recipe.users,
        recipe.items,
        recipe.base,
        user_features=recipe.features.users,
        item_features=recipe.features.items,
    )
    return clean(tables, recipe.clean, count_ids)


def read_dataset(recipe: Recipe | Path | str) -> Dataset:
    """Read and clean the tables of a recipe, and turn them into integers.

    Columns that a dataset has no use for are not read, so this is faster than `read_tables` and needs less memory.

    Parameters
    ----------
    recipe : Recipe or path
        A path is read as a recipe file.

    Raises
    ------
    ConfigError, TableError
        If the recipe or a table is wrong, or a filter leaves nothing.
    """
    recipe = recipe if isinstance(recipe, Recipe) else Recipe.read(recipe)
    return Dataset.from_tables(_cleaned(recipe.narrowed(), count_ids=False))


def read_parts(recipe: Recipe, progress: Progress) -> tuple[Dataset, Split[Dataset], tuple[Step, ...]]:
    """Read and clean the tables of a recipe, and split them; also what each step left.

    Raises
    ------
    GinghamError
        If the recipe or a table is wrong, or there are fewer items than the recipe asks for.
    """
    with progress.stage("Reading and cleaning the tables"):
        tables = read_tables(recipe.narrowed())
        dataset = Dataset.from_tables(tables)
        parts = recipe.split.apply(dataset)
    for k in (recipe.evaluate.k, recipe.recommend.k):
        check_k(k, dataset.n_items)
    steps = (*tables.steps, _step("train", parts.train), _step("test", parts.test))
    progress.result(steps)
    return dataset, parts, steps


def run(recipe: Recipe | Path | str, out: Path | str, progress: Progress | None = None) -> Run:
    """Do all that a recipe says, and store what comes of it.

    Parameters
    ----------
    recipe : Recipe or path
        A path is read as a recipe file.
    out : path
        The folder to make; an earlier run's is replaced when this one has succeeded.
    progress : Progress, optional
        Receives the stages, the steps of cleaning (a tuple of `Step`) and the `Comparison`; by default nothing is
        shown.

    Raises
    ------
    GinghamError
        If the recipe, a table, a parameter or `out` is wrong; nothing is written then.
    """
    recipe = recipe if isinstance(recipe, Recipe) else Recipe.read(recipe)
    progress = progress or Silent()
    build(recipe.model)
    with store.replace_directory(Path(out), marker=_MARKER) as folder:
        dataset, parts, steps = read_parts(recipe, progress)
        name = name_of(recipe.model)
        fitting, how = _fitting(recipe.model, recipe), _how(recipe, [name])
        model, comparison = fit_and_compare(name, fitting, parts, progress, **how)
        if recipe.refit:
            with progress.stage("Fitting the model to everything"):
                model = _refit(recipe.model, model, dataset)
        with progress.stage(f"Recommending {recipe.recommend.k} items to {dataset.n_users:,} users"):
            recommendations = model.recommend(
                k=recipe.recommend.k, filter_seen=recipe.recommend.filter_seen, num_threads=recipe.model.num_threads
            )
        with progress.stage("Storing"):
            recommendations.write_parquet(folder / RECOMMENDATIONS)
            _write_json(folder / METRICS, _metrics(recipe, comparison))
            _write_json(folder / STEPS, [asdict(step) for step in steps])
            (folder / RECIPE).write_text(recipe.text, encoding="utf-8")
            (folder / MODEL).mkdir()
            store.write_into(folder / MODEL, model.artifact())
    return Run(Path(out), steps, comparison, model)


def compare(recipe: Recipe | Path | str, progress: Progress | None = None) -> Comparison:
    """Compare the models that a recipe names, and the baselines, on its split.

    Parameters
    ----------
    recipe : Recipe or path
        A path is read as a recipe file. Its ``[model]`` is compared, and every ``[[compare.models]]``.
    progress : Progress, optional
        Receives the stages, the steps of cleaning (a tuple of `Step`) and the `Comparison`; by default nothing is
        shown.

    Raises
    ------
    GinghamError
        If the recipe, a table or a parameter is wrong.
    """
    recipe = recipe if isinstance(recipe, Recipe) else Recipe.read(recipe)
    specs = models_of(recipe)
    for name, spec in specs.items():
        build(spec, "model" if spec is recipe.model else f"compare.models.{name}")

    progress = progress or Silent()
    _, parts, _ = read_parts(recipe, progress)
    fits = {name: _fitting(spec, recipe) for name, spec in specs.items()}
    comparison = side_by_side(fits, *parts, progress=progress, **_how(recipe, specs))
    progress.result(comparison)
    return comparison


def fit_and_compare(
    name: str, fit: Fitting, parts: Split[Dataset], progress: Progress, **how: Any
) -> tuple[Recommender, Comparison]:
    """Fit a model to train, and compare it with the baselines on test.

    Parameters
    ----------
    name : str
        What to call the model.
    fit : callable
        Takes train, and gives the fitted model.
    parts : Split of Dataset
        Train and test.
    progress : Progress
        Receives the stages and the `Comparison`.
    how
        What else `gingham.compare` takes.
    """
    kept: list[Fitted] = []

    def keep(train: Dataset) -> Fitted:
        kept.append(Fitted.of(fit(train)))
        return kept[0]

    comparison = side_by_side({name: keep}, *parts, progress=progress, **how)
    progress.result(comparison)
    return kept[0].model, comparison


def models_of(recipe: Recipe) -> dict[str, ModelSpec]:
    """Give the models that a recipe names, its ``[model]`` first.

    Raises
    ------
    ConfigError
        If two have the same name.
    """
    specs: dict[str, ModelSpec] = {name_of(recipe.model): recipe.model}
    for entry in recipe.compare.models:
        if entry.name in specs:
            raise ConfigError(f"Two models are called {entry.name!r}; give each of [[compare.models]] its own name.")
        specs[entry.name] = entry.completed(recipe.model)
    return specs


def name_of(spec: ModelSpec) -> str:
    """Call a recipe's model by its kind, unless a baseline is called so."""
    return f"{spec.kind} (recipe)" if spec.kind in BASELINES else spec.kind


def _refit(spec: ModelSpec, model: Recommender, dataset: Dataset) -> Recommender:
    """Fit a recipe's model to everything, for as many epochs as early stopping found."""
    again = build(spec)
    if "epochs" in model.supports:
        again.set_params(epochs=model.best_epoch_, early_stopping=None)
    return again.fit(dataset, num_threads=spec.num_threads)


def _fitting(spec: ModelSpec, recipe: Recipe) -> Fitting:
    return partial(fit, spec, split=recipe.split, filter_seen=recipe.filter_seen)


def _how(recipe: Recipe, names: Iterable[str]) -> dict[str, Any]:
    """Say how a recipe compares models of these names."""
    asked = recipe.compare
    return {
        "k": recipe.evaluate.k,
        "metric": asked.metric,
        # A run has none of the models in [[compare.models]].
        "reference": asked.reference if asked.reference not in asked.names or asked.reference in names else None,
        "window": asked.window,
        "filter_seen": recipe.filter_seen,
        "num_threads": recipe.model.num_threads,
    }


def load_run(folder: Path | str) -> Recommender:
    """Load the model of a run.

    Raises
    ------
    ArtifactError
        If there is no run in the folder, or its model is damaged.
    """
    place = store.resolve(Path(folder))
    if not store.exists(place / _MARKER):
        raise ArtifactError(f"There is no run in {folder}: it has no file {_MARKER}; make one with `gingham run`.")
    return Recommender.load(place / MODEL)


def _step(name: str, part: Dataset) -> Step:
    rows = part.interactions
    users, items = (int(np.count_nonzero(np.bincount(index))) for index in (rows.user_index, rows.item_index))
    return Step(name, len(rows), users, items)


def _metrics(recipe: Recipe, comparison: Comparison) -> dict[str, Any]:
    return {
        "k": recipe.evaluate.k,
        "filter_seen": recipe.filter_seen,
        "split": recipe.split.model_dump(mode="json"),
        **comparison.to_dict(),
    }


def _write_json(file: Path, content: Any) -> None:
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
