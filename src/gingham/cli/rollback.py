"""``gingham rollback``: another version becomes the current one."""

from typing import Annotated

import typer

from gingham.cli.arguments import AsJson, RunFolder


def rollback(
    folder: RunFolder,
    version: Annotated[
        str | None,
        typer.Argument(metavar="[VERSION]", help="By default the one before the current one that passed its gate."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make another version of a run's folder the current one."""
    from gingham import versions
    from gingham.cli.reporter import Reporter

    reporter = Reporter(as_json)
    current = versions.rollback(folder, version)
    reporter.text(f"The current version of {folder} is {current.name}.")
    reporter.document({"version": current.to_dict()})
