"""What all encodings have in common."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import create_model

from gingham.checked import Values, require
from gingham.dataset.feature import Feature
from gingham.tables import FeatureSpec

NULL = "null"


@dataclass(frozen=True, eq=False)
class FeatureEntries:
    """The features that one column gives to some rows: row ``rows[i]`` has feature ``codes[i]`` with ``weights[i]``.

    The weights of several entries of a row for the same feature are added.
    """

    rows: npt.NDArray[np.integer]
    codes: npt.NDArray[np.integer]
    weights: npt.NDArray[np.floating]

    def shifted(self, start: int) -> "FeatureEntries":
        """Return the same entries with codes that begin at `start`."""
        return FeatureEntries(self.rows, self.codes + start, self.weights)


@dataclass(frozen=True, eq=False)
class Encoding(ABC):
    """How one column becomes features.

    A subclass is a frozen dataclass. Its fields are JSON values (a field ``texts`` may be a series of text), because
    models store them; Pydantic checks that they have the types of the fields when a model is loaded. It names its
    `key`, and defines `from_spec`, `_features` and `_entries`, and `check` if its fields follow other rules. Defining
    it is enough: `FeatureSpec` then accepts the key, also in recipes.

    Attributes
    ----------
    column : str
        The column.
    """

    kinds: ClassVar[dict[str, type["Encoding"]]] = {}
    keys: ClassVar[dict[str, type["Encoding"]]] = {}

    # The key of `FeatureSpec` that lists the columns, or maps each column to an option.
    key: ClassVar[str] = ""

    column: str

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.kinds[cls.__name__] = cls
        if cls.key:
            cls.keys[cls.key] = cls
            FeatureSpec.extra_keys.add(cls.key)

    @classmethod
    @abstractmethod
    def from_spec(cls, option: Any, rows: pl.Series, table: pl.Series, spec: FeatureSpec) -> Self:
        """Fit the encoding to a column.

        Parameters
        ----------
        option : Any
            The value that the specification has for the column; None if it only lists columns.
        rows : polars.Series
            The values of the users or items that will be encoded.
        table : polars.Series
            The values of the whole table, which may have other rows too.
        spec : FeatureSpec
            The whole specification, for options such as ``min_count``.
        """

    @cached_property
    def features(self) -> list[Feature]:
        """The meaning of each feature."""
        return self._features()

    @property
    def names(self) -> list[str]:
        """The features as texts."""
        return [feature.name for feature in self.features]

    @staticmethod
    def restored(stored: Mapping[str, Any], texts: pl.Series) -> "Encoding":
        """Build an encoding from its stored fields, its ``kind`` and its texts.

        Raises
        ------
        DataError
            If the values are not those of such an encoding.
        """
        values = dict(stored)
        kind = values.pop("kind", None)
        require(isinstance(kind, str) and kind in Encoding.kinds, f"there is no encoding {kind!r}")
        encoding_class = Encoding.kinds[kind]
        types: dict[str, Any] = {field.name: (field.type, ...) for field in fields(encoding_class)}
        texts_type = types.pop("texts", None)
        schema = create_model(kind, __base__=Values, **types)
        checked = schema.of(values, kind)
        values = {name: getattr(checked, name) for name in types}
        encoding = encoding_class(**values if texts_type is None else {**values, "texts": texts})
        encoding.check()
        return encoding

    def check(self) -> None:  # noqa: B027 (most encodings have no such rules)
        """Check the rules that the fields of a fitted encoding follow.

        Raises
        ------
        DataError
            If one does not.
        """

    def entries(self, values: pl.Series) -> FeatureEntries:
        """Encode a column: one value per row; NaN counts as null.

        Raises
        ------
        TableError
            If the column has a type, or a value, that cannot be encoded in this way.
        """
        return self._entries(nan_to_null(values))

    @abstractmethod
    def _features(self) -> list[Feature]: ...

    @abstractmethod
    def _entries(self, values: pl.Series) -> FeatureEntries: ...


def nan_to_null(values: pl.Series) -> pl.Series:
    """Replace NaN by null."""
    return values.fill_nan(None) if values.dtype.is_float() else values


def null_feature(column: str) -> Feature:
    """Return the feature that stands for null in a column."""
    return Feature(column, NULL, "null")


def one_per_row(codes: npt.NDArray[np.integer]) -> FeatureEntries:
    """Return the entries of rows that have one feature each, with weight 1."""
    return FeatureEntries(np.arange(len(codes)), codes, np.ones(len(codes)))
