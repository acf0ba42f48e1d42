from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from gingham.dataset import Dataset, Ids, Interactions
from gingham.errors import ParameterError
from gingham.models import BuyAgain, Popularity

USERS, ITEMS = ["ann", "bob", "cid"], ["ale", "bun", "cod", "dip", "egg"]
# Nobody ever bought an egg. The last transaction is on the 10th at noon, so that the week before it begins after the
# 3rd at noon. Sales of all time: ale 4, bun 3, cod 2, dip 1; of the week: ale 0, bun 1, cod 2, dip 1.
SALES = [
    ("ann", "ale", "2024-01-01T00:00:00"),
    ("ann", "ale", "2024-01-02T00:00:00"),
    ("bob", "ale", "2024-01-02T00:00:00"),
    ("bob", "ale", "2024-01-03T12:00:00"),
    ("ann", "bun", "2024-01-01T00:00:00"),
    ("bob", "bun", "2024-01-03T12:00:00"),
    ("bob", "bun", "2024-01-03T12:00:01"),
    ("ann", "cod", "2024-01-10T12:00:00"),
    ("bob", "cod", "2024-01-09T00:00:00"),
    ("ann", "dip", "2024-01-05T00:00:00"),
]


def shop(timed: bool = True) -> Dataset:
    users, items = (Ids.from_series(pl.Series(ids)) for ids in (USERS, ITEMS))
    who, what, when = zip(*SALES, strict=True)
    times = np.array(when, "datetime64[us]") if timed else None
    return Dataset(users, items, Interactions(users.index(who), items.index(what), 3, 5, timestamp=times))


def listed(model: Any, user: str, k: int = 5) -> list[tuple[str, float]]:
    table = model.recommend([user], k=k)
    return list(zip(table["item_id"], table["score"], strict=True))


def test_best_sellers_of_the_week_come_first_then_those_of_all_time() -> None:
    model = Popularity().fit(shop())
    # Sales of the week, plus the share of 10 sales: n / 11, so that it stays below one.
    expected = [("cod", 2 + 2 / 11), ("bun", 1 + 3 / 11), ("dip", 1 + 1 / 11), ("ale", 4 / 11), ("egg", 0)]
    for user in USERS:
        items, scores = zip(*listed(model, user), strict=True)
        assert items == tuple(item for item, _ in expected)
        np.testing.assert_allclose(scores, [score for _, score in expected], rtol=1e-6)


@pytest.mark.parametrize(
    ("window", "items"),
    [
        ("7d", ["cod", "bun", "dip", "ale", "egg"]),
        ("1w", ["cod", "bun", "dip", "ale", "egg"]),
        # An hour longer takes in ale and bun of the 3rd at noon.
        ("169h", ["bun", "cod", "ale", "dip", "egg"]),
        ("1d", ["cod", "ale", "bun", "dip", "egg"]),
        ("10000d", ["ale", "bun", "cod", "dip", "egg"]),
        (None, ["ale", "bun", "cod", "dip", "egg"]),
    ],
)
def test_the_window_is_counted_back_from_the_last_transaction(window: Any, items: list[str]) -> None:
    model = Popularity(window=window).fit(shop())
    assert model.recommend(["cid"], k=5)["item_id"].to_list() == items


@pytest.mark.parametrize("window", ["7d", None])
def test_a_sale_counts_for_half_after_its_half_life(window: str | None) -> None:
    table = Popularity(window=window, half_life="2d").fit(shop()).recommend(["cid"], k=5)
    sales = pd.DataFrame(SALES, columns=["user", "item", "when"])
    age = pd.Timestamp("2024-01-10T12:00:00") - pd.to_datetime(sales["when"])
    weight = 0.5 ** (age / pd.Timedelta("2D")) * ((age < pd.Timedelta("7D")) | (window is None))
    recent = weight.groupby(sales["item"]).sum().reindex(ITEMS, fill_value=0)
    share = sales["item"].value_counts().reindex(ITEMS, fill_value=0) / 11
    expected = (recent + recent[recent > 0].min() * share).sort_values(ascending=False)
    assert table["item_id"].to_list() == expected.index.to_list()
    np.testing.assert_allclose(table["score"], expected, rtol=1e-6)


def test_what_did_not_sell_of_late_stays_below_what_decayed() -> None:
    # Ninety-nine sales long ago against one that has decayed to a 128th.
    interactions = Interactions(
        np.zeros(101, int),
        [0] * 99 + [1, 2],
        1,
        3,
        timestamp=np.array(["2020-01-01"] * 99 + ["2024-01-01", "2024-01-08"], "datetime64[us]"),
    )
    ids = [Ids.from_series(pl.Series(range(size))) for size in (1, 3)]
    model = Popularity(window="8d", half_life="1d").fit(Dataset(*ids, interactions))
    assert model.recommend(k=3)["item_id"].to_list() == [2, 1, 0]


