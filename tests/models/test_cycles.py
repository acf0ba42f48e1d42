"""Chances to be bought again: by a slow count, person by person."""

from collections import defaultdict

import numpy as np
import polars as pl
import pytest

from gingham.dataset import Dataset, Ids, Interactions
from gingham.models import BuyAgain
from gingham.models.cycles import repurchase_hazards, repurchase_rates

DAY = np.timedelta64(1, "D")
START = np.datetime64("2024-01-01", "us")


def shop(seed: int = 0, n_rows: int = 600, days: int = 300) -> Interactions:
    """Purchases of a year, some twice a day, some taken back; the last item is never bought."""
    rng = np.random.default_rng(seed)
    hours = rng.integers(0, days * 24, n_rows) * np.timedelta64(1, "h")
    values = rng.choice([1, 2, 0, -1], n_rows, p=[0.7, 0.2, 0.05, 0.05])
    return Interactions(rng.integers(0, 15, n_rows), rng.integers(0, 6, n_rows), 15, 7, values, START + hours)


def waits(rows: Interactions) -> dict[tuple[int, int], list[int]]:
    """The days that each user waited before each purchase of each item but the first, and since the last one."""
    assert rows.timestamp is not None
    days = defaultdict(set)
    for user, item, value, time in zip(rows.user_index, rows.item_index, rows.value, rows.timestamp, strict=True):
        if value > 0:
            days[int(user), int(item)].add(int((time - START) // DAY))
    end = max(max(each) for each in days.values()) + 1
    return {pair: np.diff([*sorted(each), end]).tolist() for pair, each in days.items()}


def table(rows: Interactions, smoothing: float = 50) -> dict[tuple[int, int], float]:
    """The chance of each item in each week of waiting: how many bought again in it, of those who waited through it."""
    ended, waited = np.zeros((7, 27)), np.zeros((7, 27))
    for (_, item), mine in waits(rows).items():
        for days in mine[:-1]:
            week = min((days - 1) // 7, 26)
            ended[item, week] += 1
            waited[item, : week + 1] += 1
        waited[item, : min(mine[-1] // 7, 26)] += 1
    of_all = ended.sum(axis=0) / np.maximum(waited.sum(axis=0), 1)
    chance = {}
    for item in range(7):
        often = (ended[item].sum() + smoothing) / ((waited[item] * of_all).sum() + smoothing)
        for week in range(27):
            numerator = ended[item, week] + smoothing * often * of_all[week]
            chance[item, week] = numerator / (waited[item, week] + smoothing)
    return chance


@pytest.mark.parametrize("seed", [0, 1])
def test_chances_agree_with_a_slow_count(seed: int) -> None:
    rows = shop(seed)
    bought = rows.matrix()
    found = bought.copy()
    found.data = repurchase_hazards(rows, bought)
    chance, lasts = table(rows), waits(rows)
    wanted = np.zeros(bought.shape)
    for (user, item), mine in lasts.items():
        wanted[user, item] = chance[item, min(mine[-1] // 7, 26)]
    np.testing.assert_allclose(found.toarray(), wanted, rtol=1e-6)
    assert (wanted > 0).sum() > 60


def test_of_one_purchase_nobody_knows_when_it_is_due() -> None:
    rows = Interactions([0], [0], 1, 1, timestamp=np.array([START]))
    assert repurchase_hazards(rows, rows.matrix()).tolist() == [0]
    nothing = rows.take(np.empty(0, int))
    assert repurchase_hazards(nothing, nothing.matrix()).shape == (0,)


def test_what_is_due_comes_before_what_sells_better() -> None:
    # A hundred users buy milk every week, a broom on the first day and the last; ann bought one of each five days ago.
    milk, broom, ann = 0, 1, 100
    others = np.arange(100)
    users = np.concatenate([np.tile(others, 12), [ann, ann]])
    items = np.repeat([milk, broom, milk, broom], [1000, 200, 1, 1])
    days = np.concatenate([np.repeat([*range(0, 70, 7), 0, 65], 100), [60, 60]])
    ids = [Ids.from_series(pl.Series(range(size))) for size in (101, 2)]
    data = Dataset(*ids, Interactions(users, items, 101, 2, timestamp=START + days * DAY))
    for cycle, wanted in ((False, [broom, milk]), (True, [milk, broom])):
        assert BuyAgain("1d", recency="60d", cycle=cycle).fit(data).recommend([ann], k=2)["item_id"].to_list() == wanted


def test_loyalty_is_the_smoothed_share_of_purchases_with_another_after_them() -> None:
    rows = shop()
    bought, repeated = np.zeros(7), np.zeros(7)
    for (_, item), mine in waits(rows).items():
        bought[item] += len(mine)
        repeated[item] += len(mine) - 1
    usual = repeated.sum() / bought.sum()
    np.testing.assert_allclose(repurchase_rates(rows), (repeated + 20 * usual) / (bought + 20))
    assert repurchase_rates(rows)[6] == pytest.approx(usual)
