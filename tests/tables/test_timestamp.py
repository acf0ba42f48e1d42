from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from gingham.errors import TableError
from gingham.tables.origin import Origin
from gingham.tables.timestamp import to_naive_utc

ORIGIN = Origin("transactions", "sales.csv", {"timestamp": "t_dat"})


def moments(values: Any, dtype: Any = None) -> list[datetime | None]:
    frame = pl.LazyFrame({"timestamp": pl.Series(values, dtype=dtype)})
    column = frame.select(to_naive_utc(frame, "timestamp", ORIGIN)).collect(engine="streaming").to_series()
    assert column.dtype == pl.Datetime("us")
    return column.to_list()


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([date(2019, 1, 2)], None),
        ([datetime(2019, 1, 2)], pl.Datetime("ms")),
        ([datetime(2019, 1, 2)], pl.Datetime("ns")),
        ([datetime(2019, 1, 2, tzinfo=UTC)], pl.Datetime("us", "Europe/Stockholm")),
        (["2019-01-02"], None),
        (["2019-01-02T00:00:00"], None),
        (["2019-01-02 00:00:00.000"], None),
        (["2019-01-02T00:00:00Z"], None),
        (["2019-01-02T01:00:00+01:00"], None),
        (["2019-01-02 01:00:00+01"], None),
        (["2019-01-02 01:00:00.000+01"], None),
        ([1546387200], None),
        ([1546387200], pl.UInt32),
    ],
)
def test_every_form_of_a_timestamp_is_converted(values: Any, dtype: Any) -> None:
    assert moments(values, dtype) == [datetime(2019, 1, 2)]


def test_nulls_stay_null() -> None:
    assert moments([None, "2019-01-02"]) == [None, datetime(2019, 1, 2)]
    assert moments([None], pl.String) == [None]
    assert moments([None], pl.Int64) == [None]
    assert moments([None], pl.Null) == [None]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["02/01/2019"], "'02/01/2019'"),
        (["yesterday"], "'yesterday'"),
        ([20190102], "20190102"),
        ([1546387200, 1546387200000], "1546387200000"),
        ([0.5], "Float64"),
        ([True], "Boolean"),
    ],
)
def test_invalid_timestamps_are_refused(values: Any, words: str) -> None:
    with pytest.raises(TableError, match=r"\(sales\.csv\).*'t_dat'") as caught:
        moments(values)
    assert words in str(caught.value)
