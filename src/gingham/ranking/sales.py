"""Features of how items sell: recently, by trend, in the user's segment, and at which price."""

from collections.abc import Mapping
from copy import copy

import numpy as np

from gingham.arrays import Bools, Doubles, Floats
from gingham.dataset.codes import Codes
from gingham.models.contributions import Cause
from gingham.ranking.origins import Origin
from gingham.ranking.pairs import Pairs, find
from gingham.ranking.snapshot import Snapshot, firsts

# The windows in which sales are counted, in periods: a day to eight weeks where the period is a week.
_WINDOWS = (1 / 7, 3 / 7, 1, 2, 4, 8)
# The weight of the sales to all users in a segment's sales of an item, and of a mean loyalty in an item's own.
_SMOOTHING = 5


class ItemSales:
    """An item's sales in several windows, their trend, its number of buyers, age and price."""

    def __init__(self, snapshot: Snapshot) -> None:
        purchases, n_items, days = snapshot.purchases, snapshot.dataset.n_items, snapshot.days
        windows = {f"{part * days:.3g}d": snapshot.sales(part * days) for part in _WINDOWS} | {"ever": snapshot.sales()}
        columns = {f"item_sales_{name}": np.log1p(sales) for name, sales in windows.items()}
        shares = {name: sales / max(sales.sum(), 1) for name, sales in windows.items()}
        names = list(windows)
        for short, long in ((1, 2), (2, 3), (2, 4), (4, 5)):
            one, other = shares[names[short]], shares[names[long]]
            columns[f"item_trend_{names[short]}_{names[long]}"] = np.log((one + 1e-5) / (other + 1e-5))
        rank = np.empty(n_items)
        rank[np.argsort(-windows[names[2]], kind="stable")] = np.arange(n_items)
        columns["item_rank"] = rank
        pairs = firsts(purchases.user.astype(np.int64) * n_items + purchases.item)
        times = np.diff(np.append(pairs, len(purchases.user)))
        buyers = np.bincount(purchases.item[pairs], minlength=n_items)
        loyal = np.bincount(purchases.item[pairs[times > 1]], minlength=n_items)
        columns["item_buyers"] = np.log1p(buyers)
        columns["item_share_of_loyal"] = (loyal + 0.05 * _SMOOTHING) / (buyers + _SMOOTHING)
        ages = np.full((n_items, 2), np.nan)
        order = np.lexsort((purchases.age, purchases.item))
        starts = firsts(purchases.item[order])
        ends = np.append(starts[1:], len(order)) - 1 if len(starts) else starts
        oldest, newest = purchases.age[order[ends]], purchases.age[order[starts]]
        ages[purchases.item[order[starts]]] = np.column_stack([oldest, newest])
        columns["item_age"], columns["item_days_since_last"] = ages.T
        prices = _prices(snapshot)
        self.origins = (Origin(Cause.BEST_SELLER),) * len(columns) + (Origin(Cause.PRICE),) * len(prices)
        columns |= prices
        self.names = tuple(columns)
        self._table = np.column_stack(list(columns.values())).astype(np.float32)

    def of_users(self, users: Snapshot) -> "ItemSales":  # noqa: ARG002
        """Return these features: they are the same for all users with the same history."""
        return self

    def values(self, pairs: Pairs) -> Floats:
        """Return the features."""
        return self._table[pairs.items]


def _prices(snapshot: Snapshot) -> dict[str, Doubles]:
    """Return each item's price in the last period and its discount from the mean price; nothing without prices."""
    purchases, n_items = snapshot.purchases, snapshot.dataset.n_items
    price = purchases.price
    if price is None:
        return {}
    priced = np.isfinite(price)

    def mean(chosen: Bools) -> Doubles:
        total = np.bincount(purchases.item[chosen], price[chosen], n_items)
        with np.errstate(invalid="ignore"):
            return np.asarray(total / np.bincount(purchases.item[chosen], minlength=n_items))

    recent = mean(priced & (purchases.age <= snapshot.days))
    overall = mean(priced)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "item_price": np.where(np.isfinite(recent), recent, overall),
            "item_discount": 1 - recent / np.where(overall > 0, overall, np.nan),
        }


class SegmentSales:
    """An item's sales to users of the same segment in the last four periods, for each column of user categories."""

    def __init__(self, snapshot: Snapshot, codes: Mapping[str, Codes]) -> None:
        self.names = tuple(f"{column}_{what}" for column in codes for what in ("sales_share", "lift"))
        self.origins = tuple(Origin(Cause.SEGMENT, column) for column in codes for _ in range(2))
        self._segments = tuple(codes.values())
        self._n_items = snapshot.dataset.n_items
        purchases = snapshot.purchases
        recent = purchases.age <= 4 * snapshot.days
        user, item = purchases.user[recent], purchases.item[recent]
        sales = np.bincount(item, minlength=self._n_items)
        self._share = sales / max(sales.sum(), 1)
        self._sales = [np.unique(of.of_row[user] * self._n_items + item, return_counts=True) for of in self._segments]
        self._totals = [np.bincount(of.of_row[user], minlength=of.n_values) for of in self._segments]

    def of_users(self, users: Snapshot) -> "SegmentSales":
        """Return the features of users in the same segments."""
        features, other = users.dataset.user_features, copy(self)
        other._segments = () if features is None else tuple(features.categories().values())
        return other

    def values(self, pairs: Pairs) -> Floats:
        """Return the features."""
        values = np.empty((len(pairs), len(self.names)), np.float32)
        overall_share, user = self._share[pairs.items], pairs.user
        for number, (of, (keys, counts), totals) in enumerate(
            zip(self._segments, self._sales, self._totals, strict=True)
        ):
            segment = of.of_row[user]
            sold, entry = find(keys, segment * self._n_items + pairs.items)
            sales, total = np.zeros(len(pairs)), totals[segment]
            sales[sold] = counts[entry[sold]]
            values[:, 2 * number] = sales / np.maximum(total, 1)
            values[:, 2 * number + 1] = np.log((sales + _SMOOTHING) / (total * overall_share + _SMOOTHING))
        return values
