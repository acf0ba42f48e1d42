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


def test_the_baselines_stand_beside_every_model(found: gg.Comparison) -> None:
    assert tuple(found.measured) == ("bpr", "<b>stopped</b>", *BASELINES)
    assert found.models == ("bpr", "<b>stopped</b>")
    assert found.baselines == BASELINES


def test_every_model_is_measured_as_evaluate_does(found: gg.Comparison, parts: Parts) -> None:
    own: dict[str, gg.Popularity | gg.BuyAgain | gg.HybridMF] = {
        "bpr": gg.HybridMF(4, "bpr", random_state=1).fit(parts.train, verbose=False),
        "best-sellers": gg.Popularity(window=None).fit(parts.train),
        "recent-best-sellers": gg.Popularity(window="7d").fit(parts.train),
        "buy-again": gg.BuyAgain(window="7d").fit(parts.train),
    }
    for name, model in own.items():
        expected = gg.evaluate(model, parts.test, k=3, by="history")
        assert found.measured[name].evaluation.table.equals(expected.table)
        assert expected.segments is not None
        assert found.segments is not None
        assert found.segments.filter(model=name).drop("model").equals(expected.segments)
        lists = model.recommend(expected.per_user["user_id"], k=3)
        costs = dict(found.costs.select("model", "coverage").iter_rows())
        assert costs[name] == pytest.approx(lists["item_id"].n_unique() / 20)
        assert found.measured[name].params == model.get_params()


def test_the_window_is_that_of_recent_best_sellers(parts: Parts) -> None:
    found = gg.compare({}, *parts, k=3, window="2w")
    assert found.measured["recent-best-sellers"].params["window"] == "2w"
    assert found.measured["buy-again"].params["window"] == "2w"
    assert found.measured["best-sellers"].params["window"] is None
    assert set(baselines("2w")) == set(BASELINES)


def test_without_timestamps_nothing_is_recent(parts: Parts) -> None:
    found = gg.compare({}, parts.train.matrix(), parts.test.matrix(), k=3, allow_overlap=True)
    assert found.baselines == ("best-sellers", "buy-again")
    assert len(found.sentences) == 1 + (found.measured["best-sellers"].evaluation.overlap > 0)


def test_overlap_that_was_allowed_is_said_first(parts: Parts) -> None:
    found = gg.compare({}, parts.train, parts.train, k=3, allow_overlap=True)
    assert f"as many as {len(parts.train.interactions):,} rows of this test" in found.sentences[0]
    assert found.page().lead[0] == found.sentences[0]
    assert not gg.compare({}, *parts, k=3).sentences[0].startswith("Overlap")


def test_a_metric_that_counts_nobody_decides_nothing(parts: Parts) -> None:
    with pytest.raises(ParameterError, match="metric='auc' is not defined for any user"):
        gg.compare({}, parts.train, parts.train, k=3, metric="auc", filter_seen=True, allow_overlap=True)


def test_the_models_given_stay_unfitted(parts: Parts) -> None:
    model = gg.Popularity(window="3d")
    found = gg.compare({"three days": model}, *parts, k=3)
    with pytest.raises(gg.errors.NotFittedError):
        model.training_data_  # noqa: B018
    assert found.measured["three days"].params == model.get_params()


def test_seen_items_can_be_left_out(parts: Parts) -> None:
    found = gg.compare({}, *parts, k=3, filter_seen=True)
    model = gg.BuyAgain().fit(parts.train)
    expected = gg.evaluate(model, parts.test, k=3, filter_seen=True)
    assert found.measured["buy-again"].evaluation.table.equals(expected.table)
    lists = model.recommend(expected.per_user["user_id"], k=3, filter_seen=True)
    costs = dict(found.costs.select("model", "coverage").iter_rows())
    assert costs["buy-again"] == pytest.approx(lists["item_id"].n_unique() / 20)


def test_the_stages_are_reported(parts: Parts) -> None:
    recorder = Recorder()
    gg.compare({}, *parts, k=3, progress=recorder)
    assert recorder.events == [f"{verb} {name}" for name in BASELINES for verb in ("Fitting", "Evaluating")]


@pytest.mark.parametrize(
    ("models", "options", "words"),
    [
        ({"buy-again": gg.BuyAgain()}, {}, "'buy-again' is the name of a baseline"),
        ({"mine": 3}, {}, "'mine' is a int; give an unfitted model, or a function"),
        ({"mine": lambda train: 3}, {}, "The function for 'mine' gives a int"),
        ({"mine": gg.HybridMF(loss="wrap")}, {}, "loss must be one of .*, not 'wrap'"),
        ({}, {"reference": "als"}, "reference='als' is none of the models; give one of best-sellers"),
        ({}, {"metric": "mapp@3"}, "Unknown metric 'mapp@3'"),
        ({}, {"metric": "map@5"}, "metric='map@5' is not measured with k=3"),
        ({}, {"metric": "map@03"}, "metric='map@03' is not measured with k=3"),
        ({}, {"metric": 5}, "Unknown metric 5"),
        ([gg.HybridMF()], {}, "models is a list; give models by name"),
        ({7: gg.HybridMF()}, {}, "The name 7 is a int"),
        ({"mine": gg.HybridMF}, {}, "'mine' is a class; give an unfitted model"),
        ({}, {"k": 0}, "k must be a positive integer, not 0"),
        ({}, {"k": [3, 0]}, "k must be a positive integer, not 0"),
        ({}, {"k": 21}, "k=21 is larger than the number of items"),
        ({}, {"window": 7}, "window must be a duration such as .*, not 7"),
    ],
)
def test_what_cannot_be_compared_is_refused(parts: Parts, models: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        gg.compare(models, *parts, **{"k": 3, **options})


def test_a_fitted_model_may_have_seen_the_test_and_is_refused(parts: Parts) -> None:
    with pytest.raises(ParameterError, match="'mine' is fitted already"):
        gg.compare({"mine": gg.Popularity().fit(parts.train)}, *parts, k=3)


def test_a_test_without_interactions_is_refused(parts: Parts) -> None:
    nothing = parts.test.with_interactions(parts.test.interactions.take(pl.Series([], dtype=pl.Int64).to_numpy()))
    with pytest.raises(DataError, match="nothing to measure"):
        gg.compare({}, parts.train, nothing, k=3)
