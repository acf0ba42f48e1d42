"""``gingham synth``: synthetic tables."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gingham.cli.arguments import Quiet


class Shape(StrEnum):
    """The files whose columns the tables can have."""

    HM = "hm"


def synth(
    shape: Annotated[Shape, typer.Argument(metavar="SHAPE", help="hm: the columns of Kaggle's H&M files.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write; an earlier one is replaced.")],
    scale: Annotated[
        float, typer.Option(help="The size; 1 gives as many rows as the original files: 31.8 million transactions.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 0,
    quiet: Quiet = False,
) -> None:
    """Write synthetic tables of any size. Use them to measure time and memory, not accuracy."""
    import shlex

    from gingham.cli.reporter import Reporter
    from gingham.synth import hm

    del shape  # there is only one
    reporter = Reporter(quiet=quiet)
    hm(folder, scale, seed)
    reporter.written(
        f"Wrote synthetic tables to {folder}. Next: gingham init hm > {shlex.quote(str(folder / 'hm.toml'))}",
    )
