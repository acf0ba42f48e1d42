"""``gingham profile``: an HTML page that describes a recipe's tables."""

from pathlib import Path
from typing import Annotated

import typer

from gingham.cli.arguments import AsJson, Quiet, RecipeFile


def profile(
    file: RecipeFile,
    out: Annotated[Path, typer.Option(help="The HTML file to write; an existing one is replaced.")] = Path(
        "profile.html"
    ),
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write an HTML page that describes a recipe's tables. Also print the main findings."""
    from gingham import profiling
    from gingham.cli.reporter import Reporter
    from gingham.config import Recipe
    from gingham.reading import read_tables
    from gingham.report import require_ready

    recipe, reporter = Recipe.read(file), Reporter(as_json, quiet)
    require_ready(out)
    with reporter.stage("Reading and cleaning the tables"):
        tables = read_tables(recipe)
    with reporter.stage("Profiling the tables"):
        result = profiling.profile(tables)
        result.save(out, title=f"Profile: {recipe.name}")
    for number, sentence in enumerate(result.sentences, start=1):
        reporter.text(f"{number}. {sentence}")
    reporter.written(f"\nWrote {out}.")
    reporter.document({"sentences": result.sentences, "page": str(out)})
