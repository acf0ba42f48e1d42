"""``gingham run``: all steps of a recipe."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gingham.cli.arguments import AsJson, Quiet, RecipeFile, Track

if TYPE_CHECKING:
    from gingham.cli.reporter import Reporter


def run(
    file: RecipeFile,
    out: Annotated[Path, typer.Option(help="The folder to write; an earlier run in it is replaced.")],
    track: Track = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Fit and evaluate a recipe's model, write recommendations."""
    from gingham import pipeline
    from gingham.cli.reporter import Reporter
    from gingham.cli.tracking import tracker
    from gingham.config import Recipe
    from gingham.tracking import of_run

    reporter = Reporter(as_json, quiet)
    recipe = Recipe.read(file)
    log = tracker(track, recipe, reporter)
    done = pipeline.run(recipe, out, reporter)
    report_stored(reporter, out)
    choice = {} if done.selection is None else {"selection": done.selection.to_dict()}
    reporter.document(reporter.whole(done.comparison, folder=str(out), **choice))
    log(of_run(recipe, done))


def report_stored(reporter: "Reporter", folder: Path) -> None:
    """Print what a run has written."""
    from gingham import pipeline

    selection = (pipeline.SELECTION,) if (folder / pipeline.SELECTION).exists() else ()
    files = ", ".join((pipeline.RECOMMENDATIONS, pipeline.METRICS, pipeline.STEPS, *selection))
    reporter.written(f"\nWrote {folder}: {files}, the recipe and the model.")
