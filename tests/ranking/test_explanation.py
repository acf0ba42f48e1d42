"""The causes that the contributions of a ranker's features are grouped into."""

import numpy as np
import polars as pl
import pytest

import gingham as gg
from gingham.models.contributions import Cause
from gingham.ranking.origins import Origin
from tests.ranking.models import small


@pytest.fixture(scope="module")
def model(dataset: gg.Dataset) -> gg.TwoStage:
    sources = [gg.NextBasket(), gg.ItemKNN(5), gg.CandidateSource(gg.HybridMF(4, epochs=2, random_state=1), 4)]
    return small(candidates=sources).fit(dataset, num_threads=1)


def test_every_feature_has_an_origin(model: gg.TwoStage) -> None:
    features = model._stage.features
    for group in features._groups:
        assert len(group.origins) == len(group.names)
    origins = dict(zip(features.names, features.origins, strict=True))
    assert {origin.cause for origin in origins.values()} == {
        Cause.BOUGHT_BEFORE,
        Cause.BOUGHT_TOGETHER,
        Cause.BEST_SELLER,
        Cause.SEGMENT,
        Cause.ITEM_FEATURE,
        Cause.PRICE,
        Cause.SHOPPING,
        Cause.MODEL,
    }
    assert (origins["ItemKNN_score"].source, origins["kind_share"].detail, origins["club_lift"].detail) == (
        1,
        "kind",
        "club",
    )


def test_causes_add_up_their_features(model: gg.TwoStage) -> None:
    """Of causes that no candidate model shares; the sum over all of them is the score."""
    users = [3, 0, 41]
    features, causes = model.explain_features(users, k=4), model.explain(users, k=4)
    origins = {name: origin.cause.value for name, origin in zip(*names_and_origins(model), strict=True)}
    by_cause = features.with_columns(cause=pl.col("feature").replace_strict(origins, default="base"))
    keys = ["user_id", "item_id", "cause"]
    for cause in ("shopping habits", "price", "segment", "base"):
        expected, actual = (
            table.filter(pl.col("cause") == cause).group_by(keys).agg(pl.col("contribution").sum()).sort(keys)
            for table in (by_cause, causes)
        )
        assert len(expected) == 12
        np.testing.assert_allclose(actual["contribution"], expected["contribution"], atol=1e-6)


def names_and_origins(model: gg.TwoStage) -> tuple[tuple[str, ...], tuple[Origin, ...]]:
    return model._stage.features.names, model._stage.features.origins


def test_candidate_models_share_their_contribution_among_their_causes(dataset: gg.Dataset) -> None:
    """With one candidate model and no ranker, its own causes have the score in their proportions."""
    rows = dataset.interactions
    timeless = dataset.with_interactions(
        gg.Interactions(rows.user_index, rows.item_index, rows.n_users, rows.n_items, rows.value)
    )
    model = gg.TwoStage([gg.ItemKNN(5)], n_candidates=4).fit(timeless)
    knn = gg.ItemKNN(5).fit(timeless)
    two, one = model.explain([3, 7], k=3), knn.explain([3, 7], k=3)
    assert two["item_id"].to_list() == one["item_id"].to_list()
    shares = one["contribution"] / one["score"]
    np.testing.assert_allclose(two["contribution"], shares * two["score"], rtol=1e-5)
    assert two["because_item_id"].to_list() == one["because_item_id"].to_list()


def test_items_that_no_model_suggests_are_best_sellers(model: gg.TwoStage) -> None:
    explained = set(model.explain_features([3], k=model.n_items)["item_id"])
    table = model.explain([3], k=model.n_items).filter(~pl.col("item_id").is_in(explained))
    assert len(table) == model.n_items - len(explained)
    assert set(table["cause"]) == {"best seller"}
    np.testing.assert_allclose(table["contribution"], table["score"])
