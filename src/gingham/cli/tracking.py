"""``--track``: log the results of a command to a tracking tool."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from gingham.cli.arguments import Tool

if TYPE_CHECKING:
    from gingham.cli.reporter import Reporter
    from gingham.config import Recipe
    from gingham.tracking import Record


def tracker(tool: Tool | None, recipe: "Recipe", reporter: "Reporter") -> "Callable[[Record], None]":
    """Connect to a tracking tool before the work starts; return a function that logs a record to it.

    Parameters
    ----------
    tool : Tool or None
        The tool; with None, the returned function does nothing.
    recipe : Recipe
        Its name becomes the name of the experiment.
    reporter : Reporter
        Receives the stages.

    Raises
    ------
    MissingExtraError, TrackingError
        If the tool is not installed, or can't be reached.
    """
    from gingham.tracking import MLflow

    if tool is None:
        return lambda _: None
    with reporter.stage("Connecting to MLflow"):
        mlflow = MLflow.open(recipe.name)

    def log(record: "Record") -> None:
        with reporter.stage("Logging to MLflow"):
            mlflow.log(record)
        reporter.written(f"Logged to MLflow: experiment {mlflow.experiment!r} at {mlflow.uri}.")

    return log
