"""Features of what is bought together with what the user had last."""

import numpy as np
import scipy.sparse as sp

from gingham.arrays import Floats
from gingham.models.neighbours import normalised, top_products
from gingham.ranking.pairs import Pairs, Past
from gingham.ranking.snapshot import Snapshot
from gingham.validation import check_num_threads

# Baskets of so many periods tell what is bought together, and so many items with each.
_PERIODS, _NEIGHBOURS = 16, 100


class Baskets:
    """How near the item is to those of the user's last basket, by what baskets have in common."""

    names = ("basket_near_last",)

    def __init__(self, snapshot: Snapshot) -> None:
        bought, n_items = snapshot.purchases, snapshot.dataset.n_items
        late = np.flatnonzero(bought.age <= _PERIODS * snapshot.days)
        day = np.floor(bought.age[late]).astype(np.int64)
        visits, basket = np.unique(bought.user[late] * (day.max(initial=0) + 1) + day, return_inverse=True)
        item = bought.item[late]
        values = normalised(np.ones(len(item), np.float32), item, n_items)
        baskets = sp.csr_matrix((values, (basket, item)), shape=(len(visits), n_items))
        self._near = top_products(baskets.T.tocsr(), baskets, _NEIGHBOURS, check_num_threads(0))
        rows = np.repeat(np.arange(n_items), np.diff(self._near.indptr))
        self._near.data[self._near.indices == rows] = 0  # that it is its own neighbour says nothing

    def values(self, pairs: Pairs) -> Floats:
        """Give the features."""
        products = of_users(pairs, in_last_basket(pairs.past)) @ self._near
        products.sort_indices()
        return pairs.values(products)[:, None]


def in_last_basket(past: Past) -> Floats:
    """Give 1 to what the user bought on the last day they bought anything, 0 to the rest."""
    last = np.full(past.place.max(initial=-1) + 1, np.inf, np.float32)
    np.minimum.at(last, past.place, past.last)
    return (past.last < last[past.place] + 1).astype(np.float32)


def of_users(pairs: Pairs, weights: Floats) -> sp.csr_matrix:
    """Give what the users had, with a weight each, as a row a user."""
    past, some = pairs.past, weights > 0
    indptr = np.searchsorted(past.place[some], np.arange(len(pairs.users) + 1))
    return sp.csr_matrix((weights[some], past.items[some], indptr), shape=(len(pairs.users), pairs.n_items))
