"""How likely it is that someone buys an item again: at all, and by how long ago they last did."""

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.arrays import Floats
from gingham.dataset import Interactions

# Waiting is counted in weeks; who has waited for longer than half a year is as those who waited for half a year.
_DAYS, _WEEKS = 7, 27
# An item's own chances count for as much as those of all items, once so many waited, or bought again.
_SMOOTHING = 50.0
# An item's own share of purchases with another after them counts for as much as that of all items, once it was bought
# so many times.
_PURCHASES = 20.0

Doubles = npt.NDArray[np.float64]


def chances(rows: Interactions, bought: sp.csr_matrix) -> Floats:
    """Estimate for each user and item they bought how likely it is that they buy it again within the next week.

    Of those who had bought the item and waited for as many weeks as the user has by now, it is the share who bought
    it again within a week: a life table [1]_. An item's own is smoothed by that of all items, times how much
    more often than these it is bought again.

    Parameters
    ----------
    rows : Interactions
        With timestamps.
    bought : csr_matrix, shape (n_users, n_items)
        The same, a row a user; columns ascending.

    Returns
    -------
    float32 array, one an entry of `bought`
        Zero for what is not above zero in any of the rows.

    References
    ----------
    .. [1] Kaplan and Meier, "Nonparametric Estimation from Incomplete Observations", JASA, 1958.
    """
    pair, waited, again = _waits(rows)
    item, week = pair % rows.n_items, np.minimum((waited - again) // _DAYS, _WEEKS - 1)
    table = _life_table(item, week, again, rows.n_items)
    # The pairs that wait are those of `bought` in the same order, but for what was never bought.
    users = np.repeat(np.arange(rows.n_users, dtype=np.int64), np.diff(bought.indptr))
    chance = np.zeros(bought.nnz, np.float32)
    waiting = np.isin(users * rows.n_items + bought.indices, pair[~again], assume_unique=True)
    chance[waiting] = table[item[~again], week[~again]]
    return chance


def loyalty(rows: Interactions) -> Doubles:
    """Estimate of each item after which share of its purchases the user bought it again, on another day.

    Parameters
    ----------
    rows : Interactions
        With timestamps.

    Returns
    -------
    float64 array, shape (n_items,)
        Smoothed by the share of all items' purchases; what was never bought has that itself.
    """
    pair, _, again = _waits(rows)
    item = pair % rows.n_items
    bought, repeated = (np.bincount(chosen, minlength=rows.n_items) for chosen in (item, item[again]))
    usual = repeated.sum() / max(bought.sum(), 1)
    shares: Doubles = (repeated + _PURCHASES * usual) / (bought + _PURCHASES)
    return shares


def _waits(rows: Interactions) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Count the days from each day on which a user bought an item to the next, or to the day after all transactions.

    Gives the pair, as a number, in ascending order; the days; and whether they ended with buying again.
    """
    assert rows.timestamp is not None
    bought = rows.value > 0
    day = rows.timestamp[bought].astype("datetime64[D]").astype(np.int64)
    day -= day.min(initial=0)
    end = int(day.max(initial=0)) + 1
    # By hand, for np.unique looks numbers up by their hashes, which takes ten times as long as to sort them.
    keys = np.sort(rows.pairs()[bought] * end + day)
    pair, day = np.divmod(keys[np.diff(keys, prepend=-1) > 0], end)
    # After the last of a pair's days comes the day after all.
    following = np.append(pair, -1)[1:] == pair
    return pair, np.where(following, np.append(day, end)[1:], end) - day, following


def _life_table(
    item: npt.NDArray[np.int64], week: npt.NDArray[np.int64], again: npt.NDArray[np.bool_], n_items: int
) -> Doubles:
    """Give the chance of each item (row) to be bought again in each week of waiting (column)."""
    cell = item * _WEEKS + week
    ended, still = (
        np.bincount(cell[chosen], minlength=n_items * _WEEKS).reshape(n_items, _WEEKS).astype(np.float64)
        for chosen in (again, ~again)
    )
    # Who still waits has not been through the week that they are in.
    waited = np.cumsum((ended + still)[:, ::-1], axis=1)[:, ::-1] - still
    of_all = ended.sum(axis=0) / np.maximum(waited.sum(axis=0), 1)
    often = (ended.sum(axis=1) + _SMOOTHING) / (waited @ of_all + _SMOOTHING)
    table: Doubles = (ended + _SMOOTHING * often[:, None] * of_all) / (waited + _SMOOTHING)
    return table
