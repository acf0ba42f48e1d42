"""`gingham.tune`: search for parameters, fit the model with the best ones, score it once and store the result."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from os import PathLike, cpu_count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from gingham.comparison import Comparison
from gingham.config import ModelSpec, Recipe
from gingham.config.models import fit
from gingham.dataset import Dataset
from gingham.dataset.dataset import check_dataset
from gingham.errors import ConfigError
from gingham.evaluation.evaluation import Evaluation
from gingham.forks import require_threads
from gingham.models import Recommender
from gingham.pipeline import fit_and_compare, name_of
from gingham.progress import Progress, check_progress
from gingham.reading import read_parts
from gingham.report import require_ready
from gingham.selection import Selection, select
from gingham.split import Split
from gingham.tables.database import without_password
from gingham.tuning.folder import REPORT, STUDY, Folder
from gingham.tuning.job import Settings, temporary_folder, write_job
from gingham.tuning.page import format_params, notebook_view, page
from gingham.tuning.recipe import best_recipe
from gingham.tuning.search import Search
from gingham.tuning.starts import starting_points
from gingham.tuning.study import (
    fail_running_trials,
    fingerprint,
    finished_trials,
    killed_trial,
    open_study,
    optuna,
    require_database,
    sqlite_url,
)
from gingham.tuning.task import Task, filters_seen
from gingham.tuning.trials import (
    NO_CURVES,
    any_complete,
    best_params,
    curves_table,
    given_value,
    importances,
    panel_table,
    trials_table,
)
from gingham.validation import check_bool, check_k, check_path, check_text, check_type, optional

if TYPE_CHECKING:
    from optuna import Study


@dataclass(frozen=True, eq=False, repr=False)
class Tuning:
    """The result of a search.

    Attributes
    ----------
    metric : str
        The metric that was maximised.
    best_value : float
        The metric of the best trial on the validation part, the mean over folds. It is the maximum over many trials, so
        expect a lower value on other data.
    best_params : dict
        The parameters of the best trial; `epochs` is the number of epochs after which the metric was best.
    given_value : float or None
        The metric of the first trial, the model with the parameters that it was given; None if that trial is not
        complete.
    trials : polars.DataFrame
        One row per trial: ``trial``, ``state`` ("complete", "pruned" or "failed"), ``value``, ``best_epoch``,
        ``seconds``, ``reason`` (why it failed) and a column for each parameter.
    curves : polars.DataFrame
        One row per epoch of each trial: ``trial``, ``epoch``, ``loss`` and ``value``, the metric for at most 500 users
        of the first validation part.
    importances : dict of str to float
        Each parameter's share in the differences between complete trials (PED-ANOVA); empty if there are too few.
    model : Recommender
        The model with the best parameters, fitted to all training data.
    comparison : Comparison or None
        The model (named by its kind) and the baselines on the test; None without a test.
    selection : Selection or None
        The choice of a model with kind = "auto": the trials are then models, and `best_params` has only the kind.

    References
    ----------
    Watanabe, Bansal and Hutter, "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary Subspaces",
    IJCAI 2023. arXiv:2304.10255.

    Examples
    --------
    >>> import gingham as gg
    >>> data, model = gg.synth.sample_dataset(), {"kind": "popularity"}
    >>> tuning = gg.tune(data, model=model, metric="map@5", trials=2, verbose=False)
    >>> tuning.trials["state"].to_list()
    ['complete', 'complete']
    >>> tuning.best_value == tuning.trials["value"].max()
    True
    """

    metric: str
    best_value: float
    best_params: dict[str, Any]
    given_value: float | None
    trials: pl.DataFrame
    curves: pl.DataFrame
    importances: dict[str, float]
    model: Recommender
    comparison: Comparison | None
    selection: Selection | None = None

    @property
    def evaluations(self) -> Mapping[str, Evaluation]:
        """The evaluations of the model (named by its kind) and of the baselines on the test; empty without a test."""
        return {} if self.comparison is None else self.comparison.evaluations

    @property
    def evaluation(self) -> Evaluation | None:
        """The evaluation of the model on the test; None without a test."""
        return next(iter(self.evaluations.values()), None)

    def __repr__(self) -> str:
        best = f"best {self.metric} {self.best_value:.4f} with {format_params(self.best_params)}"
        return f"Tuning({self.trials.height:,} trials: {best})"

    def _repr_html_(self) -> str:
        return notebook_view(self)


def tune(
    data: Recipe | Path | str | Dataset,
    out: Path | str | None = None,
    *,
    test: Dataset | None = None,
    model: Mapping[str, Any] | None = None,
    storage: str | None = None,
    progress: Progress | None = None,
    verbose: bool = True,
    **settings: Any,
) -> Tuning:
    """Search for the parameters with which a model is best on a validation part of the training data.

    The first trial is the model as it is given, so the best trial is never worse than that on the validation part. The
    next ones change one switch each, such as the loss. None of these is pruned.

    The test takes no part in the search. At the end, the model with the best parameters is fitted to all training data,
    and scored on the test once, together with the baselines.

    Parameters
    ----------
    data : Recipe, path or Dataset
        A recipe or the path of one, which defines tables, split, model and search; or the training data.
    out : path, optional
        The folder to write: ``best.toml`` (the recipe with the best parameters), ``report.html``, ``trials.parquet``,
        ``curves.parquet``, ``tuning.json``, the model, and the study. The same call again continues the study after an
        interruption or with more trials. By default nothing is stored.
    test : Dataset, optional
        With a dataset as `data`, the data on which the model is scored at the end; by default it is not scored.
    model : mapping, optional
        With a dataset as `data`, the keys of a recipe's ``[model]``, such as ``{"kind": "als", "random_state": 42}``;
        by default a "hybrid" model. With ``{"kind": "auto"}``, several models are tried with their defaults, and
        `timeout` is their time budget, 5 minutes by default.
    storage : str, optional
        The SQLAlchemy URL of the study's database, such as ``"postgresql+psycopg://host/studies"``, with which several
        machines can search at the same time. By default an SQLite file in `out`.
    progress : Progress, optional
        Receives the stages, messages, the steps of cleaning and the `Comparison`; by default nothing is shown.
    verbose : bool
        Whether a terminal shows a progress bar; True by default.
    settings
        Keys of a recipe's ``[tune]``, such as ``trials``, ``metric`` or ``space``, which replace those of the recipe;
        see `gingham.config.TuneSpec`.

    Returns
    -------
    Tuning

    Raises
    ------
    ConfigError
        If the recipe or a setting is not allowed, the study belongs to another recipe, all trials fail, or the model's
        class is not in a module that worker processes can import.
    MissingExtraError, ReportError
        If Optuna, or for `out` Plotly, is not installed.
    GinghamError
        If a table can't be read or split, or `out` can't be written.

    Examples
    --------
    >>> import gingham as gg
    >>> train, test = gg.split.by_time(gg.synth.sample_dataset(), test="7d")
    >>> model = {"kind": "next-basket", "n_neighbours": 0}
    >>> space = {"half_life": ["14d", "60d"], "alpha": {"low": 0.0, "high": 1.0}}
    >>> tuning = gg.tune(train, test=test, model=model, space=space, metric="map@5", trials=2, verbose=False)
    >>> list(tuning.best_params)
    ['half_life', 'alpha']
    >>> list(tuning.evaluations)
    ['next-basket', 'best-sellers', 'recent-best-sellers', 'buy-again']
    """
    require_threads("Tuning")
    progress = check_progress(progress)
    optional(check_text)("storage", storage)
    check_bool("verbose", verbose)
    if test is not None:
        check_dataset("test", test)
    if model is not None:
        expected = "a mapping of the keys of a recipe's [model], such as {'kind': 'als'}"
        check_type("model", model, Mapping, expected)
    out = None if out is None else check_path("out", out)
    optuna()
    expected = "a gingham.Dataset, a gingham.Recipe, or the path of a recipe's file"
    check_type("data", data, (Dataset, Recipe, str, PathLike), expected)
    source = data if isinstance(data, Dataset) else Recipe.of(data)
    task = Task.create(source if isinstance(source, Recipe) else None, model, settings)
    if storage is not None and task.model.is_auto:
        raise ConfigError(f"kind = 'auto' has no study to store in {without_password(storage)}; remove storage.")
    folder = None if out is None else Folder(out)
    if folder is not None:
        require_ready(folder.path / REPORT)
        folder.check_replaceable()
    train, test = read_parts(source, progress)[1] if isinstance(source, Recipe) else (source, test)
    if test is not None:
        check_k(task.ks[-1], test.n_items)
    resumable = nullcontext() if task.model.is_auto else _resumable(storage or folder)
    with _open_database(folder) as database, resumable:
        if task.model.is_auto:
            tuning = _choice(task, train, test, progress)
        else:
            study = _search(task, train, test, database, storage, progress, verbose)
            tuning = _result(task, study, train, test, progress)
        if folder is not None:
            with progress.stage("Storing"):
                _store(folder, task, tuning)
    return tuning


@contextmanager
def _open_database(folder: Folder | None) -> Iterator[Path]:
    """Yield the path of a study's database: in the folder, or in a temporary one."""
    with folder.open_study() if folder is not None else temporary_folder() as path:
        yield path if folder is not None else path / STUDY


