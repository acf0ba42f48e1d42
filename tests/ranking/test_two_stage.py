import copy
import pickle
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
from polars.testing import assert_frame_equal

import gingham as gg
from gingham.dataset import Feature, Features
from gingham.errors import DataError, MissingExtraError, ParameterError
from gingham.ranking.snapshot import times

SMALL = gg.LightGBMRanker(n_estimators=12, num_leaves=4, min_child_samples=5)


def small(**params: Any) -> gg.TwoStage:
    candidates = [gg.NextBasket(), gg.Popularity()]
    given: dict[str, Any] = {"candidates": candidates, "ranker": SMALL, "n_candidates": 6, "random_state": 1}
    return gg.TwoStage(**{**given, **params})


@pytest.fixture(scope="module")
def fitted(dataset: gg.Dataset) -> gg.TwoStage:
    sources = [gg.NextBasket(), gg.Source(gg.HybridMF(4, random_state=1), 4, {"epochs": 2})]
    return small(candidates=sources).fit(dataset)


def test_contributions_add_up_to_the_score(fitted: gg.TwoStage) -> None:
    users = [3, 0, 41]
    told = fitted.explain(users, k=4)
    assert told.columns == ["user_id", "item_id", "rank", "feature", "value", "contribution"]
    assert told["user_id"].unique(maintain_order=True).to_list() == users
    sums = told.group_by("user_id", "item_id", "rank", maintain_order=True).agg(pl.col("contribution").sum())
    table = fitted.recommend(users, k=4)
    assert_frame_equal(sums.select("user_id", "item_id", "rank"), table.select("user_id", "item_id", "rank"))
    np.testing.assert_allclose(sums["contribution"], table["score"], atol=1e-5)
    assert {"base", "HybridMF_score", "pair_times", "kind_share", "club_lift", "item_price"} <= set(told["feature"])
    assert told.filter(pl.col("feature") == "base")["value"].null_count() == len(table)


def test_what_no_model_suggests_follows_and_is_not_explained(fitted: gg.TwoStage) -> None:
    told = fitted.explain([3], k=fitted.n_items)
    assert told["item_id"].n_unique() < fitted.n_items
    suggested = told["item_id"].unique(maintain_order=True).to_list()
    assert fitted.recommend([3], k=fitted.n_items)["item_id"].to_list()[: len(suggested)] == suggested


