"""Libraries that only the package's extras install."""

from importlib import import_module
from typing import Any

from gingham.errors import MissingExtraError


def extra(module: str, name: str, what: str, library: str | None = None) -> Any:
    """Import a library when it is needed.

    Parameters
    ----------
    module : str
        What to import.
    name : str
        The extra that installs it.
    what : str
        What needs it, as the beginning of a sentence.
    library : str, optional
        What it is called; by default as the module is.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError:
        raise MissingExtraError(
            f"{what} needs {library or module}, which is not installed; pip install 'gingham[{name}]'."
        ) from None
