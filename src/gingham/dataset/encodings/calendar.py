"""The encoding of dates: weekday, month and age."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Self

import numpy as np
import polars as pl

from gingham.checked import require
from gingham.dataset.encodings.encoding import Encoding, FeatureEntries, null_feature
from gingham.dataset.encodings.numbers import Bins, intervals
from gingham.dataset.feature import Feature
from gingham.errors import TableError
from gingham.tables import FeatureSpec

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS = 12
_PER_DAY = {"ms": 86_400 * 10**3, "us": 86_400 * 10**6, "ns": 86_400 * 10**9}


@dataclass(frozen=True, eq=False)
class Calendar(Encoding):
    """One feature per weekday, per month, and per bin of the age in days on the day `latest`; and one for null.

    A date after `latest`, such as that of a new item, has a negative age and is in the bin of the youngest.

    Attributes
    ----------
    latest : str or None
        The latest date of the table, in ISO 8601; None if it has none.
    borders : list of float
        The largest age of each bin except the last one, ascending.
    """

    key = "date"

    latest: str | None
    borders: list[float]

    @classmethod
    def from_spec(cls, option: Any, rows: pl.Series, table: pl.Series, spec: FeatureSpec) -> Self:  # noqa: ARG003
        """Fit to the whole table; `option` is the number of bins."""
        return cls.fit(table, option)

    @classmethod
    def fit(cls, values: pl.Series, bins: int) -> Self:
        """Find the latest date, and bins of the ages on that day."""
        days = _days(values)
        latest: Any = days.max()
        ages = Bins.fit(_ages(days, latest), bins)
        return cls(values.name, None if latest is None else latest.isoformat(), ages.borders)

    def check(self) -> None:
        """Check that the latest day is a date and the borders ascend.

        Raises
        ------
        DataError
            If not.
        """
        Bins(self.column, self.borders).check()
        try:
            is_date = self.latest is None or date.fromisoformat(self.latest).isoformat() == self.latest
        except ValueError:
            is_date = False
        require(is_date, f"the latest date of column {self.column!r} is {self.latest!r}")

    def _features(self) -> list[Feature]:
        return [
            *(Feature(self.column, day, "weekday") for day in _WEEKDAYS),
            *(Feature(self.column, str(month), "month") for month in range(1, _MONTHS + 1)),
            *(Feature(self.column, label, "age") for label in intervals(self.borders)),
            null_feature(self.column),
        ]

    def _entries(self, values: pl.Series) -> FeatureEntries:
        days = _days(values)
        is_null = days.is_null().to_numpy()
        dated, undated = np.flatnonzero(~is_null), np.flatnonzero(is_null)
        dates = days.drop_nulls()
        latest = None if self.latest is None else date.fromisoformat(self.latest)
        ages = Bins(self.column, self.borders).entries(_ages(dates, latest)).codes
        weekdays, months = (part.cast(pl.Int64).to_numpy() for part in (dates.dt.weekday(), dates.dt.month()))
        start = len(_WEEKDAYS) + _MONTHS
        codes = [weekdays - 1, len(_WEEKDAYS) - 1 + months, start + ages]
        codes.append(np.full(len(undated), start + len(self.borders) + 1))
        rows = np.concatenate([dated, dated, dated, undated])
        return FeatureEntries(rows, np.concatenate(codes), np.ones(len(rows)))


def _days(values: pl.Series) -> pl.Series:
    """Return the day of each date, time or ISO 8601 text; for a time with a time zone, the day in UTC."""
    if isinstance(values.dtype, pl.Datetime):
        # A time with a zone is stored in UTC.
        return _to_dates(values.to_physical() // _PER_DAY[values.dtype.time_unit])
    if values.dtype in (pl.Date, pl.Null):
        return _to_dates(values.cast(pl.Date).to_physical())
    if values.dtype != pl.String:
        raise TableError(f"Column {values.name!r} is {values.dtype}; use dates, times or ISO 8601 text.")
    days = values.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
    invalid = values.filter(days.is_null() & values.is_not_null())
    if len(invalid):
        raise TableError(
            f"Column {values.name!r} holds {invalid[0]!r}, which is not an ISO 8601 date; write it as 2019-01-31."
        )
    return days


def _to_dates(days: pl.Series) -> pl.Series:
    """Return days since 1970 as dates if they are of the years 1 to 9999, between which Python has dates."""
    low, high = ((limit - date(1970, 1, 1)).days for limit in (date.min, date.max))
    if not days.is_between(low, high).all():
        raise TableError(f"Column {days.name!r} has dates outside the years 1 to 9999; correct them.")
    return days.cast(pl.Int32).cast(pl.Date)


def _ages(days: pl.Series, latest: date | None) -> pl.Series:
    """Return the days until the latest date; 0 for all if the table had no date."""
    if latest is None:
        return pl.select(pl.when(days.is_not_null()).then(0)).to_series()
    return (pl.Series([latest]) - days).dt.total_days()
