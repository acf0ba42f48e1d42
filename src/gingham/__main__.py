"""Run the command line: ``gingham`` or ``python -m gingham``."""

import codecs
import os
import signal
import sys
from contextlib import suppress
from typing import TextIO

_FAILED, _INTERRUPTED = 2, 130  # exit codes
_ASCII = {"…": "...", "–": "-", "×": "x", "±": "+-"}


def main() -> None:
    """Run the command line; see `gingham.cli`.

    The exit code is 130 after Ctrl-C, whenever it is pressed, and 2 if the output cannot be written.
    """
    codecs.register_error(_replace.__name__, _replace)
    for stream in (sys.stdout, sys.stderr):
        _configure(stream)
    try:
        try:
            # Here, so that Ctrl-C during slow imports is handled.
            from gingham import cli

            cli.main()
        finally:
            if sys.stdout is not None:  # None if it is closed
                sys.stdout.flush()
    except OSError as error:
        _close_output()
        if not isinstance(error, BrokenPipeError):  # the reader, such as `head`, has ended
            print(f"Error: {error.filename or 'The output'} cannot be written: {error.strerror}.", file=sys.stderr)
        sys.exit(_FAILED)
    except BaseException as error:
        interrupt = _interrupt(error)
        if interrupt is None:
            raise
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print(str(interrupt) or "Interrupted; no output was written.", file=sys.stderr, flush=True)
        # Python would end with another code if Ctrl-C was pressed within `exec`, which dataclasses and others use.
        os._exit(_INTERRUPTED)


def _configure(stream: TextIO) -> None:
    """Let a stream write characters that its encoding does not have in another form."""
    reconfigure = getattr(stream, "reconfigure", None)  # a stream that a program replaced may not have it
    if reconfigure is not None:
        reconfigure(errors=_replace.__name__)


def _replace(error: UnicodeError) -> tuple[str | bytes, int]:
    """Return ASCII text for characters that an encoding does not have: similar ones, or else their escapes."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    return _ASCII.get(character) or character.encode("unicode_escape").decode("ascii"), error.start + 1


def _interrupt(error: BaseException | None) -> KeyboardInterrupt | None:
    """Return the Ctrl-C that an exception comes from; Typer, for example, turns it into an exit code."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error


def _close_output() -> None:
    """Drop what is still buffered, so that Python does not try to write it again when it ends."""
    with suppress(OSError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
