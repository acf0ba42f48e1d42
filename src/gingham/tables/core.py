"""The k-core of a shop: users and items with enough of one another."""

import numpy as np
import numpy.typing as npt
import polars as pl

from gingham.columns import ITEM_ID, USER_ID
from gingham.tables.codes import Codes, codes


def k_core(rows: pl.DataFrame, k: int) -> pl.DataFrame:
    """Keep the transactions of users who bought `k` different items of those that `k` different users bought.

    Both are counted among what is kept: whoever falls below `k` goes, again and again, until nobody does.
    """
    pairs = rows.select(USER_ID, ITEM_ID).unique()
    users, items = codes(pairs[USER_ID]), codes(pairs[ITEM_ID])
    kept = np.ones(len(users), bool)
    while True:
        enough = (_enough(users, kept, k)) & (_enough(items, kept, k))
        if enough[kept].all():
            break
        kept &= enough
    if kept.all():
        return rows
    return rows.join(pairs.filter(pl.Series(kept)), on=[USER_ID, ITEM_ID], how="semi", maintain_order="left")


def _enough(entities: Codes, kept: npt.NDArray[np.bool_], k: int) -> npt.NDArray[np.bool_]:
    counts = np.bincount(entities[kept], minlength=int(entities.max(initial=0)) + 1)
    return np.asarray(counts[entities] >= k)
