"""Best sellers by segment: worked out by hand, and against a computation in Polars."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
from polars.testing import assert_frame_equal

import gingham as gg
from gingham.config import ModelSpec
from gingham.config.models import fit
from gingham.errors import ParameterError
from tests.bazaar import bazaar, users

SMOOTHING = 1000


def shop() -> gg.Dataset:
    """The young buy ales and buns, the old cod; nobody knows how old eve is, and the children buy nothing."""
    sales = pl.DataFrame(
        [("ann", "ale", 3000), ("bob", "bun", 1000), ("cid", "cod", 3500), ("eve", "cod", 500)],
        schema=["user_id", "item_id", "value"],
        orient="row",
    )
    people = pl.DataFrame(
        {
            "user_id": ["ann", "bob", "cid", "dan", "eve", "fay"],
            "age": ["young", "young", "old", "old", None, "child"],
            "height": [1.7, 1.8, 1.6, None, 1.9, 1.1],
        }
    )
    tables = gg.Tables(
        sales.drop("value"), people, user_features=gg.FeatureSpec(categorical=["age"], scaled=["height"])
    )
    dataset = gg.Dataset.from_tables(tables)
    rows = dataset.interactions
    return dataset.with_interactions(
        gg.Interactions(rows.user_index, rows.item_index, rows.n_users, rows.n_items, sales["value"].to_numpy())
    )


def test_a_segments_sales_are_smoothed_by_everybodys() -> None:
    table = gg.Popularity(by="age").fit(shop()).recommend(k=3)
    # Shares: of the sales of a segment, and of 1,000 of which everybody's 3/8, 1/8 and 4/8 are ales, buns and cod.
    young = [("ale", 3375 / 5000), ("bun", 1125 / 5000), ("cod", 500 / 5000)]
    old = [("cod", 4000 / 4500), ("ale", 375 / 4500), ("bun", 125 / 4500)]
    everybody = [("cod", 4 / 8), ("ale", 3 / 8), ("bun", 1 / 8)]
    wanted = {"ann": young, "bob": young, "cid": old, "dan": old, "eve": everybody, "fay": everybody}
    # In all as many as everybody's scores: 8,000 sales, and each item's share of them.
    total = 8000 + 8000 / 8001
    for (user,), mine in table.group_by("user_id"):
        assert mine["item_id"].to_list() == [item for item, _ in wanted[str(user)]]
        np.testing.assert_allclose(mine["score"], [share * total for _, share in wanted[str(user)]], rtol=1e-5)


def test_who_is_of_no_segment_that_bought_gets_everybodys_list() -> None:
    everybody = gg.Popularity().fit(shop()).recommend(["eve", "fay"], k=3)
    assert_frame_equal(gg.Popularity(by="age").fit(shop()).recommend(["eve", "fay"], k=3), everybody, check_exact=True)


@pytest.mark.parametrize("by", ["club", "age"])
def test_lists_agree_with_polars(by: str) -> None:
    dataset = bazaar(features=True)
    model = gg.Popularity("14d", "5d", by).fit(dataset)
    rows = dataset.interactions
    assert rows.timestamp is not None
    age = pl.lit(rows.timestamp.max()) - pl.col("when")
    sales = (
        pl.DataFrame({"user_id": rows.user_index, "item_id": rows.item_index, "when": rows.timestamp})
        .with_columns(sold=0.5 ** (age / timedelta(days=5)) * (age < timedelta(days=14)))
        .join(segments(by), on="user_id")
    )
    everybody = dict(
        gg.Popularity("14d", "5d").fit(dataset).recommend([0], k=12).select("item_id", "score").iter_rows()
    )
    total = sum(everybody.values())
    found = model.recommend(k=12)
    for (segment,), mine in segments(by).group_by("segment"):
        own = sales.filter(pl.col("segment") == pl.lit(segment, pl.String))  # nothing, for null
        bought = dict(own.group_by("item_id").agg(pl.col("sold").sum()).iter_rows())
        n = sum(bought.values())
        scores = {
            item: total * (bought.get(item, 0) + SMOOTHING * share / total) / (n + SMOOTHING)
            for item, share in everybody.items()
        }
        lists = found.filter(pl.col("user_id").is_in(mine["user_id"].implode()))
        assert lists.height == 12 * mine.height
        np.testing.assert_allclose(lists["score"], [scores[item] for item in lists["item_id"]], rtol=1e-5)


def segments(by: str) -> pl.DataFrame:
    """Everybody's club, or third of ages, as whose borders the encoder takes ages that occur."""
    if by == "club":
        return users().select("user_id", segment="club")
    borders = np.quantile(users()["age"], [1 / 3, 2 / 3], method="inverted_cdf")
    return users().select("user_id", segment=pl.Series(np.searchsorted(borders, users()["age"])).cast(pl.String))


def test_returns_leave_lists_of_numbers() -> None:
    dataset = shop()
    rows = dataset.interactions
    back = gg.Interactions(rows.user_index, rows.item_index, rows.n_users, rows.n_items, [-3000, 1000, -3500, 500])
    table = gg.Popularity(by="age").fit(dataset.with_interactions(back)).recommend(k=3)
    assert table["score"].is_finite().all()
    assert table["rank"].to_list() == [1, 2, 3] * 6


@pytest.mark.parametrize("by", ["colour", "height", ""])
def test_what_users_are_not_known_by_is_refused_and_leaves_the_model_as_it_was(by: str) -> None:
    model = gg.Popularity(by="age").fit(shop())
    before = model.recommend(k=3)
    with pytest.raises(ParameterError, match=f"by='{by}' is nothing that users are known by; give one of 'age', or"):
        model.set_params(by=by).fit(shop())
    for bare in (sp.csr_matrix(np.eye(3)), bazaar()):
        with pytest.raises(ParameterError, match=f"by='{by}' .* give a dataset with user features"):
            model.fit(bare)
    assert model.recommend(k=3).equals(before)


def test_a_recipe_names_the_column() -> None:
    model = fit(ModelSpec.model_validate({"kind": "popularity", "by": "age"}), shop())
    assert_frame_equal(model.recommend(k=3), gg.Popularity(by="age").fit(shop()).recommend(k=3))


def test_it_suggests_candidates() -> None:
    dataset = bazaar(features=True)
    ranker = gg.LightGBMRanker(n_estimators=5, num_leaves=4, min_child_samples=5)
    two = gg.TwoStage([gg.Popularity("14d", by="club")], ranker, n_candidates=3, random_state=1).fit(dataset)
    lists = two.recommend(k=3).group_by("user_id").agg(pl.col("item_id"))
    wanted = gg.Popularity("14d", by="club").fit(dataset).recommend(k=3).group_by("user_id").agg(pl.col("item_id"))
    sets = lists.join(wanted, on="user_id").select(pl.col("item_id").list.set_difference("item_id_right").list.len())
    assert sets["item_id"].sum() == 0
