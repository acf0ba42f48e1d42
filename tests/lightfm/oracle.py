"""Reference implementations of LightFM's documentation, in slow loops over dense arrays."""

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.lightfm import LightFM

Floats = npt.NDArray[np.float64]


def scores(model: LightFM, shape: tuple[int, int], user_features: Any = None, item_features: Any = None) -> Floats:
    """Return the scores of all users for all items."""
    sides = []
    for name, features, size in (("user", user_features, shape[0]), ("item", item_features, shape[1])):
        rows = np.eye(size) if features is None else features.toarray().astype(np.float64)
        sides.append((rows @ getattr(model, f"{name}_embeddings"), rows @ getattr(model, f"{name}_biases")))
    (users, user_biases), (items, item_biases) = sides
    return users @ items.T + user_biases[:, None] + item_biases


def stored(matrix: Any) -> npt.NDArray[np.bool_]:
    """Return where a matrix has entries, including explicit zeros."""
    coo = sp.coo_matrix(matrix)
    mask = np.zeros(coo.shape, bool)
    mask[coo.row, coo.col] = True
    return mask


def rank(values: Floats, user: int, item: int, left_out: npt.NDArray[np.bool_]) -> int:
    """Count the other items that are not left out and have the same or a higher score."""
    return sum(
        values[user, other] >= values[user, item]
        for other in range(values.shape[1])
        if other != item and not left_out[user, other]
    )


def auc(values: Floats, user: int, test: npt.NDArray[np.bool_], left_out: npt.NDArray[np.bool_]) -> float:
    """Compare every test item with every item that is in neither matrix."""
    wins = [
        1.0 if values[user, item] > values[user, other] else 0.5 if values[user, item] == values[user, other] else 0.0
        for item in np.flatnonzero(test[user])
        for other in np.flatnonzero(~test[user] & ~left_out[user])
    ]
    return float(np.mean(wins)) if wins else 0.5
