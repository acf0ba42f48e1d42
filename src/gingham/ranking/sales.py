"""Features of how items sell: of late, by trend, in the user's segment, at what price."""

import numpy as np
import numpy.typing as npt

from gingham.arrays import Floats
from gingham.dataset.codes import Codes
from gingham.ranking.pairs import Pairs, find
from gingham.ranking.snapshot import Snapshot, firsts

Doubles = npt.NDArray[np.float64]

# The windows in which sales are counted, in periods: a day to eight weeks, where the period is a week.
_WINDOWS = (1 / 7, 3 / 7, 1, 2, 4, 8)
# A segment's taste counts for as much as everybody's, once it has bought an item so many times.
_SMOOTHING = 5


class ItemSales:
    """How well an item sells of late, whether more or less than before, to how many, since when and at what price."""

    def __init__(self, snapshot: Snapshot) -> None:
        bought, n_items, days = snapshot.purchases, snapshot.dataset.n_items, snapshot.days
        windows = {f"{part * days:.3g}d": snapshot.sales(part * days) for part in _WINDOWS} | {"ever": snapshot.sales()}
        columns = {f"item_sales_{name}": np.log1p(sales) for name, sales in windows.items()}
        shares = {name: sales / max(sales.sum(), 1) for name, sales in windows.items()}
        names = list(windows)
        for short, long in ((1, 2), (2, 3), (2, 4), (4, 5)):
            one, other = shares[names[short]], shares[names[long]]
            columns[f"item_trend_{names[short]}_{names[long]}"] = np.log((one + 1e-5) / (other + 1e-5))
        place = np.empty(n_items)
        place[np.argsort(-windows[names[2]], kind="stable")] = np.arange(n_items)
        columns["item_rank"] = place
        pairs = firsts(bought.user.astype(np.int64) * n_items + bought.item)
        times = np.diff(np.append(pairs, len(bought.user)))
        buyers = np.bincount(bought.item[pairs], minlength=n_items)
        loyal = np.bincount(bought.item[pairs[times > 1]], minlength=n_items)
        columns["item_buyers"] = np.log1p(buyers)
        columns["item_share_of_loyal"] = (loyal + 0.05 * _SMOOTHING) / (buyers + _SMOOTHING)
        ages = np.full((n_items, 2), np.nan)
        order = np.lexsort((bought.age, bought.item))
        starts = firsts(bought.item[order])
        ends = np.append(starts[1:], len(order)) - 1 if len(starts) else starts
        ages[bought.item[order[starts]]] = np.column_stack([bought.age[order[ends]], bought.age[order[starts]]])
        columns["item_age"], columns["item_days_since_last"] = ages.T
        columns |= _prices(snapshot)
        self.names = tuple(columns)
        self._table = np.column_stack(list(columns.values())).astype(np.float32)

    def values(self, pairs: Pairs) -> Floats:
        """Give the features."""
        return self._table[pairs.items]


def _prices(snapshot: Snapshot) -> dict[str, Doubles]:
    """Find what items cost of late, and how much less that is than before; nothing where no price is known."""
    bought, n_items = snapshot.purchases, snapshot.dataset.n_items
    price = bought.price
    if price is None:
        return {}
    known = np.isfinite(price)

    def mean(chosen: npt.NDArray[np.bool_]) -> Doubles:
        total = np.bincount(bought.item[chosen], price[chosen], n_items)
        with np.errstate(invalid="ignore"):
            return np.asarray(total / np.bincount(bought.item[chosen], minlength=n_items))

    late = mean(known & (bought.age <= snapshot.days))
    usual = mean(known)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "item_price": np.where(np.isfinite(late), late, usual),
            "item_discount": 1 - late / np.where(usual > 0, usual, np.nan),
        }


class SegmentSales:
    """How well an item sells to users like this one, for each column that says what users are like."""

    def __init__(self, snapshot: Snapshot, codes: dict[str, Codes]) -> None:
        self.names = tuple(f"{column}_{what}" for column in codes for what in ("sales_share", "lift"))
        self._segments = codes.values()
        self._n_items = snapshot.dataset.n_items
        bought = snapshot.purchases
        late = bought.age <= 4 * snapshot.days
        user, item = bought.user[late], bought.item[late]
        sales = np.bincount(item, minlength=self._n_items)
        self._share = sales / max(sales.sum(), 1)
        self._sales = [np.unique(of.of_row[user] * self._n_items + item, return_counts=True) for of in self._segments]
        self._totals = [np.bincount(of.of_row[user], minlength=of.n_values) for of in self._segments]

    def values(self, pairs: Pairs) -> Floats:
        """Give the features."""
        found = np.empty((len(pairs), len(self.names)), np.float32)
        usual, user = self._share[pairs.items], pairs.user
        for number, (of, (keys, sales), totals) in enumerate(
            zip(self._segments, self._sales, self._totals, strict=True)
        ):
            segment = of.of_row[user]
            sold, entry = find(keys, segment * self._n_items + pairs.items)
            mine, total = np.zeros(len(pairs)), totals[segment]
            mine[sold] = sales[entry[sold]]
            found[:, 2 * number] = mine / np.maximum(total, 1)
            found[:, 2 * number + 1] = np.log((mine + _SMOOTHING) / (total * usual + _SMOOTHING))
        return found
