"""Checks of arguments that are not matrices."""

from typing import Any

import numpy as np

from gingham.lightfm.errors import ParameterError, translated
from gingham.validation import MAX_THREADS, check_integer


def require_threads(num_threads: Any) -> None:
    """Check that `num_threads` is a positive integer; unlike in Gingham, 0 does not mean all cores."""
    with translated():
        check_integer("num_threads", num_threads, 1, MAX_THREADS)


def require_flags(**flags: Any) -> None:
    """Check arguments that are True or False, or a number or None in their place, as LightFM accepts them.

    Raises
    ------
    ParameterError
        If one is something else, such as a matrix in the place of an earlier argument.
    """
    for name, value in flags.items():
        if not isinstance(value, bool | np.bool_ | int | None):
            raise ParameterError(f"{name} must be True or False, not a {type(value).__name__}; pass it by name.")
