"""Features of a user's habits: with an item, with its category, and at all."""

import numpy as np

from gingham.arrays import Floats, Indices
from gingham.dataset.codes import Codes
from gingham.ranking.pairs import Pairs, find
from gingham.ranking.snapshot import Longs, Purchases, Snapshot, firsts

# An item's own purchase cycle counts for as much as the mean of all items', once it was bought again so many times.
_CYCLES = 5
# What a sum of purchases is divided by at least: those of long ago fade to nothing.
_LEAST = 1e-9


class Repeats:
    """How often, when and how regularly the user bought the item."""

    names = (
        "pair_times",
        "pair_times_recent",
        "pair_share",
        "pair_days_since_first",
        "pair_days_since_last",
        "pair_cycle",
        "pair_due",
        "pair_due_by_item",
        "pair_visits_since_last",
        "pair_share_of_visits",
        "item_cycle",
    )

    def __init__(self, snapshot: Snapshot) -> None:
        bought = snapshot.purchases
        again = np.diff(bought.user, prepend=-1) == 0
        again &= np.diff(bought.item, prepend=-1) == 0
        gaps = (np.append(np.nan, bought.age[:-1])[: len(again)] - bought.age)[again]
        n_items = snapshot.dataset.n_items
        times = np.bincount(bought.item[again], minlength=n_items)
        total = np.bincount(bought.item[again], gaps, n_items)
        mean = gaps.mean() if len(gaps) else 8 * snapshot.days
        self._cycle = ((total + _CYCLES * mean) / (times + _CYCLES)).astype(np.float32)
        purchases = np.bincount(bought.user, minlength=snapshot.dataset.n_users)
        self._purchases = np.maximum(purchases, 1).astype(np.float32)
        self._visits = Visits(bought)

    def values(self, pairs: Pairs) -> Floats:
        """Give the features, NaN where the user never had the item (or not twice)."""
        found = np.full((len(pairs), len(self.names)), np.nan, np.float32)
        had, entry = pairs.had()
        past = [column[entry[had]] for column in pairs.past[2:]]
        times, first, last, recent = past
        own, usual = np.full(len(times), np.nan, np.float32), self._cycle[pairs.items]
        twice = times > 1
        own[twice] = (first - last)[twice] / (times[twice] - 1)
        share = times / self._purchases[pairs.user[had]]
        found[had, :7] = np.column_stack([times, recent, share, first, last, own, last / own])
        found[had, 7] = last / usual[had]
        user = pairs.user[had]
        found[had, 8] = self._visits.since(user, last)
        found[had, 9] = times / (self._visits.since(user, first) + 1)
        found[:, 10] = usual
        return found


class Visits:
    """The days on which users bought something.

    Attributes
    ----------
    user, day, size : int64 array
        Whose, how many whole days ago, and how many items; by user, the last day first.
    """

    def __init__(self, bought: Purchases) -> None:
        day = np.floor(bought.age).astype(np.int64)
        self._days = day.max(initial=0) + 1
        self._keys, self.size = np.unique(bought.user * self._days + day, return_counts=True)
        self.user, self.day = np.divmod(self._keys, self._days)

    def since(self, user: Indices, age: Floats) -> Longs:
        """Count the users' days after one that is so many days ago."""
        key = user.astype(np.int64) * self._days
        end, start = (np.searchsorted(self._keys, keys) for keys in (key + np.floor(age).astype(np.int64), key))
        return np.asarray(end - start)


class Habits:
    """How much, how often and how regularly the user buys at all."""

    names = (
        "user_days_since_first",
        "user_days_since_last",
        "user_visits",
        "user_cycle",
        "user_due",
        "user_items",
        "user_items_a_visit",
        "user_share_of_repeats",
        "user_items_last_visit",
        "user_popularity",
        "user_price",
    )

    def __init__(self, snapshot: Snapshot) -> None:
        bought, n_users = snapshot.purchases, snapshot.dataset.n_users
        of = Visits(bought)
        user, day, size = of.user, of.day, of.size
        visits = np.bincount(user, minlength=n_users)
        items = np.bincount(bought.user, minlength=n_users)
        ages = np.full((n_users, 2), np.nan, np.float32)
        starts = firsts(user)  # by user, then from the last visit to the first
        ends = np.append(starts[1:], len(user)) - 1 if len(starts) else starts
        ages[user[starts]] = np.column_stack([day[ends], day[starts]])
        last_size = np.full(n_users, np.nan, np.float32)
        last_size[user[starts]] = size[starts]
        distinct = np.bincount(
            bought.user[firsts(bought.user.astype(np.int64) * snapshot.dataset.n_items + bought.item)],
            minlength=n_users,
        )
        sales = np.log1p(snapshot.sales())
        with np.errstate(invalid="ignore", divide="ignore"):
            cycle = np.where(visits > 1, (ages[:, 0] - ages[:, 1]) / (visits - 1), np.nan)
            columns = [
                *ages.T,
                visits,
                cycle,
                ages[:, 1] / np.maximum(cycle, 1),
                items,
                items / visits,
                1 - distinct / items,
                last_size,
                np.bincount(bought.user, sales[bought.item], n_users) / items,
                _mean_price(snapshot, n_users),
            ]
        self.table = np.column_stack(columns).astype(np.float32)

    def values(self, pairs: Pairs) -> Floats:
        """Give the features."""
        return self.table[pairs.user]


class CategoryHabits:
    """How often and when the user bought of the item's category, for each column that is one."""

    def __init__(self, codes: dict[str, Codes]) -> None:
        self._codes = codes
        self.names = tuple(
            f"{column}_{what}"
            for column in codes
            for what in ("times", "share", "recent_share", "days_since_last", "pair_share")
        )

    def values(self, pairs: Pairs) -> Floats:
        """Give the features; NaN for days since what never happened."""
        found = np.empty((len(pairs), len(self.names)), np.float32)
        past = pairs.past
        n_users = len(pairs.users)
        had, which = pairs.had()
        mine = np.zeros(len(pairs), np.float32)
        mine[had] = past.recent[which[had]]
        total, recent_total = (
            np.maximum(np.bincount(past.place, what, n_users), _LEAST) for what in (past.times, past.recent)
        )
        for number, codes in enumerate(self._codes.values()):
            keys = past.place * codes.n_values + codes.of_row[past.items]
            order = np.argsort(keys, kind="stable")
            starts = firsts(keys[order])
            wanted = pairs.place * codes.n_values + codes.of_row[pairs.items]
            there, entry = find(keys[order][starts], wanted)
            entry = entry[there]
            times, recent, last = (
                reduced.reduceat(what[order], starts)[entry] if len(starts) else np.empty(0, np.float32)
                for reduced, what in ((np.add, past.times), (np.add, past.recent), (np.minimum, past.last))
            )
            columns = found[:, 5 * number : 5 * number + 5]
            columns[:, :3], columns[:, 3:] = 0, np.nan
            place = pairs.place[there]
            columns[there] = np.column_stack(
                [
                    times,
                    times / total[place],
                    recent / recent_total[place],
                    last,
                    mine[there] / np.maximum(recent, _LEAST),
                ]
            )
        return found


def _mean_price(snapshot: Snapshot, n_users: int) -> Floats:
    bought = snapshot.purchases
    if bought.price is None:
        return np.full(n_users, np.nan, np.float32)
    known = np.isfinite(bought.price)
    total = np.bincount(bought.user[known], bought.price[known], n_users)
    return (total / np.bincount(bought.user[known], minlength=n_users)).astype(np.float32)
