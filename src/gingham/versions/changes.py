"""Changes of the current version without a run: later transactions, and users to forget."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from gingham import store
from gingham.columns import USER_ID
from gingham.config import Recipe
from gingham.dataset.id_list import IdList, id_series
from gingham.errors import UnknownIdError
from gingham.models import Recommender
from gingham.progress import Progress, check_progress
from gingham.validation import check_path, shown
from gingham.versions.files import METRICS, MODEL, RECIPE, RECOMMENDATIONS, SELECTION, STEPS, TRAIN_MODEL, link
from gingham.versions.folder import RunFolder
from gingham.versions.gate import Gate
from gingham.versions.incoming import read_incoming
from gingham.versions.lists import recommend_to_all
from gingham.versions.rules import read_rules, updated_rules, write_rules
from gingham.versions.version import Version

# The files of the run that made the first of several versions; its figures stay those of that run.
_OF_THE_RUN = (METRICS, STEPS, RECIPE, SELECTION)


def update(
    folder: Path | str,
    transactions: Path | str,
    users: Path | str | None = None,
    items: Path | str | None = None,
    progress: Progress | None = None,
) -> Version:
    """Update the current version of a run's folder with later transactions, as a new version.

    The files have the columns of the recipe's tables, and are checked as these are. See `Recommender.update` for what
    a model promises. The figures in ``metrics.json`` stay those of the run. With ``[gate]``, the lists must be long
    enough; models are not compared.

    Parameters
    ----------
    folder : path
        The folder that `gingham run` wrote.
    transactions : path
        The new transactions: a file, as in the recipe's ``[transactions]``.
    users, items : path, optional
        Files with a row for each new or changed user (item), as in ``[users]`` and ``[items]``; none by default.
    progress : Progress, optional
        Receives the stages and messages; by default nothing is shown.

    Returns
    -------
    Version
        The new version, which is current unless the gate refused it.

    Raises
    ------
    GinghamError
        If the folder has no current version, a file is wrong, or another process writes to the folder. Then nothing
        changes.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import gingham as gg
    >>> text = '''
    ... transactions = { path = "sales.parquet", user_id = "user_id", item_id = "item_id", timestamp = "timestamp" }
    ... model = { kind = "popularity" }
    ... '''
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     folder = Path(directory)
    ...     sales = gg.synth.sample_tables().transactions.collect()
    ...     sales[:900].write_parquet(folder / "sales.parquet")
    ...     sales[900:].write_parquet(folder / "today.parquet")
    ...     _ = (folder / "shop.toml").write_text(text)
    ...     _ = gg.run(folder / "shop.toml", folder / "run")
    ...     version = gg.versions.update(folder / "run", folder / "today.parquet")
    ...     int(gg.load(folder / "run").training_data_.matrix.sum())
    1000
    >>> version.origin, version.is_current
    ('update', True)
    """
    run_folder, progress = RunFolder(check_path("folder", folder)), check_progress(progress)
    for name, file in (("transactions", transactions), ("users", users), ("items", items)):
        if file is not None:
            check_path(name, file)
    run_folder.require_current()
    with run_folder.locked():
        current = run_folder.require_current()
        recipe = _recipe(current)
        with progress.stage("Reading the model and the new tables"):
            model = Recommender.load(current / MODEL)
            incoming = read_incoming(recipe, model.training_data_, transactions, users, items)
            recipe = recipe.with_rules(updated_rules(recipe.rules, incoming.items))
        for finding in incoming.transactions.findings:
            progress.message(str(finding))
        with progress.stage("Updating the model"):
            model.update(incoming.transactions, incoming.users, incoming.items, num_threads=recipe.model.num_threads)
        with run_folder.versions.draft() as draft:
            for file in (current / TRAIN_MODEL).glob("*"):
                link(file, draft / TRAIN_MODEL / file.name)
            _complete(recipe, model, current, draft, Gate(recipe, current, draft, "update"), progress)
        return run_folder.publish(draft.name, recipe.keep)


def forget(folder: Path | str, user_ids: IdList, progress: Progress | None = None) -> Version:
    """Remove users from a run's folder: from its current version, as a new version, and all versions that know them.

    Parameters
    ----------
    folder : path
        The folder that `gingham run` wrote.
    user_ids : id, or series or iterable of ids
        The users.
    progress : Progress, optional
        Receives the stages, and the names of the versions that are removed; by default nothing is shown.

    Returns
    -------
    Version
        The current version, which is new unless it did not know the users.

    Raises
    ------
    UnknownIdError
        If no version knows one of the users.
    GinghamError
        If the folder has no current version, or another process writes to it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import gingham as gg
    >>> text = '''
    ... transactions = { path = "sales.parquet", user_id = "user_id", item_id = "item_id", timestamp = "timestamp" }
    ... model = { kind = "popularity" }
    ... '''
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     folder = Path(directory)
    ...     gg.synth.sample_tables().transactions.collect().write_parquet(folder / "sales.parquet")
    ...     _ = (folder / "shop.toml").write_text(text)
    ...     _ = gg.run(folder / "shop.toml", folder / "run")
    ...     version = gg.versions.forget(folder / "run", "u03")
    ...     "u03" in gg.load(folder / "run").training_data_.user_ids.values
    False
    >>> version.origin, version.users
    ('forget', 49)
    """
    run_folder, progress = RunFolder(check_path("folder", folder)), check_progress(progress)
    ids = id_series(user_ids).cast(pl.String)
    run_folder.require_current()
    with run_folder.locked():
        run_folder.adopt()
        versions, current = run_folder.versions, run_folder.require_current()
        knowing = [name for name in versions.names() if len(_known(versions.path_of(name) / MODEL, ids))]
        _require_known(ids, [versions.path_of(name) / MODEL for name in knowing])
        if current.name in knowing:
            recipe = _recipe(current)
            with versions.draft() as draft:
                with progress.stage("Removing the users from the model"):
                    model = _forgetting(current / MODEL, ids, recipe.model.num_threads)
                    if store.exists(current / TRAIN_MODEL):
                        evaluated = _forgetting(current / TRAIN_MODEL, ids, recipe.model.num_threads)
                        store.write_into(draft / TRAIN_MODEL, evaluated.artifact())
                ungated = recipe.model_copy(update={"gate": None})
                _complete(recipe, model, current, draft, Gate(ungated, current, draft, "forget"), progress)
            versions.switch(draft.name)
        versions.remove(knowing)
        if knowing:
            progress.message(f"Removed {', '.join(knowing)}: these versions knew the users.")
    return next(version for version in run_folder.find() if version.is_current)


def _recipe(version: Path) -> Recipe:
    """Read the recipe of a version, with its rules bound to the items table."""
    return Recipe.read(version / RECIPE).with_rules(read_rules(version))


def _complete(recipe: Recipe, model: Recommender, current: Path, draft: Path, gate: Gate, progress: Progress) -> None:
    """Write a changed model as a complete version, with the files of the run that it comes from."""
    for name in _OF_THE_RUN:
        link(current / name, draft / name)
    with progress.stage(f"Recommending {recipe.recommend.k} items to {model.n_users:,} users"):
        recommendations = recommend_to_all(recipe, model)
    with progress.stage("Storing"):
        recommendations.write_parquet(draft / RECOMMENDATIONS)
        write_rules(draft, recipe.rules)
        store.write_into(draft / MODEL, model.artifact())
        gate.describe(recommendations, model.n_users)


def _forgetting(model: Path, ids: pl.Series, num_threads: int) -> Recommender:
    """Load a model and remove some users from it, if it knows them."""
    loaded, users = Recommender.load(model), _known(model, ids)
    return loaded.forget(users, num_threads=num_threads) if len(users) else loaded


def _known(model: Path, ids: pl.Series) -> pl.Series:
    """Return the users of a stored model with some ids, which are text also if the model's are integers."""
    users = pl.read_parquet(model / "users.parquet", glob=False)[USER_ID]
    return users.filter(users.cast(pl.String).is_in(ids.implode()))


def _require_known(ids: pl.Series, models: Sequence[Path]) -> None:
    """Check that a model knows each of some users."""
    all_ids = pl.concat([ids.clear(), *(_known(model, ids).cast(pl.String) for model in models)])
    unknown = ids.filter(~ids.is_in(all_ids.implode()))
    if len(unknown):
        raise UnknownIdError(
            f"No version of this run knows {len(unknown):,} of {len(ids):,} users, such as {shown(unknown[0])}; check "
            "the ids."
        )
