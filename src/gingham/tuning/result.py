"""`gingham.tune`: search, refit, score once, store."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from os import cpu_count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from gingham.comparison import Comparison
from gingham.config import Recipe
from gingham.config.models import fit
from gingham.dataset import Dataset
from gingham.errors import ConfigError
from gingham.evaluation.evaluation import Evaluation
from gingham.models import Recommender
from gingham.pipeline import fit_and_compare, name_of, read_parts
from gingham.progress import Progress, Silent
from gingham.report import require_ready
from gingham.split import Split, SplitSpec
from gingham.tuning import trials
from gingham.tuning.folder import REPORT, STUDY, Folder
from gingham.tuning.job import Settings, write
from gingham.tuning.page import for_notebook, page, parameters
from gingham.tuning.recipe import best_text
from gingham.tuning.search import Search
from gingham.tuning.study import fingerprint, finished, open_study, optuna
from gingham.tuning.task import Task, filters_seen
from gingham.validation import check_k

if TYPE_CHECKING:
    from optuna import Study


@dataclass(frozen=True, eq=False, repr=False)
class Tuning:
    """What a search found.

    Attributes
    ----------
    metric : str
        What was maximised.
    best_value : float
        Its mean over the validation parts, of the best trial. It is the best of many, so expect less of other data.
    best_params : dict
        The parameters of that trial; `epochs` is after how many the metric was best.
    trials : polars.DataFrame
        A row a trial: ``trial``, ``state`` ("complete", "pruned" or "failed"), ``value``, ``best_epoch`` (after which
        it was reached), ``seconds``, ``reason`` (why it failed) and a column a parameter.
    curves : polars.DataFrame
        A row an epoch of a trial: ``trial``, ``epoch``, ``loss`` and ``value``, the metric of up to 500 users of the
        first validation part.
    importances : dict of str to float
        Each parameter's share in the differences between complete trials (PED-ANOVA); empty if there were too few.
    model : Recommender
        Fitted to all of train with the best parameters.
    comparison : Comparison or None
        Of the model, by its kind, with the baselines, on the test; None if there was none.

    References
    ----------
    Watanabe, Bansal and Hutter, "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary Subspaces",
    IJCAI 2023. arXiv:2304.10255.
    """

    metric: str
    best_value: float
    best_params: dict[str, Any]
    trials: pl.DataFrame
    curves: pl.DataFrame
    importances: dict[str, float]
    model: Recommender
    comparison: Comparison | None

    @property
    def evaluations(self) -> Mapping[str, Evaluation]:
        """How good the model, by its kind, and the baselines are on the test; empty if there was none."""
        return {} if self.comparison is None else self.comparison.evaluations

    @property
    def evaluation(self) -> Evaluation | None:
        """How good the model is on the test; None if there was none."""
        return next(iter(self.evaluations.values()), None)

    def __repr__(self) -> str:
        found = f"best {self.metric} {self.best_value:.4f} with {parameters(self.best_params)}"
        return f"Tuning({self.trials.height:,} trials: {found})"

    def _repr_html_(self) -> str:
        return for_notebook(self)


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
    """Search for the parameters of a model with which it does best on a validation part of train.

    The test takes no part in the search. At the end the model is fitted to all of train with the best parameters, and
    scored on the test once, beside the simple baselines.

    Parameters
    ----------
    data : Recipe, path or Dataset
        A recipe (a path is read as one) says all: tables, split, model, and ``[tune]``. A dataset is the train part.
    out : path, optional
        The folder to make: ``best.toml`` (the recipe with the best parameters), ``report.html``, ``trials.parquet``,
        ``curves.parquet``, ``tuning.json``, the model, and the study, with which the same call goes on where an earlier
        one ended or was killed. By default nothing is kept.
    test : Dataset, optional
        What to score the model on, beside a dataset.
    model : mapping, optional
        Beside a dataset, what a recipe's ``[model]`` says, such as ``{"kind": "hybrid", "random_state": 42}``.
    storage : str, optional
        An SQLAlchemy URL of the study's database, such as ``"postgresql+psycopg://host/studies"``: several machines can
        then search at the same time. By default an SQLite file in `out`.
    progress : Progress, optional
        Receives the stages, messages, the steps of cleaning and the `Comparison`; by default nothing is shown.
    verbose : bool
        Whether a terminal shows a progress bar; True by default.
    settings
        Keys of the recipe's ``[tune]``, in place of what it says: see `gingham.config.TuneSpec`.

    Returns
    -------
    Tuning

    Raises
    ------
    ConfigError
        If the recipe or a setting is wrong, the study was made by another recipe, or all trials fail.
    MissingExtraError, ReportError
        If Optuna, or for `out` Plotly, is not installed.
    GinghamError
        If a table, a split or `out` is wrong.
    """
    progress = progress or Silent()
    optuna()
    source = data if isinstance(data, Dataset | Recipe) else Recipe.read(data)
    task = Task.of(source if isinstance(source, Recipe) else None, model, settings)
    folder = None if out is None else Folder(Path(out))
    if folder is not None:
        require_ready(folder.path / REPORT)
        folder.require_free()
    with tempfile.TemporaryDirectory(prefix="gingham-tune-") as workplace:
        train, test = read_parts(source, progress)[1] if isinstance(source, Recipe) else (source, test)
        if test is not None:
            check_k(task.ks[-1], test.n_items)
        url = storage or f"sqlite:///{Path(workplace) / STUDY if folder is None else folder.open()}"
        study = _search(task, train, test, url, Path(workplace), progress, verbose)
        found = _found(task, study, train, test, progress)
    if folder is not None:
        with progress.stage("Storing"):
            _store(folder, task, found)
    return found


def _search(
    task: Task, train: Dataset, test: Dataset | None, url: str, workplace: Path, progress: Progress, verbose: bool
) -> "Study":
    """Search until it is over, or somebody has had enough."""
    spec = task.spec
    how, splits = task.splits(train, test)
    seen = filters_seen(task.evaluate, how)
    study = open_study(url, task.name, fingerprint(train, task.model, task.space, spec, seen, how), spec)
    n_done = len(finished(study))
    if n_done:
        progress.message(f"The study has {n_done} of {spec.trials} trials from an earlier search; continuing there.")
    threads = task.model.num_threads or max(1, (cpu_count() or 1) // spec.workers)
    with progress.stage("Searching"):
        write(workplace, Settings(task.model, task.metric, seen, spec.patience, threads), splits)
        try:
            Search(study, task.space, spec, progress.message).run(workplace, verbose)
        except KeyboardInterrupt:
            if not trials.any_complete(study):
                raise
            progress.message("Interrupted; continuing with the best trial so far. Press Ctrl-C again to stop.")
    if not trials.any_complete(study):
        raise ConfigError(
            f"None of the {len(finished(study))} trials was completed, so there is no best one; give the search more "
            "time or trials."
        )
    return study


def _found(task: Task, study: "Study", train: Dataset, test: Dataset | None, progress: Progress) -> Tuning:
    """Fit the model to all of train with the best parameters, and score it once."""
    params = trials.best_params(study)
    spec = task.model.changed(params)
    comparison: Comparison | None = None
    if test is None:
        with progress.stage(f"Fitting the model ({spec.kind})"):
            model = fit(spec, train)
    else:
        how = SplitSpec() if task.recipe is None else task.recipe.split
        seen = filters_seen(task.evaluate, how)
        model, comparison = fit_and_compare(
            name_of(spec),
            partial(fit, spec),
            Split(train, test),
            progress,
            k=task.ks,
            metric=task.metric,
            filter_seen=seen,
            num_threads=spec.num_threads,
        )
    return Tuning(
        task.metric,
        study.best_value,
        params,
        trials.table(study),
        trials.curves(study),
        trials.importances(study),
        model,
        comparison,
    )


def _store(folder: Folder, task: Task, found: Tuning) -> None:
    summary = {
        "metric": found.metric,
        "best_value": found.best_value,
        "best_params": found.best_params,
        "importances": found.importances,
        "trials": dict(found.trials["state"].value_counts().iter_rows()),
        "test": {name: evaluation.to_dict() for name, evaluation in found.evaluations.items()},
    }
    recipe = None if task.recipe is None else best_text(task.recipe, found.best_params)
    report = page(found, task.space, f"Tuning: {task.name}").to_html()
    folder.write(summary, recipe, report, found.trials, found.curves, found.model)
