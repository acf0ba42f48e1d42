from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gingham.dataset.encodings import Bins, Calendar
from gingham.errors import TableError
from tests.dataset.encodings.samples import column, named, only, weights

days = st.one_of(st.none(), st.dates(date(1990, 1, 1), date(2030, 1, 1)))


@given(st.lists(days, min_size=1), st.integers(2, 5))
def test_dates_are_weekdays_months_and_ages(values: list[date | None], bins: int) -> None:
    dates = column(values, pl.Date)
    calendar = Calendar.fit(dates, bins)
    table = pd.DataFrame(weights(calendar, dates), columns=calendar.names)
    series = pd.to_datetime(pd.Series(values))
    has_date = series.notna()
    weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    for number, day in enumerate(weekdays):
        assert (table[f"x:weekday={day}"] == (series.dt.day_of_week == number)).all()
    for month in range(1, 13):
        assert (table[f"x:month={month}"] == (series.dt.month == month)).all()
    assert (table["x=null"] == ~has_date).all()
    ages = (series.max() - series).dt.days
    binned = Bins.fit(pl.Series("x:age", ages.to_numpy()), bins)
    expected = weights(binned, pl.Series("x:age", ages.to_numpy()))[:, :-1]
    np.testing.assert_array_equal(table[binned.names[:-1]].to_numpy()[has_date], expected[has_date])
    assert table.to_numpy().sum() == 3 * has_date.sum() + (~has_date).sum()


def test_types_of_dates_are_equivalent() -> None:
    calendar = Calendar.fit(column([date(2020, 1, 31), date(2020, 1, 1)]), 2)
    expected = ["x:weekday=sat", "x:month=2", "x:age∈(-inf,0]"]
    for value in (
        date(2020, 2, 1),
        datetime(2020, 2, 1, 23),
        datetime(2020, 2, 1, 1, tzinfo=UTC),
        "2020-02-01",
        "2020-02-01T23:00:00",
    ):
        assert list(named(calendar, column([value]))[0]) == expected
    zoned = column([datetime(2020, 1, 31, 23)]).dt.replace_time_zone("America/New_York")
    assert list(named(calendar, zoned)[0]) == expected


def test_a_column_without_any_date() -> None:
    calendar = Calendar.fit(column([None, None], pl.Date), 3)
    assert only(calendar, column([None])) == ["x=null"]
    assert list(named(calendar, column([date(2020, 2, 1)]))[0]) == ["x:weekday=sat", "x:month=2", "x:age∈(-inf,inf]"]


@pytest.mark.parametrize("dtype", [pl.Date, pl.Datetime("ms"), pl.Datetime("us")])
def test_dates_that_python_does_not_have_are_refused(dtype: Any) -> None:
    far = column([2**31 - 1 if dtype == pl.Date else 2**60]).cast(dtype)
    with pytest.raises(TableError, match="Column 'x' has dates outside the years 1 to 9999"):
        Calendar.fit(far, 2)
