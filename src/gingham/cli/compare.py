"""``gingham compare``: the models of a recipe and simple baselines on one split."""

from pathlib import Path
from typing import Annotated

import typer

from gingham.cli.arguments import AsJson, Quiet, RecipeFile, Track


def compare(
    file: RecipeFile,
    out: Annotated[Path | None, typer.Option(help="An HTML file to write; an existing one is replaced.")] = None,
    track: Track = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Compare a recipe's models with simple baselines."""
    from gingham import pipeline
    from gingham.cli.reporter import Reporter
    from gingham.cli.tracking import tracker
    from gingham.config import Recipe
    from gingham.report import require_ready
    from gingham.tracking import of_comparison

    reporter = Reporter(as_json, quiet)
    recipe = Recipe.read(file)
    if out is not None:
        require_ready(out)
    log = tracker(track, recipe, reporter)
    comparison = pipeline.compare(recipe, reporter)
    if out is not None:
        comparison.save(out, title=f"Comparison: {recipe.name}")
        reporter.written(f"\nWrote {out}.")
    reporter.document(reporter.whole(comparison, page=None if out is None else str(out)))
    log(of_comparison(recipe, comparison, () if out is None else [out]))
