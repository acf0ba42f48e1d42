"""A column of categories as integers: the value of each user or item."""

from dataclasses import dataclass

import numpy as np

from gingham.arrays import Bools, Longs
from gingham.dataset.feature import Feature

# Each row has exactly one of these; of the parts of a text it may have several.
_EXCLUSIVE = frozenset({"category", "bin", "other", "null"})


@dataclass(frozen=True, eq=False)
class Codes:
    """The categories of one column, by row.

    Attributes
    ----------
    of_row : int64 array
        The code of each user's or item's value: its place in `features`. Rows without a value have the code
        ``len(features)``; rows with several have the first of these.
    features : tuple of Feature
        The values.
    """

    of_row: Longs
    features: tuple[Feature, ...]

    @property
    def n_values(self) -> int:
        """The number of codes, including the one of rows without a value."""
        return len(self.features) + 1

    @property
    def labels(self) -> list[str]:
        """The label of each value."""
        return [feature.label for feature in self.features]

    @property
    def is_known(self) -> Bools:
        """Whether each row has a value that is not null."""
        unknown = [code for code, feature in enumerate(self.features) if feature.kind == "null"]
        return ~np.isin(self.of_row, [*unknown, len(self.features)])

    @property
    def is_exclusive(self) -> bool:
        """Whether the column was encoded so that every row has exactly one value, not several parts or a date."""
        return all(feature.kind in _EXCLUSIVE for feature in self.features)
