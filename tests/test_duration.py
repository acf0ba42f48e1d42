from datetime import timedelta

import numpy as np
import pytest

from gingham.duration import duration, period_starts, time_limit
from gingham.errors import ParameterError


@pytest.mark.parametrize(
    ("text", "length"),
    [("12h", timedelta(hours=12)), ("7d", timedelta(days=7)), (" 2 w ", timedelta(days=14)), ("365d", timedelta(365))],
)
def test_hours_days_and_weeks(text: str, length: timedelta) -> None:
    assert duration(text) == length


@pytest.mark.parametrize("text", ["", "7", "d", "7 days", "-7d", "1.5d", "0d", "7m", "9999999999999999w"])
def test_other_texts_are_not_durations(text: str) -> None:
    with pytest.raises(ParameterError, match=f"'{text}' is not a duration"):
        duration(text)


def test_time_limits() -> None:
    lengths = {"30m": timedelta(minutes=30), "8h": timedelta(hours=8), " 2 d ": timedelta(days=2)}
    assert {text: time_limit(text) for text in lengths} == lengths


@pytest.mark.parametrize("text", ["", "30", "2w", "0m", "-1h", "1.5h", "90 s"])
def test_other_texts_are_not_time_limits(text: str) -> None:
    with pytest.raises(ParameterError, match=f"'{text}' is not a time limit"):
        time_limit(text)


@pytest.mark.parametrize(
    ("length", "starts"),
    [
        (timedelta(days=1), ["2024-03-08", "2024-03-09"]),
        (timedelta(days=7), ["2024-02-25", "2024-03-03"]),
        (timedelta(hours=12), ["2024-03-08T18:30:00.000001", "2024-03-09T06:30:00.000001"]),
    ],
)
def test_periods_end_with_the_last_day_or_time(length: timedelta, starts: list[str]) -> None:
    times = np.array(["2024-03-09T18:30", "2024-01-01"], "datetime64[us]")
    assert period_starts(times, length, 2).tolist() == np.array(starts, "datetime64[us]").tolist()
