"""``gingham tune``: a search for the parameters of a recipe's model."""

from pathlib import Path
from typing import Annotated, Any

import typer

from gingham.cli.console import ConsoleProgress, output
from gingham.cli.tracking import Track, tracker
from gingham.config import Recipe
from gingham.tracking import of_tuning
from gingham.tuning import tune as search
from gingham.tuning.folder import BEST, REPORT
from gingham.tuning.page import parameters


def tune(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A TOML file; `gingham init` writes one.")],
    out: Annotated[Path, typer.Option(help="The folder to make; the same command goes on with the study in it.")],
    trials: Annotated[int | None, typer.Option(help="How many sets of parameters to try; 50 by default.")] = None,
    timeout: Annotated[str | None, typer.Option(help="How long to search at most, such as 30m, 8h or 2d.")] = None,
    workers: Annotated[int | None, typer.Option(help="How many processes try at the same time; 1 by default.")] = None,
    sampler: Annotated[str | None, typer.Option(help="tpe (default) learns from earlier trials; random.")] = None,
    pruner: Annotated[str | None, typer.Option(help="Gives up on trials: median (default), hyperband, none.")] = None,
    metric: Annotated[
        str | None, typer.Option(help="What to maximise on the validation part; MAP at evaluate.k by default.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of the sampler; 42 by default.")] = None,
    storage: Annotated[
        str | None, typer.Option(help="The SQLAlchemy URL of the study's database; by default a file in the folder.")
    ] = None,
    track: Track = None,
) -> None:
    """Search for parameters on a part of train, then score the best ones on the test, once.

    Options go before the recipe's section [tune].
    """
    given: dict[str, Any] = {
        "trials": trials,
        "timeout": timeout,
        "workers": workers,
        "sampler": sampler,
        "pruner": pruner,
        "metric": metric,
        "seed": seed,
    }
    settings = {name: value for name, value in given.items() if value is not None}
    known = Recipe.read(recipe)
    log = tracker(track, known)
    found = search(known, out, storage=storage, progress=ConsoleProgress(), **settings)
    for line in (
        f"\nBest on the validation part: {found.metric} {found.best_value:.4f} with {parameters(found.best_params)}.",
        f"Stored in {out}: {BEST} (gingham run), {REPORT}, the trials, the study and the model.",
    ):
        output.print(line, highlight=False, markup=False, soft_wrap=True)
    log(of_tuning(known, found, out))
