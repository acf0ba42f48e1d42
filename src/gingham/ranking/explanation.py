"""What each feature adds to a recommendation's score, as a table."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from gingham.arrays import Floats
from gingham.ranking.snapshot import Longs

# What the score that every pair begins at is called.
_BASE = "base"
_SCHEMA = {"row": pl.Int64, "feature": pl.String, "value": pl.Float32, "contribution": pl.Float32}
NOTHING_TOLD = pl.DataFrame(schema=_SCHEMA)


def contributed(rows: Longs, names: Sequence[str], values: Floats, contributions: Floats) -> pl.DataFrame:
    """Write a row a pair and feature, and one for what all pairs begin at.

    Parameters
    ----------
    rows : int64 array, shape (n,)
        What to call the pairs.
    names : sequence of str
        What the features are called.
    values : float32 array, shape (n, n_features)
        What they are; NaN where there is none.
    contributions : float32 array, shape (n, n_features + 1)
        What each adds to the score; the last column is what all pairs begin at.

    Returns
    -------
    polars.DataFrame
        ``row``, ``feature``, ``value`` (null where there is none) and ``contribution``.
    """
    base = np.full((len(values), 1), np.nan, np.float32)
    every = [*names, _BASE]
    return pl.DataFrame(
        {
            "row": np.repeat(rows, len(every)),
            "feature": every * len(rows),
            "value": np.hstack([values, base]).ravel(),
            "contribution": contributions.ravel(),
        },
        schema=_SCHEMA,
    ).with_columns(pl.col("value").fill_nan(None))
