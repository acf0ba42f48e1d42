"""Categories, read off features: what a column says of each user or item, as a number."""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gingham.dataset.encodings import NULL
from gingham.dataset.features import Features

# A feature's name begins with the column it is made of.
_COLUMN = re.compile(r"(.+?)[=∈]")


@dataclass(frozen=True, eq=False)
class Codes:
    """A column of categories.

    Attributes
    ----------
    of : int64 array
        What each user or item has: the number of its value; the last one for whoever has none, the first of several
        for whoever has more.
    n_values : int
        How many values there are, that of having none included.
    null : int or None
        The number of the value that says that it is not known; None where there is no such value.
    """

    of: npt.NDArray[np.int64]
    n_values: int
    null: int | None = None

    @property
    def told(self) -> npt.NDArray[np.bool_]:
        """Of whom it is known."""
        return ~np.isin(self.of, [self.n_values - 1, -1 if self.null is None else self.null])


def read_codes(features: Features | None) -> dict[str, Codes]:
    """Read the columns of categories, by name; numbers that are not in bins, and words, are none."""
    if features is None:
        return {}
    columns = [found.group(1) if (found := _COLUMN.match(name)) else "" for name in features.names]
    matrix = features.matrix[:, features.n_features - len(features.names) :].tocoo()
    of_feature = np.array(columns)
    codes = {}
    for column in dict.fromkeys(filter(None, columns)):
        mine = np.flatnonzero(of_feature == column)
        null = [at for at, feature in enumerate(mine) if features.names[feature] == f"{column}={NULL}"]
        if len(null) == len(mine):
            continue  # of numbers and words, whether they are known is all that looks like a category
        number = np.full(len(columns), -1)
        number[mine] = np.arange(len(mine))
        entries = np.flatnonzero(number[matrix.col] >= 0)
        of = np.full(features.n_rows, len(mine))
        np.minimum.at(of, matrix.row[entries], number[matrix.col[entries]])
        codes[column] = Codes(of, len(mine) + 1, null[0] if null else None)
    return codes
