"""The run that a recipe describes: read, clean, split, fit, evaluate, recommend, store."""

import json
import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gingham import store
from gingham.config import ModelSpec, Recipe
from gingham.dataset import Dataset
from gingham.errors import ArtifactError
from gingham.evaluate import Evaluation, evaluate
from gingham.fitting import build, fit
from gingham.models import BuyAgain, Popularity, Recommender
from gingham.models.parameters import require_k
from gingham.split import Split
from gingham.tables import Step, Tables, clean, read

_BASELINES: Mapping[str, type[Recommender]] = {"best-sellers": Popularity, "buy-again": BuyAgain}

# What a run's folder holds.
RECOMMENDATIONS = "recommendations.parquet"
METRICS = "metrics.json"
STEPS = "steps.json"
RECIPE = "recipe.toml"
MODEL = "model"
_MARKER = f"{MODEL}/{store.MANIFEST}"


class Watcher:
    """Told how a run goes on; this one keeps it to itself."""

    def stage(self, name: str) -> AbstractContextManager[object]:
        """Begin a stage, which lasts as long as the block."""
        del name
        return nullcontext()

    def cleaned(self, steps: tuple[Step, ...]) -> None:
        """Hear what cleaning and splitting left, step by step."""

    def evaluated(self, evaluations: Mapping[str, Evaluation]) -> None:
        """Hear how good the model (first) and the baselines are."""


@dataclass(frozen=True)
class Run:
    """What a run produced.

    Attributes
    ----------
    folder : Path
        Where it is stored.
    steps : tuple of Step
        What cleaning and splitting left.
    evaluations : mapping of str to Evaluation
        Of the model, by its kind, and of the baselines.
    model : Recommender
        The one that recommends.
    """

    folder: Path
    steps: tuple[Step, ...]
    evaluations: Mapping[str, Evaluation]
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


def read_parts(recipe: Recipe, watcher: Watcher) -> tuple[Dataset, Split[Dataset], tuple[Step, ...]]:
    """Read and clean the tables of a recipe, and split them; also what each step left.

    Raises
    ------
    GinghamError
        If the recipe or a table is wrong, or there are fewer items than the recipe asks for.
    """
    with watcher.stage("Reading and cleaning the tables"):
        tables = read_tables(recipe.narrowed())
        dataset = Dataset.from_tables(tables)
        parts = recipe.split.apply(dataset)
    for k in (recipe.evaluate.k, recipe.recommend.k):
        require_k(k, dataset.n_items)
    steps = (*tables.steps, _step("train", parts.train), _step("test", parts.test))
    watcher.cleaned(steps)
    return dataset, parts, steps


def run(recipe: Recipe | Path | str, out: Path | str, watcher: Watcher | None = None) -> Run:
    """Do all that a recipe says, and store what comes of it.

    Parameters
    ----------
    recipe : Recipe or path
        A path is read as a recipe file.
    out : path
        The folder to make; an earlier run's is replaced when this one has succeeded.
    watcher : Watcher
        Told how it goes on; nobody by default.

    Raises
    ------
    GinghamError
        If the recipe, a table, a parameter or `out` is wrong; nothing is written then.
    """
    recipe = recipe if isinstance(recipe, Recipe) else Recipe.read(recipe)
    watcher = watcher or Watcher()
    build(recipe.model).validate()
    with store.replace_directory(Path(out), marker=_MARKER) as folder:
        dataset, (train, test), steps = read_parts(recipe, watcher)
        model, evaluations, seconds = fit_and_evaluate(
            recipe.model, train, test, recipe.baselines, recipe.evaluate.k, recipe.filter_seen, watcher
        )
        watcher.evaluated(evaluations)
        if recipe.refit:
            with watcher.stage("Fitting the model to everything"):
                model = fit(recipe.model, dataset)
        with watcher.stage(f"Recommending {recipe.recommend.k} items to {dataset.n_users:,} users"):
            recommendations = model.recommend(
                k=recipe.recommend.k, filter_seen=recipe.recommend.filter_seen, num_threads=recipe.model.num_threads
            )
        with watcher.stage("Storing"):
            recommendations.write_parquet(folder / RECOMMENDATIONS)
            _write_json(folder / METRICS, _metrics(recipe, evaluations, seconds))
            _write_json(folder / STEPS, [asdict(step) for step in steps])
            (folder / RECIPE).write_text(recipe.text, encoding="utf-8")
            (folder / MODEL).mkdir()
            store.write_into(folder / MODEL, model.artifact())
    return Run(Path(out), steps, evaluations, model)


def load_run(folder: Path | str) -> Recommender:
    """Load the model of a run.

    Raises
    ------
    ArtifactError
        If there is no run in the folder, or its model is damaged.
    """
    place = store.resolve(Path(folder))
    if not (place / _MARKER).is_file():
        raise ArtifactError(f"There is no run in {folder}: it has no file {_MARKER}; make one with `gingham run`.")
    return Recommender.load(place / MODEL)


def fit_and_evaluate(
    spec: ModelSpec,
    train: Dataset,
    test: Dataset,
    baselines: Iterable[str],
    k: int,
    filter_seen: bool,
    watcher: Watcher,
) -> tuple[Recommender, dict[str, Evaluation], dict[str, float]]:
    """Fit a model and the baselines to train and measure them on test; also how many seconds each took to fit."""
    seconds: dict[str, float] = {}
    evaluations: dict[str, Evaluation] = {}
    with watcher.stage(f"Fitting the model ({spec.kind})"):
        start = time.perf_counter()
        model = fit(spec, train)
        seconds[spec.kind] = time.perf_counter() - start
    models: dict[str, Recommender] = {spec.kind: model}
    with watcher.stage("Evaluating the model and the baselines"):
        for baseline in baselines:
            if baseline not in models:
                start = time.perf_counter()
                models[baseline] = _BASELINES[baseline]().fit(train)
                seconds[baseline] = time.perf_counter() - start
        for name, candidate in models.items():
            evaluations[name] = evaluate(candidate, test, k, filter_seen=filter_seen, num_threads=spec.num_threads)
    return model, evaluations, seconds


def _step(name: str, part: Dataset) -> Step:
    rows = part.interactions
    users, items = (int(np.count_nonzero(np.bincount(index))) for index in (rows.user_index, rows.item_index))
    return Step(name, len(rows), users, items)


def _metrics(recipe: Recipe, evaluations: Mapping[str, Evaluation], seconds: Mapping[str, float]) -> dict[str, Any]:
    return {
        "k": recipe.evaluate.k,
        "filter_seen": recipe.filter_seen,
        "split": recipe.split.model_dump(mode="json"),
        "models": {
            name: {"fit_seconds": round(seconds[name], 3), "metrics": evaluation.to_dict()}
            for name, evaluation in evaluations.items()
        },
    }


def _write_json(file: Path, content: Any) -> None:
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
