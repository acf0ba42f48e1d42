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
# No user bought an egg. The last transaction is on the 10th at noon, so the last week begins after the 3rd at noon.
# All-time sales: ale 4, bun 3, cod 2, dip 1; sales of the last week: ale 0, bun 1, cod 2, dip 1.
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
    user_ids, item_ids, dates = zip(*SALES, strict=True)
    times = np.array(dates, "datetime64[us]") if timed else None
    return Dataset(users, items, Interactions(users.index(user_ids), items.index(item_ids), 3, 5, timestamp=times))


def listed(model: Any, user: str, k: int = 5) -> list[tuple[str, float]]:
    table = model.recommend([user], k=k)
    return list(zip(table["item_id"], table["score"], strict=True))


def test_recent_best_sellers_rank_before_all_time_best_sellers() -> None:
    model = Popularity().fit(shop())
    # Sales of the week plus the share of all 10 sales, n / 11, which stays below one.
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
        # One hour more includes ale and bun of the 3rd at noon.
        ("169h", ["bun", "cod", "ale", "dip", "egg"]),
        ("1d", ["cod", "ale", "bun", "dip", "egg"]),
        ("10000d", ["ale", "bun", "cod", "dip", "egg"]),
        (None, ["ale", "bun", "cod", "dip", "egg"]),
    ],
)
def test_the_window_ends_at_the_last_transaction(window: Any, items: list[str]) -> None:
    model = Popularity(window=window).fit(shop())
    assert model.recommend(["cid"], k=5)["item_id"].to_list() == items


@pytest.mark.parametrize("window", ["7d", None])
def test_a_sale_counts_half_after_the_half_life(window: str | None) -> None:
    table = Popularity(window=window, half_life="2d").fit(shop()).recommend(["cid"], k=5)
    sales = pd.DataFrame(SALES, columns=["user", "item", "when"])
    age = pd.Timestamp("2024-01-10T12:00:00") - pd.to_datetime(sales["when"])
    weight = 0.5 ** (age / pd.Timedelta("2D")) * ((age < pd.Timedelta("7D")) | (window is None))
    recent = weight.groupby(sales["item"]).sum().reindex(ITEMS, fill_value=0)
    share = sales["item"].value_counts().reindex(ITEMS, fill_value=0) / 11
    expected = (recent + recent[recent > 0].min() * share).sort_values(ascending=False)
    assert table["item_id"].to_list() == expected.index.to_list()
    np.testing.assert_allclose(table["score"], expected, rtol=1e-6)


def test_old_sales_stay_below_decayed_recent_sales() -> None:
    # Ninety-nine old sales against one recent sale with a weight of 1/128.
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
def test_without_timestamps_all_sales_count(kind: Any) -> None:
    expected = kind(window=None).fit(shop()).recommend(k=5)
    for data in (shop(timed=False), shop().matrix()):
        scores = kind(window="7d", half_life="1d").fit(data).recommend(k=5)["score"]
        # Without a window, a sale counts in the recent sales and in the share of all sales.
        np.testing.assert_allclose(scores, expected["score"], rtol=1e-6)


def test_values_are_numbers_of_sales() -> None:
    matrix = sp.csr_matrix(np.array([[1, 5, 0], [1, 0, 3.5]]))
    model = Popularity().fit(matrix)
    table = model.recommend([0], k=3)
    assert table["item_id"].to_list() == [1, 2, 0]
    np.testing.assert_allclose(table["score"], [5 + 5 / 11.5, 3.5 + 3.5 / 11.5, 2 + 2 / 11.5], rtol=1e-6)


def test_items_with_equal_sales_are_ordered_by_index() -> None:
    model = Popularity().fit(sp.csr_matrix(np.array([[0, 2, 1, 2, 1, 2]])))
    assert model.recommend(k=6)["item_id"].to_list() == [1, 3, 5, 2, 4, 0]


