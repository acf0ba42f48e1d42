from typing import Any

import polars as pl
import pytest

import gingham as gg
from gingham.comparison import BASELINES, baselines
from gingham.dataset import Dataset
from gingham.errors import DataError, ParameterError
from gingham.split import Split
from tests.recorder import Recorder

Parts = Split[Dataset]


def test_every_comparison_includes_the_baselines(comparison: gg.Comparison) -> None:
    assert tuple(comparison.measured) == ("bpr", "<b>stopped</b>", *BASELINES)
    assert comparison.models == ("bpr", "<b>stopped</b>")
    assert comparison.baselines == BASELINES


def test_every_model_is_evaluated_as_by_evaluate(comparison: gg.Comparison, parts: Parts) -> None:
    own: dict[str, gg.Popularity | gg.BuyAgain | gg.HybridMF] = {
        "bpr": gg.HybridMF(4, "bpr", random_state=1).fit(parts.train, num_threads=1, verbose=False),
        "best-sellers": gg.Popularity(window=None).fit(parts.train),
        "recent-best-sellers": gg.Popularity(window="7d").fit(parts.train),
        "buy-again": gg.BuyAgain(window="7d").fit(parts.train),
    }
    for name, model in own.items():
        expected = gg.evaluate(model, parts.test, k=3, by="history")
        assert comparison.measured[name].evaluation.table.equals(expected.table)
        assert expected.segments is not None
        assert comparison.segments is not None
        assert comparison.segments.filter(model=name).drop("model").equals(expected.segments)
        lists = model.recommend(expected.per_user["user_id"], k=3)
        costs = dict(comparison.costs.select("model", "coverage").iter_rows())
        assert costs[name] == pytest.approx(lists["item_id"].n_unique() / 20)
        assert comparison.measured[name].params == model.get_params()


def test_the_window_is_that_of_recent_best_sellers(parts: Parts) -> None:
    comparison = gg.compare({}, *parts, k=3, window="2w")
    assert comparison.measured["recent-best-sellers"].params["window"] == "2w"
    assert comparison.measured["buy-again"].params["window"] == "2w"
    assert comparison.measured["best-sellers"].params["window"] is None
    assert set(baselines("2w")) == set(BASELINES)


def test_without_timestamps_there_are_no_recent_best_sellers(parts: Parts) -> None:
    comparison = gg.compare({}, parts.train.matrix(), parts.test.matrix(), k=3, allow_overlap=True)
    assert comparison.baselines == ("best-sellers", "buy-again")
    assert len(comparison.sentences) == 1 + (comparison.measured["best-sellers"].evaluation.overlap > 0)


def test_the_first_sentence_warns_of_allowed_overlap(parts: Parts) -> None:
    comparison = gg.compare({}, parts.train, parts.train, k=3, allow_overlap=True)
    assert f"up to {len(parts.train.interactions):,} rows of this test" in comparison.sentences[0]
    assert comparison.page().lead[0] == comparison.sentences[0]
    assert not gg.compare({}, *parts, k=3).sentences[0].startswith("Models were fitted")


def test_a_metric_that_counts_nobody_decides_nothing(parts: Parts) -> None:
    with pytest.raises(ParameterError, match="metric='auc' is not defined for any user"):
        gg.compare({}, parts.train, parts.train, k=3, metric="auc", filter_seen=True, allow_overlap=True)


def test_the_models_given_stay_unfitted(parts: Parts) -> None:
    model = gg.Popularity(window="3d")
    comparison = gg.compare({"three days": model}, *parts, k=3)
    with pytest.raises(gg.errors.NotFittedError):
        model.training_data_  # noqa: B018
    assert comparison.measured["three days"].params == model.get_params()


def test_seen_items_can_be_left_out(parts: Parts) -> None:
    comparison = gg.compare({}, *parts, k=3, filter_seen=True)
    model = gg.BuyAgain().fit(parts.train)
    expected = gg.evaluate(model, parts.test, k=3, filter_seen=True)
    assert comparison.measured["buy-again"].evaluation.table.equals(expected.table)
    lists = model.recommend(expected.per_user["user_id"], k=3, filter_seen=True)
    costs = dict(comparison.costs.select("model", "coverage").iter_rows())
    assert costs["buy-again"] == pytest.approx(lists["item_id"].n_unique() / 20)


def test_the_stages_are_reported(parts: Parts) -> None:
    recorder = Recorder()
    gg.compare({}, *parts, k=3, progress=recorder)
    assert recorder.events == [f"{verb} {name}" for name in BASELINES for verb in ("Fitting", "Evaluating")]


@pytest.mark.parametrize(
    ("models", "options", "words"),
    [
        ({"buy-again": gg.BuyAgain()}, {}, "'buy-again' is the name of a baseline"),
        ({"mine": 3}, {}, "'mine' is a int; pass an unfitted model, or a function"),
        ({"mine": lambda train: 3}, {}, "The function of 'mine' returns a int"),
        ({"mine": gg.HybridMF(loss="wrap")}, {}, "loss must be one of .*, not 'wrap'"),
        ({}, {"reference": "als"}, "reference='als' is not one of the models; use one of best-sellers"),
        ({}, {"metric": "mapp@3"}, "Unknown metric 'mapp@3'"),
        ({}, {"metric": "map@5"}, "metric='map@5' is not computed with k=3"),
        ({}, {"metric": "map@03"}, "metric='map@03' is not computed with k=3"),
        ({}, {"metric": 5}, "Unknown metric 5"),
        ([gg.HybridMF()], {}, "models must be a mapping of names to models .*, not a value of type list"),
        ({7: gg.HybridMF()}, {}, "names of models must be strings, not 7"),
        ({"mine": gg.HybridMF}, {}, "'mine' is a class; pass an unfitted model"),
        ({}, {"k": 0}, "k must be a positive integer, not 0"),
        ({}, {"k": [3, 0]}, "k must be a positive integer, not 0"),
        ({}, {"k": 21}, "k=21 is larger than the number of items"),
        ({}, {"window": 7}, "window must be a duration such as .*, not 7"),
    ],
)
def test_wrong_arguments_are_refused(parts: Parts, models: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        gg.compare(models, *parts, **{"k": 3, **options})


def test_a_fitted_model_is_refused(parts: Parts) -> None:
    with pytest.raises(ParameterError, match="'mine' is already fitted"):
        gg.compare({"mine": gg.Popularity().fit(parts.train)}, *parts, k=3)


def test_a_test_without_interactions_is_refused(parts: Parts) -> None:
    empty = parts.test.with_interactions(parts.test.interactions.take(pl.Series([], dtype=pl.Int64).to_numpy()))
    with pytest.raises(DataError, match="test part has no interactions"):
        gg.compare({}, parts.train, empty, k=3)
