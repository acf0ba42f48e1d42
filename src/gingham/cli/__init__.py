"""The command line: one module per command. The commands import what they need when they run, so that help is quick."""

import sys
from typing import Annotated

import typer

from gingham import __version__
from gingham.cli import (
    check,
    compare,
    demo,
    forget,
    init,
    profile,
    recommend,
    rollback,
    run,
    similar,
    synth,
    tune,
    update,
    versions,
)
from gingham.errors import GinghamError


def show_version(wanted: bool) -> None:
    """Print the version, if it is wanted, and exit."""
    if wanted:
        typer.echo(f"gingham {__version__}")
        raise typer.Exit


app = typer.Typer(
    name="gingham",
    help="Read a shop's tables, compare recommendation models on them, and write recommendations.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (
    demo.demo,
    init.init,
    check.check,
    profile.profile,
    run.run,
    compare.compare,
    recommend.recommend,
    similar.similar,
    versions.versions,
    rollback.rollback,
    update.update,
    forget.forget,
    synth.synth,
    tune.tune,
):
    app.command()(command)


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=show_version, is_eager=True)
    ] = False,
) -> None:
    del version  # shown by its callback


def main() -> None:
    """Run the command line. The exit code is 2 if input or parameters are wrong, 3 if a gate refused a version."""
    try:
        app()
    except GinghamError as error:
        _exit(str(error))
    except MemoryError as error:
        _exit(f"Not enough memory: {error}; use a smaller model, or fewer users and items.")


def _exit(message: str) -> None:
    from gingham.cli.console import errors

    errors.print(f"Error: {message}", style="red", soft_wrap=True)
    sys.exit(2)
