import copy
import pickle
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
from gingham.errors import DataError, ParameterError
from gingham.ranking.snapshot import times
from gingham.ranking.training import training_moments
from tests.ranking.models import SMALL, small

WEEK = timedelta(days=7)


@pytest.fixture(scope="module")
def fitted(dataset: gg.Dataset) -> gg.TwoStage:
    sources = [gg.NextBasket(), gg.CandidateSource(gg.HybridMF(4, epochs=2, random_state=1), 4)]
    return small(candidates=sources).fit(dataset, num_threads=1)


def test_contributions_add_up_to_the_score(fitted: gg.TwoStage) -> None:
    users = [3, 0, 41]
    reasons = fitted.explain_features(users, k=4)
    assert reasons.columns == ["user_id", "item_id", "rank", "feature", "value", "contribution"]
    assert reasons["user_id"].unique(maintain_order=True).to_list() == users
    sums = reasons.group_by("user_id", "item_id", "rank", maintain_order=True).agg(pl.col("contribution").sum())
    table = fitted.recommend(users, k=4)
    assert_frame_equal(sums.select("user_id", "item_id", "rank"), table.select("user_id", "item_id", "rank"))
    np.testing.assert_allclose(sums["contribution"], table["score"], atol=1e-5)
    names = {"base", "HybridMF_score", "HybridMF_near_last", "pair_times", "kind_share", "club_lift", "item_price"}
    assert names <= set(reasons["feature"])
    assert reasons.filter(pl.col("feature") == "base")["value"].null_count() == len(table)


def test_items_that_no_model_suggests_follow_and_are_not_explained(fitted: gg.TwoStage) -> None:
    reasons = fitted.explain_features([3], k=fitted.n_items)
    assert reasons["item_id"].n_unique() < fitted.n_items
    suggested = reasons["item_id"].unique(maintain_order=True).to_list()
    assert fitted.recommend([3], k=fitted.n_items)["item_id"].to_list()[: len(suggested)] == suggested


