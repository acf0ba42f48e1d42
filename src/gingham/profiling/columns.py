"""Find out what the columns of a users or items table hold: categories, measures or neither.

The names of columns are not used. Tables often hold codes next to names, hierarchies of groups, and free text. Which
column is which follows from its number of distinct values and from the columns that it determines.
"""

from dataclasses import dataclass
from functools import cached_property

import polars as pl

# A category has at most this many values, and on average at least two rows per value.
_MAX_CATEGORY_VALUES = 30
# A text column with more values is a category, too, if its most frequent values have this share of the rows.
N_SHOWN, _SHOWN_SHARE = 15, 0.2
# Integers with fewer distinct values are a category, such as a household size or a class.
_MIN_MEASURE_VALUES = 8
# Codes are only looked for next to text columns with at most this many values.
_MAX_NAME_VALUES = 1000
# One column determines another if it removes this share of the errors in guessing it; real tables contain mistakes.
_DETERMINED = 0.99


@dataclass(frozen=True)
class ProfiledTable:
    """A users or items table and the kinds of its columns.

    Attributes
    ----------
    table : str
        ``"users"`` or ``"items"``.
    rows : polars.DataFrame
        The table.
    id_column : str
        The id column; all other columns describe the users or items.
    """

    table: str
    rows: pl.DataFrame
    id_column: str

    @property
    def columns(self) -> list[str]:
        """The columns other than the id, in the order of the table."""
        return [column for column in self.rows.columns if column != self.id_column]

    @cached_property
    def n_values(self) -> dict[str, int]:
        """The number of distinct values, without null, of each column that is not nested."""
        flat = [column for column in self.columns if not self.rows.schema[column].is_nested()]
        if not flat:
            return {}
        return self.rows.select(pl.col(flat).drop_nulls().n_unique()).row(0, named=True)

    @cached_property
    def categories(self) -> list[str]:
        """The columns with few distinct values; of two equivalent columns, the one with the longer texts."""
        most = min(_MAX_CATEGORY_VALUES, self.rows.height // 2)
        candidates = [
            column
            for column, n_values in self.n_values.items()
            if 2 <= n_values <= most
            and (self._is_text(column) or (self.is_integer(column) and n_values < _MIN_MEASURE_VALUES))
            and not self._is_code(column)
        ]
        return [column for column in candidates if not self._has_better_equivalent(column, candidates)]

    @cached_property
    def long_categories(self) -> list[str]:
        """The text columns with many values of which the `N_SHOWN` most frequent have a share that matters."""
        return [
            column
            for column, n_values in self.n_values.items()
            if _MAX_CATEGORY_VALUES < n_values <= self.rows.height // 2
            and self._is_text(column)
            and self._share_of_frequent(column) >= _SHOWN_SHARE
        ]

    def _share_of_frequent(self, column: str) -> float:
        counts = self.rows[column].drop_nulls().value_counts(name="rows")["rows"]
        return int(counts.top_k(N_SHOWN).sum()) / int(counts.sum())

    @cached_property
    def measures(self) -> list[str]:
        """The numeric columns that count or measure something, without codes."""
        return [
            column
            for column, n_values in self.n_values.items()
            if self.rows.schema[column].is_numeric() and n_values >= _MIN_MEASURE_VALUES and not self._is_code(column)
        ]

    @cached_property
    def hierarchies(self) -> list[tuple[str, str]]:
        """Pairs (outer, inner) of categories in which each inner value belongs to one outer value.

        Sorted by the number of inner values, then of outer values.
        """
        pairs = [
            (outer, inner)
            for outer in self.categories
            for inner in self.categories
            if self.n_values[outer] < self.n_values[inner] and self.determines(inner, outer)
        ]
        return sorted(pairs, key=lambda pair: (self.n_values[pair[1]], self.n_values[pair[0]]))

    def determines(self, column: str, other: str) -> bool:
        """Return whether each value of `column` goes with (almost) always the same value of `other`."""
        pairs = self.rows.select(column=column, other=other).drop_nulls().group_by("column", "other").len()
        total = int(pairs["len"].sum())
        most_common = pairs.group_by("other").agg(pl.col("len").sum())["len"].to_numpy().max(initial=0)
        right_guesses = int(pairs.group_by("column").agg(pl.col("len").max())["len"].sum())
        baseline_errors = total - most_common  # when `other` is guessed without `column`
        return bool(baseline_errors > 0 and total - right_guesses <= (1 - _DETERMINED) * baseline_errors)

    def _is_text(self, column: str) -> bool:
        return self.rows.schema[column] in (pl.String, pl.Categorical, pl.Enum, pl.Boolean)

    def is_integer(self, column: str) -> bool:
        """Return whether all values of a column are integers, whatever its type."""
        dtype = self.rows.schema[column]
        if dtype.is_float():
            values = self.rows[column].drop_nulls().drop_nans()
            return bool((values == values.floor()).all())
        return dtype.is_integer()

    def _is_code(self, column: str) -> bool:
        """Return whether a column holds integer codes for the values of a text column."""
        if not self.rows.schema[column].is_numeric() or not self.is_integer(column):
            return False
        texts = (
            other
            for other, n_values in self.n_values.items()
            if self._is_text(other) and 2 <= n_values <= _MAX_NAME_VALUES
        )
        return any(self.n_values[text] <= self.n_values[column] and self.determines(column, text) for text in texts)

    def _has_better_equivalent(self, column: str, others: list[str]) -> bool:
        """Return whether an equivalent column has longer texts, or texts of the same length and comes earlier."""
        for other in others:
            same_size = self.n_values[other] == self.n_values[column]
            if other == column or not same_size or not self.determines(column, other):
                continue
            length, other_length = self._mean_length(column), self._mean_length(other)
            if other_length > length or (other_length == length and others.index(other) < others.index(column)):
                return True
        return False

    def _mean_length(self, column: str) -> float:
        mean = self.rows[column].unique().cast(pl.String).str.len_chars().mean()
        return mean if isinstance(mean, float) else 0.0
