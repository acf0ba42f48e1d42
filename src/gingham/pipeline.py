"""The run that a recipe describes: read, clean, split, fit, evaluate, recommend, store."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from gingham import store
from gingham.comparison import BASELINES, Comparison, FitFunction
from gingham.comparison import compare as side_by_side
from gingham.config import ModelSpec, Recipe
from gingham.config.models import build, check, fit
from gingham.dataset import Dataset
from gingham.errors import ArtifactError, ConfigError, GinghamError
from gingham.evaluation.segments import COLD_ITEMS, HISTORY
from gingham.models import Recommender
from gingham.progress import Progress, Silent, check_progress
from gingham.reading import read_parts
from gingham.rules import Rules
from gingham.selection import Selection, select
from gingham.split import Split
from gingham.tables import Finding, FindingList, Step, check_sources, failure
from gingham.validation import check_path
from gingham.versions import Version
from gingham.versions.files import METRICS, MODEL, RECIPE, RECOMMENDATIONS, SELECTION, STEPS, write_json
from gingham.versions.folder import RunFolder
from gingham.versions.gate import Gate
from gingham.versions.lists import recommend_to_all
from gingham.versions.rules import read_rules, write_rules

_Loaded = TypeVar("_Loaded")


@dataclass(frozen=True)
class Run:
    """The result of a run.

    Attributes
    ----------
    folder : Path
        The folder of the new version, with the recommendations, metrics, steps, recipe and model.
    steps : tuple of Step
        The numbers of rows, users and items after each step of cleaning, and in the train and test parts.
    comparison : Comparison
        The comparison of the model, named by its kind, with the baselines.
    model : Recommender
        The fitted model that made the recommendations.
    version : Version
        The new version of the run's folder: whether it is the current one, and what the gate found.
    selection : Selection or None
        The choice of the model, with kind = "auto"; None for another kind.
    """

    folder: Path
    steps: tuple[Step, ...]
    comparison: Comparison
    model: Recommender
    version: Version
    selection: Selection | None = None


def run(recipe: Recipe | Path | str, out: Path | str, progress: Progress | None = None) -> Run:
    """Run a recipe: read and clean the tables, split, fit, compare with the baselines, recommend and store.

    Parameters
    ----------
    recipe : Recipe or path
        A path is read as a recipe file.
    out : path
        The folder of the shop's runs. Each run adds a version, ``versions/<time>``, and makes it the current one at the
        end, unless the recipe's ``[gate]`` refuses it. Then the oldest versions are removed; the recipe's ``keep`` are
        kept. Other files in the folder are kept, too.
    progress : Progress, optional
        Receives the stages, the steps of cleaning (a tuple of `Step`) and the `Comparison`; by default nothing is
        shown.

    Raises
    ------
    GinghamError
        If the recipe, a table, a parameter or `out` is wrong, or another process writes to `out`. Then nothing is
        written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import gingham as gg
    >>> text = '''
    ... [transactions]
    ... path = "sales.parquet"
    ... user_id = "user_id"
    ... item_id = "item_id"
    ... timestamp = "timestamp"
    ...
    ... [model]
    ... kind = "item-knn"
    ... '''
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     folder = Path(directory)
    ...     gg.synth.sample_tables().transactions.collect().write_parquet(folder / "sales.parquet")
    ...     _ = (folder / "shop.toml").write_text(text)
    ...     run = gg.run(folder / "shop.toml", folder / "run")
    ...     sorted(path.name for path in run.folder.iterdir())
    ['metrics.json', 'model', 'recipe.toml', 'recommendations.parquet', 'steps.json', 'version.json']
    >>> run.version.is_current
    True
    >>> run.comparison.models
    ('item-knn',)
    """
    recipe = Recipe.of(recipe)
    progress = check_progress(progress)
    check(recipe.model)
    run_folder = RunFolder(check_path("out", out))
    with run_folder.locked():
        with run_folder.versions.draft() as folder:
            dataset, parts, steps, rules = read_parts(recipe, progress)
            recipe = recipe.with_rules(rules)
            recipe, selection = _with_model(recipe, parts, progress)
            name = name_of(recipe.model)
            options = _comparison_options(recipe, [name])
            model, comparison = fit_and_compare(name, _fit_function(recipe.model, recipe), parts, progress, **options)
            gate = Gate(recipe, run_folder.current, folder)
            gate.check_model(model, parts.test, progress)
            if recipe.refit:
                with progress.stage("Fitting the model to everything"):
                    model = _refit(recipe, model, dataset)
            with progress.stage(f"Recommending {recipe.recommend.k} items to {dataset.n_users:,} users"):
                recommendations = recommend_to_all(recipe, model)
            with progress.stage("Storing"):
                recommendations.write_parquet(folder / RECOMMENDATIONS)
                write_json(folder / METRICS, _metrics(recipe, comparison, selection))
                write_json(folder / STEPS, [asdict(step) for step in steps])
                (folder / RECIPE).write_text(recipe.stored_text, encoding="utf-8")
                write_rules(folder, rules)
                if selection is not None:
                    selection.page(f"Choice of the model: {recipe.name}").save(folder / SELECTION)
                store.write_into(folder / MODEL, model.artifact())
                gate.describe(recommendations, dataset.n_users)
        version = run_folder.publish(folder.name, recipe.keep)
    return Run(version.folder, steps, comparison, model, version, selection)


def compare(recipe: Recipe | Path | str, progress: Progress | None = None) -> Comparison:
    """Compare the models of a recipe with each other and with the baselines, on the recipe's split.

    Parameters
    ----------
    recipe : Recipe or path
        A path is read as a recipe file. The models are its ``[model]`` and all of ``[[compare.models]]``.
    progress : Progress, optional
        Receives the stages, the steps of cleaning (a tuple of `Step`) and the `Comparison`; by default nothing is
        shown.

    Raises
    ------
    GinghamError
        If the recipe, a table or a parameter is wrong.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import gingham as gg
    >>> from gingham import pipeline
    >>> text = '''
    ... transactions = { path = "sales.parquet", user_id = "user_id", item_id = "item_id", timestamp = "timestamp" }
    ... model = { kind = "item-knn" }
    ... '''
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     folder = Path(directory)
    ...     gg.synth.sample_tables().transactions.collect().write_parquet(folder / "sales.parquet")
    ...     _ = (folder / "shop.toml").write_text(text)
    ...     comparison = pipeline.compare(folder / "shop.toml")
    >>> list(comparison.evaluations)
    ['item-knn', 'best-sellers', 'recent-best-sellers', 'buy-again']
    """
    recipe = Recipe.of(recipe)
    _check_models(recipe)
    progress = check_progress(progress)
    _, parts, _, rules = read_parts(recipe, progress)
    recipe = recipe.with_rules(rules)
    recipe, _ = _with_model(recipe, parts, progress)
    specs = models_of(recipe)
    models = {name: _fit_function(spec, recipe) for name, spec in specs.items()}
    comparison = side_by_side(models, *parts, progress=progress, **_comparison_options(recipe, specs))
    progress.result(comparison)
    return comparison


def check_recipe(recipe: Recipe | Path | str) -> tuple[Finding, ...]:
    """Check everything that a run needs before it fits: the tables, the cleaning, the split and the models.

    Parameters
    ----------
    recipe : Recipe or path
        A path is read as a recipe file.

    Returns
    -------
    tuple of Finding
        Errors first, then warnings, then notes. There is an error if and only if a run or a comparison of the
        recipe is refused before anything is fitted.

    Raises
    ------
    ConfigError
        If the recipe itself is wrong.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import gingham as gg
    >>> from gingham import pipeline
    >>> text = '''
    ... transactions = { path = "sales.parquet", user_id = "user_id", item_id = "item_id", timestamp = "timestamp" }
    ... split = { kind = "time", test = "900d" }
    ... '''
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     folder = Path(directory)
    ...     gg.synth.sample_tables().transactions.collect().write_parquet(folder / "sales.parquet")
    ...     _ = (folder / "shop.toml").write_text(text)
    ...     findings = pipeline.check_recipe(folder / "shop.toml")
    >>> findings[0].severity, findings[0].table
    ('error', 'recipe')
    """
    recipe = Recipe.of(recipe)
    findings = check_sources(**recipe.sources, spec=recipe.clean)
    has_errors = any(finding.severity == "error" for finding in findings)
    try:
        _check_models(recipe)
        read_parts(recipe, Silent())
    except GinghamError as error:
        return findings if has_errors else FindingList([failure("recipe", error), *findings])
    # What is wrong is in columns that this recipe does not use.
    return FindingList(replace(one, severity="warning") if one.severity == "error" else one for one in findings)


def fit_and_compare(
    name: str, fit: FitFunction, parts: Split[Dataset], progress: Progress, **options: Any
) -> tuple[Recommender, Comparison]:
    """Fit a model to train, and compare it with the baselines on test.

    Parameters
    ----------
    name : str
        The name of the model in the comparison.
    fit : callable
        Takes train and returns the fitted model.
    parts : Split of Dataset
        The train and test parts.
    progress : Progress
        Receives the stages and the `Comparison`.
    options
        Further arguments of `gingham.compare`.

    Returns
    -------
    Recommender, Comparison
        The fitted model, and its comparison with the baselines.
    """
    models: list[Recommender] = []

    def fit_and_keep(train: Dataset) -> Recommender:
        models.append(fit(train))
        return models[0]

    comparison = side_by_side({name: fit_and_keep}, *parts, progress=progress, **options)
    progress.result(comparison)
    return models[0], comparison


def _check_models(recipe: Recipe) -> None:
    for name, spec in models_of(recipe).items():
        check(spec, "model" if spec is recipe.model else f"compare.models.{name}")


def _with_model(recipe: Recipe, parts: Split[Dataset], progress: Progress) -> tuple[Recipe, Selection | None]:
    """Return a recipe with the best model of the panel in place of kind = "auto"; another recipe as it is."""
    if not recipe.model.is_auto:
        return recipe, None
    selection = select(
        recipe.model,
        parts.train,
        recipe.tune.validation or recipe.split.for_validation(parts.test),
        k=recipe.evaluate.k,
        metric=recipe.metric,
        filter_seen=recipe.filter_seen,
        progress=progress,
    )
    return recipe.with_model(selection.spec), selection


def models_of(recipe: Recipe) -> dict[str, ModelSpec]:
    """Return the models of a recipe by name, its ``[model]`` first.

    Raises
    ------
    ConfigError
        If two have the same name.
    """
    specs: dict[str, ModelSpec] = {name_of(recipe.model): recipe.model}
    for entry in recipe.compare.models:
        if entry.name in specs:
            raise ConfigError(f"Two models are called {entry.name!r}; choose another name in [[compare.models]].")
        specs[entry.name] = entry.completed(recipe.model)
    return specs


def name_of(spec: ModelSpec) -> str:
    """Return the name of a recipe's model: its kind, marked if a baseline has the same name."""
    return f"{spec.kind} (recipe)" if spec.kind in BASELINES else spec.kind


