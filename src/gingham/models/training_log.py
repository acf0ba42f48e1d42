"""How a model stores its log: all interactions and features that it was fitted to, in their order."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gingham.checked import Contents, require
from gingham.dataset import Dataset, Ids

_LOG, _VALUE = "log", "value"
_SIDES = ("user_features", "item_features")


def log_parts(dataset: Dataset) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Return what an artifact stores of a log: JSON values and arrays. Values that are all 1 are left out."""
    state, arrays = dataset.arrays()
    if (arrays[_VALUE] == 1).all():
        del arrays[_VALUE]
    return {_LOG: state}, {f"{_LOG}.{name}": array for name, array in arrays.items()}


def restored_log(
    state: Mapping[str, Any],
    arrays: Mapping[str, npt.NDArray[Any]],
    ids: tuple[Ids, Ids],
    labels: pl.DataFrame | None,
    encoders: Mapping[str, Any],
) -> Dataset | None:
    """Build a log from what `log_parts` returned; None for an artifact of a matrix, or of version 0.1.

    Raises
    ------
    DataError
        If the values and arrays are not a log of these users, items and features.
    """
    if _LOG not in state:
        return None
    stored = dict(arrays.within(_LOG) if isinstance(arrays, Contents) else Contents("array", arrays).within(_LOG))
    require("user_index" in stored, "the array 'log.user_index' is missing")
    stored.setdefault(_VALUE, np.ones(len(stored["user_index"]), np.float32))
    log = Dataset.from_arrays(state[_LOG], stored, *ids, item_labels=labels, **encoders)
    for side, encoder in ((log.user_features, log.user_encoder), (log.item_features, log.item_encoder)):
        if side is not None and encoder is not None:
            require(side.definitions == encoder.features, "the features of the log are not those of the encoder")
            require(side.n_identities == encoder.n_identities, "the log has other identities than the encoder")
    return log
