"""What a whole set of lists is like, whether or not anyone buys from it.

Every function takes `Lists` and a `k`, looks at the first `k` of each list, and returns a number: NaN where there is
nothing to look at. A list that is shorter than `k` counts for what it holds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham import _native
from gingham.arrays import Indices, pattern


@dataclass(frozen=True, eq=False)
class Lists:
    """The items shown to some users, and what is known about both.

    Attributes
    ----------
    items : int32 array, shape (n_users, k)
        Indices of the items, best first; -1 where a list has ended.
    had : csr_matrix, shape (n_users, n_items)
        What these users had before, columns ascending.
    n_buyers : int array of length n_items
        How many of all users had each item before.
    n_known : int
        How many users had anything before.
    features : csr_matrix or None
        What the items have in common, shape (n_items, n_features); None if that is not known.
    """

    items: Indices
    had: sp.csr_matrix
    n_buyers: npt.NDArray[np.integer]
    n_known: int
    features: sp.csr_matrix | None = None

    @classmethod
    def of(cls, items: Indices, users: Indices, known: sp.csr_matrix, features: sp.csr_matrix | None = None) -> "Lists":
        """Take lists of some users; `known` is what everyone had, shape (n_users, n_items)."""
        n_buyers = np.bincount(known.indices, minlength=known.shape[1])
        n_known = int(np.count_nonzero(np.diff(known.indptr)))
        return cls(items, known[users], n_buyers, n_known, features)

    @property
    def n_items(self) -> int:
        """How many items there are to show."""
        return len(self.n_buyers)

    def shown(self, k: int) -> Indices:
        """Give the items of all lists, one after the other, cut at `k`."""
        items = self.items[:, :k]
        return items[items >= 0]

    def exposure(self, k: int) -> npt.NDArray[np.int64]:
        """Count how many lists show each item."""
        return np.bincount(self.shown(k), minlength=self.n_items)

    @cached_property
    def repeats(self) -> npt.NDArray[np.bool_]:
        """Tell for each place of each list whether its item is one that the user had before."""
        repeats = np.empty(self.items.shape, bool)
        _native.mark_repeats(items=self.items, had=pattern(self.had), n_items=self.n_items, out=repeats)
        return repeats

    @cached_property
    def likeness(self) -> npt.NDArray[np.float64] | None:
        """Sum, up to each place of each list, the cosines of each two items' features; None if these are not known."""
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


def coverage_at_k(lists: Lists, k: int) -> float:
    """Count the items that any list shows, and divide by the number of items."""
    return float(np.count_nonzero(lists.exposure(k)) / lists.n_items)


def gini_at_k(lists: Lists, k: int) -> float:
    """Say how unevenly the places of all lists are dealt out to the items, shown or not, by the Gini coefficient.

    0: each item is shown equally often. 1 - 1 / n_items: one item has all places.
    """
    counts = np.sort(lists.exposure(k))
    n_items, n_places = len(counts), counts.sum()
    if not n_places:
        return np.nan
    return float((2 * np.arange(1, n_items + 1) - n_items - 1) @ counts / (n_items * n_places))


def novelty_at_k(lists: Lists, k: int) -> float:
    """Average the self-information of what is shown, in bits: -log2 of the share of users who had the item before.

    Divided by the number of places, of all lists together. One more user is counted as having every item, so that what
    nobody had is finite. Zhou et al., "Solving the apparent diversity-accuracy dilemma of recommender systems", 2010.
    """
    exposure = lists.exposure(k)
    if not exposure.any():
        return np.nan
    return float(exposure @ -np.log2((lists.n_buyers + 1) / (lists.n_known + 1)) / exposure.sum())


def diversity_at_k(lists: Lists, k: int) -> float:
    """Average 1 - cosine of the features of two items of a list: over its pairs of items, then over the lists.

    0: the items of a list are all alike. An item without features is like no other. Lists of fewer than two items don't
    count. Ziegler et al., "Improving recommendation lists through topic diversification", 2005.
    """
    if lists.likeness is None:
        return np.nan
    lengths = (lists.items[:, :k] >= 0).sum(axis=1)
    several = lengths > 1
    if not several.any():
        return np.nan
    pairs = lengths[several] * (lengths[several] - 1) / 2
    return float(np.mean(1 - lists.likeness[several, k - 1] / pairs))


def repeat_share_at_k(lists: Lists, k: int) -> float:
    """Count the places whose item the user had before, and divide by the places of all lists."""
    return _share(lists.repeats[:, :k].sum(), len(lists.shown(k)))


def cold_share_at_k(lists: Lists, k: int) -> float:
    """Count the places whose item nobody had before, and divide by the places of all lists."""
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
