"""The next basket of Ta-Feng's users by the field's protocol: `make bench-next-basket`.

Each user's last basket is the test, the one before it is the validation part, and a basket is a day. Users and items
are those of Romanov et al., "Time-Aware Item Weighting for the Next Basket Recommendations" (RecSys 2023): users with
at least 5 days and items with at least 10 order lines, without users who bought everything on one day or who buy far
more a day than others. Recall is relative to the size of the basket, and NDCG to an ideal list of that length.
Their figures, recall@10 / NDCG@10: TIFU-KNN 0.136 / 0.118, TAIW 0.157 / 0.127, TAIWI 0.164 / 0.126.

As in that paper, the day of the basket is known. A model is fitted for each such day, to the days before it alone. For
comparison, the last row predicts as of the day after the user's last known basket.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy.sparse as sp

import gingham as gg
import ta_feng
from gingham.arrays import Floats, Indices, Longs
from gingham.models import Recommender
from table import Row, report

K = 10
MIN_DAYS, MIN_LINES = 5, 10
DISCOUNTS = 1 / np.log2(np.arange(2, 1000))
# What the validation part chooses from.
GRID = [
    {"half_life": half_life, "smoothing": smoothing, "sales_decay": sales_decay}
    for half_life in ("60d", "180d")
    for smoothing in (60, 100, 150)
    for sales_decay in (2.0, 4.0)
]


@dataclass(frozen=True, eq=False)
class Baskets:
    """Order lines of users and items with indices from 0.

    Attributes
    ----------
    user, item, day : int64 array of length n
        Days are counted from the first one.
    steps : int64 array of length n
        The number of the user's baskets after this line's.
    """

    user: Longs
    item: Longs
    day: Longs
    steps: Longs

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of users and items."""
        return int(self.user.max()) + 1, int(self.item.max()) + 1

    def dataset(self, lines: Indices) -> gg.Dataset:
        """Return some of the lines as a dataset of all users and items."""
        times = np.datetime64("2000-11-01", "us") + self.day[lines] * np.timedelta64(1, "D")
        rows = gg.Interactions(self.user[lines], self.item[lines], *self.shape, None, times)
        return gg.Dataset(*(gg.Ids(pl.Series(np.arange(size))) for size in self.shape), rows)

    def days_of(self, steps: int) -> Longs:
        """Return the day of each user's basket so many steps before the last; -1 for users who have none."""
        days = np.full(self.shape[0], -1)
        chosen = self.steps == steps
        days[self.user[chosen]] = self.day[chosen]
        return days


def main() -> None:
    """Choose parameters on the validation part, then score the test once."""
    report((last_basket,), "next-basket", ("gingham", "numpy", "scipy"), read())


def last_basket(baskets: Baskets) -> Iterator[Row]:
    """Measure the chosen model, the defaults and the baseline on the last baskets."""
    chosen = max(GRID, key=lambda params: sum(measure(baskets, lambda: gg.NextBasket(**params), 1)))
    targets = (("recall@10", 0.160), ("NDCG@10", 0.127))
    about = ", ".join(f"{name} = {value}" for name, value in chosen.items())
    for (metric, least), value in zip(targets, measure(baskets, lambda: gg.NextBasket(**chosen), 0), strict=True):
        yield Row(f"Ta-Feng, next basket, {metric}", f">= {least:.3f}", f"{value:.4f}", value >= least, about)
    others: list[tuple[str, Callable[[], Recommender], bool]] = [
        ("NextBasket()", gg.NextBasket, True),
        ("BuyAgain()", gg.BuyAgain, True),
        ("the chosen model, day of the basket unknown", lambda: gg.NextBasket(**chosen), False),
    ]
    for name, create, day_is_known in others:
        recall, ndcg = measure(baskets, create, 0, day_is_known)
        yield Row(f"Ta-Feng, next basket, {name}", "", f"{recall:.4f}", None, f"recall@10; NDCG@10 {ndcg:.4f}")


def measure(
    baskets: Baskets, create: Callable[[], Recommender], steps: int, day_is_known: bool = True
) -> tuple[float, float]:
    """Predict each user's basket so many steps before the last one; return mean recall@10 and NDCG@10."""
    target = baskets.steps == steps
    n_lines = np.bincount(baskets.user[target], minlength=baskets.shape[0])
    pairs = (np.ones(target.sum()), (baskets.user[target], baskets.item[target]))
    is_target = sp.csr_matrix(pairs, shape=baskets.shape, dtype=bool)
    days = baskets.days_of(steps) if day_is_known else baskets.days_of(steps + 1) + 1
    days[baskets.days_of(steps + 1) < 0] = -1
    recalls, ndcgs = [], []
    for day in np.unique(days[days >= 0]):
        users = np.flatnonzero(days == day)
        model = create().fit(baskets.dataset((baskets.steps > steps) & (baskets.day < day)), num_threads=1)
        hits = np.take_along_axis(is_target[users].toarray(), model.rank(users, k=K).items, axis=1)
        recalls.append(hits.sum(axis=1) / n_lines[users])
        ndcgs.append(hits @ DISCOUNTS[:K] / np.cumsum(DISCOUNTS)[n_lines[users] - 1])
    return float(np.concatenate(recalls).mean()), float(np.concatenate(ndcgs).mean())


def read() -> Baskets:
    """Read Ta-Feng's order lines, and filter them as described above."""
    rows = gg.read_dataset(gg.Recipe.read(ta_feng.recipe())).interactions
    assert rows.timestamp is not None
    user, item = rows.user_index.astype(np.int64), rows.item_index.astype(np.int64)
    day = rows.timestamp.astype("datetime64[D]").astype(np.int64)
    n_days = np.bincount(np.unique(np.stack([user, day]), axis=1)[0])
    kept = (n_days[user] >= MIN_DAYS) & (np.bincount(item)[item] >= MIN_LINES)
    user, item, day = user[kept], item[kept], day[kept]
    first, last = np.full(n_days.size, day.max()), np.zeros(n_days.size, np.int64)
    np.minimum.at(first, user, day)
    np.maximum.at(last, user, day)
    n_lines = np.bincount(user, minlength=n_days.size)
    per_day: Floats = n_lines / (last - first + 1)
    usual = per_day[n_lines > 0]
    kept = ((last > first) & (per_day < usual.mean() + 2 * usual.std()))[user]
    user, item, day = (np.unique(each[kept], return_inverse=True)[1] for each in (user, item, day))
    visits = np.unique(np.stack([user, day]), axis=1)
    number = np.arange(visits.shape[1])
    ends = np.cumsum(np.bincount(visits[0])) - 1
    place = np.searchsorted(visits[0] * (day.max() + 1) + visits[1], user * (day.max() + 1) + day)
    return Baskets(user, item, day, ends[user] - number[place])


if __name__ == "__main__":
    main()