def test_the_ranker_is_stored_as_text(fitted: gg.TwoStage, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    assert (tmp_path / "model" / "ranker.txt").read_text().startswith("tree\n")
    loaded = gg.load(tmp_path / "model")
    assert isinstance(loaded, gg.TwoStage)
    assert repr(loaded) == repr(fitted)
    assert_frame_equal(loaded.explain([3], k=3), fitted.explain([3], k=3))
    assert_frame_equal(loaded.recommend(), fitted.recommend(), check_exact=True)


def test_nothing_is_explained_where_no_model_suggests_anything(dataset: gg.Dataset) -> None:
    model = small(candidates=[gg.BuyAgain()], n_candidates=3).fit(dataset)
    columns = model.explain([3], k=1).schema
    assert model.explain([], k=3).schema == columns
    suggested = model.explain([3], k=model.n_items)["item_id"].unique()
    told = model.explain([3], k=2, exclude=suggested)
    assert told.schema == columns
    assert not len(told)


def test_columns_may_be_called_anything(dataset: gg.Dataset) -> None:
    """LightGBM refuses names with some characters, and takes spaces for underscores."""
    columns = ["launch", "size, [cm]", "a b", "a_b", "a=b", '{"age"}']
    names = [Feature(column, "x", "weekday" if column == "launch" else "category") for column in columns]
    matrix = sp.csr_matrix(np.random.default_rng(0).integers(0, 2, (dataset.n_items, len(names))).astype(np.float32))
    given = gg.Dataset(dataset.user_ids, dataset.item_ids, dataset.interactions, item_features=Features(matrix, names))
    told = small().fit(given).explain([3], k=1)
    assert {"launch:weekday_share", "size, [cm]_times", "a b_times", "a_b_times", "a=b_times", '{"age"}_share'} <= set(
        told["feature"]
    )


def test_numbers_of_numpy_are_stored_too(dataset: gg.Dataset, tmp_path: Path) -> None:
    ranker = gg.LightGBMRanker(n_estimators=np.int64(5), learning_rate=np.float32(0.1), min_child_samples=5)  # type: ignore[arg-type]
    sources = [gg.NextBasket(), gg.Source(gg.HybridMF(4, random_state=1), np.int64(4), {"epochs": np.int64(1)})]  # type: ignore[arg-type]
    model = small(candidates=sources, ranker=ranker, n_candidates=np.int64(6)).fit(dataset)
    model.save(tmp_path / "model")
    assert_frame_equal(gg.load(tmp_path / "model").recommend(), model.recommend(), check_exact=True)


def test_a_ranker_set_after_a_fit_waits_for_the_next(dataset: gg.Dataset, tmp_path: Path) -> None:
    model = small(ranker=replace(SMALL, offset="NextBasket_score", trust=0.3)).fit(dataset)
    before = model.recommend()
    model.set_params(ranker=replace(SMALL, offset="Popularity_score"))
    assert_frame_equal(model.recommend(), before, check_exact=True)
    model.save(tmp_path / "model")
    assert_frame_equal(gg.load(tmp_path / "model").recommend(), before, check_exact=True)


@pytest.mark.parametrize("twin", [lambda model: pickle.loads(pickle.dumps(model)), copy.deepcopy])
def test_a_model_that_was_used_can_be_copied(fitted: gg.TwoStage, twin: Any) -> None:
    before = fitted.recommend()
    assert_frame_equal(twin(fitted).recommend(), before, check_exact=True)


@pytest.mark.parametrize("shape", [(5, 4), (0, 4)])
def test_in_a_shop_that_sold_nothing_items_come_in_their_order(shape: tuple[int, int]) -> None:
    table = small().fit(sp.csr_matrix(shape)).recommend(k=2)
    assert table["item_id"].to_list() == [0, 1] * shape[0]


def test_fitting_leaves_the_models_given_alone(dataset: gg.Dataset) -> None:
    source = gg.Popularity()
    small(candidates=[source]).fit(dataset)
    assert source._training_data is None


def test_one_thread_or_two_learn_the_same(dataset: gg.Dataset) -> None:
    one, two = (small().fit(dataset, num_threads=threads) for threads in (1, 2))
    assert_frame_equal(one.recommend(), two.recommend(), check_exact=True)


def test_without_candidates_there_are_defaults(dataset: gg.Dataset) -> None:
    model = gg.TwoStage(ranker=SMALL, n_periods=2, random_state=1).fit(dataset)
    assert {"NextBasket_rank", "HybridMF_rank"} <= set(model.explain([3], k=1)["feature"])


def test_it_ranks_better_than_what_it_is_made_of(dataset: gg.Dataset) -> None:
    """In a shop where everybody buys, each week, what they bought four weeks before: no source knows of that."""
    rng = np.random.default_rng(3)
    weeks, users, items = 24, 150, 60
    plan = rng.integers(0, items, (users, 4))
    user, week = np.divmod(np.arange(users * weeks), weeks)
    when = np.datetime64("2024-01-01", "us") + week * np.timedelta64(7, "D")
    rows = gg.Interactions(user, plan[user, week % 4], users, items, timestamp=when)
    ids = [gg.Ids.from_series(pl.Series(range(size))) for size in (users, items)]
    train, test = gg.split.by_time(gg.Dataset(*ids, rows), test="7d")
    ranker = gg.LightGBMRanker(n_estimators=30, num_leaves=8, min_child_samples=10)
    model = gg.TwoStage([gg.BuyAgain()], ranker, n_candidates=8, random_state=1).fit(train)
    hits = {
        type(one).__name__: gg.evaluate(one, test, k=1).to_dict()["precision@1"]["mean"]
        for one in (model, gg.BuyAgain().fit(train), gg.NextBasket().fit(train))
    }
    assert hits["TwoStage"] > 0.9
    assert hits["TwoStage"] > 2 * max(hits["BuyAgain"], hits["NextBasket"])


@pytest.mark.parametrize("objective", ["lambdarank", "rank_xendcg", "binary"])
def test_scores_add_up_whatever_is_learned(dataset: gg.Dataset, objective: str) -> None:
    ranker = gg.LightGBMRanker(objective, n_estimators=12, num_leaves=4, min_child_samples=5)
    model = small(ranker=ranker).fit(dataset)
    shown = model.recommend([3], k=3)
    reasons = model.explain([3], k=3).group_by("rank", maintain_order=True).agg(pl.col("contribution").sum())
    assert reasons["contribution"].to_list() == pytest.approx(shown["score"].to_list(), abs=1e-5)


def test_without_early_stopping_all_trees_grow(dataset: gg.Dataset) -> None:
    stopped, all_of_them = (
        small(
            ranker=gg.LightGBMRanker(n_estimators=40, num_leaves=4, min_child_samples=5, early_stopping_rounds=rounds)
        )
        .fit(dataset)
        ._trees
        for rounds in (1, 0)
    )
    assert stopped is not None
    assert all_of_them is not None
    assert stopped._booster.num_trees() < all_of_them._booster.num_trees() == 40


@pytest.mark.parametrize("rounds", [1, 0])
def test_a_stride_makes_moments_nearer_than_periods(dataset: gg.Dataset, rounds: int) -> None:
    ranker = gg.LightGBMRanker(n_estimators=12, num_leaves=4, min_child_samples=5, early_stopping_rounds=rounds)
    model = small(n_periods=5, stride="3d", ranker=ranker).fit(dataset)
    ends = np.datetime64("2024-03-01", "us") - np.arange(5, 0, -1) * np.timedelta64(3, "D")
    np.testing.assert_array_equal(list(model._moments(dataset, timedelta(days=7))), ends)
    assert model.recommend([3], k=3).height == 3


def test_what_sells_right_now_is_learned_by_a_stride() -> None:
    """A best seller that came four days before the end: no week before foretold one, the days since then do."""
    rng = np.random.default_rng(5)
    days, users, items = 56, 120, 30
    day, user = np.repeat(np.arange(days), users // 4), rng.integers(0, users, days * users // 4)
    item = np.where(rng.random(len(day)) < 0.5, user % 10, rng.integers(10, items - 1, len(day)))
    item[(day >= days - 4) & (rng.random(len(day)) < 0.8)] = items - 1
    rows = gg.Interactions(
        user, item, users, items, timestamp=np.datetime64("2024-01-01", "us") + day * np.timedelta64(1, "D")
    )
    data = gg.Dataset(*(gg.Ids.from_series(pl.Series(range(size))) for size in (users, items)), rows)
    first = {}
    for stride in (None, "1d"):
        ranker = gg.LightGBMRanker(n_estimators=30, num_leaves=8, min_child_samples=10, early_stopping_rounds=0)
        model = gg.TwoStage([gg.BuyAgain(), gg.Popularity()], ranker, 8, n_periods=6, stride=stride, random_state=1)
        first[stride] = (model.fit(data).recommend(k=1)["item_id"] == items - 1).mean()
    assert first["1d"] > 0.9
    assert first[None] < first["1d"]


def test_scores_begin_at_the_logarithm_of_an_offset(dataset: gg.Dataset, tmp_path: Path) -> None:
    """Trees that cannot be split add nothing, so that the order is that of the model whose score is the offset."""
    ranker = gg.LightGBMRanker(n_estimators=3, min_child_samples=10**6, objective="binary", offset="NextBasket_score")
    model = small(ranker=ranker, n_candidates=12).fit(dataset)
    table, alone = model.recommend(k=5), gg.NextBasket().fit(dataset).recommend(k=5)
    assert_frame_equal(table.select("user_id", "item_id", "rank"), alone.select("user_id", "item_id", "rank"))
    begun = np.log(alone["score"].to_numpy() + 0.05)
    np.testing.assert_allclose(table["score"].to_numpy() - begun, table["score"][0] - begun[0], atol=1e-5)
    reasons = model.explain([3], k=5).group_by("rank", maintain_order=True).agg(pl.col("contribution").sum())
    np.testing.assert_allclose(reasons["contribution"], model.recommend([3], k=5)["score"], atol=1e-5)
    model.save(tmp_path / "model")
    assert_frame_equal(gg.load(tmp_path / "model").recommend(k=12), model.recommend(k=12), check_exact=True)


def test_trees_add_what_they_are_trusted_for(dataset: gg.Dataset, tmp_path: Path) -> None:
    """Contributions to the score shrink with the trees, and with them the distance from the offset."""
    found = {}
    for trust in (1.0, 0.25):
        ranker = gg.LightGBMRanker(n_estimators=9, min_child_samples=5, offset="NextBasket_score", trust=trust)
        model = small(ranker=ranker, n_candidates=12).fit(dataset)
        users, items = np.divmod(np.arange(60), 12)
        offset = np.log(0.05 + gg.NextBasket().fit(dataset).predict(users, items))
        found[trust] = model.predict(users, items) - offset
        reasons = model.explain([3], k=5).group_by("rank", maintain_order=True).agg(pl.col("contribution").sum())
        np.testing.assert_allclose(reasons["contribution"], model.recommend([3], k=5)["score"], atol=1e-5)
    candidates = found[1.0] > -2
    assert candidates.sum() > 20
    assert np.ptp(found[1.0][candidates]) > 0.1
    np.testing.assert_allclose(found[0.25][candidates], 0.25 * found[1.0][candidates], atol=1e-5)
    model.save(tmp_path / "model")
    assert_frame_equal(gg.load(tmp_path / "model").recommend(k=12), model.recommend(k=12), check_exact=True)


# Bad input ---------------------------------------------------------------------------------------------------------


def test_a_week_without_transactions_is_left_out(dataset: gg.Dataset) -> None:
    rows, when = dataset.interactions, times(dataset)
    quiet = (when >= np.datetime64("2024-02-16")) & (when < np.datetime64("2024-02-23"))
    model = small(n_periods=3).fit(dataset.with_interactions(rows.take(~quiet)))
    assert len(list(model._moments(dataset, model._stage.snapshot.period))) == 3
    assert model.recommend([3], k=3).height == 3


def test_more_periods_than_there_are_will_do(dataset: gg.Dataset) -> None:
    assert small(n_periods=50).fit(dataset).recommend([3], k=3).height == 3


def test_a_source_without_a_candidate_for_a_user(dataset: gg.Dataset) -> None:
    """One that suggests nothing to anybody; the other's candidates are left."""
    model = small(candidates=[gg.Source(gg.ItemKNN(3), 0), gg.Popularity()]).fit(dataset)
    assert model.recommend([3], k=5)["item_id"].n_unique() == 5


def test_an_item_launched_after_the_last_period_began_can_be_recommended(dataset: gg.Dataset) -> None:
    model = small(n_candidates=12).fit(dataset)
    assert 11 in model.explain(k=12)["item_id"].to_list()


@pytest.mark.parametrize("of", ["all", "none"])
def test_where_all_candidates_or_none_are_bought_there_is_no_order(of: str) -> None:
    """Two items that everybody buys every week; or one user's items, each bought once."""
    week = np.repeat(np.arange(8), 10)
    user, item = np.tile(np.repeat(np.arange(5), 2), 8), np.tile([0, 1], 40)
    if of == "none":
        user, item, week = np.zeros(8, int), np.arange(8), np.arange(8)
    when = np.datetime64("2024-01-01", "us") + week * np.timedelta64(7, "D")
    ids = [gg.Ids.from_series(pl.Series(range(index.max() + 1))) for index in (user, item)]
    rows = gg.Interactions(user, item, len(ids[0]), len(ids[1]), timestamp=when)
    with pytest.raises(DataError, match="n_periods=4 periods of '7d' nobody bought one candidate rather than another"):
        small().fit(gg.Dataset(*ids, rows))


def test_without_time_ranks_are_fused(dataset: gg.Dataset) -> None:
    model = small().fit(dataset.matrix())
    user = 3
    scores: dict[int, float] = {}
    for source in (gg.NextBasket(), gg.Popularity()):
        for item, rank in source.fit(dataset.matrix()).recommend([user], k=6).select("item_id", "rank").iter_rows():
            scores[item] = scores.get(item, 0) + 1 / (60 + rank)
    table = model.recommend([user], k=len(scores))
    np.testing.assert_allclose(table["score"], [scores[item] for item in table["item_id"]], rtol=1e-6)
    assert table["score"].is_sorted(descending=True)
    with pytest.raises(DataError, match="no timestamps: there is no ranker to explain"):
        model.explain([user])


def test_without_lightgbm_the_extra_is_named(dataset: gg.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'gingham\[ranking\]'"):
        small().fit(dataset)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"candidates": []}, "no list of models"),
        ({"candidates": gg.Popularity()}, "no list of models"),
        ({"candidates": ["popularity"]}, "'popularity' among the candidates is no model"),
        ({"candidates": [gg.Popularity(window="soon")]}, "window"),
        ({"candidates": [gg.Source(gg.Popularity(), -1)]}, "n_candidates=-1"),
        ({"candidates": [gg.Source(gg.Popularity(), 0)]}, "n_candidates"),
        (
            {"candidates": [gg.Source(gg.Popularity(), fit={"epochs": 3})]},
            "'epochs'; Popularity.fit takes nothing here",
        ),
        ({"candidates": [gg.Source(gg.NextBasket(), fit={"interactions": 3})]}, "NextBasket.fit takes num_threads"),
        ({"candidates": [gg.Source(gg.HybridMF(), fit={"callbacks": []})]}, "HybridMF.fit takes epochs, num_threads"),
        ({"candidates": [gg.Source(gg.HybridMF(), fit={"epochs": "3"})]}, "epochs='3'; give HybridMF a number"),
        ({"candidates": [gg.Source(gg.NextBasket(), fit=["epochs"])]}, "is no mapping; give one such as"),
        ({"candidates": [gg.Source(gg.NextBasket(), fit=None)]}, "fit=None is no mapping"),
        ({"candidates": [gg.TwoStage()]}, "A TwoStage is among the candidates"),
        ({"n_candidates": 0}, "n_candidates=0"),
        ({"period": "a while"}, "period"),
        ({"n_periods": 0}, "n_periods=0"),
        ({"stride": 2}, "stride=2"),
        ({"max_users": 2.5}, "max_users=2.5"),
        (
            {"ranker": gg.LightGBMRanker(offset="sales")},
            "ranker.offset='sales' is no model's score; give one of NextBasket_score, Popularity_score",
        ),
        ({"random_state": "x"}, "random_state='x'"),
    ],
)
def test_wrong_parameters_are_refused(dataset: gg.Dataset, params: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        small(**params).fit(dataset)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"n_estimators": 0}, "ranker.n_estimators=0"),
        ({"learning_rate": 0}, "ranker.learning_rate=0"),
        ({"num_leaves": 1}, "ranker.num_leaves=1"),
        ({"num_leaves": 131_073}, "ranker.num_leaves=131073 is above 131072"),
        ({"objective": "mean"}, "ranker.objective must be one of 'lambdarank'"),
        ({"early_stopping_rounds": -1}, "ranker.early_stopping_rounds=-1"),
        ({"colsample_bytree": 1.5}, "ranker.colsample_bytree=1.5"),
        ({"reg_lambda": -1}, "ranker.reg_lambda=-1"),
        ({"trust": 0}, "ranker.trust=0"),
    ],
)
def test_wrong_parameters_of_the_ranker_are_refused(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        gg.TwoStage(ranker=gg.LightGBMRanker(**params)).validate()
    with pytest.raises(ParameterError, match="ranker=3 is none"):
        gg.TwoStage(ranker=3).validate()  # type: ignore[arg-type]
