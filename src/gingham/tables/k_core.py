"""The k-core of the transactions: users and items that have at least k of each other."""

import numpy as np
import polars as pl

from gingham.arrays import Bools
from gingham.columns import ITEM_ID, USER_ID
from gingham.tables.id_codes import Codes, encode_ids


def keep_k_core(rows: pl.DataFrame, k: int) -> pl.DataFrame:
    """Keep users with at least `k` different items and items with at least `k` different users.

    Both counts are of the transactions that are kept. Users and items below `k` are therefore removed repeatedly,
    until all others reach it.

    Parameters
    ----------
    rows : polars.DataFrame
        Transactions.
    k : int
        The minimum, at least 1.

    Returns
    -------
    polars.DataFrame
        The transactions of the k-core in their order; empty if there is no k-core.
    """
    pairs = rows.select(USER_ID, ITEM_ID).unique()
    users, items = encode_ids(pairs[USER_ID]), encode_ids(pairs[ITEM_ID])
    in_core = np.ones(len(users), bool)
    while True:
        reaches_k = _reaches(users, in_core, k) & _reaches(items, in_core, k)
        if reaches_k[in_core].all():
            break
        in_core &= reaches_k
    if in_core.all():
        return rows
    return rows.join(pairs.filter(pl.Series(in_core)), on=[USER_ID, ITEM_ID], how="semi", maintain_order="left")


def without_removed(items: pl.DataFrame, before: pl.Series, after: pl.Series) -> pl.DataFrame:
    """Return the items table without the items that a filter removed; items without transactions stay.

    Parameters
    ----------
    items : polars.DataFrame
        The items table.
    before, after : polars.Series
        The distinct items of the transactions before and after the filter.
    """
    ids = items[ITEM_ID]
    removed = before.filter(~before.is_in(after.implode())).cast(ids.dtype)
    return items.filter(~ids.is_in(removed.implode()))


def _reaches(codes: Codes, in_core: Bools, k: int) -> Bools:
    """Return, for each pair, whether its user (item) has at least `k` pairs in the core."""
    counts = np.bincount(codes[in_core], minlength=int(codes.max(initial=0)) + 1)
    return np.asarray(counts[codes] >= k)
