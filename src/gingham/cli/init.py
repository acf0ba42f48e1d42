"""``gingham init``: a recipe to edit."""

from enum import StrEnum
from importlib.resources import files
from typing import Annotated

import typer


class Shop(StrEnum):
    """The shops there are recipes for."""

    HM = "hm"
    COMPLETE_JOURNEY = "complete-journey"
    TA_FENG = "ta-feng"
    CSV = "csv"


def init(
    shop: Annotated[
        Shop,
        typer.Argument(
            metavar="SHOP",
            help="hm: Kaggle's H&M files; complete-journey: the data of `gingham demo`; ta-feng: a grocer's months; "
            "csv: any shop's files.",
        ),
    ],
) -> None:
    """Print a recipe to edit: gingham init hm > hm.toml."""
    typer.echo(recipe_text(shop), nl=False)


def recipe_text(shop: Shop) -> str:
    """Give the text of a recipe."""
    return (files("gingham.cli") / "recipes" / f"{shop}.toml").read_text(encoding="utf-8")
