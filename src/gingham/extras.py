"""Libraries that only the package's extras install."""

from importlib import import_module
from typing import Any

from gingham.errors import MissingExtraError


def extra(module: str, name: str, feature: str, library: str | None = None) -> Any:
    """Import an optional library.

    Parameters
    ----------
    module : str
        The module to import.
    name : str
        The extra that installs it.
    feature : str
        The feature that needs it, as the first words of the message.
    library : str, optional
        The name of the library; by default the name of the module.

    Returns
    -------
    module

    Raises
    ------
    MissingExtraError
        If the library is not installed.

    Examples
    --------
    >>> extra("math", "numbers", "Counting").gcd(4, 6)
    2
    """
    try:
        return import_module(module)
    except ModuleNotFoundError:
        raise MissingExtraError(
            f"{feature} needs {library or module}, which is not installed; run: pip install 'gingham[{name}]'."
        ) from None