@pytest.mark.parametrize("kind", [Popularity, BuyAgain])
def test_without_timestamps_all_of_it_counts(kind: Any) -> None:
    expected = kind(window=None).fit(shop()).recommend(k=5)
    for data in (shop(timed=False), shop().matrix()):
        scores = kind(window="7d", half_life="1d").fit(data).recommend(k=5)["score"]
        # Without a window, a sale counts twice: in the window, and in the share of all.
        np.testing.assert_allclose(scores, expected["score"], rtol=1e-6)


def test_values_count_as_many_sales() -> None:
    matrix = sp.csr_matrix(np.array([[1, 5, 0], [1, 0, 3.5]]))
    model = Popularity().fit(matrix)
    table = model.recommend([0], k=3)
    assert table["item_id"].to_list() == [1, 2, 0]
    np.testing.assert_allclose(table["score"], [5 + 5 / 11.5, 3.5 + 3.5 / 11.5, 2 + 2 / 11.5], rtol=1e-6)


def test_equal_sellers_come_in_the_order_of_ids() -> None:
    model = Popularity().fit(sp.csr_matrix(np.array([[0, 2, 1, 2, 1, 2]])))
    assert model.recommend(k=6)["item_id"].to_list() == [1, 3, 5, 2, 4, 0]


def test_what_did_not_sell_of_late_stays_below_what_did() -> None:
    # A million sales long ago against one today.
    interactions = Interactions(
        [0, 0],
        [0, 1],
        1,
        2,
        value=[1e6, 1],
        timestamp=np.array(["2020-01-01", "2024-01-01"], "datetime64[us]"),
    )
    ids = [Ids.from_series(pl.Series(range(size))) for size in (1, 2)]
    assert Popularity().fit(Dataset(*ids, interactions)).recommend(k=2)["item_id"].to_list() == [1, 0]


@pytest.mark.parametrize("kind", [Popularity, BuyAgain])
@pytest.mark.parametrize("values", [[-1.0, 0.0, 0.0], [3.0, -4.0, 0.0], [-5.0, 2.0, 1.0]])
def test_returns_are_negative_sales(kind: Any, values: list[float]) -> None:
    model = kind().fit(sp.csr_matrix(np.array([values, [0, 0, 0]])))
    table = model.recommend([1], k=3)
    assert table["item_id"].to_list() == np.argsort(-np.array(values), kind="stable").tolist()
    assert table["score"].is_finite().all()


@pytest.mark.parametrize("kind", [Popularity, BuyAgain])
def test_no_sales_at_all(kind: Any) -> None:
    for data in (sp.csr_matrix((2, 3)), shop().with_interactions(shop().interactions.take(np.empty(0, int)))):
        model = kind().fit(data)
        table = model.recommend(k=3)
        assert table["rank"].to_list() == [1, 2, 3] * model.n_users


def test_what_was_bought_most_comes_first_filled_with_best_sellers() -> None:
    model = BuyAgain().fit(shop())
    # Of the week: cod, bun, dip, ale, egg, which gives 5/6 down to 1/6 to what was
    # never bought; what was has its place among the user's own.
    expected = {
        "ann": [("ale", 2), ("cod", 1 + 3 / 5), ("bun", 1 + 2 / 5), ("dip", 1 + 1 / 5), ("egg", 1 / 6)],
        "bob": [("bun", 2 + 1 / 4), ("ale", 2), ("cod", 1 + 2 / 4), ("dip", 3 / 6), ("egg", 1 / 6)],
        "cid": [("cod", 5 / 6), ("bun", 4 / 6), ("dip", 3 / 6), ("ale", 2 / 6), ("egg", 1 / 6)],
    }
    for user, wanted in expected.items():
        items, scores = zip(*listed(model, user), strict=True)
        assert items == tuple(item for item, _ in wanted)
        np.testing.assert_allclose(scores, [score for _, score in wanted], rtol=1e-6)


def test_what_was_bought_of_late_counts_for_more_if_asked_to() -> None:
    # Ann's two ales are eight days old and more, bob's the same as his two buns but for a second.
    model = BuyAgain(recency="1d").fit(shop())
    expected = {
        "ann": [("cod", 4), ("dip", 3), ("ale", 2), ("bun", 1), ("egg", 1 / 6)],
        "bob": [("cod", 3), ("bun", 2), ("ale", 1), ("dip", 3 / 6), ("egg", 1 / 6)],
        "cid": [("cod", 5 / 6), ("bun", 4 / 6), ("dip", 3 / 6), ("ale", 2 / 6), ("egg", 1 / 6)],
    }
    for user, wanted in expected.items():
        items, scores = zip(*listed(model, user), strict=True)
        assert items == tuple(item for item, _ in wanted)
        np.testing.assert_allclose(scores, [score for _, score in wanted], rtol=1e-6)
    # With so long a half-life, twice is more than once, and what is equal comes in the order of sales.
    slow = BuyAgain(recency="10000d").fit(shop())
    assert [item for item, _ in listed(slow, "ann")] == ["ale", "cod", "dip", "bun", "egg"]


