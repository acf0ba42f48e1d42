import re
import zlib
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from gingham.dataset.encodings import Bins, Calendar, Categories, Encoding, Parts, Scale, Words
from gingham.errors import TableError


def weights(encoding: Encoding, values: pl.Series) -> npt.NDArray[np.float64]:
    """The weight of each feature in each row."""
    entries = encoding.entries(values)
    shape = (len(values), len(encoding.names))
    return np.asarray(sp.coo_matrix((entries.weights, (entries.rows, entries.codes)), shape).toarray())


def named(encoding: Encoding, values: pl.Series) -> list[dict[str, float]]:
    return [
        {encoding.names[code]: float(row[code]) for code in np.flatnonzero(row)} for row in weights(encoding, values)
    ]


def only(encoding: Encoding, values: pl.Series) -> list[str]:
    """Each row's one feature."""
    rows = named(encoding, values)
    assert all(list(row.values()) == [1] for row in rows)
    return [next(iter(row)) for row in rows]


def column(values: Any, dtype: Any = None) -> pl.Series:
    return pl.Series("x", values, dtype)


@pytest.mark.parametrize(
    ("there", "later", "expected"),
    [
        (["a", "b", None], ["b", "a", None, "c"], ["x=b", "x=a", "x=null", "x=null"]),
        (column(["a", "b"], pl.Categorical), ["b", "c"], ["x=b", "x=null"]),
        ([1, 2], [2.0, 2.5, None], ["x=2", "x=null", "x=null"]),
        ([1, 2], ["2", "two"], ["x=2", "x=null"]),
        ([1.0, 2.5], [1, 2], ["x=1.0", "x=null"]),
        (column([0.1, 5], pl.Float32), [0.1, 5.0, float("nan")], ["x=0.1", "x=5.0", "x=null"]),
        (column([2**64 - 1, 5], pl.UInt64), column([2**64 - 1, 6], pl.UInt64), ["x=18446744073709551615", "x=null"]),
        ([True, False], [False, None], ["x=false", "x=null"]),
        ([date(2020, 1, 1)], ["2020-01-01", "2020-01-02"], ["x=2020-01-01", "x=null"]),
    ],
)
def test_a_category_is_recognized_in_other_types(there: Any, later: Any, expected: list[str]) -> None:
    assert only(Categories.fit(column(there), 1), column(later)) == expected


@pytest.mark.parametrize("values", [[timedelta(days=1)], [b"a"], [[1]], [object()]])
def test_values_without_text_cannot_be_categories(values: list[Any]) -> None:
    with pytest.raises(TableError, match=r"'x' is (Duration|Binary|List|Object)"):
        Categories.fit(column(values), 1)


def test_a_value_called_other_joins_the_rare_values_if_there_are_any() -> None:
    assert Categories.fit(column(["other", "other", "a", "a"]), 2).names == ["x=a", "x=null", "x=other"]
    assert only(Categories.fit(column(["other", "other", "a", "a"]), 2), column(["b"])) == ["x=null"]
    pooled = Categories.fit(column(["other", "other", "a"]), 2)
    assert only(pooled, column(["a", "other", "b", None])) == ["x=other", "x=other", "x=other", "x=null"]


def test_a_part_counts_once_per_row() -> None:
    parts = Parts.fit(column(["a|a|b", "b|c", "d"]), "|", 2)
    assert parts.names == ["x=b", "x=null", "x=other"]
    assert named(parts, column(["a|c|b", "|", "b"])) == [{"x=b": 1, "x=other": 1}, {"x=null": 1}, {"x=b": 1}]


def test_numbers_out_of_range_are_in_the_outer_bins() -> None:
    bins = Bins.fit(column([1, 2, 3, 4]), 2)
    later = column([-5.0, 2, 2.5, 99, float("inf"), -float("inf"), None])
    low, high = "x∈(-inf,2]", "x∈(2,inf]"
    assert only(bins, later) == [low, low, high, high, high, low, "x=null"]


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1))
def test_scaled_values_equal_those_of_pandas(values: list[float | None]) -> None:
    series = pd.Series(values, dtype=float)
    got = weights(Scale.fit(column(values, pl.Float64), with_null=True), column(values, pl.Float64))
    unknown = series.isna().to_numpy()
    np.testing.assert_array_equal(got[:, 1] == 1, unknown)
    assert (got[unknown, 0] == 0).all()
    spread = series.std(ddof=0) if not unknown.all() else 0
    scaled = (series - series.mean()) / spread if spread > 0 else series - series.mean()
    np.testing.assert_allclose(got[~unknown, 0], scaled[~unknown], rtol=1e-6, atol=1e-6)


def test_scaled_values_without_a_feature_for_null() -> None:
    scale = Scale.fit(column([1, None, 3]), with_null=False)
    assert scale.names == ["x"]
    assert named(scale, column([1, None, 3, 2])) == [{"x": -1}, {}, {"x": 1}, {}]


@pytest.mark.parametrize("values", [[1.0, float("inf")], [1e300, -1e300]])
def test_numbers_without_standard_deviation(values: list[float]) -> None:
    with pytest.raises(TableError, match=r"'x' holds numbers up to (inf|1e.300)"):
        Scale.fit(column(values), with_null=True)


days = st.one_of(st.none(), st.dates(date(1990, 1, 1), date(2030, 1, 1)))


@given(st.lists(days, min_size=1), st.integers(2, 5))
def test_dates_are_weekdays_months_and_ages(values: list[date | None], bins: int) -> None:
    dates = column(values, pl.Date)
    calendar = Calendar.fit(dates, bins)
    table = pd.DataFrame(weights(calendar, dates), columns=calendar.names)
    series = pd.to_datetime(pd.Series(values))
    known = series.notna()
    weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    for number, day in enumerate(weekdays):
        assert (table[f"x:weekday={day}"] == (series.dt.day_of_week == number)).all()
    for month in range(1, 13):
        assert (table[f"x:month={month}"] == (series.dt.month == month)).all()
    assert (table["x=null"] == ~known).all()
    ages = (series.max() - series).dt.days
    binned = Bins.fit(pl.Series("x:age", ages.to_numpy()), bins)
    expected = weights(binned, pl.Series("x:age", ages.to_numpy()))[:, :-1]
    np.testing.assert_array_equal(table[binned.names[:-1]].to_numpy()[known], expected[known])
    assert table.to_numpy().sum() == 3 * known.sum() + (~known).sum()


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


texts = st.one_of(st.none(), st.text("abAB1 -_,.äÄß", max_size=12))


@given(st.lists(texts, min_size=1), st.integers(2, 40))
def test_words_and_pairs_are_hashed(values: list[str | None], buckets: int) -> None:
    expected = np.zeros((len(values), buckets + 1))
    for row, text in enumerate(values):
        words = re.findall(r"[^\W_]+", (text or "").lower())
        grams = {*words, *(f"{words[place]} {words[place + 1]}" for place in range(len(words) - 1))}
        for gram in grams:
            expected[row, zlib.crc32(gram.encode()) % buckets] += 1 / len(grams)
        expected[row, buckets] = not grams
    np.testing.assert_allclose(weights(Words("x", buckets), column(values, pl.String)), expected)


def test_the_hash_is_crc32() -> None:
    # The check value of CRC-32 is 0xCBF43926, the checksum of these nine digits.
    assert only(Words("x", 256), column(["123456789"])) == [f"x#{0xCBF43926 % 256}"]


def test_long_and_short_texts_have_the_same_weight() -> None:
    rows = weights(Words("x", 8), column(["one", "one two three four five six", None]))
    np.testing.assert_allclose(rows.sum(axis=1), 1)
