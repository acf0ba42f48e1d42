"""The feature of items that are bought together with those of the user's last basket."""

import numpy as np
import scipy.sparse as sp

from gingham.arrays import Floats
from gingham.models.contributions import Cause
from gingham.models.neighbours import normalised, top_products
from gingham.ranking.origins import Origin
from gingham.ranking.pairs import Pairs, Past
from gingham.ranking.snapshot import Snapshot
from gingham.validation import check_num_threads

# The baskets of this many periods count, and this many neighbours of each item.
_PERIODS, _NEIGHBOURS = 16, 100


class Baskets:
    """The co-occurrence of an item with the items of the user's last basket.

    The similarity of two items is the cosine between the baskets that contain them.
    """

    names = ("basket_near_last",)
    origins = (Origin(Cause.BOUGHT_TOGETHER),)

    def __init__(self, snapshot: Snapshot) -> None:
        purchases, n_items = snapshot.purchases, snapshot.dataset.n_items
        recent = np.flatnonzero(purchases.age <= _PERIODS * snapshot.days)
        day = np.floor(purchases.age[recent]).astype(np.int64)
        visits, basket = np.unique(purchases.user[recent] * (day.max(initial=0) + 1) + day, return_inverse=True)
        item = purchases.item[recent]
        values = normalised(np.ones(len(item), np.float32), item, n_items)
        baskets = sp.csr_matrix((values, (basket, item)), shape=(len(visits), n_items))
        self._similarity = top_products(baskets.T.tocsr(), baskets, _NEIGHBOURS, check_num_threads(0))
        rows = np.repeat(np.arange(n_items), np.diff(self._similarity.indptr))
        self._similarity.data[self._similarity.indices == rows] = 0  # every item occurs together with itself

    def of_users(self, users: Snapshot) -> "Baskets":  # noqa: ARG002
        """Return these features: they are the same for all users with the same history."""
        return self

    def values(self, pairs: Pairs) -> Floats:
        """Return the feature, shape (n, 1)."""
        products = weighted_items(pairs, in_last_basket(pairs.past)) @ self._similarity
        products.sort_indices()
        return pairs.values(products)[:, None]


def in_last_basket(past: Past) -> Floats:
    """Return 1 for items that the user bought on their last day, 0 for the others."""
    last = np.full(past.position.max(initial=-1) + 1, np.inf, np.float32)
    np.minimum.at(last, past.position, past.last)
    return (past.last < last[past.position] + 1).astype(np.float32)


def weighted_items(pairs: Pairs, weights: Floats) -> sp.csr_matrix:
    """Return the users' histories with a weight for each entry of `Pairs.past`: a row per user, a column per item."""
    past, positive = pairs.past, weights > 0
    indptr = np.searchsorted(past.position[positive], np.arange(len(pairs.users) + 1))
    return sp.csr_matrix((weights[positive], past.items[positive], indptr), shape=(len(pairs.users), pairs.n_items))
