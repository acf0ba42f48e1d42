"""The sentences for customers."""

from datetime import datetime

import pytest

from gingham.models.sentences import Pair, Reason

TODAY = datetime(2024, 3, 13, 8)
MARCH = datetime(2024, 3, 1, 20)
NEVER = Pair(0, None, TODAY, False)


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        (Pair(3, MARCH, TODAY, False), "You bought this 3 times, last 12 days ago."),
        (Pair(2, datetime(2024, 3, 12, 23), TODAY, False), "You bought this twice, last yesterday."),
        (Pair(1, datetime(2024, 3, 13, 1), TODAY, True), "You bought this today."),
        (Pair(1, MARCH, TODAY, True), "You bought this 12 days ago."),
        (Pair(1, None, None, True), "You bought this once."),
        (Pair(7, None, None, True), "You bought this 7 times."),
        (Pair(-1, None, None, True), "You bought this."),
        (Pair(-1, MARCH, TODAY, True), "You bought this, last 12 days ago."),
    ],
)
def test_purchases_are_counted(pair: Pair, sentence: str) -> None:
    assert pair.sentence([Reason("bought before"), Reason("best seller")]) == sentence


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        (
            Reason("bought together", "Milk", MARCH),
            "Often bought together with Milk, which you bought on 1 March 2024.",
        ),
        (Reason("bought together", "Milk"), "Often bought together with Milk, which you bought."),
        (Reason("similar users"), "Customers who buy what you buy also bought this."),
        (Reason("segment", label="25-34"), "Sells well among customers like you (25-34)."),
        (Reason("segment"), "Sells well among customers like you."),
        (Reason("user feature", label="25-34"), "Popular with customers like you (25-34)."),
        (Reason("item feature", "Tea", MARCH), "Same category as Tea, which you bought on 1 March 2024."),
        (Reason("item feature", "Tea"), "Same category as Tea, which you bought."),
        (Reason("taste"), "Fits what you usually choose."),
    ],
)
def test_every_cause_has_its_sentence(reason: Reason, sentence: str) -> None:
    assert NEVER.sentence([reason]) == sentence


def test_what_is_not_true_is_not_said() -> None:
    untrue = [Reason("bought before"), Reason("best seller"), *map(Reason, ("base", "model", "price", "item feature"))]
    assert NEVER.sentence([*untrue, Reason("taste")]) == "Fits what you usually choose."
    assert NEVER.sentence(untrue) == "You have not bought this yet: something new to try."
    assert Pair(0, None, TODAY, True).sentence(untrue) == "One of our best sellers."
    assert Pair(0, None, TODAY, True).sentence([]) == "One of our best sellers."
    assert Pair(0, None, TODAY, True, True).sentence([Reason("best seller")]) == "Sells well this week."
    assert Pair(2, None, None, False).sentence([Reason("model")]) == "You bought this twice."
