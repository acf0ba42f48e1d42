from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from gingham.dataset.encodings import Categories, Parts
from gingham.errors import TableError
from tests.dataset.encodings.samples import column, named, only


@pytest.mark.parametrize(
    ("fitted", "later", "expected"),
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
def test_a_category_is_recognized_in_other_types(fitted: Any, later: Any, expected: list[str]) -> None:
    assert only(Categories.fit(column(fitted), 1), column(later)) == expected


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
