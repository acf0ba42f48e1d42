from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gingham.errors import ParameterError
from gingham.rules.condition import FUNCTIONS, Condition
from tests.rules.random_rules import CONDITIONS, REQUEST, case

ITEMS = pl.DataFrame(
    {
        "item_id": [1, 2, 3],
        "price": [1.0, 2.0, None],
        "end": [1, 2, 3],
        "Näme": ["x", "y'z", None],
        'a "b"': [True, False, True],
        "day": [date(2024, 1, 1), date(2024, 5, 1), None],
    }
)


def matches(text: str, **request: Any) -> list[bool]:
    return Condition.parse(text).matches(ITEMS, request).tolist()


@pytest.mark.parametrize(("text", "function"), CONDITIONS)
def test_conditions_are_those_of_the_twin(text: str, function: Any) -> None:
    items = case(5).items
    expected = [function(row, REQUEST) is True for row in items.to_dicts()]
    assert Condition.parse(text).matches(items, REQUEST).tolist() == expected
    assert 0 < sum(expected) < len(expected)


@pytest.mark.parametrize(
    ("text", "request_values", "expected"),
    [
        ("price<=:b", {"b": 1}, [True, False, False]),
        ("price<=:b", {"b": np.float32(1.5)}, [True, False, False]),
        ('"end" >= 2', {}, [False, True, True]),
        ("Näme = 'y''z'", {}, [False, True, False]),
        ("Näme = :n", {"n": "y'z"}, [False, True, False]),
        ("Näme = :n", {"n": "' OR 1 = 1 --"}, [False, False, False]),
        ("Näme LIKE 'x%' OR price IS NULL", {}, [True, False, True]),
        ('"a ""b""" AND NOT price > 5', {}, [True, False, False]),
        ("day >= DATE '2024-02-01'", {}, [False, True, False]),
        ("day >= :since", {"since": date(2024, 2, 1)}, [False, True, False]),
        ("day >= :since", {"since": datetime(2024, 2, 1, 3)}, [False, True, False]),
        ("year(day) = 2024 AND month(day) = 1", {}, [True, False, False]),
        ("coalesce(price, 9) > 1.5e0", {}, [False, True, True]),
        ("-price < -(1 + .5)", {}, [False, True, False]),
        ("year(day) = :y", {"y": 2024}, [True, True, False]),
        ("price in (1, 3) or end % 2 = 1", {}, [True, False, True]),
    ],
)
def test_what_conditions_can_say(text: str, request_values: dict[str, Any], expected: list[bool]) -> None:
    text = text.replace(" end ", ' "end" ')
    assert matches(text, **request_values) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "price >",
        "price",
        "1 = 1",
        "end > 1",
        "price > (SELECT max(price) FROM items)",
        "price > 1 -- nothing",
        "price > 1 /* nothing */",
        "price > 1; DROP TABLE items",
        "read_csv('/etc/passwd') = price",
        "price = READ_PARQUET('x')",
        "\"read_csv\"('x') = price",
        "COLUMNS('p') > 1",
        "sum(price) > 1",
        "row_number() OVER (ORDER BY price) > 1",
        "price::text = '1'",
        "price > $1",
        "price > ?",
        "price > :",
        "price > :1",
        "Näme = 'a\\' OR 1 = 1'",
        "Näme = `x`",
        "price > '1",
        "*",
        "price = price.x",
        "(" * 500 + "price > 1" + ")" * 500,
    ],
)
def test_everything_else_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(ParameterError, match=r"^The condition .*[.]$"):
        matches(text)


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), 10**40, [1], {"a": 1}, b"x", 1j, object()])
def test_values_of_other_types_are_refused(value: Any) -> None:
    with pytest.raises(ParameterError, match=r"^The request value 'b' is .*[.]$"):
        matches("price > :b", b=value)


@pytest.mark.parametrize("value", ["1", date(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC), True])
def test_values_of_another_type_than_the_columns_are_refused(value: Any) -> None:
    with pytest.raises(
        ParameterError, match=r"^The request value 'b' is .* cannot be compared .*'price' .Float64.*[.]$"
    ):
        matches("price > :b", b=value)
    with pytest.raises(ParameterError, match="does not fit the columns 'price', 'Näme' and the request values b"):
        matches("price > :b AND Näme = 'x'", b="1")


def test_a_missing_value_is_refused() -> None:
    with pytest.raises(ParameterError, match="The request has no value 'b', which the condition 'price > :b' needs"):
        matches("price > :b", a=1)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(st.sampled_from("pricestok:b'\"(),;<>=!-+*/%|.$\\ \n01eAND"), max_size=25))
def test_no_text_does_anything_but_match_or_be_refused(text: str) -> None:
    try:
        condition = Condition.parse(text)
        result = condition.matches(ITEMS, dict.fromkeys(condition.values, 1))
    except ParameterError as error:
        message = str(error)
    else:
        message = "."
        assert result.shape == (3,)
    assert message.endswith(".")
    assert len(message.splitlines()) == 1


def test_the_functions_are_sorted() -> None:
    assert list(FUNCTIONS) == sorted(FUNCTIONS)
