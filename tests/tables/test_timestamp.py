from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from gingham.errors import TableError
from gingham.tables.origin import Origin
from gingham.tables.timestamp import is_possible, to_naive_utc

ORIGIN = Origin("transactions", "sales.csv", {"timestamp": "t_dat"})


def moments(values: Any, dtype: Any = None) -> list[datetime | None]:
    frame = pl.LazyFrame({"timestamp": pl.Series(values, dtype=dtype)})
    column = (
        frame.select(to_naive_utc(frame, "timestamp", ORIGIN).times.cast(pl.Datetime("us")))
        .collect(engine="streaming")
        .to_series()
    )
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


@pytest.mark.parametrize("unit", ["ms", "us"])
@pytest.mark.parametrize("zone", [None, "Europe/Stockholm"])
def test_times_that_python_has_no_dates_for_stay_outside(unit: Any, zone: str | None) -> None:
    far = pl.Series("timestamp", [2**62, -(2**62)]).cast(pl.Datetime(unit, zone))
    for series in (far, pl.Series("timestamp", [2**31 - 1, -(2**31)], dtype=pl.Int32).cast(pl.Date)):
        frame = series.to_frame().lazy()
        times = frame.select(to_naive_utc(frame, "timestamp", ORIGIN).times)
        assert times.select(~is_possible("timestamp", times.collect_schema()["timestamp"])).collect().to_series().all()


def test_categories_are_text_and_floats_may_be_dates() -> None:
    frame = pl.LazyFrame({"timestamp": pl.Series(["02/01/2019"], dtype=pl.Categorical), "number": [20190102.0]})
    for column, format in (("timestamp", "%d/%m/%Y"), ("number", "%Y%m%d")):
        times = to_naive_utc(frame, column, ORIGIN, format).times
        assert frame.select(times).collect().to_series().to_list() == [datetime(2019, 1, 2)]


@pytest.mark.parametrize("values", [["2019-01-02"], [date(2019, 1, 2)]])
def test_a_unit_is_for_numbers_only(values: Any) -> None:
    frame = pl.LazyFrame({"timestamp": values})
    with pytest.raises(TableError, match="timestamp_unit is for numbers only; remove it"):
        to_naive_utc(frame, "timestamp", ORIGIN, unit="s")


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


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["01/02/2024"], "ambiguous; set timestamp_format = '%d/%m/%Y' or '%m/%d/%Y'"),
        (["01/02/2024", "31/01/2024"], "set timestamp_format = '%d/%m/%Y'."),
        (["1.2.24 18:30"], "ambiguous; set timestamp_format = '%d.%m.%y %H:%M' or '%m.%d.%y %H:%M'."),
        (["May 5, 2024"], "set timestamp_format = '%b %d, %Y'."),
        (["Wed, 31 Jan 2024 18:30:00 +0000"], "set timestamp_format = '%a, %d %b %Y %H:%M:%S %z'."),
        (["20240131T183000Z"], "set timestamp_format = '%Y%m%dT%H%M%S%z'."),
        (["2024-07-01 10:00 CEST"], "of the names of time zones, only UTC is read"),
    ],
)
def test_the_message_about_other_text_proposes_its_formats(values: list[str], words: str) -> None:
    with pytest.raises(TableError) as caught:
        moments(values)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "values",
    [
        ["2024-01-31", "01/02/2024"],
        ["2024-01-31", "2024-02-01 10:00"],
        ["2024-01-31 10:00", "2024-02-01"],
        ["2024-01-31", "2024/02/01"],
        ["2024-01-31T10:00", "2024-02-01 10:00"],
        ["2024-01-31 10:00Z", "2024-02-01 10:00"],
        ["2024-01-31 10:00 UTC", "2024-02-01 10:00 CEST"],
        ["2024-01-31", "0000-00-00"],
        ["2024-01-31", "1546300800"],
        ["1546300800", "2024-01-31"],
        ["2024-01-31", "yesterday"],
        ["2024-01-31", ""],
    ],
)
def test_every_text_has_the_format_of_the_first(values: list[str]) -> None:
    with pytest.raises(TableError, match="'t_dat'") as caught, ORIGIN.wrap_errors():
        moments(values)
    assert repr(values[1]) in str(caught.value)


