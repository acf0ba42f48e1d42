"""What a model has learned: arrays that anybody may read and write, and the engine's view of them."""

import numpy as np
import scipy.sparse as sp

from gingham.arrays import Floats, Indices, Matrix, canonical
from gingham.errors import DataError
from gingham.lightfm.errors import NotFittedError
from gingham.lightfm.matrices import feature_rows
from gingham.models.side import Side

# A side's parameters, and what the optimizer remembers of them: names of attributes, as (embeddings, biases).
_PARTS = (
    ("embeddings", "biases"),
    ("embedding_gradients", "bias_gradients"),
    ("embedding_momentum", "bias_momentum"),
)
ARRAYS = tuple(f"{what}_{name}" for what in ("item", "user") for part in _PARTS for name in part)


class Learned:
    """The twelve arrays, and representations made of them.

    They are plain arrays, not views of the engine's rows, so that programs may replace them by larger ones, or by those
    of another model, one after the other.
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
        """Combine features' parameters into items' representations.

        Parameters
        ----------
        features : sparse matrix, shape (n, n_features)
            A row an item; by default each item has one feature of its own.

        Returns
        -------
        biases : float32 array, shape (n,)
        embeddings : float32 array, shape (n, no_components)

        Raises
        ------
        NotFittedError, DataError
            If the model is not fitted, or `features` has another number of columns.
        """
        return self._representations("item", features)

    def get_user_representations(self, features: Matrix | None = None) -> tuple[Floats, Floats]:
        """Combine features' parameters into users' representations; as `get_item_representations`, for users."""
        return self._representations("user", features)

    def _representations(self, what: str, features: Matrix | None) -> tuple[Floats, Floats]:
        self._require_fitted()
        embeddings, biases = self._learned(what)
        if features is None:
            return biases, embeddings
        rows = canonical(features, f"{what}_features")
        self._require_features(rows.shape[1], what)
        return rows @ biases, rows @ embeddings

    def _forget(self) -> None:
        for name in ARRAYS:
            setattr(self, name, None)

    def _represent(self, what: str, entities: Indices, features: sp.csr_matrix | None) -> tuple[Floats, Floats]:
        """Give (embeddings, biases) of some users or items."""
        embeddings, biases = self._learned(what)
        n_features = 1 + int(entities.max(initial=-1)) if features is None else features.shape[1]
        if n_features > len(biases):
            raise DataError(
                f"There are {n_features:,} {what} features or more, and the model has {len(biases):,}; give ids and "
                "features that it was fitted with."
            )
        if features is None:
            return embeddings[entities], biases[entities]
        some, of_some = np.unique(entities, return_inverse=True)
        rows = features[some]
        return (rows @ embeddings[:n_features])[of_some], (rows @ biases[:n_features])[of_some]

    def _learned(self, what: str) -> tuple[Floats, Floats]:
        return getattr(self, f"{what}_embeddings"), getattr(self, f"{what}_biases")

    def _scored(self, what: str, features: Matrix | None, n_rows: int) -> Side:
        """Give a side's parameters as the engine ranks by them."""
        rows = feature_rows(features, f"{what}_features", n_rows)
        self._require_features(n_rows if rows is None else rows.shape[1], what)
        return Side.of_parts(self._parts(what, 1), rows)

    def _is_fitted(self) -> bool:
        return all(getattr(self, name) is not None for name in ARRAYS)

    def _require_fitted(self) -> None:
        if not self._is_fitted():
            raise NotFittedError("This LightFM is not fitted yet; call fit first.")

    def _require_features(self, n_features: int, what: str) -> None:
        known = len(getattr(self, f"{what}_embeddings"))
        if n_features != known:
            raise DataError(
                f"There are {n_features:,} {what} features, and the model has {known:,}; give matrices of the same "
                "features, or call fit."
            )

    def _learn(self, what: str, side: Side) -> None:
        parts = side.parts()
        parts += [(np.zeros_like(parts[0][0]), np.zeros_like(parts[0][1]))] * (len(_PARTS) - len(parts))
        for names, arrays in zip(_PARTS, parts, strict=True):
            for name, array in zip(names, arrays, strict=True):
                setattr(self, f"{what}_{name}", array)

    def _parts(self, what: str, n_parts: int) -> list[tuple[Floats, Floats]]:
        """Give a side's first arrays, whoever wrote them.

        Raises
        ------
        DataError
            If their shapes disagree.
        """
        parts = []
        shape = np.shape(getattr(self, f"{what}_embeddings"))
        shapes = (shape, shape[:1])
        for names in _PARTS[:n_parts]:
            arrays = [np.asarray(getattr(self, f"{what}_{name}"), np.float32) for name in names]
            for name, array, wanted in zip(names, arrays, shapes, strict=True):
                if array.shape != wanted or len(shape) != 2:
                    raise DataError(f"{what}_{name} has shape {array.shape}; set it to an array of shape {wanted}.")
            parts.append((arrays[0], arrays[1]))
        return parts
