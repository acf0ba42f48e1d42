from typing import Any

import numpy as np
import pytest

import gingham as gg
from gingham.errors import ConfigError
from gingham.section import Flag, Integer, Number, Section
from gingham.tables import TransactionsSource


class Oven(Section):
    """A section with one key of each strict type."""

    degrees: Integer = 180
    hours: Number = 1.0
    fan: Flag = False


def test_numbers_of_numpy_are_numbers() -> None:
    oven = Oven(degrees=np.int32(200), hours=np.float32(0.5), fan=np.True_)  # type: ignore[arg-type]
    assert oven == Oven(degrees=200, hours=0.5, fan=True)
    assert Oven(hours=2).hours == 2


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("degrees", True),
        ("degrees", "3"),
        ("degrees", 3.0),
        ("degrees", None),
        ("hours", "1.5"),
        ("hours", True),
        ("fan", 1),
        ("fan", "yes"),
    ],
)
def test_nothing_is_converted(key: str, wrong: Any) -> None:
    with pytest.raises(ConfigError, match=rf"^Oven: {key} is {wrong!r}; input should be a valid"):
        Oven(**{key: wrong})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gg.CleanSpec(foo=1), "CleanSpec: unknown key 'foo'; its keys are .*start, end, "),
        (lambda: gg.CleanSpec(min_transaction=1), "CleanSpec: unknown key 'min_transaction'; did you mean 'min_tran"),
        (lambda: gg.CleanSpec(last="7"), "CleanSpec: '7' is not a duration"),
        (lambda: gg.CleanSpec(start=5), "CleanSpec: start: 5 is not a date; use for example 2020-09-15."),
        (lambda: gg.CleanSpec(end="1600000000"), "CleanSpec: end: '1600000000' is not a date"),
        (lambda: gg.FeatureSpec(categorical="country"), "FeatureSpec: categorical is 'country'; .* use .'country'."),
        (lambda: gg.FeatureSpec(categorcal=["a"]), "FeatureSpec: unknown key 'categorcal'; did you mean 'categorical'"),
        (lambda: gg.split.SplitSpec(kind="tim"), "SplitSpec: kind is 'tim'; input should be 'time', 'random' or"),
        (lambda: TransactionsSource(path="x.csv", user_id="u"), "TransactionsSource: key 'item_id' is missing; add it"),
        (
            lambda: gg.FeatureSpec("club"),
            r"FeatureSpec takes keys by name, such as FeatureSpec\(categorical=...\), not 'c",
        ),
        (lambda: gg.Recipe(), "Recipe: add section .transactions."),
        (lambda: gg.Recipe(transactions=3), "Recipe: transactions is 3; input should be a valid dictionary"),
        (
            lambda: gg.Recipe(transactions={"path": "x.csv", "user_id": "u"}),
            "Recipe: section .transactions. has no key 'item_id'; add it",
        ),
    ],
)
def test_constructors_raise_our_error(make: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        make()
    assert all(line.endswith(".") for line in str(caught.value).splitlines())


def test_sections_within_sections_have_their_place_in_the_message() -> None:
    source = {"path": "x.csv", "user_id": "u", "item_id": "i", "timestamp": "t"}
    with pytest.raises(ConfigError) as caught:
        gg.Recipe(transactions=source, evaluate={"k": True}, clean={"deduplicate": 1})  # type: ignore[arg-type]
    assert str(caught.value).splitlines() == [
        "Recipe: clean.deduplicate is 1; input should be a valid boolean.",
        "Recipe: evaluate.k is True; input should be a valid integer.",
    ]


def test_an_unknown_key_within_a_list() -> None:
    with pytest.raises(ConfigError, match=r"unknown key 'facto' in section \[boosts.0\]; did you mean 'factor'"):
        gg.Rules(boosts=[{"condition": "price > 1", "factor": 2.0, "facto": 1}])