def test_a_purchase_long_forgotten_is_still_ahead_of_best_sellers() -> None:
    interactions = Interactions(
        [0, 1, 1], [0, 1, 2], 2, 3, timestamp=np.array(["1990-01-01", "2024-01-01", "2024-01-01"], "datetime64[us]")
    )
    ids = [Ids.from_series(pl.Series(range(size))) for size in (2, 3)]
    assert BuyAgain(recency="1d").fit(Dataset(*ids, interactions)).recommend([0], k=3)["item_id"].to_list() == [0, 1, 2]


def fractions(values: list[list[float]]) -> sp.csr_matrix:
    return sp.csr_matrix(np.array(values, np.float32))


def test_what_counts_for_no_whole_number_is_ordered_by_what_it_counts_for() -> None:
    # The better an item sells, the less the first user bought of it.
    model = BuyAgain().fit(fractions([[0.9, 0.6, 0.4, 0.2, 0, 0], [1, 2, 3, 4, 6, 5]]))
    expected = [(0, 4), (1, 3), (2, 2), (3, 1), (4, 6 / 7), (5, 5 / 7)]
    table = model.recommend([0], k=6)
    assert table["item_id"].to_list() == [item for item, _ in expected]
    np.testing.assert_allclose(table["score"], [score for _, score in expected], rtol=1e-6)


@given(seed=st.integers(0, 1000), what=st.sampled_from(["spend", "faded", "count", "millions"]))
def test_more_is_ahead_of_less_then_better_sellers_then_what_was_never_bought(seed: int, what: str) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 4, (4, 9)) * rng.integers(0, 2, (4, 9))
    unit = {"spend": 0.25, "faded": 1e-20, "count": 1, "millions": 5e6}[what]
    values = (counts * unit).astype(np.float32)
    sales = values.sum(axis=0, dtype=np.float64)
    model = BuyAgain(window=None).fit(sp.csr_matrix(values))
    for user in range(4):
        order = sorted(range(9), key=lambda item: (-counts[user, item], -sales[item], item))
        assert model.recommend([user], k=9)["item_id"].to_list() == order


def test_recency_and_cycle_change_nothing_without_timestamps() -> None:
    for data in (shop(timed=False), shop().matrix()):
        assert BuyAgain(recency="1d", cycle=True).fit(data).recommend(k=5).equals(BuyAgain().fit(data).recommend(k=5))


def test_all_time_decides_between_equals_if_asked_to() -> None:
    model = BuyAgain(window=None).fit(shop())
    assert [item for item, _ in listed(model, "bob")] == ["ale", "bun", "cod", "dip", "egg"]
    assert [item for item, _ in listed(model, "ann")] == ["ale", "bun", "cod", "dip", "egg"]


def test_of_equals_the_better_seller_comes_first_in_a_large_catalogue_too() -> None:
    # The higher the item, the better it sells; the first user bought a hundred of them 1,000 times each.
    n_items, bought = 100_000, range(50_000, 50_100)
    mine = np.zeros(n_items)
    mine[bought] = 1000
    model = BuyAgain().fit(sp.csr_matrix(np.vstack([mine, np.arange(n_items)])))
    assert model.recommend([0], k=100)["item_id"].to_list() == list(reversed(bought))


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind in (Popularity, BuyAgain) for name in ("window", "half_life")] + [(BuyAgain, "recency")],
)
@pytest.mark.parametrize("value", [7, 0, "0d", "-1d", float("nan"), "7", "a week", True, "99999999999w"])
def test_a_wrong_length_of_time_is_refused_and_leaves_the_model_as_it_was(kind: Any, name: str, value: Any) -> None:
    model = kind(**{name: value})
    with pytest.raises(ParameterError, match=f"{name}"):
        model.fit(shop())
    fitted = kind().fit(shop())
    before = fitted.recommend(k=3)
    with pytest.raises(ParameterError, match=f"{name}"):
        fitted.set_params(**{name: value}).fit(shop(timed=False))
    assert fitted.recommend(k=3).equals(before)


@pytest.mark.parametrize("value", [["club"], 3, True])
def test_segments_by_what_is_no_text_are_refused(value: Any) -> None:
    with pytest.raises(ParameterError, match="by must be a string"):
        Popularity(by=value).fit(shop())


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_a_cycle_that_is_neither_true_nor_false_is_refused(value: Any) -> None:
    with pytest.raises(ParameterError, match=f"cycle must be true or false, not {value!r}"):
        BuyAgain(cycle=value).fit(shop())


@pytest.mark.parametrize("kind", [Popularity, BuyAgain])
def test_a_window_set_after_a_fit_waits_for_the_next(kind: Any) -> None:
    model = kind().fit(shop())
    before = model.recommend(k=5)
    assert model.set_params(window=None).recommend(k=5).equals(before)
    assert not model.fit(shop()).recommend(k=5).equals(before)