def _refit(recipe: Recipe, model: Recommender, dataset: Dataset) -> Recommender:
    """Fit a recipe's model to everything, for as many epochs as early stopping chose."""
    unfitted = build(recipe.model, split=recipe.split, filter_seen=recipe.filter_seen)
    if "epochs" in model.supports:
        unfitted.set_params(epochs=model.best_epoch_, early_stopping=None)
    return unfitted.fit(dataset, num_threads=recipe.model.num_threads)


def _fit_function(spec: ModelSpec, recipe: Recipe) -> FitFunction:
    return partial(fit, spec, split=recipe.split, filter_seen=recipe.filter_seen)


def _comparison_options(recipe: Recipe, names: Iterable[str]) -> dict[str, Any]:
    """Return the arguments of `gingham.compare` that a recipe sets for models of these names."""
    spec = recipe.compare
    return {
        "k": recipe.evaluate.k,
        "by": [HISTORY, COLD_ITEMS] if recipe.candidates == "all" else HISTORY,
        "metric": spec.metric,
        # A run doesn't fit [[compare.models]], so none of these can be its reference.
        "reference": spec.reference if spec.reference not in spec.names or spec.reference in names else None,
        "window": spec.window,
        "rules": recipe.rules,
        "filter_seen": recipe.filter_seen,
        "num_threads": recipe.model.num_threads,
    }