def test_a_loaded_model_is_the_same(fitted: gg.TwoStage, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    loaded = gg.load(tmp_path / "model")
    assert isinstance(loaded, gg.TwoStage)
    assert repr(loaded) == repr(fitted)
    assert_frame_equal(loaded.explain_features([3], k=3), fitted.explain_features([3], k=3))
    assert_frame_equal(loaded.recommend(), fitted.recommend(), check_exact=True)


def test_an_explanation_without_candidates_is_empty(dataset: gg.Dataset) -> None:
    model = small(candidates=[gg.BuyAgain()], n_candidates=3).fit(dataset)
    columns = model.explain_features([3], k=1).schema
    assert model.explain_features([], k=3).schema == columns
    suggested = model.explain_features([3], k=model.n_items)["item_id"].unique()
    reasons = model.explain_features([3], k=2, exclude=suggested)
    assert reasons.schema == columns
    assert reasons.is_empty()


def test_parameters_can_be_numpy_numbers(dataset: gg.Dataset, tmp_path: Path) -> None:
    ranker = gg.LightGBMRanker(n_estimators=np.int64(5), learning_rate=np.float32(0.1), min_child_samples=5)  # type: ignore[arg-type]
    sources = [gg.NextBasket(), gg.CandidateSource(gg.ALS(4, epochs=1, random_state=1), np.int64(4))]  # type: ignore[arg-type]
    model = small(candidates=sources, ranker=ranker, n_candidates=np.int64(6)).fit(dataset)
    model.save(tmp_path / "model")
    assert_frame_equal(gg.load(tmp_path / "model").recommend(), model.recommend(), check_exact=True)


def test_a_ranker_set_after_a_fit_is_used_by_the_next(dataset: gg.Dataset, tmp_path: Path) -> None:
    model = small(ranker=replace(SMALL, offset="NextBasket_score", trust=0.3)).fit(dataset)
    before = model.recommend()
    model.set_params(ranker=replace(SMALL, offset="Popularity_score"))
    assert_frame_equal(model.recommend(), before, check_exact=True)
    model.save(tmp_path / "model")
    assert_frame_equal(gg.load(tmp_path / "model").recommend(), before, check_exact=True)


@pytest.mark.parametrize("copied", [lambda model: pickle.loads(pickle.dumps(model)), copy.deepcopy])
def test_a_model_that_was_used_can_be_copied(fitted: gg.TwoStage, copied: Any) -> None:
    before = fitted.recommend()
    assert_frame_equal(copied(fitted).recommend(), before, check_exact=True)


@pytest.mark.parametrize("shape", [(5, 4), (0, 4)])
def test_without_sales_items_are_in_their_order(shape: tuple[int, int]) -> None:
    table = small().fit(sp.csr_matrix(shape)).recommend(k=2)
    assert table["item_id"].to_list() == [0, 1] * shape[0]


def test_fit_does_not_change_the_candidate_models(dataset: gg.Dataset) -> None:
    source = gg.Popularity()
    small(candidates=[source]).fit(dataset)
    assert source._training_data is None


def test_the_number_of_threads_does_not_change_the_result(dataset: gg.Dataset) -> None:
    one, two = (small().fit(dataset, num_threads=threads) for threads in (1, 2))
    assert_frame_equal(one.recommend(), two.recommend(), check_exact=True)


def test_candidate_models_have_the_number_of_threads_and_are_quiet(
    dataset: gg.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = []
    fit = gg.Popularity.fit

    def recorded(model: gg.Popularity, data: Any, **how: Any) -> gg.Popularity:
        options.append(how)
        return fit(model, data, **how)

    monkeypatch.setattr(gg.Popularity, "fit", recorded)
    small(n_periods=1).fit(dataset, num_threads=2)
    assert options == [{"num_threads": 2, "verbose": False}] * 2


def test_default_candidates(dataset: gg.Dataset) -> None:
    model = gg.TwoStage(ranker=SMALL, n_periods=2, random_state=1).fit(dataset)
    assert {"NextBasket_rank", "BasketRegression_rank"} <= set(model.explain_features([3], k=1)["feature"])


def test_items_that_were_never_sold_are_recommended_where_all_are_candidates(
    dataset: gg.Dataset, tmp_path: Path
) -> None:
    rows = dataset.interactions
    when = times(dataset)
    sold = (rows.item_index > 3) | ((rows.item_index == 3) & (when > when.max() - np.timedelta64(7, "D")))
    train = replace(dataset.with_interactions(rows.take(sold)), candidates="all")
    unsold = np.arange(3)
    model = gg.TwoStage(ranker=SMALL, n_periods=2, n_candidates=4, random_state=1).fit(train)
    listed = model.recommend(k=train.n_items)
    scores = listed.filter(listed["item_id"].is_in(train.item_ids.ids(unsold).implode()))["score"]
    assert (scores > model._fill.max()).any()  # some are candidates
    assert "ContentBased_rank" in model.explain_features([train.user_ids.values[3]], k=1)["feature"].to_list()
    model.save(tmp_path / "model")
    assert_frame_equal(gg.load(tmp_path / "model").recommend(k=train.n_items), listed, check_exact=True)


def test_it_ranks_better_than_its_candidate_models() -> None:
    """Every user buys, each week, what they bought four weeks before, which no candidate model can learn."""
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


@pytest.mark.parametrize("rounds", [1, 0])
def test_with_a_stride_periods_overlap(dataset: gg.Dataset, rounds: int) -> None:
    model = small(n_periods=5, stride="3d", ranker=replace(SMALL, early_stopping_rounds=rounds)).fit(dataset)
    starts = np.datetime64("2024-03-01", "us") - np.arange(5, 0, -1) * np.timedelta64(3, "D")
    np.testing.assert_array_equal(list(training_moments(dataset, WEEK, timedelta(days=3), 5)), starts)
    assert model.recommend([3], k=3).height == 3


def test_with_a_stride_the_ranker_learns_from_the_last_days() -> None:
    """A best seller appears four days before the end: earlier weeks have none, but the days since then do."""
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


def test_a_period_without_transactions_is_left_out(dataset: gg.Dataset) -> None:
    rows, when = dataset.interactions, times(dataset)
    quiet = (when >= np.datetime64("2024-02-16")) & (when < np.datetime64("2024-02-23"))
    data = dataset.with_interactions(rows.take(~quiet))
    assert len(list(training_moments(data, WEEK, WEEK, 3))) == 2
    assert small(n_periods=3).fit(data).recommend([3], k=3).height == 3


def test_more_periods_than_the_data_has(dataset: gg.Dataset) -> None:
    assert small(n_periods=50).fit(dataset).recommend([3], k=3).height == 3


def test_a_source_can_have_no_candidates(dataset: gg.Dataset) -> None:
    model = small(candidates=[gg.CandidateSource(gg.ItemKNN(3), 0), gg.Popularity()]).fit(dataset)
    assert model.recommend([3], k=5)["item_id"].n_unique() == 5
    assert "ItemKNN_score" in model.explain_features([3], k=1)["feature"].to_list()


def test_an_item_launched_after_the_last_period_began_can_be_recommended(dataset: gg.Dataset) -> None:
    model = small(n_candidates=12).fit(dataset)
    assert 11 in model.explain_features(k=12)["item_id"].to_list()


@pytest.mark.parametrize("bought", ["all", "none"])
def test_without_examples_the_ranker_cannot_be_fitted(bought: str) -> None:
    """Every user buys both items every week; or a single user buys each item once."""
    week = np.repeat(np.arange(8), 10)
    user, item = np.tile(np.repeat(np.arange(5), 2), 8), np.tile([0, 1], 40)
    if bought == "none":
        user, item, week = np.zeros(8, int), np.arange(8), np.arange(8)
    when = np.datetime64("2024-01-01", "us") + week * np.timedelta64(7, "D")
    ids = [gg.Ids.from_series(pl.Series(range(index.max() + 1))) for index in (user, item)]
    rows = gg.Interactions(user, item, len(ids[0]), len(ids[1]), timestamp=when)
    with pytest.raises(DataError, match=r"No training examples: no user bought some, but not all, .* last 4 periods"):
        small().fit(gg.Dataset(*ids, rows))


def test_without_timestamps_ranks_are_fused(dataset: gg.Dataset) -> None:
    model = small().fit(dataset.matrix())
    user = 3
    scores: dict[int, float] = {}
    for source in (gg.NextBasket(), gg.Popularity()):
        for item, rank in source.fit(dataset.matrix()).recommend([user], k=6).select("item_id", "rank").iter_rows():
            scores[item] = scores.get(item, 0) + 1 / (60 + rank)
    table = model.recommend([user], k=len(scores))
    np.testing.assert_allclose(table["score"], [scores[item] for item in table["item_id"]], rtol=1e-6)
    assert table["score"].is_sorted(descending=True)
    with pytest.raises(
        DataError, match="The model has no ranker to explain, because the training data had no timestamps"
    ):
        model.explain_features([user])


def test_a_recipe_names_candidates_and_ranker() -> None:
    recipe = {
        "n_periods": 3,
        "candidates": [
            {"kind": "popularity", "window": "3d", "n_candidates": 9},
            {"kind": "als", "epochs": 2},
            {"kind": "content", "unsold": True},
        ],
        "ranker": {"num_leaves": 7},
    }
    new = gg.CandidateSource(gg.ContentBased(), unsold=True)
    sources = [gg.CandidateSource(gg.Popularity("3d"), 9), gg.ALS(epochs=2), new]
    expected = gg.TwoStage(sources, gg.LightGBMRanker(num_leaves=7), n_periods=3)
    assert repr(gg.TwoStage.from_recipe(recipe, "model")) == repr(expected)
    assert repr(gg.TwoStage.from_recipe({}, "model")) == repr(gg.TwoStage())


# Bad input ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"candidates": []}, r"candidates must be a list of at least one model, not \[\]"),
        ({"candidates": gg.Popularity()}, "candidates must be a list of at least one model"),
        ({"candidates": ["popularity"]}, r"candidates\[0\]: 'popularity' is not a model"),
        ({"candidates": [gg.Popularity(window="soon")]}, r"candidates\[0\]: window"),
        (
            {"candidates": [gg.CandidateSource(gg.Popularity(), -1)]},
            r"candidates\[0\]: n_candidates must be",
        ),
        ({"candidates": [gg.CandidateSource(gg.Popularity(), unsold=2)]}, r"candidates\[0\]: unsold must be true or"),
        ({"candidates": [gg.CandidateSource(gg.Popularity(), 0)]}, "n_candidates is 0 in every CandidateSource"),
        ({"candidates": [gg.Popularity(), gg.TwoStage()]}, r"candidates\[1\]: a TwoStage cannot be a candidate model"),
        (
            {"candidates": [gg.ALS(early_stopping=gg.EarlyStopping(validation=sp.csr_matrix((60, 12))))]},
            r"candidates\[0\]: early_stopping.validation of a candidate model must be a SplitSpec or None",
        ),
        ({"n_candidates": 0}, "n_candidates must be a positive integer, not 0"),
        ({"period": "a while"}, "period: 'a while'"),
        ({"n_periods": 0}, "n_periods must be a positive integer, not 0"),
        ({"stride": 2}, "stride must be a duration such as .*, not 2"),
        ({"max_users": 2.5}, "max_users must be a positive integer, not 2.5"),
        ({"random_state": "x"}, "random_state"),
    ],
)
def test_wrong_parameters_are_refused(dataset: gg.Dataset, params: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        small(**params).fit(dataset)
