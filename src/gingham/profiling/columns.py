"""What kind of thing a descriptive column holds, found by looking: a category, a measure, or neither.

Nothing here goes by a column's name. A shop's tables hold names beside their codes, groups inside groups, and free
texts; which column is which follows from how many values it has and which other columns its values settle.
"""

from dataclasses import dataclass
from functools import cached_property

import polars as pl

# A category has at most so many values, each on two rows at least on average.
_CATEGORY_VALUES = 30
# Whole numbers with fewer values than this are a category: a household's size, a class.
_MEASURE_VALUES = 8
# Texts that codes may stand for have at most so many values.
_NAMED_VALUES = 1000
# One column settles another if so much of what is unsure about the other goes away; shops' tables have slips in them.
_SETTLED = 0.99


@dataclass(frozen=True)
class Described:
    """A users or items table, and what its columns hold.

    Attributes
    ----------
    table : str
        ``"users"`` or ``"items"``.
    rows : polars.DataFrame
        The table.
    id_column : str
        The column of its ids; all others describe.
    """

    table: str
    rows: pl.DataFrame
    id_column: str

    @property
    def columns(self) -> list[str]:
        """The columns that describe, in the table's order."""
        return [column for column in self.rows.columns if column != self.id_column]

    @cached_property
    def values(self) -> dict[str, int]:
        """How many distinct values, null aside, each column of numbers, texts or truths has."""
        plain = [column for column in self.columns if not self.rows.schema[column].is_nested()]
        if not plain:
            return {}
        return self.rows.select(pl.col(plain).drop_nulls().n_unique()).row(0, named=True)

    @cached_property
    def categories(self) -> list[str]:
        """The columns that sort rows into few classes; of two that mean the same, the one with the longer texts."""
        most = min(_CATEGORY_VALUES, self.rows.height // 2)
        found = [
            column
            for column, values in self.values.items()
            if 2 <= values <= most
            and (self._is_text(column) or (self.is_whole(column) and values < _MEASURE_VALUES))
            and not self._is_code(column)
        ]
        return [column for column in found if not self._said_better(column, found)]

    @cached_property
    def measures(self) -> list[str]:
        """The columns of numbers that count or measure; numbers that stand for a name are none."""
        return [
            column
            for column, values in self.values.items()
            if self.rows.schema[column].is_numeric() and values >= _MEASURE_VALUES and not self._is_code(column)
        ]

    @cached_property
    def nestings(self) -> list[tuple[str, str]]:
        """Pairs (outer, inner) of categories, the inner one dividing the outer one further.

        Pairs with the fewest inner values first, then those with the fewest outer ones.
        """
        pairs = [
            (outer, inner)
            for outer in self.categories
            for inner in self.categories
            if self.values[outer] < self.values[inner] and self.settles(inner, outer)
        ]
        return sorted(pairs, key=lambda pair: (self.values[pair[1]], self.values[pair[0]]))

    def settles(self, one: str, other: str) -> bool:
        """Tell whether a value of `one` leaves (almost) no doubt about that of `other`."""
        together = self.rows.select(one=one, other=other).drop_nulls().group_by("one", "other").len()
        total = int(together["len"].sum())
        commonest = together.group_by("other").agg(pl.col("len").sum())["len"].to_numpy().max(initial=0)
        guessed = int(together.group_by("one").agg(pl.col("len").max())["len"].sum())
        unsure = total - commonest  # wrong guesses of whoever does not see `one`
        return bool(unsure > 0 and total - guessed <= (1 - _SETTLED) * unsure)

    def _is_text(self, column: str) -> bool:
        return self.rows.schema[column] in (pl.String, pl.Categorical, pl.Enum, pl.Boolean)

    def is_whole(self, column: str) -> bool:
        """Tell whether a column holds whole numbers alone."""
        dtype = self.rows.schema[column]
        if dtype.is_float():
            known = self.rows[column].drop_nulls().drop_nans()
            return bool((known == known.floor()).all())
        return dtype.is_integer()

    def _is_code(self, column: str) -> bool:
        """Tell whether whole numbers stand for the values of a column of texts."""
        if not self.rows.schema[column].is_numeric() or not self.is_whole(column):
            return False
        texts = (
            other for other, values in self.values.items() if self._is_text(other) and 2 <= values <= _NAMED_VALUES
        )
        return any(self.values[text] <= self.values[column] and self.settles(column, text) for text in texts)

    def _said_better(self, column: str, others: list[str]) -> bool:
        """Tell whether another column says the same in longer words (or as long ones, but earlier)."""
        for other in others:
            if other == column or self.values[other] != self.values[column] or not self.settles(column, other):
                continue
            ours, theirs = self._length(column), self._length(other)
            if theirs > ours or (theirs == ours and others.index(other) < others.index(column)):
                return True
        return False

    def _length(self, column: str) -> float:
        mean = self.rows[column].unique().cast(pl.String).str.len_chars().mean()
        return mean if isinstance(mean, float) else 0.0
