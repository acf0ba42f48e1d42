from datetime import timedelta

import pytest

from gingham.errors import ParameterError
from gingham.tables.duration import duration


@pytest.mark.parametrize(
    ("text", "length"),
    [("12h", timedelta(hours=12)), ("7d", timedelta(days=7)), (" 2 w ", timedelta(days=14)), ("365d", timedelta(365))],
)
def test_hours_days_and_weeks(text: str, length: timedelta) -> None:
    assert duration(text) == length


@pytest.mark.parametrize("text", ["", "7", "d", "7 days", "-7d", "1.5d", "0d", "7m", "9999999999999999w"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ParameterError, match=f"'{text}' is no length of time"):
        duration(text)
