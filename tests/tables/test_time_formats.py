from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gingham.errors import ParameterError
from gingham.tables.origin import Origin
from gingham.tables.time_formats import iso_format, propose_formats
from gingham.tables.timestamp import check_format, to_naive_utc

ORIGIN = Origin("transactions", "sales.csv", {"timestamp": "t_dat"})
MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2199, 12, 31)).map(lambda moment: moment.replace(microsecond=0))
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
WRITTEN = ["%d/%m/%Y %H:%M:%S", "%m-%d-%Y %I:%M:%S %p", "%d. %B %Y, %H:%M:%S", "%Y%m%d%H%M%S", "%j/%Y %H:%M:%S"]


def read(texts: list[str], format: str | None = None) -> list[datetime | None]:
    frame = pl.LazyFrame({"timestamp": texts})
    times = to_naive_utc(frame, "timestamp", ORIGIN, format).times
    return frame.select(times.cast(pl.Datetime("us"))).collect()["timestamp"].to_list()


@given(st.lists(MOMENTS, min_size=1), st.sampled_from(["T", " "]), st.sampled_from(["auto", "minutes", "milliseconds"]))
def test_iso_times_are_read_as_python_wrote_them(moments: list[datetime], dash: str, timespec: str) -> None:
    assert read([moment.isoformat(dash, timespec) for moment in moments]) == [
        datetime.fromisoformat(moment.isoformat(dash, timespec)) for moment in moments
    ]


@given(st.lists(st.tuples(MOMENTS, OFFSETS), min_size=1))
def test_offsets_are_converted_to_utc(moments: list[tuple[datetime, timezone]]) -> None:
    texts = [moment.replace(tzinfo=zone).isoformat() for moment, zone in moments]
    assert read(texts) == [datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None) for text in texts]


@given(st.lists(MOMENTS, min_size=1), st.sampled_from(WRITTEN))
def test_other_text_is_read_by_its_format(moments: list[datetime], format: str) -> None:
    assert read([moment.strftime(format) for moment in moments], format) == moments


@given(st.lists(MOMENTS, min_size=1))
def test_proposed_formats_include_the_one_of_the_text(moments: list[datetime]) -> None:
    texts = [moment.strftime("%d/%m/%Y %H:%M:%S") for moment in moments]
    assert moments in [read(texts, format) for format in propose_formats(texts)]


@pytest.mark.parametrize("zone", ["Z", "UTC", "GMT"])
def test_names_of_utc_are_read(zone: str) -> None:
    assert read([f"2024-07-01 10:00 {zone}"], "%Y-%m-%d %H:%M %Z") == [datetime(2024, 7, 1, 10)]
    assert read([f"2024-07-01 10:00 {zone}"]) == [datetime(2024, 7, 1, 10)]


@pytest.mark.parametrize("zone", ["CEST", "EST", "CET", "PST", "Europe/Paris"])
def test_names_of_other_time_zones_are_refused(zone: str) -> None:
    with pytest.raises(pl.exceptions.InvalidOperationError, match=zone):
        read(["2024-07-01 10:00 UTC", f"2024-07-01 10:00 {zone}"], "%Y-%m-%d %H:%M %Z")


@pytest.mark.parametrize("format", ["YYYY-MM-DD", "%H:%M", "%d/%m", "%Q", "%", "", "%Y"])
def test_a_format_without_a_date_is_refused(format: str) -> None:
    with pytest.raises(ParameterError, match="does not describe a date"):
        check_format(format)


@pytest.mark.parametrize(
    "format", ["%d/%m/%Y", "%Y-%m", "%b %d, %Y", "%s", "%j %Y", "%Y-%m-%dT%H:%M:%S%z", "%D %I:%M %p"]
)
def test_formats_of_dates_are_accepted(format: str) -> None:
    assert check_format(format) == format


@pytest.mark.parametrize("text", ["2019-01/31", "31-01-2019", "2019-01-31 18", "2019-01-31T", "2019-01-31 10:00 CEST"])
def test_other_text_is_not_iso(text: str) -> None:
    assert iso_format(text) is None
