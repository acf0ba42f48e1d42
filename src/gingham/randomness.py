"""Where random numbers come from: what every `random_state` may be."""

from typing import TypeAlias

import numpy as np

from gingham.errors import ParameterError

RandomState: TypeAlias = int | np.random.Generator | np.random.RandomState | None


def generator(random_state: RandomState) -> np.random.Generator:
    """Make a source of randomness of what `random_state` may be.

    Parameters
    ----------
    random_state : int, Generator, RandomState or None
        A seed, from 0 on; a source, which is drawn from; None: another one on every call.

    Raises
    ------
    ParameterError
        If it is none of these.
    """
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError) as error:
        raise ParameterError(
            f"random_state={random_state!r} is no source of randomness; give a whole number from 0 on, a Generator, a "
            "RandomState or None."
        ) from error
