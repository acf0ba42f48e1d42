"""Arguments and options that several commands have."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeAlias

import typer


class Tool(StrEnum):
    """The tracking tools that are supported."""

    MLFLOW = "mlflow"


RecipeFile: TypeAlias = Annotated[Path, typer.Argument(metavar="RECIPE", help="A TOML file; see `gingham init`.")]
RunFolder: TypeAlias = Annotated[Path, typer.Argument(metavar="DIR", help="The folder that `gingham run` wrote.")]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]
Quiet: TypeAlias = Annotated[bool, typer.Option("--quiet", "-q", help="Print only results and errors.")]
Track: TypeAlias = Annotated[
    Tool | None, typer.Option(help="Log parameters, metrics and files to MLflow, at MLFLOW_TRACKING_URI.")
]
