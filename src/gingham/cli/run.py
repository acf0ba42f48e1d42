"""``gingham run``: all steps of a recipe."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gingham.cli.arguments import AsJson, Quiet, RecipeFile, Track

if TYPE_CHECKING:
    from gingham.cli.reporter import Reporter
    from gingham.pipeline import Run
    from gingham.versions import Version

# The exit code of a run whose version is kept, but refused by the gate.
REFUSED = 3


def run(
    file: RecipeFile,
    out: Annotated[Path, typer.Option(help="The folder of the shop's runs; each is a version.")],
    track: Track = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Fit and evaluate a recipe's model, write recommendations.

    The exit code is 3 if the recipe's gate refused the new version.
    """
    from gingham import pipeline
    from gingham.cli.reporter import Reporter
    from gingham.cli.tracking import tracker
    from gingham.config import Recipe
    from gingham.tracking import of_run

    reporter = Reporter(as_json, quiet)
    recipe = Recipe.read(file)
    log = tracker(track, recipe, reporter)
    done = pipeline.run(recipe, out, reporter)
    report_stored(reporter, done)
    choice = {} if done.selection is None else {"selection": done.selection.to_dict()}
    reporter.document(reporter.whole(done.comparison, folder=str(out), version=done.version.to_dict(), **choice))
    log(of_run(recipe, done))
    if done.version.passed is False:
        refuse(reporter, out, done.version)


def report_stored(reporter: "Reporter", run: "Run") -> None:
    """Print what a run has written."""
    from gingham.versions.files import METRICS, RECOMMENDATIONS, SELECTION, STEPS

    selection = () if run.selection is None else (SELECTION,)
    files = ", ".join((RECOMMENDATIONS, METRICS, STEPS, *selection))
    reporter.written(f"\nWrote {run.folder}: {files}, the recipe and the model.")
    for sentence in run.version.sentences:
        reporter.text(sentence)


def refuse(reporter: "Reporter", folder: Path, version: "Version") -> None:
    """Print that the gate refused a version, and exit with the code for it."""
    import shlex

    reporter.message(
        f"The gate refused version {version.name}, so it is not the current one; to use it anyway: "
        f"gingham rollback {shlex.quote(str(folder))} {version.name}"
    )
    raise typer.Exit(REFUSED)
