"""The command line: one file a command, none of them with an algorithm of its own."""

import sys

import typer

from gingham.cli.check import check
from gingham.cli.compare import compare
from gingham.cli.console import errors
from gingham.cli.demo import demo
from gingham.cli.init import init
from gingham.cli.profile import profile
from gingham.cli.recommend import recommend
from gingham.cli.run import run
from gingham.cli.similar import similar
from gingham.cli.synth import synth
from gingham.cli.tune import tune
from gingham.errors import GinghamError

app = typer.Typer(
    name="gingham",
    help="A retailer's three tables in, recommendations worth showing out, with honest figures on how good they are.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (demo, init, check, profile, run, compare, recommend, similar, synth, tune):
    app.command()(command)


_INTERRUPTED = 130


def main() -> None:
    """Run the command line. Exit code 2 says that the user can mend it, 130 that they stopped it."""
    try:
        app()
    except GinghamError as error:
        _refuse(str(error))
    except MemoryError as error:
        _refuse(f"There is not enough memory. {error}; ask for less, or for fewer at a time.")
    except SystemExit as stop:
        # Typer makes this of Ctrl-C, and says nothing.
        if stop.code == _INTERRUPTED:
            errors.print("Interrupted; nothing was written.", style="yellow")
        raise


def _refuse(said: str) -> None:
    errors.print(f"Error: {said}", style="red", highlight=False, markup=False, soft_wrap=True)
    sys.exit(2)
