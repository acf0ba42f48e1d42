"""Repurchase: how likely users buy an item again, overall and by the time since their last purchase."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.arrays import Bools, Doubles, Floats, Longs
from gingham.checked import stored_array
from gingham.dataset import Interactions

# Waiting times are counted in weeks; the last week stands for half a year and more.
_DAYS, _WEEKS = 7, 27
# The weight of the hazards of all items in those of one item, in users who wait or purchases that were repeated.
_HAZARD_SMOOTHING = 50.0
# The weight of the repurchase rate of all items in that of one item, in purchases.
_RATE_SMOOTHING = 20.0


@dataclass(frozen=True, eq=False)
class RepurchaseHazards:
    """How likely users buy an item again within the next week, by the weeks since they bought it last.

    The estimate is a hazard from a life table [1]_: among users who have waited as many weeks since their last purchase
    of the item, the share who bought it again within a week. Users who still wait are censored. The hazards of an item
    are smoothed by those of all items, multiplied by the item's number of repurchases relative to the expected number.

    Attributes
    ----------
    table : float64 array, shape (n_items, 27)
        The hazard of each item in each week of waiting.

    References
    ----------
    .. [1] Kaplan and Meier, "Nonparametric Estimation from Incomplete Observations", JASA, 1958.
    """

    table: Doubles

    @classmethod
    def of(cls, rows: Interactions) -> "RepurchaseHazards":
        """Estimate the hazards from interactions with timestamps."""
        pair, wait, repeated = _waiting_times(rows)
        return cls(_life_table(pair % rows.n_items, _weeks(wait, repeated), repeated, rows.n_items))

    @classmethod
    def restored(cls, arrays: Mapping[str, npt.NDArray[Any]], n_items: int) -> "RepurchaseHazards | None":
        """Return the hazards of an artifact; None if it has none."""
        if "hazards" not in arrays:
            return None
        return cls(stored_array(arrays, "hazards", "float64", (n_items, _WEEKS), least=0))

    def of_pairs(self, rows: Interactions, purchases: sp.csr_matrix, now: np.datetime64 | None = None) -> Floats:
        """Return the hazard of each user and item.

        Parameters
        ----------
        rows : Interactions
            Interactions with timestamps.
        purchases : csr_matrix, shape (n_users, n_items)
            The matrix of the same interactions, columns ascending.
        now : datetime64, optional
            The time until which users have waited: by default that of the last interaction.

        Returns
        -------
        float32 array, shape (purchases.nnz,)
            The hazard of each entry; zero if none of its interactions is above zero.
        """
        pair, wait, repeated = _waiting_times(rows, now)
        item, week = pair % rows.n_items, _weeks(wait, repeated)
        # The pairs that still wait are the entries of `purchases` in the same order, except for those never bought.
        users = np.repeat(np.arange(rows.n_users, dtype=np.int64), np.diff(purchases.indptr))
        hazards = np.zeros(purchases.nnz, np.float32)
        is_waiting = np.isin(users * rows.n_items + purchases.indices, pair[~repeated], assume_unique=True)
        hazards[is_waiting] = self.table[item[~repeated], week[~repeated]]
        return hazards


def _weeks(wait: Longs, repeated: Bools) -> Longs:
    return np.minimum((wait - repeated) // _DAYS, _WEEKS - 1)


def repurchase_rates(rows: Interactions) -> Doubles:
    """Estimate the share of each item's purchases after which the user bought the item again on another day.

    Parameters
    ----------
    rows : Interactions
        Interactions with timestamps.

    Returns
    -------
    float64 array, shape (n_items,)
        The rates, smoothed by the rate of all items, which is also the rate of items without purchases.
    """
    pair, _, repeated = _waiting_times(rows)
    item = pair % rows.n_items
    n_purchases, n_repeated = (np.bincount(items, minlength=rows.n_items) for items in (item, item[repeated]))
    overall = n_repeated.sum() / max(n_purchases.sum(), 1)
    rates: Doubles = (n_repeated + _RATE_SMOOTHING * overall) / (n_purchases + _RATE_SMOOTHING)
    return rates


def _waiting_times(rows: Interactions, now: np.datetime64 | None = None) -> tuple[Longs, Longs, Bools]:
    """Compute the days between consecutive purchase days of each pair of user and item, and since the last one.

    Returns
    -------
    pair : int64 array
        The pair as a number (user * n_items + item), ascending; one element for each day on which the user bought it.
    wait : int64 array
        The days until the next purchase, or until the day after the last of all transactions (or after `now`).
    repeated : bool array
        Whether the wait ended with a purchase.
    """
    assert rows.timestamp is not None
    bought = rows.value > 0
    day = rows.timestamp[bought].astype("datetime64[D]").astype(np.int64)
    start = int(day.min(initial=0))
    last = day.max(initial=0) if now is None else now.astype("datetime64[D]").astype(np.int64)
    day -= start
    end = int(last) - start + 1
    # np.unique would hash the numbers, which takes ten times as long as sorting them.
    keys = np.sort(rows.pairs()[bought] * end + day)
    pair, day = np.divmod(keys[np.diff(keys, prepend=-1) > 0], end)
    repeated = np.append(pair, -1)[1:] == pair
    return pair, np.where(repeated, np.append(day, end)[1:], end) - day, repeated


def _life_table(item: Longs, week: Longs, repeated: Bools, n_items: int) -> Doubles:
    """Return the repurchase hazard of each item (row) in each week of waiting (column)."""
    cell = item * _WEEKS + week
    repurchases, censored = (
        np.bincount(cell[chosen], minlength=n_items * _WEEKS).reshape(n_items, _WEEKS).astype(np.float64)
        for chosen in (repeated, ~repeated)
    )
    # Users who still wait have not completed their current week, so they are not at risk in it.
    at_risk = np.cumsum((repurchases + censored)[:, ::-1], axis=1)[:, ::-1] - censored
    overall = repurchases.sum(axis=0) / np.maximum(at_risk.sum(axis=0), 1)
    ratio = (repurchases.sum(axis=1) + _HAZARD_SMOOTHING) / (at_risk @ overall + _HAZARD_SMOOTHING)
    table: Doubles = (repurchases + _HAZARD_SMOOTHING * ratio[:, None] * overall) / (at_risk + _HAZARD_SMOOTHING)
    return table
