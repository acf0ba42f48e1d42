"""``gingham profile``: an HTML page that describes a recipe's tables."""

from pathlib import Path
from typing import Annotated

import typer

from gingham.cli.arguments import RecipeFile


def profile(
    file: RecipeFile,
    out: Annotated[Path, typer.Option(help="The HTML file to write; an existing one is replaced.")] = Path(
        "profile.html"
    ),
) -> None:
    """Write an HTML page that describes a recipe's tables. Also print the main findings."""
    from gingham import profiling
    from gingham.cli.console import ConsoleProgress, print_text
    from gingham.config import Recipe
    from gingham.reading import read_tables
    from gingham.report import require_ready

    recipe, progress = Recipe.read(file), ConsoleProgress()
    require_ready(out)
    with progress.stage("Reading and cleaning the tables"):
        tables = read_tables(recipe)
    with progress.stage("Profiling the tables"):
        result = profiling.profile(tables)
        result.save(out, title=f"Profile: {recipe.name}")
    for number, sentence in enumerate(result.sentences, start=1):
        print_text(f"{number}. {sentence}")
    print_text(f"\nWrote {out}.")
