"""The rules of a version: they are in its recipe, and the columns of the items table that they use in a file."""

from pathlib import Path

import polars as pl

from gingham.config import Recipe
from gingham.errors import ArtifactError, GinghamError
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
