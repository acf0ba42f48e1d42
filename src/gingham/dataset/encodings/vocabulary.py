"""Encodings with one feature per distinct text: categories, and the parts of multi-valued texts."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from gingham.checked import require
from gingham.dataset.encodings.encoding import NULL, Encoding, FeatureEntries, one_per_row
from gingham.dataset.feature import Feature, FeatureKind
from gingham.dataset.ids import Ids
from gingham.errors import TableError
from gingham.tables import FeatureSpec

_OTHER = "other"


@dataclass(frozen=True, eq=False)
class _Vocabulary(Encoding):
    """One feature per frequent text, in ascending order; one for null; and one for all rare texts, if there are any.

    The text "null" is the same as null, and the text "other" the same as a rare text if there are rare ones.

    Attributes
    ----------
    texts : polars.Series of String
        The texts, including ``null`` and, if there are rare texts, ``other``.
    pooled : bool
        Whether ``other`` stands for rare texts.
    """

    texts: pl.Series
    pooled: bool

    _kind: ClassVar[FeatureKind]

    def check(self) -> None:
        """Check that the texts ascend, and that those for null and rare texts are among them.

        Raises
        ------
        DataError
            If not.
        """
        texts = Ids(self.texts)
        needed = [NULL, *([_OTHER] if self.pooled else [])]
        require(texts.contains(needed).all(), f"the texts of column {self.column!r} are not complete")

    def _features(self) -> list[Feature]:
        kinds: dict[str, FeatureKind] = {NULL: "null"}
        if self.pooled:
            kinds[_OTHER] = "other"
        return [Feature(self.column, text, kinds.get(text, self._kind)) for text in self.texts]

    @cached_property
    def _index(self) -> Ids:
        return Ids(self.texts)

    def _codes(self, texts: pl.Series) -> npt.NDArray[np.integer]:
        """Return the code of each text; that of rare texts for an unknown one, or -1 if there were no rare texts."""
        codes = self._index.find(texts)
        return np.where(codes < 0, self._code(_OTHER), codes) if self.pooled else codes

    def _code(self, text: str) -> int:
        return int(self._index.index([text])[0])


def _vocabulary(texts: pl.Series, min_count: int) -> tuple[pl.Series, bool]:
    """Return the texts that have features, and whether there are rare texts among the others."""
    counts = texts.alias("text").drop_nulls().value_counts(name="rows").filter(pl.col("text") != NULL)
    frequent = counts.filter(pl.col("rows") >= min_count)["text"]
    pooled = len(frequent) < counts.height
    return pl.concat([frequent, pl.Series([NULL, *([_OTHER] if pooled else [])])]).unique().sort(), pooled


@dataclass(frozen=True, eq=False)
class Categories(_Vocabulary):
    """One feature per distinct value.

    Attributes
    ----------
    number : str or None
        The Polars type of a column of numbers, in which 1 and 1.0 are the same value; None for other columns.
    """

    key = "categorical"
    _kind = "category"
    _numbers: ClassVar[tuple[str | None, ...]] = (None, "Int64", "Float32", "Float64")

    number: str | None

    @classmethod
    def from_spec(cls, option: Any, rows: pl.Series, table: pl.Series, spec: FeatureSpec) -> Self:  # noqa: ARG003
        """Fit to the rows that will be encoded."""
        return cls.fit(rows, spec.min_count)

    @classmethod
    def fit(cls, values: pl.Series, min_count: int) -> Self:
        """Fit to the values that at least `min_count` rows have."""
        number = "Int64" if values.dtype.is_integer() else str(values.dtype) if values.dtype.is_float() else None
        return cls(values.name, *_vocabulary(_texts(values, number), min_count), number)

    def check(self) -> None:
        """Check the texts and the type of numbers.

        Raises
        ------
        DataError
            If the texts are not complete, or there is no such type.
        """
        super().check()
        require(self.number in self._numbers, f"the numbers of column {self.column!r} are {self.number!r}")

    def _entries(self, values: pl.Series) -> FeatureEntries:
        codes = self._codes(_texts(values, self.number).fill_null(NULL))
        return one_per_row(np.where(codes < 0, self._code(NULL), codes))


def _texts(values: pl.Series, number: str | None) -> pl.Series:
    """Convert values to text; numbers as the type `number` is written, if it can hold them."""
    if values.dtype.is_nested() or values.dtype in (pl.Binary, pl.Duration, pl.Object):
        raise TableError(
            f"Column {values.name!r} is {values.dtype}, which cannot be categorical; use text, numbers or dates."
        )
    texts = values.cast(pl.String)
    if number is None or not values.dtype.is_numeric():
        return texts
    typed = values.cast(getattr(pl, number), strict=False)
    same = typed.cast(values.dtype, strict=False) == values
    return typed.cast(pl.String).zip_with(same.fill_null(False), texts)


@dataclass(frozen=True, eq=False)
class Parts(_Vocabulary):
    """One feature per distinct part of a text; a part counts once per row, and a row without any part is null."""

    key = "multi"
    _kind = "part"

    separator: str

    @classmethod
    def from_spec(cls, option: Any, rows: pl.Series, table: pl.Series, spec: FeatureSpec) -> Self:  # noqa: ARG003
        """Fit to the rows that will be encoded; `option` is the separator."""
        return cls.fit(rows, option, spec.min_count)

    @classmethod
    def fit(cls, values: pl.Series, separator: str, min_count: int) -> Self:
        """Fit to the parts that at least `min_count` rows have."""
        return cls(values.name, *_vocabulary(_split(values, separator)["part"], min_count), separator)

    def check(self) -> None:
        """Check the texts and the separator.

        Raises
        ------
        DataError
            If the texts are not complete, or the separator is empty.
        """
        super().check()
        require(self.separator, f"the separator of column {self.column!r} is empty")

    def _entries(self, values: pl.Series) -> FeatureEntries:
        table = _split(values, self.separator)
        codes = self._codes(table["part"])
        rows, codes = table["row"].to_numpy()[codes >= 0], codes[codes >= 0]
        empty = np.flatnonzero(np.bincount(rows, minlength=len(values)) == 0)
        rows = np.concatenate([rows, empty])
        codes = np.concatenate([codes, np.full(len(empty), self._code(NULL))])
        # Several rare parts of a row are one feature.
        rows, codes = np.divmod(np.unique(rows * len(self.texts) + codes), len(self.texts))
        return FeatureEntries(rows, codes, np.ones(len(rows)))


def _split(values: pl.Series, separator: str) -> pl.DataFrame:
    """Return the distinct parts of each row, as a table of ``row`` and ``part``."""
    if not (values.dtype in (pl.String, pl.Null) or values.dtype.is_integer()):
        raise TableError(f"Column {values.name!r} is {values.dtype}, which cannot be multi-valued; use text.")
    parts = values.cast(pl.String).str.split(separator)
    table = pl.DataFrame({"row": np.arange(len(values)), "part": parts}).explode("part")
    return table.with_columns(pl.col("part").str.strip_chars()).filter(pl.col("part") != "").unique(maintain_order=True)
