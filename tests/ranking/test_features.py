"""Features are compared with a slow computation from the rows, pair by pair; one file for all groups of features."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

import gingham as gg
from gingham.ranking.baskets import Baskets
from gingham.ranking.candidates import Candidates
from gingham.ranking.examples import Stage
from gingham.ranking.habits import CategoryHabits, Habits, Repeats
from gingham.ranking.pairs import History, Pairs
from gingham.ranking.sales import ItemSales, SegmentSales
from gingham.ranking.snapshot import Snapshot, times
from gingham.ranking.suggestions import Suggestions, source_names
from tests.ranking.conftest import MOMENT, WEEK

_DAY = np.timedelta64(1, "D")


@pytest.fixture(scope="module")
def rows(snapshot: Snapshot) -> pl.DataFrame:
    """The purchases, a row per user, item and day."""
    interactions = snapshot.dataset.interactions
    return (
        pl.DataFrame(
            {
                "user": interactions.user_index,
                "item": interactions.item_index,
                "age": (MOMENT - times(snapshot.dataset)) / _DAY,
                "price": interactions.price,
                "value": interactions.value,
            }
        )
        .filter(pl.col("value") > 0)
        .group_by("user", "item", "age")
        .agg(pl.col("price").fill_nan(None).mean())
    )


@pytest.fixture(scope="module")
def models(snapshot: Snapshot) -> list[gg.Popularity | gg.NextBasket]:
    return [gg.Popularity().fit(snapshot.dataset), gg.NextBasket().fit(snapshot.dataset)]


@pytest.fixture(scope="module")
def pairs(snapshot: Snapshot, models: Any) -> Pairs:
    users = np.array([7, 3, 55, 12, 3, 40], np.int32)  # 55 comes later; 3 is there twice
    scores = [model._scores() for model in models]
    return Candidates(scores, [5, 6], History(snapshot), snapshot.candidates).pairs(users)


def column(group: Any, name: str, pairs: Pairs) -> list[float]:
    values = group.values(pairs)
    assert values.shape == (len(pairs), len(group.names))
    return [float(value) for value in values[:, group.names.index(name)]]


def user_items(pairs: Pairs) -> list[tuple[int, int]]:
    return [(int(user), int(item)) for user, item in zip(pairs.user, pairs.items, strict=True)]


def purchases(rows: pl.DataFrame, user: int, item: int) -> pl.DataFrame:
    return rows.filter((pl.col("user") == user) & (pl.col("item") == item))


def test_candidates_are_the_recommendations_of_the_models(pairs: Pairs, models: Any) -> None:
    for number, (model, size) in enumerate(zip(models, [5, 6], strict=True)):
        for position, user in enumerate(pairs.users):
            listed = model.recommend([model.training_data_.user_ids.values[int(user)]], k=size)["item_id"].to_list()
            chosen = pairs.position == position
            ranks = dict(zip(pairs.items[chosen].tolist(), pairs.ranks[chosen, number].tolist(), strict=True))
            assert {item for item, rank in ranks.items() if not np.isnan(rank)} == set(listed)
            assert [ranks[item] for item in listed] == list(range(1, size + 1))


def test_items_that_were_never_sold_are_not_candidates(dataset: gg.Dataset) -> None:
    early = Snapshot.before(dataset, np.datetime64("2024-01-03", "us"), WEEK)
    unsold = ~early.candidates
    assert unsold.any()
    scores = [gg.Popularity().fit(early.dataset)._scores()]
    pairs = Candidates(scores, [dataset.n_items], History(early), early.candidates).pairs(np.arange(9, dtype=np.int32))
    assert not unsold[pairs.items].any()
    assert len(pairs) == 9 * early.candidates.sum()


def test_items_that_were_never_sold_are_candidates_if_the_dataset_says_so(dataset: gg.Dataset) -> None:
    early = Snapshot.before(replace(dataset, candidates="all"), np.datetime64("2024-01-03", "us"), WEEK)
    unsold = early.sales() == 0
    assert unsold.any()
    scores = [gg.Popularity().fit(early.dataset)._scores()]
    candidates = Candidates(scores, [dataset.n_items], History(early), early.candidates)
    pairs = candidates.pairs(np.arange(9, dtype=np.int32))
    assert len(pairs) == 9 * dataset.n_items
    sales = ItemSales(early)
    values = dict(zip(sales.names, sales.values(pairs).T, strict=True))
    new = unsold[pairs.items]
    assert np.isnan(values["item_age"][new]).all()
    assert not np.isnan(values["item_age"][~new]).any()
    assert not values["item_sales_ever"][new].any()


def test_a_source_of_unsold_items_suggests_no_others(dataset: gg.Dataset) -> None:
    early = Snapshot.before(replace(dataset, candidates="all"), np.datetime64("2024-01-03", "us"), WEEK)
    unsold = np.flatnonzero(early.sales() == 0)
    sources = [gg.CandidateSource(gg.Popularity(), 3), gg.CandidateSource(gg.ContentBased(), unsold=True)]
    stage = Stage.fit(early, sources, [3, 2], 1)
    users = np.arange(9, dtype=np.int32)
    pairs = stage.candidates.pairs(users)
    best = stage.models[1].recommend(dataset.user_ids.ids(users), k=2, items=dataset.item_ids.ids(unsold))
    assert not np.isin(pairs.items[np.isfinite(pairs.ranks[:, 0])], unsold).any()
    suggested = np.isfinite(pairs.ranks[:, 1])
    chosen = zip(pairs.user[suggested], pairs.items[suggested], pairs.ranks[suggested, 1], strict=True)
    index = dataset.user_ids.index(best["user_id"]), dataset.item_ids.index(best["item_id"]), best["rank"]
    assert sorted(chosen) == sorted(zip(*index, strict=True))
    without = Stage.fit(replace(early, dataset=replace(early.dataset, candidates="sold")), sources, [3, 2], 1)
    assert not np.isfinite(without.candidates.pairs(users).ranks[:, 1]).any()


def test_repeats(snapshot: Snapshot, pairs: Pairs, rows: pl.DataFrame) -> None:
    group = Repeats(snapshot)
    names = [*group.names[:7], "pair_visits_since_last", "pair_share_of_visits"]
    expected: dict[str, list[float]] = {name: [] for name in names}
    for user, item in user_items(pairs):
        own = rows.filter(pl.col("user") == user)
        ages, n, visits = sorted(purchases(rows, user, item)["age"]), own.height, own["age"].unique()
        cycle = (ages[-1] - ages[0]) / (len(ages) - 1) if len(ages) > 1 else np.nan
        values = (
            (
                len(ages),
                sum(0.5 ** (age / 28) for age in ages),
                len(ages) / n,
                ages[-1],
                ages[0],
                cycle,
                ages[0] / cycle,
                (visits < ages[0]).sum(),
                len(ages) / (visits <= ages[-1]).sum(),
            )
            if ages
            else [np.nan] * 9
        )
        for name, value in zip(expected, values, strict=True):
            expected[name].append(value)
    assert np.isfinite(expected["pair_cycle"]).any()
    assert np.isnan(expected["pair_times"]).any()
    for name, values in expected.items():
        np.testing.assert_allclose(column(group, name, pairs), values, rtol=1e-4, err_msg=name)


def test_habits(snapshot: Snapshot, pairs: Pairs, rows: pl.DataFrame) -> None:
    group = Habits(snapshot)
    for number, (user, _) in enumerate(user_items(pairs)):
        own = rows.filter(pl.col("user") == user)
        values = dict(zip(group.names, group.values(pairs)[number].tolist(), strict=True))
        if own.is_empty():
            assert np.isnan(values["user_days_since_last"])
            continue
        visits = own["age"].n_unique()
        last = own["age"].min()
        assert values["user_days_since_first"] == own["age"].max()
        assert values["user_days_since_last"] == last
        assert values["user_visits"] == visits
        assert values["user_items"] == own.height
        assert values["user_items_last_visit"] == own.filter(pl.col("age") == last).height
        assert values["user_share_of_repeats"] == pytest.approx(1 - own["item"].n_unique() / own.height)
        assert values["user_price"] == pytest.approx(own["price"].mean(), rel=1e-5)


def test_sales(snapshot: Snapshot, pairs: Pairs, rows: pl.DataFrame) -> None:
    group = ItemSales(snapshot)
    for days, name in ((1, "1d"), (7, "7d"), (28, "28d")):
        sold = dict(rows.filter(pl.col("age") <= days).group_by("item").len().iter_rows())
        expected = [np.log1p(sold.get(item, 0)) for _, item in user_items(pairs)]
        np.testing.assert_allclose(column(group, f"item_sales_{name}", pairs), expected, rtol=1e-5)
    first = dict(rows.group_by("item").agg(pl.col("age").max()).iter_rows())
    assert column(group, "item_age", pairs) == [first[item] for _, item in user_items(pairs)]
    overall = dict(rows.group_by("item").agg(pl.col("price").mean()).iter_rows())
    recent = dict(rows.filter(pl.col("age") <= 7).group_by("item").agg(pl.col("price").mean()).iter_rows())
    discount = [1 - recent[item] / overall[item] if item in recent else np.nan for _, item in user_items(pairs)]
    np.testing.assert_allclose(column(group, "item_discount", pairs), discount, atol=1e-4)
    of_pair = rows.group_by("item", "user").len().group_by("item").agg(buyers=pl.len())
    buyers = dict(of_pair.iter_rows())
    np.testing.assert_allclose(
        column(group, "item_buyers", pairs), [np.log1p(buyers[item]) for _, item in user_items(pairs)], rtol=1e-5
    )


def test_segments_and_categories(dataset: gg.Dataset, snapshot: Snapshot, pairs: Pairs, rows: pl.DataFrame) -> None:
    assert dataset.user_features is not None
    assert dataset.item_features is not None
    users, items = dataset.user_features.categories(), dataset.item_features.categories()
    assert set(users) == {"club", "age"}
    assert set(items) == {"kind"}
    assert items["kind"].of_row.tolist() == [number % 3 for number in dataset.item_ids.values]
    recent = rows.filter(pl.col("age") <= 28)
    club = users["club"].of_row
    shares = []
    for user, item in user_items(pairs):
        same = recent.filter(pl.Series(club[recent["user"]] == club[user]))
        shares.append(same.filter(pl.col("item") == item).height / same.height)
    np.testing.assert_allclose(column(SegmentSales(snapshot, users), "club_sales_share", pairs), shares, rtol=1e-5)
    kinds = CategoryHabits(items)
    for number, (user, item) in enumerate(user_items(pairs)):
        own = rows.filter(pl.col("user") == user)
        same = own.filter(pl.col("item") % 3 == item % 3)
        times, share, _, last, among = kinds.values(pairs)[number]
        assert times == same.height
        assert share == pytest.approx(same.height / max(own.height, 1))
        assert last == same["age"].min() if same.height else np.isnan(last)
        this, of_kind = (sum(0.5 ** (age / 28) for age in some["age"]) for some in (purchases(rows, user, item), same))
        assert among == pytest.approx(this / of_kind, rel=1e-4) if of_kind else np.isnan(among)


def test_items_that_are_bought_together(snapshot: Snapshot, pairs: Pairs, rows: pl.DataFrame) -> None:
    baskets = rows.select(pl.struct("user", "age").alias("basket"), "item")
    of_item = {item: set(map(str, group["basket"])) for (item,), group in baskets.group_by("item")}

    def near(one: int, other: int) -> float:
        both = len(of_item[one] & of_item[other])
        return 0 if one == other else both / np.sqrt(len(of_item[one]) * len(of_item[other]))

    expected = []
    for user, item in user_items(pairs):
        own = rows.filter(pl.col("user") == user)
        last = own.filter(pl.col("age") < own["age"].min() + 1)["item"] if own.height else []
        expected.append(sum(near(other, item) for other in last))
    assert max(expected) > 0
    np.testing.assert_allclose(column(Baskets(snapshot), "basket_near_last", pairs), expected, rtol=1e-4)


def test_scores_and_ranks_of_the_models(snapshot: Snapshot, pairs: Pairs, models: Any) -> None:
    group = Suggestions(source_names(models), [model._scores() for model in models])
    ids = [snapshot.dataset.user_ids.values[int(user)] for user in pairs.user]
    for model in models:
        scores = model.predict(ids, snapshot.dataset.item_ids.ids(pairs.items))
        np.testing.assert_array_equal(column(group, f"{type(model).__name__}_score", pairs), scores)
    assert column(group, "fused_rank", pairs)[0] == pytest.approx(np.nansum(1 / (60 + pairs.ranks[0])), rel=1e-6)
    assert source_names([*models, models[0]]) == ["Popularity_1", "NextBasket", "Popularity_2"]


def test_groups_do_not_change_the_pairs(snapshot: Snapshot, pairs: Pairs, models: Any) -> None:
    before = [part.copy() for part in pairs.past]
    for group in (Baskets(snapshot), Repeats(snapshot), Habits(snapshot)):
        group.values(pairs)
    for old, now in zip(before, pairs.past, strict=True):
        np.testing.assert_array_equal(old, now)


def test_pairs_of_selected_users(pairs: Pairs) -> None:
    chosen = np.array([True, False, False, True, True, False])
    some = pairs.of_users(chosen)
    mask = chosen[pairs.position]
    np.testing.assert_array_equal(some.user, pairs.user[mask])
    np.testing.assert_array_equal(some.items, pairs.items[mask])
    assert some.past.items.tolist() == pairs.past.items[chosen[pairs.past.position]].tolist()
    assert (np.diff(some.keys) > 0).all()
