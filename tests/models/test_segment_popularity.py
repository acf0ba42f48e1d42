"""Best sellers by segment, compared with figures computed by hand and with Polars."""

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
    """The young buy ales and buns, the old cod; eve's age is unknown, and the only child buys nothing."""
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


def test_segment_sales_are_smoothed_by_overall_sales() -> None:
    table = gg.Popularity(by="age").fit(shop()).recommend(k=3)
    # Shares of the segment's own sales plus 1,000 sales with the overall shares: 3/8 ales, 1/8 buns and 4/8 cod.
    young = [("ale", 3375 / 5000), ("bun", 1125 / 5000), ("cod", 500 / 5000)]
    old = [("cod", 4000 / 4500), ("ale", 375 / 4500), ("bun", 125 / 4500)]
    overall = [("cod", 4 / 8), ("ale", 3 / 8), ("bun", 1 / 8)]
    expected = {"ann": young, "bob": young, "cid": old, "dan": old, "eve": overall, "fay": overall}
    # Scaled to the total of the overall scores: 8,000 sales, plus each item's share of them.
    total = 8000 + 8000 / 8001
    for (user,), rows in table.group_by("user_id"):
        assert rows["item_id"].to_list() == [item for item, _ in expected[str(user)]]
        np.testing.assert_allclose(rows["score"], [share * total for _, share in expected[str(user)]], rtol=1e-5)


def test_users_without_segment_sales_get_the_overall_list() -> None:
    overall = gg.Popularity().fit(shop()).recommend(["eve", "fay"], k=3)
    assert_frame_equal(gg.Popularity(by="age").fit(shop()).recommend(["eve", "fay"], k=3), overall, check_exact=True)


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
    overall = dict(gg.Popularity("14d", "5d").fit(dataset).recommend([0], k=12).select("item_id", "score").iter_rows())
    total = sum(overall.values())
    table = model.recommend(k=12)
    for (segment,), members in segments(by).group_by("segment"):
        own = sales.filter(pl.col("segment") == pl.lit(segment, pl.String))  # no rows for null
        segment_sales = dict(own.group_by("item_id").agg(pl.col("sold").sum()).iter_rows())
        n = sum(segment_sales.values())
        scores = {
            item: total * (segment_sales.get(item, 0) + SMOOTHING * share / total) / (n + SMOOTHING)
            for item, share in overall.items()
        }
        lists = table.filter(pl.col("user_id").is_in(members["user_id"].implode()))
        assert lists.height == 12 * members.height
        np.testing.assert_allclose(lists["score"], [scores[item] for item in lists["item_id"]], rtol=1e-5)


def segments(by: str) -> pl.DataFrame:
    """The club of each user, or the third of their age; the encoder uses observed ages as bin edges."""
    if by == "club":
        return users().select("user_id", segment="club")
    edges = np.quantile(users()["age"], [1 / 3, 2 / 3], method="inverted_cdf")
    return users().select("user_id", segment=pl.Series(np.searchsorted(edges, users()["age"])).cast(pl.String))


def test_returns_give_finite_scores() -> None:
    dataset = shop()
    rows = dataset.interactions
    returns = gg.Interactions(rows.user_index, rows.item_index, rows.n_users, rows.n_items, [-3000, 1000, -3500, 500])
    table = gg.Popularity(by="age").fit(dataset.with_interactions(returns)).recommend(k=3)
    assert table["score"].is_finite().all()
    assert table["rank"].to_list() == [1, 2, 3] * 6


@pytest.mark.parametrize("by", ["colour", "height", ""])
def test_an_unknown_column_is_refused_and_keeps_the_earlier_fit(by: str) -> None:
    model = gg.Popularity(by="age").fit(shop())
    before = model.recommend(k=3)
    with pytest.raises(ParameterError, match=f"by='{by}' is not a categorical user feature; use one of 'age', or"):
        model.set_params(by=by).fit(shop())
    for bare in (sp.csr_matrix(np.eye(3)), bazaar()):
        with pytest.raises(ParameterError, match=f"by='{by}' .* pass a dataset with categorical user features"):
            model.fit(bare)
    assert model.recommend(k=3).equals(before)


def test_a_recipe_names_the_column() -> None:
    model = fit(ModelSpec.model_validate({"kind": "popularity", "by": "age"}), shop())
    assert_frame_equal(model.recommend(k=3), gg.Popularity(by="age").fit(shop()).recommend(k=3))


def test_segments_supply_candidates() -> None:
    dataset = bazaar(features=True)
    ranker = gg.LightGBMRanker(n_estimators=5, num_leaves=4, min_child_samples=5)
    model = gg.TwoStage([gg.Popularity("14d", by="club")], ranker, n_candidates=3, random_state=1).fit(dataset)
    lists = model.recommend(k=3).group_by("user_id").agg(pl.col("item_id"))
    expected = gg.Popularity("14d", by="club").fit(dataset).recommend(k=3).group_by("user_id").agg(pl.col("item_id"))
    sets = lists.join(expected, on="user_id").select(pl.col("item_id").list.set_difference("item_id_right").list.len())
    assert sets["item_id"].sum() == 0
