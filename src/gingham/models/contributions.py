"""What each cause contributes to the scores of pairs of users and items, as arrays."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from gingham.arrays import Doubles, Indices, Longs
from gingham.columns import CONTRIBUTION

# The rounding of sums in float32, relative to the size of their summands.
_ROUNDING = 1e-5


class Cause(StrEnum):
    """Why an item has its score; the values are those of the column ``cause`` of `Recommender.explain`."""

    BOUGHT_BEFORE = "bought before"  # the user's own purchases of the item
    BOUGHT_TOGETHER = "bought together"  # purchases of another item, which is bought by the same users
    SIMILAR_USERS = "similar users"  # purchases of the item by users with a similar history
    BEST_SELLER = "best seller"  # the sales of the item
    SEGMENT = "segment"  # the sales of the item to users of the same segment
    USER_FEATURE = "user feature"  # what users with the same feature choose
    ITEM_FEATURE = "item feature"  # what the user chooses among items with the same feature
    PRICE = "price"  # the item's price or discount
    TASTE = "taste"  # what the model learned about the user beyond the items of the history
    SHOPPING = "shopping habits"  # how often, how much and how regularly the user buys overall
    MODEL = "model"  # a candidate model that has no causes of its own
    BASE = "base"  # where scores start


@dataclass(frozen=True, eq=False)
class Part:
    """What one cause contributes to the scores of pairs; a pair may have several entries, and others none.

    Attributes
    ----------
    cause : Cause
        The cause.
    pair : int64 array, shape (n,)
        The position of each entry's pair.
    value : float64 array, shape (n,)
        The contributions.
    because : int32 array, shape (n,), or None
        The item of the user's history that contributes; None if no single item does.
    detail : str or None
        The column of features, or what else the cause needs to be understood; None if it needs nothing.
    """

    cause: Cause
    pair: Longs
    value: Doubles
    because: Indices | None = None
    detail: str | None = None

    @classmethod
    def of_all(cls, cause: Cause, values: npt.ArrayLike, detail: str | None = None) -> "Part":
        """Build a part with an entry for every pair."""
        value = np.asarray(values, np.float64)
        return cls(cause, np.arange(len(value)), value, detail=detail)

    def take(self, entries: npt.NDArray[Any]) -> "Part":
        """Select entries by a bool array or an array of numbers."""
        because = None if self.because is None else self.because[entries]
        return replace(self, pair=self.pair[entries], value=self.value[entries], because=because)

    def scaled(self, factors: Doubles) -> "Part":
        """Multiply every contribution by the factor of its pair."""
        return replace(self, value=self.value * factors[self.pair])

    def at(self, pairs: Longs) -> "Part":
        """Return the part with other positions: pair i becomes ``pairs[i]``."""
        return replace(self, pair=pairs[self.pair])


def entries_of(matrix: sp.csr_matrix, rows: npt.NDArray[np.integer], columns: npt.NDArray[np.integer]) -> Doubles:
    """Look up entries of a sparse matrix, in float64: zero where there is none."""
    if not len(rows):
        return np.empty(0)
    return np.asarray(matrix[rows, columns], np.float64).ravel()


def history_parts(
    history: sp.csr_matrix, items: Indices, weights: Callable[[Indices, Indices], npt.NDArray[Any]]
) -> list[Part]:
    """Return the contributions of the items of histories to scores that are weighted sums over these items.

    Parameters
    ----------
    history : csr_matrix, shape (n_pairs, n_items)
        The history of the user of each pair.
    items : int32 array, shape (n_pairs,)
        The item of each pair.
    weights : callable
        Maps items of a history and items to score, two arrays of length n, to weights of shape (n,).
    """
    pair = np.repeat(np.arange(len(items)), np.diff(history.indptr))
    source, target = history.indices, items[pair]
    value = history.data.astype(np.float64) * weights(source, target)
    return divided(Part(Cause.BOUGHT_TOGETHER, pair, value, source), items)


def divided(part: Part, items: Indices) -> list[Part]:
    """Divide the contributions of items of the history into those of the scored item itself, and those of others."""
    assert part.because is not None  # because they are contributions of items
    itself, nonzero = part.because == items[part.pair], part.value != 0
    return [replace(part.take(itself & nonzero), cause=Cause.BOUGHT_BEFORE), part.take(~itself & nonzero)]


def with_rest(parts: Sequence[Part], cause: Cause, scores: npt.NDArray[Any]) -> list[Part]:
    """Add the scores of pairs without any contribution, as contributions of `cause`."""
    is_rest = np.ones(len(scores), bool)
    for part in parts:
        is_rest[part.pair] = False
    return [*parts, Part.of_all(cause, scores).take(is_rest)]


def sums(parts: Sequence[Part], n_pairs: int) -> Doubles:
    """Return the sum of the contributions of each pair."""
    total = np.zeros(n_pairs)
    for part in parts:
        total += np.bincount(part.pair, part.value, n_pairs)
    return total


def merged(parts: Sequence[Part]) -> pl.DataFrame:
    """Return contributions as a table, the largest of each pair first.

    Returns
    -------
    polars.DataFrame
        ``pair``, ``cause``, ``because`` (an item's index, or null), ``detail`` and ``contribution``. Contributions with
        the same cause, item and detail are one row.
    """
    schema = {"pair": pl.Int64, "cause": pl.String, "because": pl.Int32, "detail": pl.String, CONTRIBUTION: pl.Float64}
    keys = ["pair", "cause", "because", "detail"]
    tables = [
        pl.DataFrame(
            {
                "pair": part.pair,
                "cause": pl.repeat(part.cause.value, len(part.pair), dtype=pl.String, eager=True),
                "because": pl.Series(part.because, dtype=pl.Int32)
                if part.because is not None
                else pl.repeat(None, len(part.pair), dtype=pl.Int32, eager=True),
                "detail": pl.repeat(part.detail, len(part.pair), dtype=pl.String, eager=True),
                CONTRIBUTION: part.value,
            },
            schema=schema,
        )
        for part in parts
    ]
    table = pl.concat([pl.DataFrame(schema=schema), *tables])
    return _sorted(table.group_by(keys, maintain_order=True).agg(pl.col(CONTRIBUTION).sum()))


def with_rounding(table: pl.DataFrame, scores: npt.NDArray[Any]) -> pl.DataFrame:
    """Add the rounding of scores, which are float32, to the largest contributions in a table that `merged` returned.

    A score is a sum of summands that may be much larger than it, so its rounding is relative to their size. Nothing
    larger is added.
    """
    pair, value = table["pair"].to_numpy(), table[CONTRIBUTION].to_numpy().copy()
    size, total = (np.bincount(pair, values, len(scores)) for values in (np.abs(value), value))
    gap = scores.astype(np.float64) - total
    gap[np.abs(gap) > _ROUNDING * size] = 0
    first = np.flatnonzero(np.diff(pair, prepend=-1))
    value[first] += gap[pair[first]]
    return _sorted(table.with_columns(pl.Series(CONTRIBUTION, value)))


def _sorted(table: pl.DataFrame) -> pl.DataFrame:
    return table.sort("pair", CONTRIBUTION, descending=[False, True], maintain_order=True)