def test_old_sales_stay_below_recent_sales() -> None:
    # A million old sales against one today.
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
def test_returns_are_not_sales(kind: Any, values: list[float]) -> None:
    model = kind().fit(sp.csr_matrix(np.array([values, [0, 0, 0]])))
    table = model.recommend([1], k=3)
    assert table["item_id"].to_list() == np.argsort(-np.maximum(values, 0), kind="stable").tolist()
    assert table["score"].is_finite().all()


@pytest.mark.parametrize("kind", [Popularity, BuyAgain])
def test_data_without_sales_give_complete_lists(kind: Any) -> None:
    for data in (sp.csr_matrix((2, 3)), shop().with_interactions(shop().interactions.take(np.empty(0, int)))):
        model = kind().fit(data)
        table = model.recommend(k=3)
        assert table["rank"].to_list() == [1, 2, 3] * model.n_users


def test_the_users_items_rank_first_followed_by_best_sellers() -> None:
    model = BuyAgain().fit(shop())
    # The week's order is cod, bun, dip, ale, egg: scores of 5/6 down to 1/6 for items the user never bought. Items
    # they bought have the count, plus a fraction for the order among these items.
    expected = {
        "ann": [("ale", 2), ("cod", 1 + 3 / 5), ("bun", 1 + 2 / 5), ("dip", 1 + 1 / 5), ("egg", 1 / 6)],
        "bob": [("bun", 2 + 1 / 4), ("ale", 2), ("cod", 1 + 2 / 4), ("dip", 3 / 6), ("egg", 1 / 6)],
        "cid": [("cod", 5 / 6), ("bun", 4 / 6), ("dip", 3 / 6), ("ale", 2 / 6), ("egg", 1 / 6)],
    }
    for user, user_scores in expected.items():
        items, scores = zip(*listed(model, user), strict=True)
        assert items == tuple(item for item, _ in user_scores)
        np.testing.assert_allclose(scores, [score for _, score in user_scores], rtol=1e-6)


def test_recency_ranks_recent_purchases_first() -> None:
    # Ann's two ales are more than eight days old; bob's last ale and buns are one second apart.
    model = BuyAgain(recency="1d").fit(shop())
    expected = {
        "ann": [("cod", 4), ("dip", 3), ("ale", 2), ("bun", 1), ("egg", 1 / 6)],
        "bob": [("cod", 3), ("bun", 2), ("ale", 1), ("dip", 3 / 6), ("egg", 1 / 6)],
        "cid": [("cod", 5 / 6), ("bun", 4 / 6), ("dip", 3 / 6), ("ale", 2 / 6), ("egg", 1 / 6)],
    }
    for user, user_scores in expected.items():
        items, scores = zip(*listed(model, user), strict=True)
        assert items == tuple(item for item, _ in user_scores)
        np.testing.assert_allclose(scores, [score for _, score in user_scores], rtol=1e-6)
    # With a very long half-life, counts decide, and almost equal counts are ordered by their age.
    slow = BuyAgain(recency="10000d").fit(shop())
    assert [item for item, _ in listed(slow, "ann")] == ["ale", "cod", "dip", "bun", "egg"]


def test_a_very_old_purchase_ranks_before_best_sellers() -> None:
    interactions = Interactions(
        [0, 1, 1], [0, 1, 2], 2, 3, timestamp=np.array(["1990-01-01", "2024-01-01", "2024-01-01"], "datetime64[us]")
    )
    ids = [Ids.from_series(pl.Series(range(size))) for size in (2, 3)]
    assert BuyAgain(recency="1d").fit(Dataset(*ids, interactions)).recommend([0], k=3)["item_id"].to_list() == [0, 1, 2]


def fractions(values: list[list[float]]) -> sp.csr_matrix:
    return sp.csr_matrix(np.array(values, np.float32))


