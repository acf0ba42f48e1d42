"""The recall of candidates; explanations are tested with the models that have them."""

import numpy as np
import polars as pl
import pytest

import gingham as gg
from tests.ranking.models import small


@pytest.fixture(scope="module")
def parts() -> "gg.split.Split[gg.Dataset]":
    return gg.split.by_time(gg.synth.sample_dataset(), test="7d")


def test_the_recall_is_the_share_of_test_items_that_are_candidates(parts: "gg.split.Split[gg.Dataset]") -> None:
    train, test = parts
    sizes = {"NextBasket": 4, "Popularity": 3}
    sources = [gg.CandidateSource(gg.NextBasket(), 4), gg.CandidateSource(gg.Popularity(), 3)]
    table = small(candidates=sources).fit(train, verbose=False).candidate_recall(test)
    lists = {
        name: model.fit(train).recommend(k=sizes[name]).group_by("user_id").agg("item_id").rows_by_key("user_id")
        for name, model in (("NextBasket", gg.NextBasket()), ("Popularity", gg.Popularity()))
    }
    matrix = test.matrix()
    expected = []
    for user, user_id in enumerate(test.user_ids.values):
        wanted = set(test.item_ids.values.gather(matrix[user].indices))
        if wanted:
            first, second = (set(lists[name][user_id][0][0]) for name in sizes)
            sets = (first, second, first | second, first - second, second - first)
            expected.append([len(first | second), *(len(wanted & items) / len(wanted) for items in sets)])
    n_candidates, *recall = np.mean(expected, axis=0)
    assert table["source"].to_list() == [*sizes, "all"]
    np.testing.assert_allclose(table["candidates"], [4, 3, n_candidates])
    np.testing.assert_allclose(table["recall"], recall[:3])
    np.testing.assert_allclose(table["only"][:2], recall[3:])
    assert table["only"][2] is None


def test_a_test_without_items_has_no_recall(parts: "gg.split.Split[gg.Dataset]") -> None:
    model = small().fit(parts.train, verbose=False)
    empty = parts.test.with_interactions(parts.test.interactions.take(np.empty(0, np.int64)))
    assert model.candidate_recall(empty)["recall"].to_list() == [0, 0, 0]


def test_a_comparison_has_the_recall_of_candidates(parts: "gg.split.Split[gg.Dataset]") -> None:
    train, test = parts
    comparison = gg.compare({"two": small(), "knn": gg.ItemKNN()}, train, test, k=5)
    expected = small().fit(train, verbose=False).candidate_recall(test)
    assert comparison.candidates is not None
    assert comparison.candidates.columns == ["model", "source", "candidates", "recall", "only"]
    assert comparison.candidates.drop("model").equals(expected)
    assert comparison.candidates["model"].unique().to_list() == ["two"]
    assert comparison.to_dict()["models"]["two"]["candidates"] == expected.to_dicts()
    assert "candidates" not in comparison.to_dict()["models"]["knn"]
    assert "Candidates" in [section.heading for section in comparison.page().sections]
    assert gg.compare({"knn": gg.ItemKNN()}, train, test, k=5).candidates is None


def test_default_candidate_models_depend_on_the_order_of_the_data(parts: "gg.split.Split[gg.Dataset]") -> None:
    model = gg.TwoStage(n_candidates=5)
    names = model.fit(parts.train.matrix(), verbose=False).candidate_recall(parts.test.matrix())["source"]
    assert "BasketRegression" not in names
    ranker = gg.LightGBMRanker(n_estimators=3, num_leaves=3, min_child_samples=5)
    ordered = gg.TwoStage(ranker=ranker, n_candidates=5, random_state=1).fit(parts.train, verbose=False)
    assert "BasketRegression" in ordered.candidate_recall(parts.test)["source"]
    assert isinstance(ordered.candidate_recall(parts.test), pl.DataFrame)
