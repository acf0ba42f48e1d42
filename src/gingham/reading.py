"""The tables, the dataset and the parts that a recipe describes."""

from pathlib import Path

import numpy as np

from gingham.arrays import Indices
from gingham.config import Recipe
from gingham.dataset import Dataset
from gingham.progress import Progress
from gingham.rules import Rules
from gingham.split import Split
from gingham.tables import Step, Tables, clean, read
from gingham.validation import check_k


def read_tables(recipe: Recipe | Path | str) -> Tables:
    """Read and clean the tables of a recipe.

    Parameters
    ----------
    recipe : Recipe or path
        A path is read as a recipe file.

    Raises
    ------
    ConfigError, TableError
        If the recipe or a table is wrong, or no rows are left after a filter.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import gingham as gg
    >>> text = '''
    ... transactions = { path = "sales.parquet", user_id = "user_id", item_id = "item_id", timestamp = "timestamp" }
    ... '''
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     folder = Path(directory)
    ...     gg.synth.sample_tables().transactions.collect().write_parquet(folder / "sales.parquet")
    ...     _ = (folder / "shop.toml").write_text(text)
    ...     tables = gg.read_tables(folder / "shop.toml")
    ...     [(step.name, step.rows) for step in tables.steps]
    [('read', 1000)]
    """
    return _read_and_clean(Recipe.of(recipe))


def _read_and_clean(recipe: Recipe, count_ids: bool = True) -> Tables:
    tables = read(**recipe.sources, condition=recipe.clean.transactions)
    return clean(tables, recipe.clean, count_ids)


def read_dataset(recipe: Recipe | Path | str) -> Dataset:
    """Read and clean the tables of a recipe, and build a dataset from them.

    Only the columns that the dataset needs are read, so this is faster than `read_tables` and needs less memory.

    Parameters
    ----------
    recipe : Recipe or path
        A path is read as a recipe file.

    Raises
    ------
    ConfigError, TableError
        If the recipe or a table is wrong, or no rows are left after a filter.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import gingham as gg
    >>> text = '''
    ... transactions = { path = "sales.parquet", user_id = "user_id", item_id = "item_id", timestamp = "timestamp" }
    ... '''
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     folder = Path(directory)
    ...     gg.synth.sample_tables().transactions.collect().write_parquet(folder / "sales.parquet")
    ...     _ = (folder / "shop.toml").write_text(text)
    ...     gg.read_dataset(folder / "shop.toml")
    Dataset(50 users x 20 items, 1,000 interactions)
    """
    recipe = Recipe.of(recipe)
    return Dataset.from_tables(_read_and_clean(recipe.narrowed(), count_ids=False), candidates=recipe.candidates)


def read_parts(recipe: Recipe, progress: Progress) -> tuple[Dataset, Split[Dataset], tuple[Step, ...], Rules | None]:
    """Read and clean the tables of a recipe, split the dataset, and bind the rules to the items table.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    progress : Progress
        Receives the stage and the steps.

    Returns
    -------
    Dataset, Split of Dataset, tuple of Step, Rules or None
        The dataset, its train and test parts, the numbers of rows, users and items after each step, and the rules.

    Raises
    ------
    GinghamError
        If the recipe or a table is wrong, or the recipe asks for more recommendations than there are items.
    """
    with progress.stage("Reading and cleaning the tables"):
        tables = read_tables(recipe.narrowed())
        dataset = Dataset.from_tables(tables, candidates=recipe.candidates)
        parts = recipe.split.apply(dataset)
        rules = recipe.rules
        if rules is not None and rules.columns and tables.items is not None:
            rules = rules.bind(tables.items)
    for finding in tables.findings:
        progress.message(str(finding))
    if dataset.candidates == "all":
        progress.message(_describe_candidates(parts.train))
    for k in (recipe.evaluate.k, recipe.recommend.k):
        check_k(k, dataset.n_items)
    steps = (*tables.steps, _step("train", parts.train), _step("test", parts.test))
    progress.result(steps)
    return dataset, parts, steps, rules


def _describe_candidates(train: Dataset) -> str:
    unsold = train.n_items - _n_distinct(train.interactions.item_index)
    counts = f"{unsold:,} of {train.n_items:,}"
    return f"Items without transactions in the train part: {counts}, which are candidates for their features."


def _step(name: str, part: Dataset) -> Step:
    rows = part.interactions
    return Step(name, len(rows), _n_distinct(rows.user_index), _n_distinct(rows.item_index))


def _n_distinct(index: Indices) -> int:
    return int(np.count_nonzero(np.bincount(index)))
