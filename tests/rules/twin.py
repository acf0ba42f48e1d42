"""Rules applied user by user and item by item: slow, obvious code that the package's lists are compared with."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

Row = Mapping[str, Any]
Ranked = list[tuple[str, float]]


@dataclass
class Shop:
    """What is known of items and of one user.

    Attributes
    ----------
    rows : mapping of str to mapping
        The row of each item in the items table; items without a row are missing.
    first_sold : mapping of str to datetime
        When each item was first sold.
    bought : mapping of str to datetime
        When the user last bought each item.
    now : datetime
        The latest transaction of all users.
    """

    rows: Mapping[str, Row]
    first_sold: Mapping[str, datetime]
    bought: Mapping[str, datetime]
    now: datetime


@dataclass
class TwinRules:
    """The keys of `gingham.Rules`, with conditions as functions of a row and a request, and times as timedeltas."""

    filter: Callable[[Row, Row], bool | None] | None = None
    exclude_bought: timedelta | None = None
    exclude_basket: bool = False
    caps: Mapping[str, int] = field(default_factory=dict)
    boosts: Sequence[tuple[Callable[[Row, Row], bool | None], float]] = ()
    pins: Mapping[int, str] = field(default_factory=dict)
    new: tuple[Fraction, timedelta] | None = None
    diversity: tuple[Sequence[str], float] | None = None
    min_length: int = 0
    fallback: Sequence[str] = ()


def similarity(one: Row | None, other: Row | None, columns: Sequence[str]) -> float:
    equal = [
        one is not None and other is not None and one[column] is not None and one[column] == other[column]
        for column in columns
    ]
    return sum(equal) / len(columns)


def apply(rules: TwinRules, ranked: Ranked, shop: Shop, k: int, request: Row) -> Ranked:
    """Return the list of a user, from all candidates of the call by rank."""
    scores = dict(ranked)
    places: list[str | None] = [None] * k

    def is_true(condition: Callable[[Row, Row], bool | None], item: str) -> bool:
        return item in shop.rows and condition(shop.rows[item], request) is True

    def may_have(item: str, dropped: Sequence[str]) -> bool:
        if rules.filter is not None and "filter" not in dropped and not is_true(rules.filter, item):
            return False
        if rules.exclude_basket and "exclude_basket" not in dropped and item in request["basket"]:
            return False
        if rules.exclude_bought is not None and "exclude_bought" not in dropped and item in shop.bought:
            return shop.bought[item] <= shop.now - rules.exclude_bought
        return True

    def is_new(item: str) -> bool:
        assert rules.new is not None
        return item not in shop.first_sold or shop.first_sold[item] > shop.now - rules.new[1]

    def capped() -> dict[str, set[Any]]:
        """Return the values that have reached their caps, by column."""
        rows = [shop.rows.get(item, {}) for item in places if item is not None]
        counts = {column: Counter(row.get(column) for row in rows) for column in rules.caps}
        return {
            column: {value for value, n in counts[column].items() if value is not None and n >= most}
            for column, most in rules.caps.items()
        }

    def fill(length: int, dropped: Sequence[str]) -> None:
        candidates = [item for item, _ in ranked if may_have(item, dropped)]
        place_of = {}
        for rank, item in enumerate(candidates, start=1):
            factor = 1.0
            for condition, by in rules.boosts:
                if is_true(condition, item):
                    factor *= by
            place_of[item] = rank / factor
        for position in range(length):
            if places[position] is not None:
                continue
            free = [item for item in candidates if item not in places]
            if "caps" not in dropped:
                full = capped().items()
                free = [
                    item for item in free if not any(shop.rows.get(item, {}).get(name) in some for name, some in full)
                ]
            if rules.new is not None:
                before = sum(is_new(item) for item in places[:position] if item is not None)
                if before < int(rules.new[0] * (position + 1)) and any(map(is_new, free)):
                    free = [item for item in free if is_new(item)]

            def place(item: str) -> float:
                if rules.diversity is None:
                    return place_of[item]
                columns, ranks = rules.diversity
                others = [
                    similarity(shop.rows.get(item), shop.rows.get(other), columns)
                    for other in places
                    if other is not None
                ]
                return place_of[item] + ranks * max(others, default=0)

            if free:
                places[position] = min(free, key=place)  # the first of equal ones
        filled = [item for item in places if item is not None]
        places[:] = filled + [None] * (k - len(filled))

    for position, item in rules.pins.items():
        if item in scores and may_have(item, ()):
            places[position - 1] = item
    fill(k, ())
    for number in range(len(rules.fallback)):
        fill(min(k, rules.min_length), rules.fallback[: number + 1])
    return [(item, scores[item]) for item in places if item is not None]