@contextmanager
def _resumable(place: Folder | str | None) -> Iterator[None]:
    """Add to a KeyboardInterrupt where the study is."""
    try:
        yield
    except KeyboardInterrupt:
        if place is None:
            raise
        where = without_password(place) if isinstance(place, str) else place.path
        raise KeyboardInterrupt(
            f"Interrupted. The study in {where} has the trials that finished; run the search again to continue it."
        ) from None


def _search(
    task: Task,
    train: Dataset,
    test: Dataset | None,
    database: Path,
    storage: str | None,
    progress: Progress,
    verbose: bool,
) -> "Study":
    """Run the search, and return its study, which has at least one complete trial."""
    spec = task.spec
    validation, splits = task.splits(train, test)
    filter_seen = filters_seen(task.evaluate, validation)
    made_for = fingerprint(train, task.model, task.space, spec, filter_seen, validation)
    url = storage or sqlite_url(database)
    study = open_study(url, task.name, made_for, spec)
    n_finished = len(finished_trials(study))
    if n_finished:
        progress.message(
            f"The study has {n_finished} of {spec.trials} trials from an earlier search, which this search continues."
        )
    # The folder is locked, so no other search runs trials in its database.
    for number in () if storage else fail_running_trials(study):
        progress.message(killed_trial(number))
    num_threads = task.model.num_threads or max(1, (cpu_count() or 1) // spec.workers)
    with progress.stage("Searching"), temporary_folder() as job:
        modules = task.model_modules()
        settings = Settings(task.model, task.metric, filter_seen, spec.patience, num_threads, validation, modules)
        write_job(job, settings, splits)
        try:
            with require_database(url):
                starts = starting_points(task.model, task.space, spec)
                Search(study, task.space, spec, progress, starts).run(job, verbose)
        except KeyboardInterrupt:
            if not any_complete(study):
                raise
            progress.message("Interrupted; continuing with the best trial so far. Press Ctrl-C again to stop.")
    if not any_complete(study):
        raise ConfigError(
            f"None of the {len(finished_trials(study))} trials is complete, so there is no best one; allow more time "
            "or trials."
        )
    return study


def _choice(task: Task, train: Dataset, test: Dataset | None, progress: Progress) -> Tuning:
    """Choose the best model of the panel, fit it to all training data, and score it once."""
    selection = select(
        task.model,
        train,
        task.validation(test),
        k=task.ks[-1],
        metric=task.metric,
        filter_seen=filters_seen(task.evaluate, task.split),
        progress=progress,
    )
    model, comparison = _fit_best(task, selection.spec, train, test, progress)
    return Tuning(
        task.metric,
        selection.value,
        {"kind": selection.chosen},
        None,
        panel_table(selection),
        NO_CURVES,
        {},
        model,
        comparison,
        selection,
    )


def _result(task: Task, study: "Study", train: Dataset, test: Dataset | None, progress: Progress) -> Tuning:
    """Fit the model with the best parameters to all training data, and score it once."""
    params = best_params(study)
    model, comparison = _fit_best(task, task.model_with(params), train, test, progress)
    return Tuning(
        task.metric,
        study.best_value,
        params,
        given_value(study),
        trials_table(study),
        curves_table(study),
        importances(study),
        model,
        comparison,
    )


def _fit_best(
    task: Task, spec: ModelSpec, train: Dataset, test: Dataset | None, progress: Progress
) -> tuple[Recommender, Comparison | None]:
    """Fit a model to all training data, and score it on the test if there is one."""
    split = task.split
    filter_seen = filters_seen(task.evaluate, split)
    fit_model = partial(fit, spec, split=split, filter_seen=filter_seen)
    if test is None:
        with progress.stage(f"Fitting the model ({spec.kind})"):
            return fit_model(train), None
    return fit_and_compare(
        name_of(spec),
        fit_model,
        Split(train, test),
        progress,
        k=task.ks,
        metric=task.metric,
        filter_seen=filter_seen,
        num_threads=spec.num_threads,
    )


def _store(folder: Folder, task: Task, tuning: Tuning) -> None:
    summary = {
        "metric": tuning.metric,
        "best_value": tuning.best_value,
        "best_params": tuning.best_params,
        "given_value": tuning.given_value,
        "importances": tuning.importances,
        **({} if tuning.selection is None else {"selection": tuning.selection.to_dict()}),
        "trials": dict(tuning.trials["state"].value_counts().iter_rows()),
        "test": {name: evaluation.to_dict() for name, evaluation in tuning.evaluations.items()},
    }
    recipe = None if task.recipe is None else best_recipe(_recipe_of(task, tuning), tuning.best_params)
    report = page(tuning, task.space, f"Tuning: {task.name}").to_html()
    folder.write(summary, recipe, report, tuning.trials, tuning.curves, tuning.model)


def _recipe_of(task: Task, tuning: Tuning) -> Recipe:
    """Return the recipe of a task, with the chosen model if the task was to choose one."""
    assert task.recipe is not None
    return task.recipe if tuning.selection is None else task.recipe.with_model(tuning.selection.spec)
