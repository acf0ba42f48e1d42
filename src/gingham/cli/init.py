"""``gingham init``: recipes to edit."""

from enum import StrEnum
from typing import Annotated

import typer


class Shop(StrEnum):
    """The recipes that are included."""

    HM = "hm"
    COMPLETE_JOURNEY = "complete-journey"
    TA_FENG = "ta-feng"
    CSV = "csv"


def init(
    shop: Annotated[
        Shop,
        typer.Argument(
            metavar="SHOP",
            help="csv: your own files; hm: Kaggle's H&M files; complete-journey: the data of `gingham demo`; "
            "ta-feng: a public data set of a grocer.",
        ),
    ],
) -> None:
    """Print a recipe to edit. Example: gingham init csv > shop.toml."""
    typer.echo(recipe_text(shop), nl=False)


def recipe_text(shop: Shop) -> str:
    """Return the text of a recipe."""
    from importlib.resources import files

    return (files("gingham.cli") / "recipes" / f"{shop}.toml").read_text(encoding="utf-8")
