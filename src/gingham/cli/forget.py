"""``gingham forget``: users leave the model of a run, and every version that knows them."""

from typing import Annotated

import typer

from gingham.cli.arguments import AsJson, Quiet, RunFolder


def forget(
    folder: RunFolder,
    user: Annotated[list[str], typer.Option(help="A user's id; repeat it for several.")],
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Remove users from a run's model, and all versions that know them."""
    from gingham import versions
    from gingham.cli.reporter import Reporter

    reporter = Reporter(as_json, quiet)
    version = versions.forget(folder, user, reporter)
    reporter.written(f"The current version is {version.folder}: {version.users:,} users, {version.items:,} items.")
    reporter.document({"version": version.to_dict()})