def load_run(folder: Path | str) -> Recommender:
    """Load the model of the current version of a run, or that of one version from its own folder.

    Raises
    ------
    ArtifactError
        If the folder is not that of a run, it has no current version, or the model is damaged.
    """
    return _of_current(folder, lambda current: Recommender.load(current / MODEL))


def load_rules(folder: Path | str) -> Rules | None:
    """Load the rules of a run's current version, with the items table that it read; None if its recipe has none.

    Raises
    ------
    ArtifactError
        If the folder is not that of a run, or a file is missing or damaged.
    """
    return _of_current(folder, read_rules)


def _of_current(folder: Path | str, load: Callable[[Path], _Loaded]) -> _Loaded:
    """Load something of the current version of a run."""
    run_folder = RunFolder(check_path("folder", folder))
    while True:
        current = run_folder.require_current()
        try:
            return load(current)
        except ArtifactError:
            # A run that ended during the read may have removed the version; then another one is current.
            if run_folder.current in (current, None):
                raise


def _metrics(recipe: Recipe, comparison: Comparison, selection: Selection | None) -> dict[str, Any]:
    return {
        "k": recipe.evaluate.k,
        "filter_seen": recipe.filter_seen,
        "split": recipe.split.model_dump(mode="json"),
        **comparison.to_dict(),
        **({} if selection is None else {"selection": selection.to_dict()}),
    }
