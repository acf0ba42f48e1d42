"""Random shops and random rules, for the comparison with the twin."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import polars as pl

import gingham as gg
from gingham.rules import Rules, Shop
from gingham.scores import DenseScores
from tests.rules import twin
from tests.rules.twin import Row, TwinRules

N_ITEMS, N_WITHOUT_ROW = 120, 6
NOW = datetime(2024, 3, 1, 12)
Truth = bool | None


def no(truth: Truth) -> Truth:
    return None if truth is None else not truth


def both(one: Truth, other: Truth) -> Truth:
    return False if False in (one, other) else None if None in (one, other) else True


def either(one: Truth, other: Truth) -> Truth:
    return no(both(no(one), no(other)))


def compare(one: Any, how: Callable[[Any, Any], bool], other: Any) -> Truth:
    return None if one is None or other is None else how(one, other)


def at_most(one: Any, other: Any) -> Truth:
    return compare(one, lambda a, b: a <= b, other)


def above(one: Any, other: Any) -> Truth:
    return no(at_most(one, other))


def equal(one: Any, other: Any) -> Truth:
    return compare(one, lambda a, b: a == b, other)


# Conditions as SQL and as functions of a row and a request.
CONDITIONS: list[tuple[str, Callable[[Row, Row], Truth]]] = [
    ("price <= :budget", lambda row, request: at_most(row["price"], request["budget"])),
    (
        "price <= :budget AND stock > 0",
        lambda row, request: both(at_most(row["price"], request["budget"]), above(row["stock"], 0)),
    ),
    ("stock > 0", lambda row, _: above(row["stock"], 0)),
    ("NOT stock > 2", lambda row, _: no(above(row["stock"], 2))),
    ("category IN ('c1', 'c2')", lambda row, _: either(equal(row["category"], "c1"), equal(row["category"], "c2"))),
    ("category <> 'c0'", lambda row, _: no(equal(row["category"], "c0"))),
    ("price BETWEEN 2 AND 9.5", lambda row, _: both(no(above(2, row["price"])), at_most(row["price"], 9.5))),
    ("brand IS NULL OR stock > 1", lambda row, _: either(row["brand"] is None, above(row["stock"], 1))),
    ("launched >= DATE '2024-02-01'", lambda row, _: at_most(date(2024, 2, 1), row["launched"])),
    ('"launched">=:since', lambda row, request: at_most(request["since"], row["launched"])),
    ("upper(category) = :wanted", lambda row, request: equal(row["category"] and row["category"].upper(), "C3")),
    ("price * 2 > stock + 1", lambda row, _: above(2 * row["price"] if row["price"] else None, row["stock"] + 1)),
    (
        "CASE WHEN stock > 3 THEN price > 5 ELSE price < 5 END",
        lambda row, _: above(row["price"], 5) if row["stock"] > 3 else above(5, row["price"]),
    ),
]
REQUEST = {"budget": 8.5, "since": date(2024, 1, 20), "wanted": "C3"}


@dataclass(frozen=True)
class Case:
    """A shop whose users have random scores, with the same data for the package and for the twin."""

    items: pl.DataFrame
    interactions: gg.Interactions
    scores: np.ndarray[Any, Any]
    item_ids: gg.Ids

    def twin_shop(self, user: int) -> twin.Shop:
        first_sold: dict[str, datetime] = {}
        bought: dict[str, datetime] = {}
        log = self.interactions
        assert log.timestamp is not None
        ids = self.item_ids.values.to_list()
        columns = (log.user_index.tolist(), log.item_index.tolist(), log.value.tolist(), log.timestamp.tolist())
        for row_user, item, value, time in zip(*columns, strict=True):
            if value > 0:
                first_sold[ids[item]] = min(time, first_sold.get(ids[item], time))
                if row_user == user:
                    bought[ids[item]] = max(time, bought.get(ids[item], time))
        rows = {row["item_id"]: {**row, "taste": row["taste"] and tuple(row["taste"])} for row in self.items.to_dicts()}
        return twin.Shop(rows, first_sold, bought, max(log.timestamp.tolist()))


@cache
def case(n_users: int, seed: int = 0) -> Case:
    """Return a shop with ties, unsold items, items without a row, and nulls."""
    rng = np.random.default_rng(seed)
    ids = [f"i{number:03}" for number in range(N_ITEMS)]

    def some(values: Any, share: float = 0.1) -> list[Any]:
        return [None if missing else value for value, missing in zip(values, rng.random(N_ITEMS) < share, strict=True)]

    tastes = np.eye(4)[rng.integers(0, 4, N_ITEMS)].tolist()
    items = pl.DataFrame(
        {
            "item_id": ids,
            "price": some(np.round(rng.lognormal(2, 0.5, N_ITEMS), 1).tolist()),
            "stock": rng.integers(0, 6, N_ITEMS),
            "category": some([f"c{number}" for number in rng.integers(0, 5, N_ITEMS)]),
            "brand": some([f"b{number}" for number in rng.integers(0, 9, N_ITEMS)], 0.3),
            "launched": some([date(2024, 1, 1) + timedelta(days=int(day)) for day in rng.integers(0, 60, N_ITEMS)]),
            "taste": some(tastes),
        }
    ).sample(N_ITEMS - N_WITHOUT_ROW, shuffle=True, seed=seed)
    n_rows = 30 * n_users
    start = np.datetime64(NOW - timedelta(days=60), "us")
    interactions = gg.Interactions(
        rng.integers(0, n_users, n_rows),
        np.minimum(rng.geometric(0.03, n_rows), N_ITEMS - 8),
        n_users,
        N_ITEMS,
        value=rng.choice([1, 1, 1, 2, 0, -1], n_rows),
        timestamp=start + rng.integers(0, 60 * 86_400, n_rows) * np.timedelta64(1, "s"),
    )
    scores = rng.integers(-30, 30, (n_users, N_ITEMS)).astype(np.float32)
    return Case(items, interactions, scores, gg.Ids.from_series(ids))


def random_rules(rng: np.random.Generator, k: int, shop: Case) -> tuple[dict[str, Any], TwinRules]:
    """Return the keys of random rules, and the same rules for the twin; contradictory ones occur."""
    keys: dict[str, Any] = {}
    rules = TwinRules()

    def has(share: float) -> bool:
        return bool(rng.random() < share)

    def condition() -> tuple[str, Callable[[Row, Row], Truth]]:
        return CONDITIONS[rng.integers(len(CONDITIONS))]

    if has(0.6):
        keys["filter"], rules.filter = condition()
    if has(0.4):
        days = int(rng.choice([1, 7, 30, 90]))
        keys["exclude_bought"], rules.exclude_bought = f"{days}d", timedelta(days=days)
    if has(0.2):
        keys["exclude_basket"] = rules.exclude_basket = True
    if has(0.5):
        columns = rng.choice(["category", "brand", "stock"], rng.integers(1, 4), replace=False)
        keys["caps"] = rules.caps = {str(column): int(rng.integers(1, 4)) for column in columns}
    if has(0.5):
        chosen = [(*condition(), float(rng.choice([0.1, 0.5, 1.5, 2, 3, 10, 40]))) for _ in range(rng.integers(1, 4))]
        keys["boosts"] = [{"condition": text, "factor": factor} for text, _, factor in chosen]
        rules.boosts = [(function, factor) for _, function, factor in chosen]
    if has(0.3):
        n = int(rng.integers(1, min(k, 3) + 1))
        items = rng.choice(shop.item_ids.values.to_list(), n, replace=False)
        positions = rng.choice(np.arange(1, k + 1), n, replace=False)
        rules.pins = {int(position): str(item) for position, item in zip(positions, items, strict=True)}
        keys["pins"] = [{"position": position, "item": item} for position, item in rules.pins.items()]
    if has(0.4):
        percent, days = int(rng.integers(1, 101)), int(rng.choice([10, 45, 57]))
        keys["new"] = {"share": percent / 100, "within": f"{days}d"}
        rules.new = Fraction(percent, 100), timedelta(days=days)
    if has(0.4):
        by = [str(column) for column in rng.choice(["category", "brand", "taste"], rng.integers(1, 4), replace=False)]
        ranks = float(rng.choice([0.5, 3, 10, 100]))
        keys["diversity"], rules.diversity = {"by": by, "ranks": ranks}, (by, ranks)
    droppable = [name for name in ("filter", "exclude_bought", "exclude_basket", "caps") if name in keys]
    if droppable and has(0.5):
        chosen_names = rng.choice(droppable, rng.integers(1, len(droppable) + 1), replace=False)
        keys["fallback"] = rules.fallback = [str(name) for name in chosen_names]
        keys["min_length"] = rules.min_length = int(rng.integers(1, 15))
    return keys, rules


def differences(seed: int, n_users: int) -> tuple[bool, list[str]]:
    """Apply random rules with the package and with the twin; return whether they were refused, and what differs."""
    rng = np.random.default_rng(seed)
    shop, k = case(n_users), int(rng.choice([1, 2, 5, 12, 30]))
    keys, rules = random_rules(rng, k, shop)
    request: dict[str, Any] = {**REQUEST, "basket": shop.item_ids.values.sample(5, seed=seed).to_list()}
    seen = shop.interactions.matrix() if rng.random() < 0.3 else None
    candidates = np.flatnonzero(rng.random(N_ITEMS) < 0.7).astype(np.int32) if rng.random() < 0.3 else None
    users = rng.permutation(n_users).astype(np.int32)
    try:
        ranking = (
            Rules(**keys)
            .bind(shop.items)
            .rank(
                DenseScores(lambda chosen: shop.scores[chosen], N_ITEMS),
                users,
                k=k,
                seen=None if seen is None else seen[users],
                candidates=candidates,
                num_threads=1,
                request=request,
                shop=Shop(shop.item_ids, shop.interactions, shop.interactions),
            )
        )
    except gg.errors.ParameterError as error:
        return True, [] if "pinned" in str(error) or "leave no item" in str(error) else [f"{seed}: {error}"]
    ids = shop.item_ids.values.to_list()
    problems = []
    for row, user in enumerate(users.tolist()):
        skipped = set() if seen is None else set(seen[user].indices.tolist())
        allowed = set(range(N_ITEMS) if candidates is None else candidates.tolist()) - skipped
        order = sorted(allowed, key=lambda item: (-shop.scores[user, item], item))
        ranked = [(ids[item], float(shop.scores[user, item])) for item in order]
        expected = twin.apply(rules, ranked, twin_shop(n_users, user), k, request)
        pairs = zip(ranking.items[row].tolist(), ranking.scores[row].tolist(), strict=True)
        result = [(ids[item], score) for item, score in pairs if item >= 0]
        if result != expected:
            problems.append(f"set {seed}, user {user}, {keys}: {result} instead of {expected}")
    return False, problems


@cache
def twin_shop(n_users: int, user: int) -> twin.Shop:
    return case(n_users).twin_shop(user)
