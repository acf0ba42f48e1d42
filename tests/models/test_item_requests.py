"""Similar items, and the users with the highest scores for an item."""

from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
from polars.testing import assert_frame_equal

import gingham as gg
from gingham.errors import DataError, ParameterError, TableError, UnknownIdError
from gingham.models import Recommender
from tests.contract import Case
from tests.contract.cases import N_ITEMS, N_USERS
from tests.models.test_contract import CASES

SIMILAR = [case for case in CASES if "similar_items" in case.make().supports]
# Similar items are those that a user who bought one of them gets.
BY_HISTORY = ("ItemKNN", "EASE", "GraphFilter")


@cache
def fitted(case: Case) -> Any:
    return case.fitted()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
class TestUsersFor:
    def test_users_are_in_the_order_of_their_scores(self, case: Case) -> None:
        model: Recommender = fitted(case)
        scores = model.recommend(k=N_ITEMS).with_row_index("row").sort("row")
        for items, k in (([21, 7, 126], N_USERS), ([63], 4)):
            table = model.users_for(items, k=k)
            assert table.columns == ["item_id", "user_id", "rank", "score"]
            assert table["item_id"].to_list() == np.repeat(items, k).tolist()
            for item in items:
                wanted = scores.filter(pl.col("item_id") == item)
                by_user = dict(wanted.select("user_id", "score").iter_rows())
                part = table.filter(pl.col("item_id") == item)
                assert part["rank"].to_list() == list(range(1, k + 1))
                best = np.sort(wanted["score"].to_numpy())[::-1][:k]
                np.testing.assert_allclose(part["score"], best, rtol=1e-5, atol=1e-5)
                own = [by_user[user] for user in part["user_id"]]
                np.testing.assert_allclose(part["score"], own, rtol=1e-5, atol=1e-5)
                order = part.sort(pl.col("score"), "user_id", descending=[True, False])
                assert_frame_equal(part, order)

    def test_buyers_can_be_left_out(self, case: Case) -> None:
        model, item = fitted(case), 7 * 4
        buyers = model.training_data_.matrix[:, 4].nonzero()[0]
        ids = set(model.training_data_.user_ids.ids(buyers))
        assert 0 < len(ids) < N_USERS
        table = model.users_for(item, k=N_USERS)
        rest = table.filter(~pl.col("user_id").is_in(ids)).drop("rank")
        assert_frame_equal(model.users_for(item, k=N_USERS, exclude_buyers=True).drop("rank"), rest)


@pytest.mark.parametrize("case", SIMILAR, ids=lambda case: case.name)
class TestSimilarItems:
    def test_lists(self, case: Case) -> None:
        model = fitted(case)
        table = model.similar_items([21, 7], k=N_ITEMS - 1)
        assert table.schema == {"item_id": pl.Int64, "similar_item_id": pl.Int64, "rank": pl.Int32, "score": pl.Float32}
        assert not table.filter(pl.col("item_id") == pl.col("similar_item_id")).height
        for item in (21, 7):
            part = table.filter(pl.col("item_id") == item)
            assert part.height > 0
            assert part["rank"].to_list() == list(range(1, part.height + 1))
            assert part["score"].is_sorted(descending=True)
            few = model.similar_items(item, k=3)
            assert few["similar_item_id"].to_list() == part["similar_item_id"].to_list()[:3]
        assert model.similar_items([], k=2).height == 0
        with pytest.raises(UnknownIdError, match="1 unknown item id: 1"):
            model.similar_items(1)
        with pytest.raises(ParameterError, match="is larger than the number of other items"):
            model.similar_items(7, k=N_ITEMS)

    def test_only_models_with_features_of_items_know_new_ones(self, case: Case) -> None:
        model = fitted(case)
        features = sp.csr_matrix(np.zeros((1, N_ITEMS + 4), np.float32))
        if case.features:
            assert model.similar_items(features=features, k=2).height == 2
        else:
            words = "does not use features of items|None of the models has features|features has 24 columns"
            with pytest.raises((ParameterError, DataError), match=words):
                model.similar_items(features=features, k=2)


@pytest.mark.parametrize(
    "case", [case for case in SIMILAR if case.name.startswith(BY_HISTORY)], ids=lambda case: case.name
)
def test_models_of_histories_return_what_an_item_makes_more_likely(case: Case) -> None:
    model = fitted(case)
    for item in (0, 21, 56):
        wanted = model.recommend_for([item], k=N_ITEMS, filter_seen=True).filter(pl.col("score") > 0)
        table = model.similar_items(item, k=N_ITEMS - 1)
        assert table["similar_item_id"].to_list() == wanted["item_id"].to_list()
        np.testing.assert_array_equal(table["score"], wanted["score"])


