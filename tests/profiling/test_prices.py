from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

from gingham.profiling import prices
from gingham.profiling.sales import Sales


def sales(**columns: Any) -> Sales:
    rows = len(next(iter(columns.values())))
    return Sales.of(pl.DataFrame({"user_id": ["a"] * rows, "item_id": ["x"] * rows} | columns))


def days(*days: date) -> pl.Series:
    return pl.Series(days).cast(pl.Datetime("us"))


def test_quantiles_by_week_if_there_are_few_months() -> None:
    when = days(date(2024, 1, 1), date(2024, 1, 7), date(2024, 1, 8), date(2024, 1, 9), date(2024, 1, 30))
    found = prices.by_period(sales(timestamp=when, price=[1.0, 3.0, 5.0, None, float("nan")]))
    assert found is not None
    assert found.select("period", "q25", "q50").rows() == [
        (date(2024, 1, 1), 1.5, 2.0),
        (date(2024, 1, 8), 5.0, 5.0),
    ]


def test_without_prices_times_or_channels_there_is_nothing() -> None:
    assert prices.by_period(sales(price=[1.0, 2.0])) is None
    assert prices.by_period(sales(timestamp=days(date(2024, 1, 1)))) is None
    assert prices.by_period(sales(timestamp=days(date(2024, 1, 1)), price=[1.0])) is None
    assert prices.by_period(sales(timestamp=days(date(2024, 1, 1), date(2024, 3, 1)), price=[None, None])) is None
    assert prices.by_channel(sales(channel=["shop", "web"], price=[None, None])) is None
    assert prices.by_channel(sales(channel=[None, None], price=[1.0, 2.0])) is None
    assert prices.by_channel(sales(price=[1.0])) is None
    assert prices.by_channel(sales(channel=["shop", "web"])) is None
    assert prices.by_channel(sales(channel=["web", "web"], price=[1.0, 2.0])) is None
    assert prices.channels(sales(price=[1.0])) is None


@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical])
def test_channels_by_hand(dtype: Any) -> None:
    channel = pl.Series(["web", "shop", "web", None], dtype=dtype)
    found = sales(channel=channel, price=[4, 1, 2, 100])
    by_channel = prices.by_channel(found)
    assert by_channel is not None
    assert by_channel.select("channel", "q50").rows() == [("web", 3.0), ("shop", 1.0)]
    counted = prices.channels(found)
    assert counted is not None
    assert counted.row(0) == ("web", 2)
    assert set(counted.rows()[1:]) == {("shop", 1), ("not known", 1)}


def test_many_channels_are_pooled() -> None:
    channel = [number for number in range(12) for _ in range(12 - number)]
    found = prices.by_channel(sales(channel=channel, price=channel))
    assert found is not None
    assert found["channel"].to_list() == ["0", "1", "2", "3", "4", "5", "6", "7", "other"]
    assert found["q50"].to_list() == [0, 1, 2, 3, 4, 5, 6, 7, 9]


def test_prices_of_a_shop_equal_pandas(shop: Any) -> None:
    rows, wanted = shop.transactions, [0.1, 0.25, 0.5, 0.75, 0.9]
    by_month = rows.groupby(rows.t_dat.dt.to_period("M")).price
    found = shop.profile.price_by_period
    assert found["period"].to_list() == [month.to_timestamp().date() for month in by_month.groups]
    expected = by_month.quantile(wanted).unstack().to_numpy()
    np.testing.assert_allclose(found.select("q10", "q25", "q50", "q75", "q90").to_numpy(), expected)
    by_channel = rows.groupby(rows.sales_channel_id.astype(str)).price
    for row in shop.profile.price_by_channel.iter_rows(named=True):
        prices_ = by_channel.get_group(row["channel"])
        assert row["q90"] == pytest.approx(prices_.quantile(0.9))
    counts = rows.sales_channel_id.astype(str).value_counts()
    assert shop.profile.channels.rows() == list(counts.items())


def test_in_a_large_shop_evenly_chosen_prices_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices, "_LOOKED_AT", 100)
    rng = np.random.default_rng(2)
    price, channel = rng.lognormal(0, 1, 350), rng.choice(["shop", "web"], 350)
    found = prices.by_channel(sales(price=price, channel=channel))
    assert found is not None
    assert prices.one_in(350) == 3
    for row in found.iter_rows(named=True):
        assert row["q50"] == pytest.approx(np.median(price[::3][channel[::3] == row["channel"]]))
