"""Features of a user's habits: with an item, with its category, and overall."""

from collections.abc import Mapping
from copy import copy

import numpy as np

from gingham.arrays import Floats, Indices, Longs
from gingham.dataset.codes import Codes
from gingham.models.contributions import Cause
from gingham.ranking.origins import Origin
from gingham.ranking.pairs import Pairs, find
from gingham.ranking.snapshot import Purchases, Snapshot, firsts

# The weight of the mean purchase cycle of all items in an item's own, in repeat purchases of the item.
_CYCLE_WEIGHT = 5
# The minimum of a sum of weights before it divides: the weights of old purchases vanish.
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
    origins = (Origin(Cause.BOUGHT_BEFORE),) * len(names)

    def __init__(self, snapshot: Snapshot) -> None:
        purchases = snapshot.purchases
        repeated = np.diff(purchases.user, prepend=-1) == 0
        repeated &= np.diff(purchases.item, prepend=-1) == 0
        gaps = (np.append(np.nan, purchases.age[:-1])[: len(repeated)] - purchases.age)[repeated]
        n_items = snapshot.dataset.n_items
        times = np.bincount(purchases.item[repeated], minlength=n_items)
        total = np.bincount(purchases.item[repeated], gaps, n_items)
        mean = gaps.mean() if len(gaps) else 8 * snapshot.days
        self._cycle = ((total + _CYCLE_WEIGHT * mean) / (times + _CYCLE_WEIGHT)).astype(np.float32)
        self._set_users(snapshot)

    def _set_users(self, snapshot: Snapshot) -> None:
        of_user = np.bincount(snapshot.purchases.user, minlength=snapshot.dataset.n_users)
        self._of_user = np.maximum(of_user, 1).astype(np.float32)
        self._visits = Visits(snapshot.purchases)

    def of_users(self, users: Snapshot) -> "Repeats":
        """Return the features of other users."""
        other = copy(self)
        other._set_users(users)
        return other

    def values(self, pairs: Pairs) -> Floats:
        """Return the features; NaN where the user never bought the item (or, for cycles, not twice)."""
        values = np.full((len(pairs), len(self.names)), np.nan, np.float32)
        bought, entry = pairs.in_history()
        times, first, last, recent = (column[entry[bought]] for column in pairs.past[2:])
        own_cycle, item_cycle = np.full(len(times), np.nan, np.float32), self._cycle[pairs.items]
        twice = times > 1
        own_cycle[twice] = (first - last)[twice] / (times[twice] - 1)
        user = pairs.user[bought]
        share = times / self._of_user[user]
        values[bought, :7] = np.column_stack([times, recent, share, first, last, own_cycle, last / own_cycle])
        values[bought, 7] = last / item_cycle[bought]
        values[bought, 8] = self._visits.since(user, last)
        values[bought, 9] = times / (self._visits.since(user, first) + 1)
        values[:, 10] = item_cycle
        return values


class Visits:
    """The days on which users bought something.

    Attributes
    ----------
    user, day, size : int64 array
        The user, how many whole days ago, and the number of items; sorted by user, the most recent day first.
    """

    def __init__(self, purchases: Purchases) -> None:
        day = np.floor(purchases.age).astype(np.int64)
        self._days = day.max(initial=0) + 1
        self._keys, self.size = np.unique(purchases.user * self._days + day, return_counts=True)
        self.user, self.day = np.divmod(self._keys, self._days)

    def since(self, user: Indices, age: Floats) -> Longs:
        """Count the users' visits after the day that was `age` days ago."""
        key = user.astype(np.int64) * self._days
        end, start = (np.searchsorted(self._keys, keys) for keys in (key + np.floor(age).astype(np.int64), key))
        return np.asarray(end - start)