def test_fractional_counts_are_ranked_by_their_size() -> None:
    # The more an item sells, the less the first user bought of it.
    model = BuyAgain().fit(fractions([[0.9, 0.6, 0.4, 0.2, 0, 0], [1, 2, 3, 4, 6, 5]]))
    expected = [(0, 4), (1, 3), (2, 2), (3, 1), (4, 6 / 7), (5, 5 / 7)]
    table = model.recommend([0], k=6)
    assert table["item_id"].to_list() == [item for item, _ in expected]
    np.testing.assert_allclose(table["score"], [score for _, score in expected], rtol=1e-6)


@given(seed=st.integers(0, 1000), kind=st.sampled_from(["spend", "decayed", "count", "millions"]))
def test_items_are_ordered_by_count_then_by_sales(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 4, (4, 9)) * rng.integers(0, 2, (4, 9))
    unit = {"spend": 0.25, "decayed": 1e-20, "count": 1, "millions": 5e6}[kind]
    values = (counts * unit).astype(np.float32)
    sales = values.sum(axis=0, dtype=np.float64)
    model = BuyAgain(window=None).fit(sp.csr_matrix(values))
    for user in range(4):
        order = sorted(range(9), key=lambda item: (-counts[user, item], -sales[item], item))
        assert model.recommend([user], k=9)["item_id"].to_list() == order


def test_recency_and_cycle_have_no_effect_without_timestamps() -> None:
    for data in (shop(timed=False), shop().matrix()):
        assert BuyAgain(recency="1d", cycle=True).fit(data).recommend(k=5).equals(BuyAgain().fit(data).recommend(k=5))


def test_without_a_window_all_time_sales_break_ties() -> None:
    model = BuyAgain(window=None).fit(shop())
    assert [item for item, _ in listed(model, "bob")] == ["ale", "bun", "cod", "dip", "egg"]
    assert [item for item, _ in listed(model, "ann")] == ["ale", "bun", "cod", "dip", "egg"]


def test_sales_break_ties_in_a_large_catalogue() -> None:
    # Sales increase with the index; the first user bought a hundred of the items 1,000 times each.
    n_items, favourites = 100_000, range(50_000, 50_100)
    counts = np.zeros(n_items)
    counts[favourites] = 1000
    model = BuyAgain().fit(sp.csr_matrix(np.vstack([counts, np.arange(n_items)])))
    assert model.recommend([0], k=100)["item_id"].to_list() == list(reversed(favourites))


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind in (Popularity, BuyAgain) for name in ("window", "half_life")] + [(BuyAgain, "recency")],
)
@pytest.mark.parametrize("value", [7, 0, "0d", "-1d", float("nan"), "7", "a week", True, "99999999999w"])
def test_a_wrong_duration_is_refused_and_keeps_the_earlier_fit(kind: Any, name: str, value: Any) -> None:
    model = kind(**{name: value})
    with pytest.raises(ParameterError, match=f"{name}"):
        model.fit(shop())
    fitted = kind().fit(shop())
    before = fitted.recommend(k=3)
    with pytest.raises(ParameterError, match=f"{name}"):
        fitted.set_params(**{name: value}).fit(shop(timed=False))
    assert fitted.recommend(k=3).equals(before)


@pytest.mark.parametrize("value", [["club"], 3, True])
def test_a_by_that_is_not_a_string_is_refused(value: Any) -> None:
    with pytest.raises(ParameterError, match="by must be a string"):
        Popularity(by=value).fit(shop())


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_a_cycle_that_is_not_a_bool_is_refused(value: Any) -> None:
    with pytest.raises(ParameterError, match=f"cycle must be true or false, not {value!r}"):
        BuyAgain(cycle=value).fit(shop())


@pytest.mark.parametrize("kind", [Popularity, BuyAgain])
def test_a_window_set_after_fit_is_used_by_the_next_fit(kind: Any) -> None:
    model = kind().fit(shop())
    before = model.recommend(k=5)
    assert model.set_params(window=None).recommend(k=5).equals(before)
    assert not model.fit(shop()).recommend(k=5).equals(before)
