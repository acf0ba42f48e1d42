"""Categories, read off features: what a column says of each user or item, as a number."""

import re
from dataclasses import dataclass

import numpy as np

from gingham.dataset import Features
from gingham.ranking.snapshot import Longs

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
    """

    of: Longs
    n_values: int


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
        number = np.full(len(columns), -1)
        number[mine] = np.arange(len(mine))
        entries = np.flatnonzero(number[matrix.col] >= 0)
        of = np.full(features.n_rows, len(mine))
        np.minimum.at(of, matrix.row[entries], number[matrix.col[entries]])
        codes[column] = Codes(of, len(mine) + 1)
    return codes