def test_similar_habits_are_the_cosines_of_their_columns() -> None:
    model = gg.NextBasket("30d", loyalty=0.7).fit(gg.synth.sample_dataset())
    habits = model._habits.toarray().astype(np.float64)
    unit = habits / np.linalg.norm(habits, axis=0)
    cosines = unit.T @ unit
    np.fill_diagonal(cosines, -1)
    table = model.similar_items(["i03", "i11"], k=5)
    for item in (3, 11):
        part = table.filter(pl.col("item_id") == f"i{item:02}")
        best = np.argsort(-cosines[item], kind="stable")[:5]
        assert part["similar_item_id"].to_list() == [f"i{other:02}" for other in best]
        np.testing.assert_allclose(part["score"], cosines[item, best], rtol=1e-5)


def test_lists_of_several_models_are_fused() -> None:
    data = gg.synth.sample_dataset()
    models: list[Any] = [gg.ItemKNN(5).fit(data), gg.EASE(l2=5).fit(data), gg.Popularity().fit(data)]
    blend = gg.Blend.of(models, [1, 1, 1])
    points: dict[str, float] = {}
    for model in models[:2]:
        for item, place in model.similar_items("i03", k=19).select("similar_item_id", "rank").iter_rows():
            points[item] = points.get(item, 0) + 1 / (60 + place)
    wanted = sorted(points, key=lambda item: (-points[item], item))
    table = blend.similar_items("i03", k=19)
    assert table["similar_item_id"].to_list() == wanted
    np.testing.assert_allclose(table["score"], [points[item] for item in wanted], rtol=1e-6)
    with pytest.raises(ParameterError, match="None of the models has similar_items; add one"):
        gg.Blend.of([gg.BuyAgain().fit(data), models[2]], [1, 1]).similar_items("i03")


@pytest.mark.parametrize("model", [gg.ALS(6, random_state=1), gg.HybridMF(6, random_state=1, epochs=3)])
def test_new_items_by_their_features(model: Any) -> None:
    data = gg.synth.sample_dataset()
    model.fit(data, verbose=False, num_threads=1)
    assert data.item_encoder is not None
    feature = data.item_encoder.features[1]
    row = {feature.column: feature.label}
    features = data.item_encoder.encode_one(row)
    (embedding,), (bias,) = model.item_representations(features)
    users, user_biases = model.user_representations()
    scores = users @ embedding + user_biases + bias
    table = model.users_for(features=row, k=50)
    assert table["item_id"].to_list() == [None] * 50
    np.testing.assert_allclose(table["score"], np.sort(scores)[::-1], rtol=1e-4, atol=1e-5)
    items = model.item_representations()[0]
    cosines = items @ embedding / np.linalg.norm(items, axis=1) / np.linalg.norm(embedding)
    similar = model.similar_items(features=row, k=19)
    np.testing.assert_allclose(similar["score"], np.sort(cosines)[::-1][:19], rtol=1e-4, atol=1e-5)
    frame = pl.DataFrame({"item_id": ["new"], **{name: [row.get(name)] for name in columns(data)}})
    named = model.similar_items(features=frame, k=19)
    assert_frame_equal(named.drop("item_id"), similar.drop("item_id"), check_exact=True)
    assert set(named["item_id"]) == {"new"}


def columns(data: gg.Dataset) -> list[str]:
    assert data.item_encoder is not None
    return list(dict.fromkeys(encoding.column for encoding in data.item_encoder.encodings))


def test_wrong_requests_are_refused() -> None:
    model = gg.ALS(4, random_state=0).fit(gg.synth.sample_dataset())
    for request in (model.similar_items, model.users_for):
        wrong: list[dict[str, Any]] = [{}, {"item_ids": "i01", "features": {}}]
        for given in wrong:
            with pytest.raises(ParameterError, match="Pass either item_ids or features"):
                request(**given)
        with pytest.raises(TableError, match="The features have no column 'price'"):
            request(features={"price": 3})
    with pytest.raises(ParameterError, match="is larger than the number of users"):
        model.users_for("i01", k=51)
    with pytest.raises(ParameterError, match="exclude_buyers must be"):
        model.users_for("i01", exclude_buyers=1)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="A BuyAgain does not use features of items"):
        gg.BuyAgain().fit(gg.synth.sample_dataset()).users_for(features={})
