"""The encoding of texts by their words."""

import zlib
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl

from gingham.checked import require
from gingham.dataset.encodings.encoding import Encoding, FeatureEntries, null_feature
from gingham.dataset.feature import Feature
from gingham.errors import TableError
from gingham.tables import FeatureSpec

_MOST_BUCKETS = 1 << 24
_WORD = r"[\p{L}\p{N}]+"


@dataclass(frozen=True, eq=False)
class Words(Encoding):
    """Words and pairs of adjacent words, hashed to features by their CRC-32; and one feature for null.

    The distinct words and pairs of a text have equal weights, which sum to 1, so that long and short texts weigh the
    same.

    Attributes
    ----------
    buckets : int
        The number of features for words.
    """

    key = "text"

    buckets: int

    @classmethod
    def from_spec(cls, option: Any, rows: pl.Series, table: pl.Series, spec: FeatureSpec) -> Self:  # noqa: ARG003
        """Use the column as it is; `option` is the number of features."""
        return cls(table.name, option)

    def check(self) -> None:
        """Check that there are features, and not more than a model can have.

        Raises
        ------
        DataError
            If not.
        """
        is_number = 1 <= self.buckets <= _MOST_BUCKETS
        require(is_number, f"the words of column {self.column!r} have {self.buckets} features")

    def _features(self) -> list[Feature]:
        buckets = [Feature(self.column, str(bucket), "words") for bucket in range(self.buckets)]
        return [*buckets, null_feature(self.column)]

    def _entries(self, values: pl.Series) -> FeatureEntries:
        if values.dtype not in (pl.String, pl.Null):
            raise TableError(f"Column {values.name!r} is {values.dtype}, which has no words; use text.")
        grams = _grams(values)
        distinct = grams["gram"].unique()
        buckets = np.array([zlib.crc32(gram.encode()) % self.buckets for gram in distinct], np.int64)
        of_gram = buckets[grams["gram"].cast(pl.Enum(distinct)).to_physical().to_numpy()]
        rows = grams["row"].to_numpy()
        sizes = np.bincount(rows, minlength=len(values))
        empty = np.flatnonzero(sizes == 0)
        return FeatureEntries(
            np.concatenate([rows, empty]),
            np.concatenate([of_gram, np.full(len(empty), self.buckets)]),
            np.concatenate([1 / sizes[rows], np.ones(len(empty))]),
        )


def _grams(values: pl.Series) -> pl.DataFrame:
    """Return the distinct words and pairs of adjacent words of each row, as a table of ``row`` and ``gram``."""
    words = values.cast(pl.String).str.to_lowercase().str.extract_all(_WORD)
    table = pl.DataFrame({"row": np.arange(len(values)), "gram": words}).explode("gram").drop_nulls()
    following = table.select(pl.all().shift(-1).name.prefix("next_"))
    pairs = pl.concat([table, following], how="horizontal").filter(pl.col("row") == pl.col("next_row"))
    pairs = pairs.select("row", pl.col("gram") + " " + pl.col("next_gram"))
    return pl.concat([table, pairs]).unique(maintain_order=True)