class Habits:
    """How much, how often and how regularly the user buys overall."""

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
    origins = (Origin(Cause.SHOPPING),) * len(names)

    def __init__(self, snapshot: Snapshot) -> None:
        self._sales = np.log1p(snapshot.sales())
        self._table = self._of_users(snapshot)

    def of_users(self, users: Snapshot) -> "Habits":
        """Return the features of other users."""
        other = copy(self)
        other._table = self._of_users(users)
        return other

    def _of_users(self, snapshot: Snapshot) -> Floats:
        """Return the features of each user, shape (n_users, n_features)."""
        purchases, n_users = snapshot.purchases, snapshot.dataset.n_users
        visits = Visits(purchases)
        n_visits = np.bincount(visits.user, minlength=n_users)
        items = np.bincount(purchases.user, minlength=n_users)
        ages = np.full((n_users, 2), np.nan, np.float32)
        starts = firsts(visits.user)  # within a user, from the last visit to the first
        ends = np.append(starts[1:], len(visits.user)) - 1 if len(starts) else starts
        ages[visits.user[starts]] = np.column_stack([visits.day[ends], visits.day[starts]])
        last_size = np.full(n_users, np.nan, np.float32)
        last_size[visits.user[starts]] = visits.size[starts]
        pair_starts = firsts(purchases.user.astype(np.int64) * snapshot.dataset.n_items + purchases.item)
        distinct = np.bincount(purchases.user[pair_starts], minlength=n_users)
        with np.errstate(invalid="ignore", divide="ignore"):
            cycle = np.where(n_visits > 1, (ages[:, 0] - ages[:, 1]) / (n_visits - 1), np.nan)
            columns = [
                *ages.T,
                n_visits,
                cycle,
                ages[:, 1] / np.maximum(cycle, 1),
                items,
                items / n_visits,
                1 - distinct / items,
                last_size,
                np.bincount(purchases.user, self._sales[purchases.item], n_users) / items,
                _mean_price(purchases, n_users),
            ]
        return np.column_stack(columns).astype(np.float32)

    def values(self, pairs: Pairs) -> Floats:
        """Return the features."""
        return self._table[pairs.user]


class CategoryHabits:
    """How often and when the user bought items of the same category, for each column of categories."""

    def __init__(self, codes: Mapping[str, Codes]) -> None:
        self._codes = codes
        self.names = tuple(
            f"{column}_{what}"
            for column in codes
            for what in ("times", "share", "recent_share", "days_since_last", "pair_share")
        )
        self.origins = tuple(Origin(Cause.ITEM_FEATURE, column) for column in codes for _ in range(5))

    def of_users(self, users: Snapshot) -> "CategoryHabits":  # noqa: ARG002
        """Return these features: they are the same for all users with the same history."""
        return self

    def values(self, pairs: Pairs) -> Floats:
        """Return the features; NaN days where the user never bought the category."""
        values = np.empty((len(pairs), len(self.names)), np.float32)
        past = pairs.past
        n_users = len(pairs.users)
        bought, history_entry = pairs.in_history()
        pair_recent = np.zeros(len(pairs), np.float32)
        pair_recent[bought] = past.recent[history_entry[bought]]
        total, recent_total = (
            np.maximum(np.bincount(past.position, weights, n_users), _LEAST) for weights in (past.times, past.recent)
        )
        for number, codes in enumerate(self._codes.values()):
            keys = past.position * codes.n_values + codes.of_row[past.items]
            order = np.argsort(keys, kind="stable")
            starts = firsts(keys[order])
            same, entry = find(keys[order][starts], pairs.position * codes.n_values + codes.of_row[pairs.items])
            entry = entry[same]
            times, recent, last = (
                reduced.reduceat(column[order], starts)[entry] if len(starts) else np.empty(0, np.float32)
                for reduced, column in ((np.add, past.times), (np.add, past.recent), (np.minimum, past.last))
            )
            columns = values[:, 5 * number : 5 * number + 5]
            columns[:, :3], columns[:, 3:] = 0, np.nan
            position = pairs.position[same]
            columns[same] = np.column_stack(
                [
                    times,
                    times / total[position],
                    recent / recent_total[position],
                    last,
                    pair_recent[same] / np.maximum(recent, _LEAST),
                ]
            )
        return values


def _mean_price(purchases: Purchases, n_users: int) -> Floats:
    if purchases.price is None:
        return np.full(n_users, np.nan, np.float32)
    priced = np.isfinite(purchases.price)
    total = np.bincount(purchases.user[priced], purchases.price[priced], n_users)
    return (total / np.bincount(purchases.user[priced], minlength=n_users)).astype(np.float32)
