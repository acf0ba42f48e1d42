from datetime import date
from typing import Any

import polars as pl
import pytest

from gingham.profiling import timeline
from gingham.profiling.sales import Sales


def sales(*rows: tuple[str, str, date]) -> Sales:
    frame = pl.DataFrame(list(rows), schema=["user_id", "item_id", "timestamp"], orient="row")
    return Sales.of(frame.with_columns(pl.col("timestamp").cast(pl.Datetime("us"))))


def test_days_without_transactions_count_as_zero() -> None:
    result = timeline.days(
        sales(("a", "x", date(2024, 2, 28)), ("a", "x", date(2024, 3, 1)), ("b", "x", date(2024, 3, 1)))
    )
    assert result.rows() == [(date(2024, 2, 28), 1), (date(2024, 2, 29), 0), (date(2024, 3, 1), 2)]


def test_less_than_two_weeks_have_no_weekdays() -> None:
    short = timeline.days(sales(("a", "x", date(2024, 1, 1)), ("a", "x", date(2024, 1, 13))))
    assert timeline.weekdays(short) is None


def test_weekdays_are_means_over_their_days() -> None:
    daily = timeline.days(
        sales(("a", "x", date(2024, 1, 1)), ("a", "x", date(2024, 1, 1)), ("a", "x", date(2024, 1, 15)))
    )
    result = timeline.weekdays(daily)
    assert result is not None
    assert result.row(0) == ("Monday", 1)
    assert result["transactions"].to_list()[1:] == [0] * 6


def test_cold_shares_by_hand() -> None:
    result = timeline.cold(
        sales(
            ("a", "x", date(2024, 1, 1)),
            ("a", "y", date(2024, 1, 9)),
            ("b", "y", date(2024, 1, 10)),
            ("b", "x", date(2024, 1, 10)),
            ("b", "x", date(2024, 1, 11)),
            ("c", "x", date(2024, 1, 28)),
        )
    )
    assert result is not None
    assert result.rows() == [
        (date(2024, 1, 8), 0.75, 0.5),
        (date(2024, 1, 15), None, None),
        (date(2024, 1, 22), 1.0, 0.0),
    ]
    assert timeline.cold(sales(("a", "x", date(2024, 1, 1)), ("a", "x", date(2024, 1, 7)))) is None


def test_timeline_equals_pandas(shop: Any) -> None:
    rows, profile = shop.transactions, shop.profile
    daily = rows.t_dat.value_counts().resample("D").sum()
    assert profile.days["transactions"].to_list() == daily.to_list()
    assert (profile.first_day, profile.last_day) == (daily.index[0].date(), daily.index[-1].date())
    by_weekday = daily.groupby(daily.index.day_name()).mean()
    for weekday, mean in profile.weekdays.iter_rows():
        assert mean == pytest.approx(by_weekday[weekday])
    back = (rows.t_dat.max() - rows.t_dat).dt.days // 7
    for column, id_column in (("users", "customer_id"), ("items", "article_id")):
        first = back.groupby(rows[id_column]).transform("max")
        expected = (back == first).groupby(back).mean().sort_index(ascending=False).iloc[1:]
        assert profile.cold[column].to_list() == pytest.approx(expected.to_list())
