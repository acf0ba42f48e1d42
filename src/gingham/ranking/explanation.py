"""What each feature, and each cause, contributes to the score of a recommendation."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from gingham.arrays import Floats, Indices, Longs
from gingham.models import Recommender
from gingham.models.cold import ColdUsers
from gingham.models.contributions import Cause, Part, sums, with_rest
from gingham.ranking.examples import BLOCK, Stage
from gingham.ranking.origins import Origin
from gingham.ranking.pairs import find
from gingham.ranking.ranker import FittedRanker
from gingham.ranking.suggestions import reciprocal_ranks, source_names, source_origins
from gingham.scores import by_user

# The name of the score from which all candidates start.
_BASE = "base"
_SCHEMA = {"row": pl.Int64, "feature": pl.String, "value": pl.Float32, "contribution": pl.Float32}


def parts(
    stage: Stage,
    ranker: FittedRanker | None,
    users: Indices,
    items: Indices,
    scores: Floats,
    cold: ColdUsers | None = None,
) -> list[Part]:
    """Return what each cause contributes to the scores of pairs.

    The contributions of features are added up by their origins. Those of a candidate model are shared among the causes
    of its own score, in proportion to the positive contributions to it.

    Parameters
    ----------
    stage : Stage
        The candidates and their features.
    ranker : FittedRanker or None
        What scores them; None for the sum of the models' reciprocal ranks.
    users, items : int32 array, shape (n,)
        The pairs. Scores of those that are not candidates are contributions of best sellers.
    scores : float32 array, shape (n,)
        The scores of the pairs.
    cold : ColdUsers or None
        The users, if they are not in the training data.
    """
    all_parts = list[Part]()
    candidates, features = (stage.candidates, stage.features) if cold is None else stage.of_users(cold, 1)
    for distinct, rows, position in by_user(users, BLOCK):
        pairs = candidates.pairs(distinct)
        suggested, entry = find(pairs.keys, position * pairs.n_items + items[rows])
        chosen, entry = rows[suggested], entry[suggested]
        if ranker is None:
            origins, values = source_origins(source_names(stage.models)), reciprocal_ranks(pairs)[entry]
        else:
            origins = (*features.origins, Origin(Cause.BASE))
            values = ranker.contributions(features.values(pairs)[entry])
        is_bought = pairs.in_history()[0][entry]
        for origin in dict.fromkeys(origins):
            columns = [place for place, other in enumerate(origins) if other == origin]
            total = Part.of_all(origin.cause, values[:, columns].sum(axis=1, dtype=np.float64), origin.detail)
            if origin.cause == Cause.BOUGHT_BEFORE:
                divided_parts = [replace(total, because=items[chosen]).take(is_bought), total.take(~is_bought)]
            elif origin.source is not None:
                divided_parts = _shared(total, stage.models[origin.source], users[chosen], items[chosen], cold)
            else:
                divided_parts = [total]
            all_parts += [part.at(chosen) for part in divided_parts]
    return with_rest(all_parts, Cause.BEST_SELLER, scores)


def _shared(total: Part, model: Recommender, users: Indices, items: Indices, cold: ColdUsers | None) -> list[Part]:
    """Share the contribution of a candidate model among the causes of its score; a pair without any keeps it."""
    contributed = model._contributions(users, items, cold)
    own = [part.take(part.value > 0) for part in contributed if part.cause != Cause.BASE]
    weight = sums(own, len(users))
    factor = np.divide(total.value, weight, out=np.zeros(len(users)), where=weight > 0)
    return [*(part.scaled(factor) for part in own), total.take(weight <= 0)]


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
