"""Random number generators from `random_state`."""

from typing import TypeAlias

import numpy as np

from gingham.errors import ParameterError
from gingham.validation import shown

RandomState: TypeAlias = int | np.random.Generator | np.random.RandomState | None


def generator(random_state: RandomState) -> np.random.Generator:
    """Return a NumPy generator for a `random_state`.

    Parameters
    ----------
    random_state : int, Generator, RandomState or None
        A seed of at least 0; a generator, which is returned or drawn from; None for a different seed on each call.

    Raises
    ------
    ParameterError
        If `random_state` is something else.

    Examples
    --------
    >>> int(generator(7).integers(100)) == int(generator(7).integers(100))
    True
    """
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError) as error:
        raise ParameterError(
            "random_state must be an integer of at least 0, a Generator, a RandomState or None, not "
            f"{shown(random_state)}."
        ) from error
