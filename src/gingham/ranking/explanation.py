"""The table of what each feature contributes to the score of a recommendation."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from gingham.arrays import Floats, Indices, Longs
from gingham.ranking.examples import BLOCK, Stage
from gingham.ranking.pairs import find
from gingham.ranking.ranker import FittedRanker
from gingham.scores import by_user

# The name of the score from which all candidates start.
_BASE = "base"
_SCHEMA = {"row": pl.Int64, "feature": pl.String, "value": pl.Float32, "contribution": pl.Float32}


def contributions(stage: Stage, ranker: FittedRanker, users: Indices, items: Indices) -> pl.DataFrame:
    """Return what each feature contributes to the scores of pairs.

    Parameters
    ----------
    stage : Stage
        The candidates and their features.
    ranker : FittedRanker
        What scores them.
    users, items : int32 array, shape (n,)
        The pairs; those that are not candidates have no rows.

    Returns
    -------
    polars.DataFrame
        ``row`` (the index of the pair), ``feature``, ``value`` (null where the feature has none) and ``contribution``,
        sorted by ``row``.
    """
    parts = [pl.DataFrame(schema=_SCHEMA)]
    for distinct, rows, position in by_user(users, BLOCK):
        pairs = stage.candidates.pairs(distinct)
        suggested, entry = find(pairs.keys, position * pairs.n_items + items[rows])
        values = stage.features.values(pairs)[entry[suggested]]
        parts.append(_table(rows[suggested], stage.features.names, values, ranker.contributions(values)))
    return pl.concat(parts).sort("row", maintain_order=True)


def _table(rows: Longs, names: Sequence[str], values: Floats, contributions: Floats) -> pl.DataFrame:
    base = np.full((len(values), 1), np.nan, np.float32)
    features = [*names, _BASE]
    return pl.DataFrame(
        {
            "row": np.repeat(rows, len(features)),
            "feature": features * len(rows),
            "value": np.hstack([values, base]).ravel(),
            "contribution": contributions.ravel(),
        },
        schema=_SCHEMA,
    ).with_columns(pl.col("value").fill_nan(None))
