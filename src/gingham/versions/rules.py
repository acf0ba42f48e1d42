"""The rules of a version: they are in its recipe, and the columns of the items table that they use in a file."""

from pathlib import Path

import polars as pl

from gingham.columns import ITEM_ID
from gingham.config import Recipe
from gingham.errors import ArtifactError, GinghamError, TableError
from gingham.rules import Rules
from gingham.versions.files import RECIPE, RULES


def write_rules(version: Path, rules: Rules | None) -> None:
    """Write the columns that rules use; nothing for rules without columns."""
    if rules is not None and rules.items is not None:
        rules.items.write_parquet(version / RULES)


def read_rules(version: Path) -> Rules | None:
    """Read the rules of a version, bound to the columns; None if its recipe has none.

    Raises
    ------
    ArtifactError
        If a file is missing or damaged.
    """
    try:
        rules = Recipe.read(version / RECIPE).rules
        return rules.bind(pl.read_parquet(version / RULES)) if rules is not None and rules.columns else rules
    except (OSError, pl.exceptions.PolarsError, GinghamError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ArtifactError(f"The rules in {version} cannot be read: {reason}; run the recipe again.") from error


def updated_rules(rules: Rules | None, items: pl.DataFrame | None) -> Rules | None:
    """Return rules with the columns of new and changed items.

    Parameters
    ----------
    rules : Rules or None
        The rules of a version; without columns they stay as they are.
    items : polars.DataFrame or None
        One row per new or changed item, with the columns that the rules use.

    Raises
    ------
    TableError
        If a column has another type than before.
    """
    if rules is None or rules.items is None or items is None:
        return rules
    new = items.select(rules.items.columns)
    old = rules.items.filter(~pl.col(ITEM_ID).is_in(new[ITEM_ID].implode()))
    for name, dtype in old.schema.items():
        if new.schema[name].is_numeric() != dtype.is_numeric():
            raise TableError(
                f"The column {name!r} of the update's items is {new.schema[name]}, but that of the version is {dtype}; "
                "convert it."
            )
    return rules.bind(pl.concat([old, new], how="vertical_relaxed"))
