"""``gingham synth``: tables to try things on."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gingham.cli.console import output
from gingham.synth import hm as write_tables


class Shape(StrEnum):
    """The shops whose shape the tables can have."""

    HM = "hm"


def synth(
    shape: Annotated[Shape, typer.Argument(metavar="SHAPE", help="hm: Kaggle's H&M files.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make; an earlier one is replaced.")],
    scale: Annotated[float, typer.Option(help="1 for as many rows as the originals have.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal files.")] = 0,
) -> None:
    """Write synthetic tables of a real shop's shape and of any size: for scale and tests, no proof of accuracy."""
    del shape  # there is one
    write_tables(folder, scale, seed)
    output.print(
        f"Synthetic tables stand in {folder}. Next: gingham init hm > {folder / 'hm.toml'}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
