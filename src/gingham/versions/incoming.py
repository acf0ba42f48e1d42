"""The tables of an update: files with the columns of a recipe's tables, read without the recipe's dates and counts."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from gingham.columns import ITEM_ID, NAME, TYPE, USER_ID
from gingham.config import Recipe
from gingham.dataset import Ids
from gingham.errors import ConfigError
from gingham.models.training_data import TrainingData
from gingham.tables import CleanSpec, Tables, clean, read
from gingham.tables.conditions import filter_entities
from gingham.tables.content import is_url

# The keys of [clean] that look at one transaction at a time, or at those of one file.
_KEYS = ("transactions", "guests", "deduplicate", "returns", "value")


@dataclass(frozen=True)
class Incoming:
    """The tables of an update.

    Attributes
    ----------
    transactions : Tables
        The cleaned transactions, without users and items.
    users, items : polars.DataFrame or None
        One row per new or changed user (item); None if the update has no such table.
    """

    transactions: Tables
    users: pl.DataFrame | None
    items: pl.DataFrame | None


def read_incoming(
    recipe: Recipe,
    training_data: TrainingData,
    transactions: Path | str,
    users: Path | str | None = None,
    items: Path | str | None = None,
) -> Incoming:
    """Read the files of an update as the recipe reads its tables.

    Rows are checked as for a run, and the recipe's conditions on transactions, users and items apply. Its dates, its
    numbers of transactions and its k-core don't.

    Parameters
    ----------
    recipe : Recipe
        The recipe of the model.
    training_data : TrainingData
        The model's training data, for the types of ids and the users and items that are known.
    transactions, users, items : path
        The files. Without `users` (`items`), users (items) that are new have no features, unless the recipe makes the
        table from columns of the transactions.

    Raises
    ------
    ConfigError
        If the recipe has no such table, or weighs transactions by others.
    TableError
        If a file is missing or unreadable, lacks a column, or has an invalid row.
    """
    _require_own_values(recipe.clean)
    narrow = recipe.narrowed()
    sources = {
        **narrow.sources,
        "transactions": _from_file(narrow.transactions, transactions),
        "users": _source("users", narrow.users, users),
        "items": _source("items", narrow.items, items),
    }
    for name, features in (("users", "user_features"), ("items", "item_features")):
        sources[features] = None if sources[name] is None else sources[features]
    if sources["transactions"].id_type is None:
        sources["transactions"] = sources["transactions"].model_copy(update={"id_type": _id_type(training_data)})
    opened = read(**sources, condition=recipe.clean.transactions)
    spec = CleanSpec(**{key: getattr(recipe.clean, key) for key in _KEYS})
    cleaned = clean(Tables(opened.transactions, origins=opened.origins), spec, count_ids=False)
    rows, tables = cleaned.transactions, []
    for column, ids, frame, condition, source in (
        (USER_ID, training_data.user_ids, opened.users, recipe.clean.users, recipe.users),
        (ITEM_ID, training_data.item_ids, opened.items, recipe.clean.items, recipe.items),
    ):
        table = chosen = None if frame is None else frame.collect()
        if table is not None and condition is not None:
            chosen = filter_entities(table, condition, opened.origins["users" if column == USER_ID else "items"])
        drop_unknown = recipe.clean.unknown == "drop" and source is not None
        rows = _rows_of(rows, column, ids, (table, chosen), drop_unknown)
        tables.append(chosen)
    of_users, of_items = tables
    names = {name: label for name, label in ((opened.item_name, NAME), (opened.item_type, TYPE)) if name is not None}
    if of_items is not None:
        of_items = of_items.with_columns(pl.col(name).alias(label) for name, label in names.items())
    return Incoming(replace(cleaned, transactions=rows, users=None, items=None), of_users, of_items)


def _require_own_values(spec: CleanSpec) -> None:
    """Refuse a recipe in which the value of a transaction depends on others, which the update does not have."""
    for key, value in (("value", spec.value), ("half_life", spec.half_life)):
        if value is not None and (key == "half_life" or str(value).startswith("log-")):
            raise ConfigError(
                f"clean.{key} = {value!r} weighs a transaction by those before or after it, which an update does not "
                "read; use `gingham run` on all transactions."
            )


def _source(table: str, source: Any, file: Path | str | None) -> Any:
    """Return a recipe's table with another file; None if its rows come neither from a file nor the transactions."""
    if file is None:
        return None if source is None or source.place is not None else source
    if source is None or source.place is None:
        raise ConfigError(
            f"The recipe of this model has no section [{table}] with a file, so it cannot use {file}; leave out "
            f"--{table}, or run a recipe with this section."
        )
    return _from_file(source, file)


def _from_file(source: Any, file: Path | str) -> Any:
    path = str(file) if is_url(str(file)) else str(Path(file).absolute())
    return source.model_copy(update={"path": path, "url": None, "query": None})


def _id_type(training_data: TrainingData) -> str | None:
    """Return the type of the model's ids; None if users and items have different ones."""
    types = {ids.values.dtype for ids in (training_data.user_ids, training_data.item_ids)}
    return None if len(types) > 1 else "text" if types == {pl.String()} else "integer"


def _rows_of(
    rows: pl.LazyFrame,
    column: str,
    ids: Ids,
    tables: tuple[pl.DataFrame | None, pl.DataFrame | None],
    drop_unknown: bool,
) -> pl.LazyFrame:
    """Leave out transactions of users (items) that the condition excludes, and of unknown ones if the recipe does.

    Parameters
    ----------
    rows : polars.LazyFrame
        The transactions.
    column : str
        The column of the id.
    ids : Ids
        The ids that the model knows.
    tables : tuple of polars.DataFrame
        The update's table before and after the recipe's condition.
    drop_unknown : bool
        Whether to leave out ids that neither the model nor the table has.
    """
    value, (table, chosen) = pl.col(column).cast(ids.values.dtype), tables
    if table is not None and chosen is not None:
        excluded = table[column].filter(~table[column].is_in(chosen[column].implode()))
        rows = rows.filter(~value.is_in(excluded.implode()))
    if drop_unknown:
        new = [] if chosen is None else [chosen[column].cast(ids.values.dtype)]
        rows = rows.filter(value.is_in(pl.concat([ids.values.alias(column), *new]).implode()))
    return rows
