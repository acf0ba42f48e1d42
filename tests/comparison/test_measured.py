import gingham as gg
from gingham.dataset import Dataset
from gingham.split import Split


def test_a_learning_curve_is_the_history_of_the_model(parts: Split[Dataset]) -> None:
    kept = []

    def fit(train: Dataset) -> gg.HybridMF:
        model = gg.HybridMF(4, random_state=0)
        stopping = gg.EarlyStopping(parts.test, "auc", patience=9)
        kept.append(model.fit(train, epochs=4, early_stopping=stopping, verbose=False))
        return kept[0]

    measured = gg.compare({"mine": fit}, *parts, k=3).measured
    curve = measured["mine"].curve
    assert curve is not None
    expected = [(epoch.epoch, epoch.loss, epoch.seconds, epoch.metrics["auc"]) for epoch in kept[0].history_]
    assert curve.rows() == expected
    assert curve.columns == ["epoch", "loss", "seconds", "auc"]
    assert measured["buy-again"].curve is None


def test_a_curve_may_be_that_of_another_fit(found: gg.Comparison) -> None:
    curve = found.measured["<b>stopped</b>"].curve
    assert curve is not None
    best = int(curve["ndcg@3"].arg_max() or 0) + 1
    assert curve.height == min(9, best + 2)


def test_time_and_memory_are_measured(found: gg.Comparison) -> None:
    for measured in found.measured.values():
        assert measured.fit_seconds > 0
        assert measured.recommend_seconds > 0
        assert measured.peak_bytes is None or measured.peak_bytes >= 0
