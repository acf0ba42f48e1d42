"""Metrics of all recommended lists together, which don't depend on what users choose.

Every function takes `Lists` and `k`, uses the first `k` items of each list, and returns a float: NaN if the lists hold
nothing that the metric can use. A list shorter than `k` counts with the items that it has.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham import _native
from gingham.arrays import Indices, array_of, pattern, positive_entries, require_indices, valid
from gingham.errors import DataError
from gingham.validation import check_integer, check_type


@dataclass(frozen=True, eq=False)
class Lists:
    """The lists recommended to some users, with the users' history and the items' features.

    Attributes
    ----------
    items : int32 array, shape (n_users, k)
        Indices of the items, best first; -1 after the end of a list.
    history : csr_matrix, shape (n_users, n_items)
        The items that these users interacted with before, columns ascending.
    n_buyers : int array of length n_items
        The number of users, of all users of the training data, who interacted with each item before.
    n_active : int
        The number of users who interacted with any item before.
    features : csr_matrix or None
        The item features that diversity compares, shape (n_items, n_features); None if there are none.

    Examples
    --------
    >>> import gingham as gg
    >>> train, test = gg.split.by_time(gg.synth.sample_dataset(), test="7d")
    >>> model = gg.BuyAgain().fit(train)
    >>> ranks, ranking = gg.metrics.rank_test(model, test, k=5)
    >>> lists = gg.metrics.Lists.of(ranking.items, ranks.users, train.matrix())
    >>> gg.metrics.OF_LISTS["repeat_share"](lists, 5) > 0.5
    True
    """

    items: Indices
    history: sp.csr_matrix
    n_buyers: npt.NDArray[np.integer]
    n_active: int
    features: sp.csr_matrix | None = None

    @classmethod
    def of(
        cls, items: Indices, users: Indices, interactions: sp.csr_matrix, features: sp.csr_matrix | None = None
    ) -> "Lists":
        """Build from the lists of some users and the interactions of all users.

        Parameters
        ----------
        items : int32 array, shape (n_lists, k)
            The lists.
        users : int32 array of length n_lists
            The indices of the users that they are for.
        interactions : csr_matrix, shape (n_users, n_items)
            The interactions of all users in the training data; those of zero or less are ignored.
        features : csr_matrix or None
            The item features that diversity compares, shape (n_items, n_features); none by default.
        """
        check_type("items", items, np.ndarray, "an array of indices")
        if items.ndim != 2 or items.dtype.kind != "i":
            raise DataError(f"items is a {items.ndim}-dimensional array of {items.dtype}; pass one row for each list.")
        interactions = positive_entries(valid(interactions, "interactions").tocsr())
        users = array_of(users, "users", "integers")
        require_indices("users", users, interactions.shape[0])
        require_indices("items", items[items >= 0], interactions.shape[1])
        features = None if features is None else valid(features, "features").tocsr()
        n_buyers = np.bincount(interactions.indices, minlength=interactions.shape[1])
        n_active = int(np.count_nonzero(np.diff(interactions.indptr)))
        return cls(items, interactions[users], n_buyers, n_active, features)

    @property
    def n_items(self) -> int:
        """The number of items that could be recommended."""
        return len(self.n_buyers)

    def shown(self, k: int) -> Indices:
        """Return the first `k` items of all lists, one list after the other."""
        check_integer("k", k)
        items = self.items[:, :k]
        return items[items >= 0]

    def exposure(self, k: int) -> npt.NDArray[np.int64]:
        """Return the number of lists that have each item among their first `k`."""
        return np.bincount(self.shown(k), minlength=self.n_items)

    @cached_property
    def repeats(self) -> npt.NDArray[np.bool_]:
        """Whether each item of each list is in the history of its user, shape (n_users, k)."""
        repeats = np.empty(self.items.shape, bool)
        _native.mark_repeats(items=self.items, had=pattern(self.history), n_items=self.n_items, out=repeats)
        return repeats

    @cached_property
    def cosine_sums(self) -> npt.NDArray[np.float64] | None:
        """The sum of the cosines of all pairs of items up to each place of each list; None without features."""
        if self.features is None:
            return None
        features = self.features.astype(np.float64)
        features.sum_duplicates()
        lengths = np.sqrt(np.asarray(features.power(2).sum(axis=1)).ravel())
        unit = features.data / np.repeat(np.where(lengths > 0, lengths, 1), np.diff(features.indptr))
        sums = np.empty(self.items.shape)
        rows = (*pattern(features), unit.astype(np.float32))
        _native.sum_products(items=self.items, features=rows, n_features=features.shape[1], out=sums)
        return sums


def check_lists(lists: Any) -> None:
    """Check that a value is `Lists`."""
    check_type("lists", lists, Lists, "gingham.metrics.Lists")


def coverage_at_k(lists: Lists, k: int) -> float:
    """Compute the coverage: the share of all items that are in at least one list.

    Parameters
    ----------
    lists : Lists
        The recommended lists.
    k : int
        The number of items of each list that count.

    Examples
    --------
    The lists of two users show the items 0, 1 and 2 of five.

    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> from gingham.metrics import Lists, coverage_at_k
    >>> history = sp.csr_matrix(np.array([[1, 0, 0, 0, 0], [1, 1, 0, 0, 0]], np.float32))
    >>> lists = Lists.of(np.array([[0, 1], [0, 2]], np.int32), np.array([0, 1], np.int32), history)
    >>> coverage_at_k(lists, k=2)  # 3 / 5
    0.6
    """
    check_lists(lists)
    return float(np.count_nonzero(lists.exposure(k)) / lists.n_items)


def gini_at_k(lists: Lists, k: int) -> float:
    """Compute the Gini coefficient of the numbers of lists that show each item, items in no list included.

    0: each item is in equally many lists. 1 - 1 / n_items: all places go to one item.

    Parameters
    ----------
    lists, k
        As for `coverage_at_k`.

    Examples
    --------
    The five items are in 2, 1, 1, 0 and 0 lists. The mean absolute difference of two of these numbers, over all 25
    ordered pairs, is 20 / 25. It is divided by twice their mean, 2 * 4 / 5.

    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> from gingham.metrics import Lists, gini_at_k
    >>> history = sp.csr_matrix(np.array([[1, 0, 0, 0, 0], [1, 1, 0, 0, 0]], np.float32))
    >>> lists = Lists.of(np.array([[0, 1], [0, 2]], np.int32), np.array([0, 1], np.int32), history)
    >>> gini_at_k(lists, k=2)  # (20 / 25) / (8 / 5)
    0.5
    """
    check_lists(lists)
    counts = np.sort(lists.exposure(k))
    n_items, n_places = len(counts), counts.sum()
    if not n_places:
        return np.nan
    return float((2 * np.arange(1, n_items + 1) - n_items - 1) @ counts / (n_items * n_places))


def novelty_at_k(lists: Lists, k: int) -> float:
    """Compute the novelty: the mean self-information of the recommended items, in bits [1]_.

    The self-information of an item is -log2 of the share of users who interacted with it before. One user who
    interacted with every item is added, so that it is finite for items without interactions.

    Parameters
    ----------
    lists, k
        As for `coverage_at_k`.

    References
    ----------
    .. [1] Zhou et al., "Solving the apparent diversity-accuracy dilemma of recommender systems", PNAS, 2010.

    Examples
    --------
    Of two users, two bought item 0, one item 1 and none item 2. With one more user who bought all items, the shares are
    3 / 3, 2 / 3 and 1 / 3.

    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> from gingham.metrics import Lists, novelty_at_k
    >>> history = sp.csr_matrix(np.array([[1, 0, 0, 0, 0], [1, 1, 0, 0, 0]], np.float32))
    >>> lists = Lists.of(np.array([[0, 1], [0, 2]], np.int32), np.array([0, 1], np.int32), history)
    >>> round(novelty_at_k(lists, k=2), 4)  # (0 - log2(2 / 3) + 0 - log2(1 / 3)) / 4
    0.5425
    """
    check_lists(lists)
    exposure = lists.exposure(k)
    if not exposure.any():
        return np.nan
    return float(exposure @ -np.log2((lists.n_buyers + 1) / (lists.n_active + 1)) / exposure.sum())


def diversity_at_k(lists: Lists, k: int) -> float:
    """Compute the intra-list diversity: the mean of 1 - cosine similarity of the features of two items of a list [1]_.

    The mean is taken over the pairs of items of a list, then over the lists. The similarity to an item without features
    is 0. Lists of fewer than two items are left out.

    Parameters
    ----------
    lists, k
        As for `coverage_at_k`.

    References
    ----------
    .. [1] Ziegler et al., "Improving recommendation lists through topic diversification", WWW, 2005.

    Examples
    --------
    The features of the items 0 and 1 are equal (cosine 1); those of 0 and 2 have nothing in common (cosine 0).

    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> from gingham.metrics import Lists, diversity_at_k
    >>> history = sp.csr_matrix(np.array([[1, 0, 0], [1, 1, 0]], np.float32))
    >>> features = sp.csr_matrix(np.array([[1, 0], [1, 0], [0, 1]], np.float32))
    >>> lists = Lists.of(np.array([[0, 1], [0, 2]], np.int32), np.array([0, 1], np.int32), history, features)
    >>> diversity_at_k(lists, k=2)  # ((1 - 1) + (1 - 0)) / 2
    0.5
    """
    check_lists(lists)
    check_integer("k", k)
    if lists.cosine_sums is None:
        return np.nan
    lengths = (lists.items[:, :k] >= 0).sum(axis=1)
    several = lengths > 1
    if not several.any():
        return np.nan
    pairs = lengths[several] * (lengths[several] - 1) / 2
    return float(np.mean(1 - lists.cosine_sums[several, min(k, lists.items.shape[1]) - 1] / pairs))


def repeat_share_at_k(lists: Lists, k: int) -> float:
    """Compute the share of recommended items that are in the history of the user.

    Parameters
    ----------
    lists, k
        As for `coverage_at_k`.

    Examples
    --------
    The first user bought item 0, and the list has 0 and 1. The second user bought 0 and 1, and the list has 0 and 2.

    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> from gingham.metrics import Lists, repeat_share_at_k
    >>> history = sp.csr_matrix(np.array([[1, 0, 0, 0, 0], [1, 1, 0, 0, 0]], np.float32))
    >>> lists = Lists.of(np.array([[0, 1], [0, 2]], np.int32), np.array([0, 1], np.int32), history)
    >>> repeat_share_at_k(lists, k=2)  # 2 / 4
    0.5
    """
    check_lists(lists)
    n_shown = len(lists.shown(k))
    return _share(lists.repeats[:, :k].sum(), n_shown)


def cold_share_at_k(lists: Lists, k: int) -> float:
    """Compute the share of recommended items that no user interacted with before.

    Parameters
    ----------
    lists, k
        As for `coverage_at_k`.

    Examples
    --------
    Of the four places in the lists, one has item 2, which no user bought.

    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> from gingham.metrics import Lists, cold_share_at_k
    >>> history = sp.csr_matrix(np.array([[1, 0, 0, 0, 0], [1, 1, 0, 0, 0]], np.float32))
    >>> lists = Lists.of(np.array([[0, 1], [0, 2]], np.int32), np.array([0, 1], np.int32), history)
    >>> cold_share_at_k(lists, k=2)  # 1 / 4
    0.25
    """
    check_lists(lists)
    exposure = lists.exposure(k)
    return _share(exposure[lists.n_buyers == 0].sum(), exposure.sum())


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else np.nan


OF_LISTS: Mapping[str, Callable[[Lists, int], float]] = {
    "coverage": coverage_at_k,
    "gini": gini_at_k,
    "novelty": novelty_at_k,
    "diversity": diversity_at_k,
    "repeat_share": repeat_share_at_k,
    "cold_share": cold_share_at_k,
}
