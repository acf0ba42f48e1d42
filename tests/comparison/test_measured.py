import gingham as gg
from gingham.dataset import Dataset
from gingham.split import Split


def test_a_learning_curve_is_the_history_of_the_model(parts: Split[Dataset]) -> None:
    stopping = gg.EarlyStopping("auc", patience=9, validation=parts.test)
    model = gg.HybridMF(4, epochs=4, early_stopping=stopping, random_state=0)

    def fit(train: Dataset) -> gg.HybridMF:
        return model.fit(train, verbose=False)

    measured = gg.compare({"mine": fit}, *parts, k=3).measured
    curve = measured["mine"].curve
    assert curve is not None
    expected = [(epoch.epoch, epoch.loss, epoch.seconds, epoch.metrics["auc"]) for epoch in model.history_]
    assert curve.rows() == expected
    assert curve.columns == ["epoch", "loss", "seconds", "auc"]
    assert measured["buy-again"].curve is None


def test_the_curve_is_that_of_the_search_for_the_number_of_epochs(comparison: gg.Comparison) -> None:
    curve = comparison.measured["<b>stopped</b>"].curve
    assert curve is not None
    best = int(curve["ndcg@3"].arg_max() or 0) + 1
    assert curve.height == min(9, best + 2)


def test_time_and_memory_are_measured(comparison: gg.Comparison) -> None:
    for measured in comparison.measured.values():
        assert measured.fit_seconds > 0
        assert measured.recommend_seconds > 0
        assert measured.peak_bytes is None or measured.peak_bytes >= 0
