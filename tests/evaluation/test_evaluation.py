from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
from polars.testing import assert_frame_equal

import gingham as gg
from gingham.errors import DataError, NotFittedError, ParameterError
from gingham.evaluation.bootstrap import resampled_means
from gingham.evaluation.evaluation import differences
from gingham.models.training_data import TrainingData
from gingham.scores import DenseScores
from tests.bazaar import bazaar

TRAIN = sp.csr_matrix(np.array([[3, 0, 0, 0], [2, 2, 1, 0], [1, 0, 0, 0]]))
# Best sellers are items 0, 1, 2, 3 in this order for every user.
TEST = sp.csr_matrix(np.array([[0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]))


def test_metrics_equal_values_computed_by_hand() -> None:
    result = gg.evaluate(gg.Popularity().fit(TRAIN), TEST, k=2)
    # The test item of user 0 has rank 2, that of user 1 the last rank; user 2 has no test items and is left out.
    expected = {
        "precision@2": (1 / 2 + 0) / 2,
        "recall@2": 1 / 2,
        "f1@2": (2 / 3) / 2,
        "ndcg@2": 1 / np.log2(3) / 2,
        "map@2": 1 / 4,
        "hit_rate@2": 1 / 2,
        "reciprocal_rank": (1 / 2 + 1 / 4) / 2,
        "auc": (2 / 3 + 0) / 2,
    }
    assert result.table["metric"].to_list() == gg.metrics.names([2])
    means = dict(result.table.select("metric", "mean").iter_rows())
    assert {name: means[name] for name in expected} == pytest.approx(expected)
    assert set(result.table["users"]) == {2}
    assert result.per_user["user_id"].to_list() == [0, 1]
    np.testing.assert_allclose(result.per_user["auc"], [2 / 3, 0])


def test_seen_items_can_be_left_out() -> None:
    test = sp.csr_matrix(np.array([[1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]))
    result = gg.evaluate(gg.Popularity().fit(TRAIN), test, k=2, filter_seen=True, allow_overlap=True)
    # User 0's test item was seen, so it is filtered; user 1's is the only candidate.
    assert result.per_user["reciprocal_rank"].to_list() == [0, 1]
    auc = result.to_dict()["auc"]
    assert auc == {"mean": None, "low": None, "high": None, "users": 0}


def test_the_table_is_json_and_can_be_printed() -> None:
    result = gg.evaluate(gg.Popularity().fit(TRAIN), TEST, k=2)
    assert set(result.to_dict()["map@2"]) == {"mean", "low", "high", "users"}
    assert "precision@2" in str(result)
    assert "precision@2" in result._repr_html_()


def test_every_row_is_shown_however_many_there_are() -> None:
    result = gg.evaluate(gg.Popularity().fit(TRAIN), TEST, k=[1, 2])
    for shown in (str(result), result._repr_html_()):
        assert all(metric in shown for metric in result.table["metric"])


def test_the_same_test_gives_the_same_intervals() -> None:
    model = gg.Popularity().fit(TRAIN)
    assert gg.evaluate(model, TEST, k=2).table.equals(gg.evaluate(model, TEST, k=2).table)


@pytest.mark.parametrize("model", ["popularity", gg.Popularity])
def test_only_models_are_evaluated(model: Any) -> None:
    with pytest.raises(ParameterError, match="model must be a fitted model"):
        gg.evaluate(model, TEST, k=2)


@pytest.mark.parametrize("k", [0, 5, 2.5, True])
def test_k_must_not_exceed_the_number_of_items(k: object) -> None:
    with pytest.raises(ParameterError, match=r"^k(=5 is larger| must be a positive integer)"):
        gg.evaluate(gg.Popularity().fit(TRAIN), TEST, k=k)  # type: ignore[arg-type]


def test_an_empty_test_or_another_shape_is_refused() -> None:
    model = gg.Popularity().fit(TRAIN)
    with pytest.raises(DataError, match="no interactions"):
        gg.evaluate(model, sp.csr_matrix((3, 4)), k=2)
    with pytest.raises(DataError, match="shape"):
        gg.evaluate(model, sp.csr_matrix((3, 5)), k=2)
    with pytest.raises(NotFittedError):
        gg.evaluate(gg.Popularity(), TEST, k=2)


def test_user_ids_are_external_ids() -> None:
    frame = pl.DataFrame({"user_id": ["b", "b", "a", "c"], "item_id": ["x", "y", "x", "y"]})
    dataset = gg.Dataset.from_tables(gg.Tables(frame))
    result = gg.evaluate(gg.Popularity().fit(dataset), dataset, k=1, allow_overlap=True)
    assert result.per_user["user_id"].to_list() == ["a", "b", "c"]


# Several k ------------------------------------------------------------------------------------------------------------


def test_several_k_give_the_same_values_as_one_by_one() -> None:
    train, test = gg.split.random(bazaar(), random_state=1)
    model = gg.BuyAgain().fit(train)
    together = gg.evaluate(model, test, k=[5, 1, 5])
    assert together.table["metric"].to_list()[:3] == ["precision@1", "precision@5", "recall@1"]
    assert together.per_user.columns == ["user_id", *together.table["metric"]]
    for k in (1, 5):
        alone = gg.evaluate(model, test, k=k)
        rows = together.table.filter(pl.col("metric").is_in(alone.table["metric"].implode()))
        assert_frame_equal(rows, alone.table)
        assert_frame_equal(together.lists.filter(pl.col("metric").is_in(alone.lists["metric"].implode())), alone.lists)


@pytest.mark.parametrize("k", [[], [1, 0], [1, 5], "2", None, [1, "2"]])
def test_every_k_must_not_exceed_the_number_of_items(k: object) -> None:
    with pytest.raises(ParameterError, match=r"^k(=5 is larger| must be a positive integer)"):
        gg.evaluate(gg.Popularity().fit(TRAIN), TEST, k=k)  # type: ignore[arg-type]


# Lists ----------------------------------------------------------------------------------------------------------------


def test_lists_are_those_of_the_users_with_test_items() -> None:
    # Two lists of items 0 and 1. User 0 bought item 0 before, user 1 both; all three bought item 0, one bought item 1.
    lists = dict(gg.evaluate(gg.Popularity().fit(TRAIN), TEST, k=2).lists.iter_rows())
    assert list(lists) == ["coverage@2", "gini@2", "novelty@2", "repeat_share@2", "cold_share@2"]
    assert lists["coverage@2"] == 2 / 4
    assert lists["repeat_share@2"] == 3 / 4
    assert lists["cold_share@2"] == 0
    assert lists["novelty@2"] == pytest.approx(-np.log2(2 / 4) / 2)


def test_items_with_features_have_a_diversity() -> None:
    train, test = gg.split.by_time(bazaar(features=True), test="10d")
    model = gg.Popularity().fit(train)
    result = gg.evaluate(model, test, k=3)
    shown = model.recommend([result.per_user["user_id"][0]], k=3)["item_id"].to_list()
    # The kind of an item is its number modulo 3; items of different kinds share no feature.
    pairs = [one % 3 != other % 3 for one, other in combinations(shown, 2)]
    assert dict(result.lists.iter_rows())["diversity@3"] == pytest.approx(sum(pairs) / 3)


# Leaks ----------------------------------------------------------------------------------------------------------------


def test_a_model_fitted_to_the_test_is_refused() -> None:
    dataset = bazaar()
    train, test = gg.split.by_time(dataset, test="10d")
    leaky = gg.Popularity().fit(dataset)
    with pytest.raises(DataError, match=rf"fitted to {len(test.interactions)} of the {len(test.interactions)} rows"):
        gg.evaluate(leaky, test, k=2)
    with pytest.raises(DataError, match=r"pairs of the test.*allow_overlap=True"):
        gg.evaluate(leaky, test.matrix(), k=2)
    # A repeat purchase in the test period is not an overlap.
    assert np.isin(test.interactions.pairs(), train.interactions.pairs()).any()
    assert gg.evaluate(gg.Popularity().fit(train), test, k=2).overlap == 0


def test_allowed_overlap_is_shown_as_a_warning() -> None:
    dataset = bazaar()
    _, test = gg.split.by_time(dataset, test="10d")
    result = gg.evaluate(gg.Popularity().fit(dataset), test, k=2, allow_overlap=True)
    assert result.overlap == len(test.interactions)
    for text in (str(result), result._repr_html_()):
        assert f"The model was fitted to {result.overlap} rows of this test" in text
    honest = gg.evaluate(gg.Popularity().fit(TRAIN), TEST, k=2, allow_overlap=True)
    assert (honest.overlap, honest.warning) == (0, "")
    assert "fitted to" not in str(honest) + honest._repr_html_()


def test_a_test_with_unknown_users_names_one() -> None:
    train, _ = gg.split.by_time(bazaar(), test="10d")
    others = gg.Dataset.from_tables(gg.Tables(pl.DataFrame({"user_id": [0, 777], "item_id": [1, 2]})))
    with pytest.raises(DataError, match=r"2 users, user 777 is unknown.*use the parts of one split"):
        gg.evaluate(gg.Popularity().fit(train), others, k=2)


class Own(gg.models.Recommender):
    """A model of a user of the package, which may return invalid scores."""

    def __init__(self, wrong: float = 1.0) -> None:
        self.wrong = wrong

    def validate(self) -> None:
        pass

    def fit(self, interactions: Any) -> "Own":
        self._training_data = TrainingData.of(interactions)
        return self

    def _scores(self) -> DenseScores:
        scores = np.tile(np.arange(self.n_items, 0, -1, dtype=np.float32), (self.n_users, 1))
        scores[1, 2] = self.wrong
        return DenseScores(lambda users: scores[users], self.n_items)

    def _learned(self) -> Any:
        return {}, {}

    def _relearn(self, state: Any, arrays: Any) -> None:
        pass


def test_a_users_own_model_is_evaluated() -> None:
    own, best = gg.evaluate(Own().fit(TRAIN), TEST, k=2), gg.evaluate(gg.Popularity().fit(TRAIN), TEST, k=2)
    assert_frame_equal(own.per_user.drop("auc"), best.per_user.drop("auc"))


@pytest.mark.parametrize("wrong", [np.nan, -np.inf])
def test_a_score_that_is_not_finite_is_refused(wrong: float) -> None:
    with pytest.raises(DataError, match=f"item index 2 for user index 1 is {wrong}"):
        gg.evaluate(Own(wrong).fit(TRAIN), TEST, k=2)


# Differences ----------------------------------------------------------------------------------------------------------


def test_a_difference_is_paired() -> None:
    train, test = gg.split.by_time(bazaar(), test="10d")
    one, other = (gg.evaluate(model.fit(train), test, k=3) for model in (gg.BuyAgain(), gg.Popularity()))
    paired = differences(one, other)
    assert paired["metric"].to_list() == one.table["metric"].to_list()
    np.testing.assert_allclose(paired["mean"], one.table["mean"] - other.table["mean"], atol=1e-12)
    # The same users are drawn for both, so the interval is that of the differences of the means.
    per_user = [evaluation.per_user["ndcg@3"].to_numpy()[:, None] for evaluation in (one, other)]
    drawn = resampled_means(per_user[0]) - resampled_means(per_user[1])
    row = paired.row(by_predicate=pl.col("metric") == "ndcg@3", named=True)
    np.testing.assert_allclose([row["low"], row["high"]], np.percentile(drawn, [2.5, 97.5]), atol=1e-5)
    same = differences(one, one)
    assert same.select("mean", "low", "high").unique().rows() == [(0.0, 0.0, 0.0)]


def test_differences_need_the_same_users() -> None:
    train, test = gg.split.by_time(bazaar(), test="10d")
    model = gg.Popularity().fit(train)
    fewer = test.with_interactions(test.interactions.take(np.arange(5)))
    with pytest.raises(DataError, match="have different users"):
        differences(gg.evaluate(model, test, k=2), gg.evaluate(model, fewer, k=2))


@pytest.mark.parametrize("by", ["age", ["history", "age"], {"user_id": [0, 0], "age": [1, 2]}])
def test_a_wrong_segmentation_is_refused_before_ranking(by: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = gg.Popularity().fit(TRAIN)
    monkeypatch.setattr(gg.Popularity, "rank", lambda *_: pytest.fail("the test was ranked"))
    with pytest.raises((ParameterError, DataError), match="by"):
        gg.evaluate(model, TEST, k=2, by=by)
