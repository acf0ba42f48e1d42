"""``gingham run``: everything a recipe says."""

from pathlib import Path
from typing import Annotated

import typer

from gingham import pipeline
from gingham.cli.console import ConsoleProgress, output
from gingham.cli.tracking import Track, tracker
from gingham.config import Recipe
from gingham.tracking import of_run


def run(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A TOML file; `gingham init` writes one.")],
    out: Annotated[Path, typer.Option(help="The folder to make; an earlier run's is replaced at the end.")],
    track: Track = None,
) -> None:
    """Read, clean, split, fit, evaluate, recommend and store, as a recipe says."""
    known = Recipe.read(recipe)
    log = tracker(track, known)
    done = pipeline.run(known, out, ConsoleProgress())
    told(out)
    log(of_run(known, done))


def told(out: Path) -> None:
    """Say what a run has left, and what to do with it."""
    output.print(
        f"\nStored in {out}: {', '.join((pipeline.RECOMMENDATIONS, pipeline.METRICS, pipeline.STEPS))}, the "
        "recipe and the model.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
