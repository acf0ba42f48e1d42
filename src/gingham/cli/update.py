"""``gingham update``: later transactions for the model of a run, without a fit."""

from pathlib import Path
from typing import Annotated

import typer

from gingham.cli.arguments import AsJson, Quiet, RunFolder


def update(
    folder: RunFolder,
    transactions: Annotated[Path, typer.Option(help="A file of new transactions, as in the recipe.")],
    users: Annotated[Path | None, typer.Option(help="A file of new and changed users, as in the recipe.")] = None,
    items: Annotated[Path | None, typer.Option(help="A file of new and changed items, as in the recipe.")] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Add new transactions to a run's model, as a new version.

    The exit code is 3 if the recipe's gate refused the new version.
    """
    from gingham import versions
    from gingham.cli.reporter import Reporter
    from gingham.cli.run import refuse

    reporter = Reporter(as_json, quiet)
    version = versions.update(folder, transactions, users, items, reporter)
    reporter.written(f"Wrote {version.folder}: {version.users:,} users, {version.items:,} items.")
    reporter.document({"version": version.to_dict()})
    if version.passed is False:
        refuse(reporter, folder, version)
