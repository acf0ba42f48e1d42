"""``gingham tune``: a search for the parameters of a recipe's model."""

from pathlib import Path
from typing import Annotated, Any

import typer

from gingham.cli.arguments import AsJson, Quiet, RecipeFile, Track


def tune(
    file: RecipeFile,
    out: Annotated[Path, typer.Option(help="The folder to write; a study in it is continued.")],
    trials: Annotated[int | None, typer.Option(help="The number of parameter sets to try; 50 by default.")] = None,
    model: Annotated[
        str | None,
        typer.Option(help="The kind of model instead of the recipe's, with its defaults; auto to compare several."),
    ] = None,
    timeout: Annotated[str | None, typer.Option(help="The time limit, such as 30m, 8h or 2d.")] = None,
    workers: Annotated[int | None, typer.Option(help="The number of parallel processes; 1 by default.")] = None,
    sampler: Annotated[str | None, typer.Option(help="tpe (default) or random.")] = None,
    pruner: Annotated[
        str | None, typer.Option(help="The rule that stops bad trials early: median (default), hyperband or none.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="The metric to maximise on the validation part; MAP at evaluate.k by default.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The seed of the sampler; 42 by default.")] = None,
    storage: Annotated[
        str | None, typer.Option(help="The SQLAlchemy URL of the study's database; by default a file in the folder.")
    ] = None,
    track: Track = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Search for the best parameters of a recipe's model, or for the best model (--model auto).

    They are chosen on a validation part, and evaluated once on the test part. Options override the section [tune] of
    the recipe.
    """
    from gingham import tuning
    from gingham.cli.reporter import Reporter
    from gingham.cli.tracking import tracker
    from gingham.config import Recipe
    from gingham.tracking import of_tuning
    from gingham.tuning.folder import BEST, REPORT
    from gingham.tuning.page import format_params, gain

    options: dict[str, Any] = {
        "trials": trials,
        "timeout": timeout,
        "workers": workers,
        "sampler": sampler,
        "pruner": pruner,
        "metric": metric,
        "seed": seed,
    }
    settings = {name: value for name, value in options.items() if value is not None}
    reporter = Reporter(as_json, quiet)
    recipe = Recipe.read(file)
    if model is not None:
        recipe = recipe.with_kind(model)
    log = tracker(track, recipe, reporter)
    result = tuning.tune(recipe, out, storage=storage, progress=reporter, verbose=not quiet, **settings)
    best = f"{result.metric} {result.best_value:.4f}{gain(result)}, with {format_params(result.best_params)}"
    reporter.text(f"\nBest on the validation part: {best}.")
    reporter.written(f"Wrote {out}: {BEST} (for `gingham run`), {REPORT}, the trials, the study and the model.")
    best_trial = {"metric": result.metric, "best_value": result.best_value, "best_params": result.best_params}
    comparison = {"comparison": None if result.comparison is None else result.comparison.to_dict()}
    reporter.document(
        reporter.whole(None, folder=str(out), **best_trial, trials=result.trials.to_dicts(), **comparison)
    )
    log(of_tuning(recipe, result, out))
