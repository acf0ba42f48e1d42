"""The random state of a model: a `RandomState` that advances with training, as in LightFM."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gingham.checked import require, stored_array
from gingham.lightfm.errors import ParameterError
from gingham.randomness import RandomState
from gingham.validation import shown

_BIT_GENERATOR = "MT19937"  # of a RandomState that is made from a seed
_WORDS = 624  # of 32 bits, in its state
_ARRAY = "random_state"  # in artifacts
_BLOCK = 100_000  # rows of random numbers in double precision at once, to limit memory


def as_random_state(random_state: RandomState) -> np.random.RandomState:
    """Return the `RandomState` of an argument `random_state`; a `RandomState` is returned as it is.

    Raises
    ------
    ParameterError
        If it is not an integer of at least 0, a RandomState, a Generator or None.
    """
    seed: Any = random_state
    if isinstance(random_state, np.random.RandomState):
        return random_state
    if isinstance(random_state, np.random.Generator):
        seed = int(random_state.integers(2**32))
    elif isinstance(random_state, int | np.integer) and random_state >= 2**32:
        seed = np.random.SeedSequence(int(random_state)).generate_state(4)
    try:
        return np.random.RandomState(seed)
    except (TypeError, ValueError) as error:
        raise ParameterError(
            "random_state must be an integer of at least 0, a RandomState, a Generator or None, not "
            f"{shown(random_state)}."
        ) from error


def initial_embeddings(random_state: np.random.RandomState, n_features: int, n_components: int) -> npt.NDArray[Any]:
    """Draw small random embeddings; the same seed gives those of LightFM."""
    embeddings = np.empty((n_features, n_components), np.float32)
    for start in range(0, n_features, _BLOCK):
        block = embeddings[start : start + _BLOCK]
        block[:] = (random_state.rand(*block.shape) - 0.5) / n_components
    return embeddings


def draw_seed(random_state: np.random.RandomState) -> int:
    """Draw the seed of an epoch.

    LightFM shuffles the interactions in each epoch. Programs see in ``get_state()[1]`` that the random state advances;
    that array changes once in `_WORDS` draws, so a seed takes as many.
    """
    return int.from_bytes(random_state.bytes(4 * _WORDS)[:8], "little") >> 2


def stored_random_state(random_state: np.random.RandomState) -> dict[str, npt.NDArray[Any]]:
    """Return the array that an artifact stores for a random state; none for an unusual bit generator."""
    state: Any = random_state.get_state(legacy=False)
    if state["bit_generator"] != _BIT_GENERATOR:
        return {}
    return {_ARRAY: np.append(state["state"]["key"], state["state"]["pos"]).astype(np.int64)}


def restored_random_state(arrays: Mapping[str, npt.NDArray[Any]]) -> np.random.RandomState | None:
    """Return the random state that an artifact stores; None if it stores none, as in version 0.1.

    Raises
    ------
    DataError
        If the array is not the state of a generator.
    """
    if _ARRAY not in arrays:
        return None
    words = stored_array(arrays, _ARRAY, "int64", (_WORDS + 1,), least=0, most=2**32 - 1)
    require(words[-1] <= _WORDS and words[:-1].any(), f"the array {_ARRAY!r} is not the state of a random generator")
    random_state = np.random.RandomState()
    state: Any = random_state.get_state(legacy=False)
    state["state"] = {"key": words[:-1].astype(np.uint32), "pos": int(words[-1])}
    random_state.set_state(state)
    return random_state
