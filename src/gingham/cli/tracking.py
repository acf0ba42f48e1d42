"""``--track``: what a command found, logged to a tracking tool."""

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, TypeAlias

import typer

from gingham.cli.console import ConsoleProgress, output
from gingham.config import Recipe
from gingham.tracking import MLflow, Record


class Tool(StrEnum):
    """Tools that are known."""

    MLFLOW = "mlflow"


Track: TypeAlias = Annotated[
    Tool | None, typer.Option(help="Log parameters, metrics and files: mlflow, to where MLFLOW_TRACKING_URI says.")
]


def tracker(tool: Tool | None, recipe: Recipe) -> Callable[[Record], None]:
    """Reach the tool before there is anything to lose; give what logs a record to it, or does nothing without one.

    Raises
    ------
    MissingExtraError, TrackingError
        If it is not installed, or can't be reached.
    """
    if tool is None:
        return lambda _: None
    progress = ConsoleProgress()
    with progress.stage("Asking MLflow for its experiment"):
        mlflow = MLflow.open(recipe.name)

    def log(record: Record) -> None:
        with progress.stage("Logging to MLflow"):
            mlflow.log(record)
        output.print(
            f"Logged to MLflow: experiment {mlflow.experiment!r} at {mlflow.uri}.",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )

    return log
