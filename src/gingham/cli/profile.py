"""``gingham profile``: an HTML page on a shop's tables."""

from pathlib import Path
from typing import Annotated

import typer

from gingham.cli.console import ConsoleProgress, output
from gingham.config import Recipe
from gingham.pipeline import read_tables
from gingham.profiling import profile as look
from gingham.report import require_ready


def profile(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A TOML file; `gingham init` writes one.")],
    out: Annotated[Path, typer.Option(help="The HTML file to write; an earlier one is replaced at the end.")] = Path(
        "profile.html"
    ),
) -> None:
    """Read and clean a recipe's tables, and write a page on what stands out in them."""
    known, progress = Recipe.read(recipe), ConsoleProgress()
    require_ready(out)
    with progress.stage("Reading and cleaning the tables"):
        tables = read_tables(known)
    with progress.stage("Looking at them"):
        found = look(tables)
        found.save(out, title=f"Profile: {known.name}")
    for number, sentence in enumerate(found.sentences, start=1):
        output.print(f"{number}. {sentence}", highlight=False, markup=False, soft_wrap=True)
    output.print(f"\nThe page is {out}.", highlight=False, markup=False, soft_wrap=True)
