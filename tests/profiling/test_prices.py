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


def test_short_data_have_quantiles_by_week() -> None:
    when = days(date(2024, 1, 1), date(2024, 1, 7), date(2024, 1, 8), date(2024, 1, 9), date(2024, 1, 30))
    result = prices.by_period(sales(timestamp=when, price=[1.0, 3.0, 5.0, None, float("nan")]))
    assert result is not None
    assert result.select("period", "q25", "q50").rows() == [
        (date(2024, 1, 1), 1.5, 2.0),
        (date(2024, 1, 8), 5.0, 5.0),
    ]


def test_missing_columns_give_none() -> None:
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
    result = sales(channel=channel, price=[4, 1, 2, 100])
    by_channel = prices.by_channel(result)
    assert by_channel is not None
    assert by_channel.select("channel", "q50").rows() == [("web", 3.0), ("shop", 1.0)]
    counted = prices.channels(result)
    assert counted is not None
    assert counted.row(0) == ("web", 2)
    assert set(counted.rows()[1:]) == {("shop", 1), ("unknown", 1)}


def test_small_channels_are_combined() -> None:
    channel = [number for number in range(12) for _ in range(12 - number)]
    result = prices.by_channel(sales(channel=channel, price=channel))
    assert result is not None
    assert result["channel"].to_list() == ["0", "1", "2", "3", "4", "5", "6", "7", "other"]
    assert result["q50"].to_list() == [0, 1, 2, 3, 4, 5, 6, 7, 9]


def test_prices_equal_pandas(shop: Any) -> None:
    rows, wanted = shop.transactions, [0.1, 0.25, 0.5, 0.75, 0.9]
    by_month = rows.groupby(rows.t_dat.dt.to_period("M")).price
    result = shop.profile.price_by_period
    assert result["period"].to_list() == [month.to_timestamp().date() for month in by_month.groups]
    expected = by_month.quantile(wanted).unstack().to_numpy()
    np.testing.assert_allclose(result.select("q10", "q25", "q50", "q75", "q90").to_numpy(), expected)
    by_channel = rows.groupby(rows.sales_channel_id.astype(str)).price
    for row in shop.profile.price_by_channel.iter_rows(named=True):
        prices_ = by_channel.get_group(row["channel"])
        assert row["q90"] == pytest.approx(prices_.quantile(0.9))
    counts = rows.sales_channel_id.astype(str).value_counts()
    assert shop.profile.channels.rows() == list(counts.items())


def test_large_shops_are_sampled_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices, "_SAMPLE_SIZE", 100)
    rng = np.random.default_rng(2)
    price, channel = rng.lognormal(0, 1, 350), rng.choice(["shop", "web"], 350)
    result = prices.by_channel(sales(price=price, channel=channel))
    assert result is not None
    assert prices.sampling_step(350) == 3
    for row in result.iter_rows(named=True):
        assert row["q50"] == pytest.approx(np.median(price[::3][channel[::3] == row["channel"]]))