def test_a_fraction_of_a_second_may_be_missing() -> None:
    values = ["2019-01-02 00:00:00", "2019-01-02 00:00:00.125", "2019-01-02 00:00:00.123456789"]
    assert moments(values) == [datetime(2019, 1, 2, 0, 0, 0, part) for part in (0, 125_000, 123_456)]


UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("write", [int, float, str])
def test_the_unit_of_numbers_is_detected(unit: str, write: Any) -> None:
    days = [datetime(1990, 1, 1), datetime(2019, 1, 2, 18, 30), datetime(2099, 12, 31)]
    values = [write(int(day.replace(tzinfo=UTC).timestamp()) * UNITS[unit]) for day in days]
    frame = pl.LazyFrame({"timestamp": values})
    column = to_naive_utc(frame, "timestamp", ORIGIN)
    assert frame.select(column.times).collect()["timestamp"].to_list() == days
    assert column.detected == f'timestamp_unit "{unit}"'
    assert to_naive_utc(frame, "timestamp", ORIGIN, unit=unit).detected is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "unit", "days"),
    [
        ([17898, 0], "d", [datetime(2019, 1, 2), datetime(1970, 1, 1)]),
        ([43467, 43467.5], "excel", [datetime(2019, 1, 2), datetime(2019, 1, 2, 12)]),
        (["43467", "43467.5"], "excel", [datetime(2019, 1, 2), datetime(2019, 1, 2, 12)]),
        ([0, -86400], "s", [datetime(1970, 1, 1), datetime(1969, 12, 31)]),
        ([1546387200.25], "s", [datetime(2019, 1, 2, 0, 0, 0, 250_000)]),
        ([float("nan"), 1546387200.0], "s", [None, datetime(2019, 1, 2)]),
        (["1546387200.25", "1546387200"], "s", [datetime(2019, 1, 2, 0, 0, 0, 250_000), datetime(2019, 1, 2)]),
    ],
)
def test_a_given_unit_is_used(values: Any, unit: Any, days: list[datetime]) -> None:
    frame = pl.LazyFrame({"timestamp": pl.Series(values, strict=False)})
    times = to_naive_utc(frame, "timestamp", ORIGIN, unit=unit).times
    assert frame.select(times).collect()["timestamp"].to_list() == days


@pytest.mark.parametrize(
    ("values", "unit", "words"),
    [
        ([1546387200000], "s", ["1546387200000", 'timestamp_unit = "ms"']),
        ([1546387200000000], "s", ["1546387200000000", 'timestamp_unit = "us"']),
        ([2**63], None, [str(2**63)]),
        ([-(2**62)], "d", [str(-(2**62))]),
        ([float("inf")], "s", ["inf"]),
        ([0, 1546387200], None, ["0", "timestamp_unit"]),
        ([20190131], None, ['timestamp_format = "%Y%m%d"']),
        ([20190131.0], None, ['timestamp_format = "%Y%m%d"']),
        ([201901311830], None, ['timestamp_format = "%Y%m%d%H%M"']),
        (["20190131"], None, ['timestamp_format = "%Y%m%d"']),
        ([2019013118], None, ['timestamp_format = "%Y%m%d%H" or timestamp_unit = "s"']),
        ([43467], None, ["43467", 'ambiguous; set timestamp_unit = "d" or timestamp_unit = "excel".']),
        ([15000], None, ["15000", 'not a time since 1970; set timestamp_unit = "d".']),
        ([60000], None, ["60000", 'not a time since 1970; set timestamp_unit = "excel".']),
        ([1, 99], None, ["1", "if these are order numbers, use the role order"]),
    ],
)
def test_numbers_that_are_not_times_of_one_unit_are_refused(values: Any, unit: Any, words: list[str]) -> None:
    frame = pl.LazyFrame({"timestamp": values})
    with pytest.raises(TableError) as caught:
        to_naive_utc(frame, "timestamp", ORIGIN, unit=unit)
    for word in ["'t_dat'", *words]:
        assert word in str(caught.value)
