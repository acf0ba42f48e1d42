"""The features of users or items as a sparse matrix of weights."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from pydantic import Field, NonNegativeInt

from gingham.arrays import valid
from gingham.checked import Values, require, stored_csr
from gingham.dataset.codes import Codes
from gingham.dataset.feature import Feature, FeatureKind
from gingham.errors import DataError
from gingham.validation import check_list


class _StoredFeatures(Values):
    """The JSON values of features: the shape, and the column, label and kind of each feature with a name."""

    # JSON has lists where Python has tuples, which a strict model refuses.
    shape: Annotated[tuple[NonNegativeInt, NonNegativeInt], Field(strict=False)]
    definitions: list[Annotated[tuple[str, str, FeatureKind], Field(strict=False)]]


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Features:
    """The features of every user or item.

    Parameters
    ----------
    matrix : sparse matrix, shape (n_rows, n_features)
        The weight of each feature in each row; stored as float32 CSR.
    names : iterable of str or Feature
        The meaning of the last features. A str names a feature that is only a weight; a `Feature` can also say that it
        is a category of a column. The features before these are identities, one for each row in their order. They have
        no names, since there can be millions. By default no feature has a name.

    Attributes
    ----------
    matrix : csr_matrix of float32, shape (n_rows, n_features)
        The weights.
    definitions : tuple of Feature
        The meaning of the last ``len(definitions)`` features.

    Raises
    ------
    DataError
        If a weight is not finite, or there are more names than features.

    Examples
    --------
    >>> import gingham as gg
    >>> import scipy.sparse as sp
    >>> matrix = sp.csr_matrix([[1, 0, 0.5], [0, 1, 2.0]])
    >>> features = gg.Features(matrix, [gg.Feature("colour", "red"), gg.Feature("colour", "blue"), "weight"])
    >>> features
    Features(2 rows x 3 features, 3 with a name)
    >>> features.names
    ('colour=red', 'colour=blue', 'weight')
    >>> features.categories()["colour"].labels
    ['red', 'blue']
    """

    matrix: sp.csr_matrix
    definitions: tuple[Feature, ...]

    def __init__(self, matrix: Any, names: Iterable[str | Feature] = ()) -> None:
        try:
            with np.errstate(over="ignore"):  # a weight too large for float32 becomes infinite and is refused below
                weights: sp.csr_matrix = sp.csr_matrix(
                    valid(matrix, "matrix") if sp.issparse(matrix) else np.atleast_2d(np.asarray(matrix, np.float32)),
                    dtype=np.float32,
                )
        except (TypeError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"The features are not a matrix of numbers: {error}; pass a sparse matrix.") from error
        names = check_list("names", names, "names or instances of Feature")
        definitions = tuple(name if isinstance(name, Feature) else Feature(name, kind="number") for name in names)
        if len(definitions) > weights.shape[1]:
            raise DataError(
                f"{len(definitions)} names for {weights.shape[1]} features; pass at most one name per feature."
            )
        finite = np.isfinite(weights.data)
        if not finite.all():
            entry = int(np.flatnonzero(~finite)[0])
            row = int(np.searchsorted(weights.indptr, entry, side="right")) - 1
            raise DataError(
                f"Feature {weights.indices[entry]} of row {row} is {weights.data[entry]}; "
                "pass finite weights, and leave out unknown ones."
            )
        object.__setattr__(self, "matrix", weights)  # the dataclass is frozen
        object.__setattr__(self, "definitions", definitions)

    def __repr__(self) -> str:
        return f"Features({self.n_rows:,} rows x {self.n_features:,} features, {len(self.definitions):,} with a name)"

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The texts of the features after the identities, such as ``column=value``."""
        return tuple(feature.name for feature in self.definitions)

    @property
    def n_rows(self) -> int:
        """The number of users or items."""
        return int(self.matrix.shape[0])

    @property
    def n_features(self) -> int:
        """The number of features, including identities."""
        return int(self.matrix.shape[1])

    @property
    def n_identities(self) -> int:
        """The number of features that are a row's own."""
        return self.n_features - len(self.definitions)

    def without_identities(self) -> sp.csr_matrix:
        """Return the weights of the features that have a name: shape (n_rows, len(definitions))."""
        return self.matrix[:, self.n_identities :]

    def categories(self) -> dict[str, Codes]:
        """Return the columns of categories, by name, in the order of their features.

        Columns of bins and multi-valued columns are among them, and the weekdays, months and ages of dates, each under
        the name of its `Feature.group`. Numbers, words and outputs of functions are not categories, even if they have a
        feature for null.
        """
        groups: dict[str, list[int]] = {}
        for place, feature in enumerate(self.definitions):
            if feature.group is not None:
                groups.setdefault(feature.group, []).append(place)
        entries = self.without_identities().tocoo()
        categories = {}
        for group, places in groups.items():
            features = tuple(self.definitions[place] for place in places)
            if all(feature.kind == "null" for feature in features):
                continue
            code = np.full(len(self.definitions), -1)
            code[places] = np.arange(len(places))
            chosen = np.flatnonzero(code[entries.col] >= 0)
            of_row = np.full(self.n_rows, len(places))
            np.minimum.at(of_row, entries.row[chosen], code[entries.col[chosen]])
            categories[group] = Codes(of_row, features)
        return categories

    def arrays(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return JSON values and arrays that `from_arrays` understands.

        Returns
        -------
        state : dict
            The shape, and the column, label and kind of each feature with a name.
        arrays : dict of str to array
            The weights as ``data`` (float32), ``indices`` (int32) and ``indptr`` (int64).
        """
        state = {
            "shape": [self.n_rows, self.n_features],
            "definitions": [[feature.column, feature.label, feature.kind] for feature in self.definitions],
        }
        # SciPy's index types depend on how a matrix was made; equal matrices must give equal arrays.
        arrays = {
            "data": self.matrix.data,
            "indices": self.matrix.indices.astype(np.int32, copy=False),
            "indptr": self.matrix.indptr.astype(np.int64, copy=False),
        }
        return state, arrays

    @classmethod
    def from_arrays(cls, state: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> "Features":
        """Build the features whose `arrays` these are; arrays mapped into memory are not copied.

        Raises
        ------
        DataError
            If the arrays are not a matrix of that shape.
        """
        stored = _StoredFeatures.of(state, "features")
        n_rows, n_features = stored.shape
        require(len(stored.definitions) <= n_features, f"there are {len(stored.definitions)} definitions of features")
        parts = {f"features.{name}": array for name, array in arrays.items()}
        matrix = stored_csr(parts, "features", (n_rows, n_features), ascending=False)
        return cls(matrix, [Feature(*definition) for definition in stored.definitions])
