"""Repurchase hazards and rates, compared with a slow count user by user."""

from collections import defaultdict

import numpy as np
import polars as pl
import pytest

from gingham.dataset import Dataset, Ids, Interactions
from gingham.models import BuyAgain
from gingham.models.cycles import RepurchaseHazards, repurchase_rates

DAY = np.timedelta64(1, "D")
START = np.datetime64("2024-01-01", "us")


def shop(seed: int = 0, n_rows: int = 600, days: int = 300) -> Interactions:
    """Purchases of ten months, some on the same day, with returns; the last item is never bought."""
    rng = np.random.default_rng(seed)
    hours = rng.integers(0, days * 24, n_rows) * np.timedelta64(1, "h")
    values = rng.choice([1, 2, 0, -1], n_rows, p=[0.7, 0.2, 0.05, 0.05])
    return Interactions(rng.integers(0, 15, n_rows), rng.integers(0, 6, n_rows), 15, 7, values, START + hours)


def waits(rows: Interactions) -> dict[tuple[int, int], list[int]]:
    """The days between consecutive purchases of each pair, and from the last one to the end."""
    assert rows.timestamp is not None
    days = defaultdict(set)
    for user, item, value, time in zip(rows.user_index, rows.item_index, rows.value, rows.timestamp, strict=True):
        if value > 0:
            days[int(user), int(item)].add(int((time - START) // DAY))
    end = max(max(each) for each in days.values()) + 1
    return {pair: np.diff([*sorted(each), end]).tolist() for pair, each in days.items()}


def table(rows: Interactions, smoothing: float = 50) -> dict[tuple[int, int], float]:
    """The hazard of each item in each week of waiting: repurchases in the week over users at risk in it."""
    repurchases, at_risk = np.zeros((7, 27)), np.zeros((7, 27))
    for (_, item), pair_waits in waits(rows).items():
        for days in pair_waits[:-1]:
            week = min((days - 1) // 7, 26)
            repurchases[item, week] += 1
            at_risk[item, : week + 1] += 1
        at_risk[item, : min(pair_waits[-1] // 7, 26)] += 1
    overall = repurchases.sum(axis=0) / np.maximum(at_risk.sum(axis=0), 1)
    hazards = {}
    for item in range(7):
        ratio = (repurchases[item].sum() + smoothing) / ((at_risk[item] * overall).sum() + smoothing)
        for week in range(27):
            numerator = repurchases[item, week] + smoothing * ratio * overall[week]
            hazards[item, week] = numerator / (at_risk[item, week] + smoothing)
    return hazards


@pytest.mark.parametrize("seed", [0, 1])
def test_hazards_agree_with_a_slow_count(seed: int) -> None:
    rows = shop(seed)
    hazards = rows.matrix()
    hazards.data = RepurchaseHazards.of(rows).of_pairs(rows, rows.matrix())
    hazard_table, expected = table(rows), np.zeros(hazards.shape)
    for (user, item), pair_waits in waits(rows).items():
        expected[user, item] = hazard_table[item, min(pair_waits[-1] // 7, 26)]
    np.testing.assert_allclose(hazards.toarray(), expected, rtol=1e-6)
    assert (expected > 0).sum() > 60


def test_a_single_purchase_has_a_hazard_of_zero() -> None:
    rows = Interactions([0], [0], 1, 1, timestamp=np.array([START]))
    assert RepurchaseHazards.of(rows).of_pairs(rows, rows.matrix()).tolist() == [0]
    empty = rows.take(np.empty(0, int))
    assert RepurchaseHazards.of(empty).of_pairs(empty, empty.matrix()).shape == (0,)


def test_cycle_ranks_items_that_are_due_first() -> None:
    # A hundred users buy milk every week, a broom on the first day and the last; ann bought one of each five days ago.
    milk, broom, ann = 0, 1, 100
    others = np.arange(100)
    users = np.concatenate([np.tile(others, 12), [ann, ann]])
    items = np.repeat([milk, broom, milk, broom], [1000, 200, 1, 1])
    days = np.concatenate([np.repeat([*range(0, 70, 7), 0, 65], 100), [60, 60]])
    ids = [Ids.from_series(pl.Series(range(size))) for size in (101, 2)]
    data = Dataset(*ids, Interactions(users, items, 101, 2, timestamp=START + days * DAY))
    for cycle, expected in ((False, [broom, milk]), (True, [milk, broom])):
        model = BuyAgain("1d", recency="60d", cycle=cycle).fit(data)
        assert model.recommend([ann], k=2)["item_id"].to_list() == expected


def test_rates_are_smoothed_shares_of_purchases_with_a_later_one() -> None:
    rows = shop()
    n_purchases, n_repeated = np.zeros(7), np.zeros(7)
    for (_, item), pair_waits in waits(rows).items():
        n_purchases[item] += len(pair_waits)
        n_repeated[item] += len(pair_waits) - 1
    overall = n_repeated.sum() / n_purchases.sum()
    np.testing.assert_allclose(repurchase_rates(rows), (n_repeated + 20 * overall) / (n_purchases + 20))
    assert repurchase_rates(rows)[6] == pytest.approx(overall)
