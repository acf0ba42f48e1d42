"""``gingham run``: all steps of a recipe."""

from pathlib import Path
from typing import Annotated

import typer

from gingham.cli.arguments import RecipeFile, Track


def run(
    file: RecipeFile,
    out: Annotated[Path, typer.Option(help="The folder to write; an earlier run in it is replaced.")],
    track: Track = None,
) -> None:
    """Fit and evaluate a recipe's model, write recommendations."""
    from gingham import pipeline
    from gingham.cli.console import ConsoleProgress
    from gingham.cli.tracking import tracker
    from gingham.config import Recipe
    from gingham.tracking import of_run

    recipe = Recipe.read(file)
    log = tracker(track, recipe)
    done = pipeline.run(recipe, out, ConsoleProgress())
    print_stored(out)
    log(of_run(recipe, done))


def print_stored(folder: Path) -> None:
    """Print what a run has written."""
    from gingham import pipeline
    from gingham.cli.console import print_text

    files = ", ".join((pipeline.RECOMMENDATIONS, pipeline.METRICS, pipeline.STEPS))
    print_text(f"\nWrote {folder}: {files}, the recipe and the model.")
