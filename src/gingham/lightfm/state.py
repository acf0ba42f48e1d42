"""The parameters of a model as public arrays, and their form in the engine."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.arrays import Floats, Indices, Matrix
from gingham.checked import Values, require, stored_array
from gingham.errors import DataError
from gingham.lightfm.errors import NotFittedError
from gingham.lightfm.matrices import as_csr, feature_rows
from gingham.models.epochs import StoredEpoch
from gingham.models.side import Side

# The parameters of a side and the state of its optimizer, as attribute names (embeddings, biases).
_PARTS = (
    ("embeddings", "biases"),
    ("embedding_gradients", "bias_gradients"),
    ("embedding_momentum", "bias_momentum"),
)
_SCORED = tuple((what, name) for name in _PARTS[0] for what in ("item", "user"))
ARRAYS = tuple(f"{what}_{name}" for what in ("item", "user") for part in _PARTS for name in part)


class StoredState(Values):
    """The JSON values of an artifact."""

    seed: int | None = None  # of version 0.1, in which the epochs of a model had one seed
    history: list[StoredEpoch]


def restored_arrays(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, Floats]:
    """Return the arrays of an artifact by the names of `ARRAYS`.

    Raises
    ------
    DataError
        If their shapes do not fit together, or a number is not finite.
    """
    restored, n_components = {}, None
    for what in ("item", "user"):
        first = f"{what}_{_PARTS[0][0]}"
        n_features, n_components = stored_array(arrays, first, "float32", (None, n_components)).shape
        for embeddings, biases in _PARTS:
            for name, shape in ((embeddings, (n_features, n_components)), (biases, (n_features,))):
                restored[f"{what}_{name}"] = stored_array(arrays, f"{what}_{name}", "float32", shape)
    largest = [np.abs(restored[f"{what}_{name}"]).max(initial=0).astype(np.float64) for what, name in _SCORED]
    bound = (n_components or 0) * largest[0] * largest[1] + largest[2] + largest[3]
    require(bound < np.finfo(np.float32).max, "the embeddings are so large that scores are not finite")
    return restored


class ModelState:
    """The twelve arrays of a model, and the representations computed from them.

    The arrays are plain arrays, not views of the engine's memory. So programs can replace them one by one with larger
    arrays or with those of another model.
    """

    item_embeddings: Floats
    item_biases: Floats
    item_embedding_gradients: Floats
    item_bias_gradients: Floats
    item_embedding_momentum: Floats
    item_bias_momentum: Floats
    user_embeddings: Floats
    user_biases: Floats
    user_embedding_gradients: Floats
    user_bias_gradients: Floats
    user_embedding_momentum: Floats
    user_bias_momentum: Floats

    def get_item_representations(self, features: Matrix | None = None) -> tuple[Floats, Floats]:
        """Return the representations of items: the weighted sums of the parameters of their features.

        Parameters
        ----------
        features : sparse matrix, shape (n, n_features)
            One row per item. By default each item has one feature of its own.

        Returns
        -------
        biases : float32 array, shape (n,)
        embeddings : float32 array, shape (n, no_components)

        Raises
        ------
        NotFittedError, DataError
            If the model is not fitted, or `features` does not have one column per feature of the model.

        Examples
        --------
        >>> import numpy as np
        >>> import scipy.sparse as sp
        >>> from gingham.lightfm import LightFM
        >>> model = LightFM(no_components=8, random_state=1).fit(sp.coo_matrix(np.eye(3, dtype=np.float32)))
        >>> biases, embeddings = model.get_item_representations()
        >>> biases.shape, embeddings.shape
        ((3,), (3, 8))
        """
        return self._representations("item", features)

    def get_user_representations(self, features: Matrix | None = None) -> tuple[Floats, Floats]:
        """Return the representations of users, as `get_item_representations` does for items.

        Examples
        --------
        >>> import numpy as np
        >>> import scipy.sparse as sp
        >>> from gingham.lightfm import LightFM
        >>> model = LightFM(no_components=8, random_state=1).fit(sp.coo_matrix(np.eye(3, dtype=np.float32)))
        >>> biases, embeddings = model.get_user_representations()
        >>> biases.shape, embeddings.shape
        ((3,), (3, 8))
        """
        return self._representations("user", features)

    def _representations(self, what: str, features: Matrix | None) -> tuple[Floats, Floats]:
        self._require_fitted()
        embeddings, biases = self._parameters(what)
        if features is None:
            return biases, embeddings
        rows = as_csr(features, f"{what}_features")
        self._require_features(rows.shape[1], what)
        return rows @ biases, rows @ embeddings

    def _clear(self) -> None:
        for name in ARRAYS:
            setattr(self, name, None)

    def _represent(self, what: str, entities: Indices, features: sp.csr_matrix | None) -> tuple[Floats, Floats]:
        """Return (embeddings, biases) of some users or items."""
        embeddings, biases = self._parameters(what)
        n_features = 1 + int(entities.max(initial=-1)) if features is None else features.shape[1]
        if n_features > len(biases):
            raise DataError(
                f"There are at least {n_features:,} {what} features, but the model has {len(biases):,}; pass ids and "
                f"{what}_features that it was fitted with."
            )
        if features is None:
            return embeddings[entities], biases[entities]
        distinct, position = np.unique(entities, return_inverse=True)
        rows = features[distinct]
        return (rows @ embeddings[:n_features])[position], (rows @ biases[:n_features])[position]

    def _parameters(self, what: str) -> tuple[Floats, Floats]:
        return getattr(self, f"{what}_embeddings"), getattr(self, f"{what}_biases")

    def _ranking_side(self, what: str, features: Matrix | None, n_rows: int) -> Side:
        """Return the parameters of users or items in the form that the engine ranks with."""
        rows = feature_rows(features, f"{what}_features", n_rows)
        self._require_features(n_rows if rows is None else rows.shape[1], what)
        return Side.of_parts(self._parts(what, 1), rows)

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether the model is fitted; scikit-learn asks for it."""
        return self._is_fitted()

    def _is_fitted(self) -> bool:
        return all(getattr(self, name) is not None for name in ARRAYS)

    def _require_fitted(self) -> None:
        if not self._is_fitted():
            raise NotFittedError("This LightFM is not fitted yet; call fit first.")

    def _require_features(self, n_features: int, what: str) -> None:
        expected = len(getattr(self, f"{what}_embeddings"))
        if n_features != expected:
            raise DataError(
                f"There are {n_features:,} {what} features, but the model has {expected:,}; pass the {what}s and "
                f"{what}_features that it was fitted with, or call fit again."
            )

    def _set_parameters(self, what: str, side: Side) -> None:
        parts = side.parts()
        parts += [(np.zeros_like(parts[0][0]), np.zeros_like(parts[0][1]))] * (len(_PARTS) - len(parts))
        for names, arrays in zip(_PARTS, parts, strict=True):
            for name, array in zip(names, arrays, strict=True):
                setattr(self, f"{what}_{name}", array)

    def _parts(self, what: str, n_parts: int) -> list[tuple[Floats, Floats]]:
        """Return the first `n_parts` pairs of arrays of users or items; programs may have replaced them.

        Raises
        ------
        DataError
            If their shapes do not match.
        """
        parts = []
        shape = np.shape(getattr(self, f"{what}_embeddings"))
        shapes = (shape, shape[:1])
        for names in _PARTS[:n_parts]:
            arrays = [np.asarray(getattr(self, f"{what}_{name}"), np.float32) for name in names]
            for name, array, expected in zip(names, arrays, shapes, strict=True):
                if array.shape != expected or len(shape) != 2:
                    raise DataError(f"{what}_{name} has shape {array.shape}; set it to an array of shape {expected}.")
            parts.append((arrays[0], arrays[1]))
        return parts
