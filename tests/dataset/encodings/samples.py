"""The features of a column as numbers and names."""

from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp

from gingham.arrays import Doubles
from gingham.dataset.encodings import Encoding


def weights(encoding: Encoding, values: pl.Series) -> Doubles:
    """Return the weight of each feature in each row."""
    entries = encoding.entries(values)
    shape = (len(values), len(encoding.names))
    return np.asarray(sp.coo_matrix((entries.weights, (entries.rows, entries.codes)), shape).toarray())


def named(encoding: Encoding, values: pl.Series) -> list[dict[str, float]]:
    return [
        {encoding.names[code]: float(row[code]) for code in np.flatnonzero(row)} for row in weights(encoding, values)
    ]


def only(encoding: Encoding, values: pl.Series) -> list[str]:
    """Return the name of the only feature of each row."""
    rows = named(encoding, values)
    assert all(list(row.values()) == [1] for row in rows)
    return [next(iter(row)) for row in rows]


def column(values: Any, dtype: Any = None) -> pl.Series:
    return pl.Series("x", values, dtype)
