"""``gingham compare``: models side by side on one split."""

from pathlib import Path
from typing import Annotated

import typer

from gingham import pipeline
from gingham.cli.console import ConsoleProgress, output
from gingham.cli.tracking import Track, tracker
from gingham.config import Recipe
from gingham.report import require_ready
from gingham.tracking import of_comparison


def compare(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A TOML file; `gingham init` writes one.")],
    out: Annotated[
        Path | None, typer.Option(help="An HTML file to write; an earlier one is replaced at the end.")
    ] = None,
    track: Track = None,
) -> None:
    """Compare the model of a recipe with others that it names, and with simple baselines."""
    known = Recipe.read(recipe)
    if out is not None:
        require_ready(out)
    log = tracker(track, known)
    comparison = pipeline.compare(known, ConsoleProgress())
    if out is not None:
        comparison.save(out, title=f"Comparison: {known.name}")
        output.print(f"\nThe page is {out}.", highlight=False, markup=False, soft_wrap=True)
    log(of_comparison(known, comparison, () if out is None else [out]))
