import io
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
from polars.testing import assert_frame_equal

from gingham import _native, models
from gingham.dataset import Dataset
from gingham.errors import DataError, DivergedError, NotFittedError, ParameterError
from gingham.models import EarlyStopping, Epoch, HybridMF
from gingham.tables import FeatureSpec, Tables
from tests.models.samples import (
    LOSSES,
    RANKING,
    SCHEDULES,
    State,
    assert_same,
    clustered_shop,
    dataset,
    differs,
    groups,
    mean_auc,
    noise,
    positives,
    scores_of,
    state,
)

# Reproducibility -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("with_features", [False, True])
def test_one_thread_and_a_seed_give_the_same_bits(loss: str, with_features: bool) -> None:
    matrices: dict[str, Any] = {"user_features": groups(25, 3), "item_features": groups(18, 4)} if with_features else {}

    def fitted(random_state: Any) -> HybridMF:
        return HybridMF(7, loss, random_state=random_state).fit(noise(), epochs=4, **matrices)

    first = fitted(42)
    assert_same(state(first), state(fitted(42)))
    assert [epoch.loss for epoch in first.history_] == [epoch.loss for epoch in fitted(42).history_]
    assert differs(state(first), state(fitted(43)))


@pytest.mark.parametrize("source", [np.random.default_rng, np.random.RandomState])
def test_sources_of_randomness_with_the_same_seed_give_the_same(source: Any) -> None:
    first, second, third = (HybridMF(4, random_state=source(seed)).fit(noise(), epochs=2) for seed in (8, 8, 9))
    assert_same(state(first), state(second))
    assert differs(state(first), state(third))


def test_without_a_seed_each_fit_differs() -> None:
    first, second = (HybridMF(4).fit(noise(), epochs=0) for _ in range(2))
    assert differs(state(first), state(second))


def test_fitting_again_forgets_what_was_learned() -> None:
    model = HybridMF(4, random_state=1).fit(noise(), epochs=2)
    once = state(model)
    model.fit(noise(), epochs=2)
    assert_same(state(model), once)
    assert [epoch.epoch for epoch in model.history_] == [1, 2]


@pytest.mark.parametrize(
    "convert",
    [
        sp.coo_matrix,
        sp.csc_matrix,
        sp.lil_matrix,
        sp.csr_array,
        sp.coo_array,
        lambda matrix: matrix.astype(np.float64),
        lambda matrix: matrix.astype(np.int64),
        lambda matrix: sp.csr_matrix(
            (matrix.data, matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64)), matrix.shape
        ),
    ],
)
def test_every_kind_of_sparse_matrix_is_taken(convert: Any) -> None:
    model = HybridMF(4, random_state=1).fit(noise(), user_features=groups(25, 2), epochs=2)
    matrix, features = convert(noise()), convert(2 * groups(25, 2))
    other = HybridMF(4, random_state=1).fit(matrix, user_features=features / 2, epochs=2)
    assert_same(state(model), state(other))
    test = noise(seed=3)
    np.testing.assert_array_equal(other.predict_rank(convert(test)).toarray(), model.predict_rank(test).toarray())
    np.testing.assert_array_equal(
        other.user_representations(features / 2)[0], model.user_representations(groups(25, 2))[0]
    )


def test_the_identity_as_features_is_none_at_all() -> None:
    plain = HybridMF(4, random_state=1).fit(noise(), epochs=2)
    given = HybridMF(4, random_state=1).fit(
        noise(), user_features=sp.identity(25, format="coo"), item_features=sp.identity(18), epochs=2
    )
    assert_same(state(plain), state(given))
    # One weight more or other than one, and it is no identity.
    for change in ((3, 4, 0.5), (3, 3, 2)):
        features = sp.identity(25, format="lil")
        features[change[0], change[1]] = change[2]
        assert differs(state(plain), state(HybridMF(4, random_state=1).fit(noise(), user_features=features, epochs=2)))


# Training on ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_training_three_times_is_training_for_three_epochs(loss: str, schedule: str, tmp_path: Path) -> None:
    features = groups(18, 4)

    def fresh() -> HybridMF:
        return HybridMF(5, loss, schedule, random_state=3)

    whole = fresh().fit(noise(), item_features=features, epochs=3)
    parts = fresh().fit(noise(), item_features=features, epochs=1)
    parts.fit_partial(noise(), item_features=features)
    parts.fit_partial(noise(), item_features=features)
    assert_same(state(parts), state(whole))
    assert [(epoch.epoch, epoch.loss) for epoch in parts.history_] == [(e.epoch, e.loss) for e in whole.history_]

    stored = fresh().fit(noise(), item_features=features, epochs=1)
    for _ in range(2):
        stored.save(tmp_path / "model")
        loaded = models.load(tmp_path / "model")
        assert isinstance(loaded, HybridMF)
        stored = loaded.fit_partial(noise(), item_features=features)
    assert_same(state(stored), state(whole))


def test_every_epoch_draws_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    train_epoch, seeds = _native.train_epoch, []

    def spied(**given: Any) -> float:
        seeds.append(given["seed"])
        return float(train_epoch(**given))

    monkeypatch.setattr(_native, "train_epoch", spied)
    model = HybridMF(5, random_state=3).fit(noise(), epochs=3).fit_partial(noise())
    model.save(tmp_path / "model")
    models.load(tmp_path / "model").fit_partial(noise(), epochs=2)  # type: ignore[attr-defined]
    assert len(set(seeds)) == len(seeds) == 6


def test_training_on_without_a_fit_is_a_fit() -> None:
    weights = positives(noise())
    model = HybridMF(5, random_state=3)
    assert model.fit_partial(positives(noise()), sample_weight=weights, user_features=groups(25, 2)) is model
    fitted = HybridMF(5, random_state=3).fit(
        positives(noise()), sample_weight=weights, user_features=groups(25, 2), epochs=1
    )
    assert_same(state(model), state(fitted))


def test_what_was_trained_on_last_counts_as_seen() -> None:
    model = HybridMF(5, random_state=3).fit(noise(seed=1), epochs=1)
    model.fit_partial(noise(seed=2))
    np.testing.assert_array_equal(model.training_data_.matrix.toarray(), noise(seed=2).toarray())
    model.fit_partial(noise(seed=2), user_features=sp.identity(25))


@pytest.mark.parametrize(
    ("data", "features", "words"),
    [
        (noise(24), {}, r"other users \(24\) than .* \(25\)"),
        (noise(n_items=19), {}, r"other items \(19\) than .* \(18\)"),
        (dataset(first_user=1), {}, "other users"),
        (noise(), {"user_features": groups(25, 2)}, "user features"),
        (noise(), {"item_features": groups(18, 2, identity=False)}, "item features"),
        (dataset(features=True), {}, "user features"),
    ],
)
def test_training_on_about_others_is_refused(data: Any, features: Any, words: str) -> None:
    model = HybridMF(5, random_state=3).fit(noise(), epochs=1)
    before, seen = state(model), model.training_data_
    with pytest.raises(DataError, match=words):
        model.fit_partial(data, **features)
    assert_same(state(model), before)
    assert model.training_data_ is seen


def test_training_on_with_features_of_another_meaning_is_refused() -> None:
    def shop(town: str) -> Dataset:
        users = pl.DataFrame({"user_id": [1, 2, 3], "town": ["York", "York", town]})
        sales = pl.DataFrame({"user_id": [1, 2, 3, 1], "item_id": [1, 2, 1, 2]})
        return Dataset.from_tables(Tables(sales, users, user_features=FeatureSpec(categorical=["town"])))

    model = HybridMF(4, random_state=1).fit(shop("Bath"), epochs=1)
    model.fit_partial(shop("Bath"))
    with pytest.raises(DataError, match="user features are others than the model was fitted with, 'town=Leeds'"):
        model.fit_partial(shop("Leeds"))


@pytest.mark.parametrize("changed", [{"n_components": 40}, {"n_components": 7}, {"learning_schedule": "adadelta"}])
def test_training_on_with_other_sizes_is_refused(changed: Any) -> None:
    # 5 and 7 components have rows of the same padded length.
    model = HybridMF(5, random_state=3).fit(noise(), epochs=1)
    before = state(model)
    with pytest.raises(ParameterError, match=r"n_components=.* or learning_schedule=.* is another"):
        model.set_params(**changed).fit_partial(noise())
    assert_same(state(model), before)


def test_parameters_set_after_a_fit_wait_for_the_next() -> None:
    model = HybridMF(5, random_state=3).fit(noise(), epochs=2)
    asked = [lambda: model.recommend(), lambda: model.similar_items([1, 2], k=3), lambda: model.similar_users(4, k=3)]
    before, scores, pairs = [question() for question in asked], scores_of(model), model.predict(3, range(18))
    model.set_params(n_components=7, loss="bpr", learning_schedule="adadelta", random_state=9)
    for question, table in zip(asked, before, strict=True):
        assert_frame_equal(question(), table, check_exact=True)
    np.testing.assert_array_equal(scores_of(model), scores)
    np.testing.assert_array_equal(model.predict(3, range(18)), pairs)


# History, callbacks, early stopping ----------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
def test_history_tells_how_training_went(loss: str) -> None:
    train, _ = clustered_shop(loss)
    model = HybridMF(8, loss, random_state=0).fit(train, epochs=40)
    assert [epoch.epoch for epoch in model.history_] == list(range(1, 41))
    assert all(epoch.seconds > 0 for epoch in model.history_)
    assert all(epoch.metrics == {} for epoch in model.history_)
    losses = [epoch.loss for epoch in model.history_]
    assert np.isfinite(losses).all()
    thirds = [np.mean(losses[start : start + 13]) for start in (0, 13, 26)]
    assert thirds[0] > thirds[1] > thirds[2]
    if loss in ("logistic", "bpr"):
        # Both begin at scores near zero, where each example costs log(2).
        assert losses[0] == pytest.approx(np.log(2), abs=0.02)


def test_callbacks_are_called_after_every_epoch_and_can_stop() -> None:
    calls: list[tuple[HybridMF, Epoch]] = []
    order: list[str] = []

    def stop_at_three(model: HybridMF, epoch: Epoch) -> bool:
        order.append("first")
        epoch.metrics["twice"] = 2.0 * epoch.epoch
        return epoch.epoch == 3

    def note(model: HybridMF, epoch: Epoch) -> None:
        order.append("second")
        calls.append((model, epoch))

    model = HybridMF(4, random_state=1)
    model.fit(noise(), epochs=10, callbacks=(callback for callback in (stop_at_three, note)))
    assert [called for called, _ in calls] == [model] * 3
    assert [epoch for _, epoch in calls] == model.history_
    assert order == ["first", "second"] * 3
    assert [epoch.metrics for epoch in model.history_] == [{"twice": 2.0}, {"twice": 4.0}, {"twice": 6.0}]
    assert_same(state(model), state(HybridMF(4, random_state=1).fit(noise(), epochs=3)))


def test_what_callbacks_measured_is_stored(tmp_path: Path) -> None:
    def measure(model: HybridMF, epoch: Epoch) -> None:
        epoch.metrics["auc"] = epoch.epoch / 8

    model = HybridMF(4, random_state=1).fit(noise(), epochs=2, callbacks=[measure])
    model.save(tmp_path / "model")
    loaded = models.load(tmp_path / "model")
    assert isinstance(loaded, HybridMF)
    assert loaded.history_ == model.history_


@pytest.mark.parametrize("value", [float("nan"), np.float32(0.5)])
def test_whatever_callbacks_measured_the_model_can_be_saved(value: float, tmp_path: Path) -> None:
    def measure(model: HybridMF, epoch: Epoch) -> None:
        epoch.metrics["auc"] = value

    model = HybridMF(4, random_state=1).fit(noise(), epochs=1, callbacks=[measure])
    model.save(tmp_path / "model")
    loaded = models.load(tmp_path / "model")
    assert isinstance(loaded, HybridMF)
    assert loaded.history_[0].metrics["auc"] == pytest.approx(value, nan_ok=True)


def test_early_stopping_leaves_the_best_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    told = iter([0.1, 0.4, 0.3, 0.4, 0.2, 0.9])
    monkeypatch.setattr("gingham.models.early_stopping.compute", lambda metric, test: np.array([next(told)]))
    states: list[State] = []
    stopping = EarlyStopping(noise(seed=2), "auc", patience=3)
    model = HybridMF(4, random_state=1)
    model.fit(noise(), epochs=20, early_stopping=stopping, callbacks=[lambda model, epoch: states.append(state(model))])
    # The second 0.4 is no improvement; the 0.9 is never seen.
    assert [epoch.metrics for epoch in model.history_] == [{"auc": value} for value in (0.1, 0.4, 0.3, 0.4, 0.2)]
    assert (stopping.best_epoch, stopping.best_value) == (2, 0.4)
    assert_same(state(model), states[1])
    assert differs(states[4], states[1])


def test_early_stopping_leaves_the_best_epoch_when_epochs_run_out(monkeypatch: pytest.MonkeyPatch) -> None:
    told = iter([0.1, 0.4, 0.3])
    monkeypatch.setattr("gingham.models.early_stopping.compute", lambda metric, test: np.array([next(told)]))
    model = HybridMF(4, random_state=1).fit(noise(), epochs=3, early_stopping=EarlyStopping(noise(seed=2)))
    assert_same(state(model), state(HybridMF(4, random_state=1).fit(noise(), epochs=2)))


def test_early_stopping_measures_the_metric() -> None:
    train, held = clustered_shop("warp")
    stopping = EarlyStopping(held, "auc", patience=2, filter_seen=True)
    model = HybridMF(8, learning_schedule="adadelta", random_state=0)
    model.fit(train, epochs=200, early_stopping=stopping)
    assert len(model.history_) == stopping.best_epoch + 2 < 200
    assert stopping.best_value == max(epoch.metrics["auc"] for epoch in model.history_)
    assert mean_auc(model, held) == stopping.best_value


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_progress_unless_told_not_to(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = {}
    for verbose in (True, False):
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        HybridMF(4).fit(noise(), epochs=2, verbose=verbose)
        shown[verbose] = terminal.getvalue()
    assert "epoch=2/2" in shown[True]
    assert "100%" in shown[True]
    assert shown[False] == ""


def test_what_is_no_terminal_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    HybridMF(4).fit(noise(), epochs=2)
    assert capsys.readouterr() == ("", "")


# Averaging -----------------------------------------------------------------------------------------------------------


def per_epoch(epochs: int, **params: Any) -> tuple[HybridMF, list[State]]:
    """A model, and its state after each epoch, as a callback sees it."""
    states: list[State] = []
    model = HybridMF(5, random_state=1, **params)
    features = groups(25, 2)
    model.fit(
        noise(), user_features=features, epochs=epochs, callbacks=[lambda model, epoch: states.append(state(model))]
    )
    return model, states


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_parameters_are_the_decaying_mean_of_those_of_each_epoch(schedule: str) -> None:
    plain, states = per_epoch(6, learning_schedule=schedule)
    averaged, shown = per_epoch(6, learning_schedule=schedule, averaging=0.7)
    assert [epoch.loss for epoch in averaged.history_] == [epoch.loss for epoch in plain.history_]
    for name, first in states[0].items():
        mean = first[:, :16].astype(float)
        for trained, now in zip(states, shown, strict=True):
            mean = 0.7 * mean + 0.3 * trained[name][:, :16]
            np.testing.assert_allclose(now[name][:, :16], mean, atol=1e-6)
            # The optimizer's memory is that of training itself.
            np.testing.assert_array_equal(now[name][:, 16:], trained[name][:, 16:])
    assert_same(state(averaged), shown[-1])


def test_early_stopping_leaves_the_best_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    told = iter([0.1, 0.4, 0.3, 0.2])
    monkeypatch.setattr("gingham.models.early_stopping.compute", lambda metric, test: np.array([next(told)]))
    model = HybridMF(5, random_state=1, averaging=0.7)
    model.fit(noise(), user_features=groups(25, 2), epochs=4, early_stopping=EarlyStopping(noise(seed=2)))
    assert_same(state(model), per_epoch(2, averaging=0.7)[1][-1])


def test_an_interrupted_epoch_leaves_the_mean_of_those_before(monkeypatch: pytest.MonkeyPatch) -> None:
    train_epoch, calls = _native.train_epoch, []

    def interrupted(**given: Any) -> float:
        calls.append(given)
        if len(calls) == 3:
            given["users"][0][:] = np.nan
            raise KeyboardInterrupt
        total: float = train_epoch(**given)
        return total

    monkeypatch.setattr(_native, "train_epoch", interrupted)
    model = HybridMF(5, random_state=1, averaging=0.7)
    with pytest.raises(KeyboardInterrupt):
        model.fit(noise(), user_features=groups(25, 2), epochs=5)
    monkeypatch.undo()
    assert_same(state(model), per_epoch(2, averaging=0.7)[1][-1])


# Interruption and divergence -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_a_kernel_interrupted_in_the_third_epoch_leaves_the_second(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    train_epoch, calls = _native.train_epoch, []

    def interrupted(**given: Any) -> float:
        calls.append(given)
        total: float = train_epoch(**given)
        if len(calls) == 3:
            for side in (given["users"], given["items"]):
                side[0][:] = np.nan
            raise error
        return total

    model = HybridMF(5, random_state=1)
    monkeypatch.setattr(_native, "train_epoch", interrupted)
    with pytest.raises(error):
        model.fit(noise(), user_features=groups(25, 2), epochs=5)
    monkeypatch.undo()
    assert [epoch.epoch for epoch in model.history_] == [1, 2]
    whole = HybridMF(5, random_state=1).fit(noise(), user_features=groups(25, 2), epochs=5)
    two = HybridMF(5, random_state=1).fit(noise(), user_features=groups(25, 2), epochs=2)
    assert_same(state(model), state(two))
    # And training goes on as if nothing had happened.
    model.fit_partial(noise(), user_features=groups(25, 2), epochs=3)
    assert_same(state(model), state(whole))


@pytest.mark.parametrize("fails", ["kernel", "divergence"])
def test_a_fit_that_finishes_no_epoch_leaves_the_model_as_before(fails: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**given: Any) -> float:
        raise KeyboardInterrupt

    def failing_fit(model: HybridMF) -> None:
        with monkeypatch.context() as patch, pytest.raises((KeyboardInterrupt, DivergedError)):  # noqa: PT012
            if fails == "kernel":
                patch.setattr(_native, "train_epoch", fail)
            model.fit(noise(seed=1), user_features=sp.csr_matrix(np.full((25, 2), 1e30)))

    model = HybridMF(5, random_state=1)
    failing_fit(model)
    with pytest.raises(NotFittedError):
        model.recommend()
    model.fit(noise(), epochs=2)
    before, history, table = state(model), list(model.history_), model.recommend()
    failing_fit(model)
    assert_same(state(model), before)
    assert model.history_ == history
    assert_frame_equal(model.recommend(), table, check_exact=True)


@pytest.mark.parametrize("where", ["callback", "early stopping"])
def test_an_interruption_between_epochs_leaves_the_last_finished_one(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(model: HybridMF, epoch: Epoch) -> None:
        if epoch.epoch == 3:
            raise KeyboardInterrupt

    stopping = EarlyStopping(noise(seed=2))
    if where == "early stopping":
        monkeypatch.setattr(stopping, "improved", interrupt)
    model = HybridMF(5, random_state=1)
    with pytest.raises(KeyboardInterrupt):
        model.fit(
            noise(),
            epochs=5,
            callbacks=[interrupt] if where == "callback" else [],
            early_stopping=stopping if where == "early stopping" else None,
        )
    assert len(model.history_) == 3
    assert_same(state(model), state(HybridMF(5, random_state=1).fit(noise(), epochs=3)))


LONG_FIT = """
import numpy as np
import scipy.sparse as sp
from gingham.models import HybridMF

rng = np.random.default_rng(0)
pairs = rng.integers(0, 10_000, 500_000), rng.integers(0, 3_000, 500_000)
matrix = sp.csr_matrix((np.ones(500_000, np.float32), pairs), shape=(10_000, 3_000))
model = HybridMF(31, random_state=1)
try:
    model.fit(matrix, epochs=10_000, callbacks=[lambda model, epoch: print(epoch.epoch, flush=True)])
except KeyboardInterrupt:
    n_epochs = len(model.history_)
    again = HybridMF(31, random_state=1).fit(matrix, epochs=n_epochs)
    arrays, expected = model.artifact().arrays, again.artifact().arrays
    for name in ("user.state", "item.state"):
        np.testing.assert_array_equal(arrays[name], expected[name])
    print("interrupted", n_epochs)
"""


def test_ctrl_c_in_a_long_fit_leaves_the_last_finished_epoch() -> None:
    with subprocess.Popen([sys.executable, "-c", LONG_FIT], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            told = [process.stdout.readline() for _ in range(2)]
            process.send_signal(signal.SIGINT)
            told += process.stdout
        finally:
            process.kill()
    assert process.returncode == 0
    *_, word, n_epochs = " ".join(told).split()
    assert word == "interrupted"
    assert 2 <= int(n_epochs) < 10_000


@pytest.mark.parametrize("loss", LOSSES)
def test_divergence_is_an_error_and_leaves_the_model_as_before(loss: str) -> None:
    model = HybridMF(8, loss, random_state=0).fit(noise(), epochs=2)
    before, history, table = state(model), list(model.history_), model.recommend()
    model.set_params(learning_rate=1e30)
    with pytest.raises(DivergedError, match=r"no longer finite after epoch \d+; .* a learning_rate below 1e\+30"):
        model.fit_partial(noise(), epochs=50)
    # Whatever epochs were finished before stand; none of them has left anything that is not finite.
    assert all(np.isfinite(array).all() for array in state(model).values())
    if len(model.history_) == 2:
        assert model.history_ == history
        assert_same(state(model), before)
        assert_frame_equal(model.recommend(), table, check_exact=True)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_huge_weights_of_features_diverge(loss: str, schedule: str) -> None:
    features = sp.csr_matrix(np.full((25, 2), 1e30))
    model = HybridMF(8, loss, schedule, random_state=0)
    with pytest.raises(DivergedError, match="smaller weights of features"):
        model.fit(noise(), user_features=features, epochs=20)


@pytest.mark.parametrize("wrong", ["epochs", "num_threads", "patience", "metric"])
def test_a_refused_fit_leaves_the_model_as_it_was(wrong: str) -> None:
    stopping = EarlyStopping(noise())
    given: dict[str, Any] = {"early_stopping": stopping}
    if wrong == "patience":
        stopping.patience = 0
    elif wrong == "metric":
        stopping.metric = "precisoin@3"
    else:
        given[wrong] = -1
    model = HybridMF(5, random_state=1)
    with pytest.raises(ParameterError):
        model.fit(noise(), **given)
    with pytest.raises(NotFittedError):
        model.recommend()
    model.fit(noise(), epochs=2)
    before, seen = state(model), model.training_data_
    for train in (model.fit, model.fit_partial):
        with pytest.raises(ParameterError):
            train(noise(seed=1), **given)
        assert_same(state(model), before)
        assert model.training_data_ is seen
        assert len(model.history_) == 2


# What the matrices say -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["interactions", "user_features", "item_features", "sample_weight"])
def test_what_is_not_finite_is_named(name: str, wrong: float) -> None:
    given: dict[str, sp.csr_matrix] = {
        "interactions": positives(noise()),
        "user_features": groups(25, 3),
        "item_features": groups(18, 4),
        "sample_weight": positives(noise()),
    }
    bad = given[name].tocoo()
    place = len(bad.data) // 2
    bad.data[place] = wrong
    with pytest.raises(DataError, match=rf"{name} holds {wrong} in row {bad.row[place]}, column {bad.col[place]}"):
        HybridMF(4).fit(**given | {name: bad})


def test_what_is_too_large_for_a_float_is_not_finite() -> None:
    with pytest.raises(DataError, match=r"interactions holds .* in row 1, column 0"):
        HybridMF(4).fit(sp.csr_matrix(np.array([[1], [1e300]])))


@pytest.mark.parametrize(("name", "rows"), [("user_features", 24), ("item_features", 25)])
def test_features_have_a_row_each(name: str, rows: int) -> None:
    n_rows = {"user_features": 25, "item_features": 18}[name]
    with pytest.raises(DataError, match=f"{name} has {rows} rows for {n_rows} {name.partition('_')[0]}s"):
        HybridMF(4).fit(noise(), **{name: groups(rows, 3)})
    with pytest.raises(DataError, match=f"{name} is a ndarray"):
        HybridMF(4).fit(noise(), **{name: groups(n_rows, 3).toarray()})


@pytest.mark.parametrize("name", ["user_features", "item_features"])
@pytest.mark.parametrize("train", ["fit", "fit_partial"])
def test_a_dataset_brings_its_own_features(name: str, train: str) -> None:
    with pytest.raises(DataError, match="brings its own features"):
        getattr(HybridMF(4), train)(dataset(features=True), **{name: groups(25, 3)})


def test_a_datasets_features_are_used() -> None:
    of_dataset = HybridMF(4, random_state=1).fit(dataset(features=True), epochs=2)
    of_matrix = HybridMF(4, random_state=1).fit(noise(), user_features=groups(25, 3), epochs=2)
    assert_same(state(of_dataset), state(of_matrix))
    assert of_dataset.user_embeddings.shape == (28, 4)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((0, 0, 1.0), "entries at other places"),
        ((1, 1, None), "entries at other places"),
        ((1, 1, -0.5), "sample_weight holds -0.5"),
        (None, r"shape \(4, 3\)"),
    ],
)
def test_wrong_weights_are_refused(change: Any, words: str) -> None:
    interactions = sp.csr_matrix(np.array([[0, 1, 1], [0, 1, 0], [1, 0, 1]]))
    weights = interactions.astype(np.float64).tolil()
    if change is None:
        weights = sp.lil_matrix((4, 3))
    elif change[2] is None:
        weights = sp.lil_matrix(weights.toarray() * (np.arange(9).reshape(3, 3) != 4))
    else:
        weights[change[0], change[1]] = change[2]
    with pytest.raises(DataError, match=words):
        HybridMF(4).fit(interactions, sample_weight=weights)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_what_weighs_nothing_teaches_nothing(loss: str, schedule: str) -> None:
    # One user, so that nobody else's draws touch an item of theirs.
    interactions = sp.csr_matrix(np.array([[1, 1, 0, 0, 0, 0, 0, 0]]))
    weights = sp.csr_matrix(interactions, dtype=np.float32, copy=True)
    weights.data[:] = [1, 0]
    start = HybridMF(4, loss, schedule, random_state=1).fit(interactions, epochs=0)
    model = HybridMF(4, loss, schedule, random_state=1).fit(interactions, sample_weight=weights, epochs=30)
    if loss == "bpr":  # which has nothing to draw but the user's own
        assert_same(state(model), state(start))
        return
    np.testing.assert_array_equal(model.item_embeddings[1], start.item_embeddings[1])
    assert model.item_biases[1] == 0
    assert model.item_biases[0] > 0
    assert (model.item_embeddings[0] != start.item_embeddings[0]).any()


@pytest.mark.parametrize("loss", LOSSES)
def test_weights_of_zero_train_nothing_at_all(loss: str) -> None:
    weights = noise()
    weights.data[:] = 0
    start = HybridMF(4, loss, random_state=1).fit(noise(), epochs=0)
    model = HybridMF(4, loss, random_state=1).fit(noise(), sample_weight=weights, epochs=5)
    assert_same(state(model), state(start))
    assert [epoch.loss for epoch in model.history_] == [0] * 5


@pytest.mark.parametrize("loss", LOSSES)
def test_weights_of_one_are_no_weights(loss: str) -> None:
    weights = noise()
    weights.data[:] = 1
    plain = HybridMF(4, loss, random_state=1).fit(noise(), epochs=3)
    weighted = HybridMF(4, loss, random_state=1).fit(noise(), sample_weight=weights, epochs=3)
    assert_same(state(plain), state(weighted))
    weights.data[::2] = 2
    assert differs(state(plain), state(weighted.fit(noise(), sample_weight=weights, epochs=3)))


@pytest.mark.parametrize("loss", RANKING)
@pytest.mark.parametrize("heavier", [0, 1])
def test_heavier_pairs_win(loss: str, heavier: int) -> None:
    # Everybody had both of the first items; what else they met is worthless, and there for bpr to draw.
    users = np.repeat(np.arange(20), 3)
    items = np.column_stack([np.zeros(20), np.ones(20), 2 + np.arange(20) % 10]).ravel()
    weights = np.where(items == heavier, 1, 0.01)
    interactions, sample_weight = (
        sp.csr_matrix((values, (users, items)), (20, 12)) for values in (np.tile([1.0, 1.0, 0.0], 20), weights)
    )
    model = HybridMF(4, loss, random_state=1).fit(interactions, sample_weight=sample_weight, epochs=5)
    assert model.item_biases.argmax() == heavier


@pytest.mark.parametrize("loss", RANKING)
@pytest.mark.parametrize("value", [0.0, -1.0])
def test_zero_or_less_is_no_positive_and_may_be_drawn_as_a_negative(loss: str, value: float) -> None:
    # For everybody item 0 is a positive, item 1 an entry of `value` and the rest is unknown.
    rows, columns = np.repeat(np.arange(20), 2), np.tile([0, 1], 20)
    matrix = sp.csr_matrix((np.tile([1.0, value], 20), (rows, columns)), (20, 6))
    assert matrix.nnz == 40
    model = HybridMF(4, loss, random_state=1).fit(matrix, epochs=10)
    scores = scores_of(model)
    assert (scores[:, 0] > scores[:, 1]).all()
    assert model.item_biases[0] > 0 > model.item_biases[1]
    # And yet the user has seen it.
    assert not model.recommend(k=4, filter_seen=True)["item_id"].is_in([0, 1]).any()


@pytest.mark.parametrize("value", [0.0, -1.0, -3.0])
def test_zero_or_less_is_a_negative_for_logistic(value: float) -> None:
    rows, columns = np.repeat(np.arange(20), 2), np.tile([0, 1], 20)
    matrix = sp.csr_matrix((np.tile([1.0, value], 20), (rows, columns)), (20, 3))
    model = HybridMF(4, "logistic", random_state=1).fit(matrix, epochs=10)
    assert model.item_biases[0] > 0 > model.item_biases[1]
    assert model.item_biases[2] == 0
    same = sp.csr_matrix((np.tile([7.0, 0.0], 20), (rows, columns)), (20, 3))
    assert_same(state(model), state(HybridMF(4, "logistic", random_state=1).fit(same, epochs=10)))


@pytest.mark.parametrize("loss", RANKING)
@pytest.mark.parametrize("values", [[-1.0, -2.0], [0.0, -1.0], []])
def test_ranking_losses_need_a_positive(loss: str, values: list[float]) -> None:
    matrix = sp.csr_matrix((values, (range(len(values)), range(len(values)))), (3, 4))
    with pytest.raises(DataError, match=f"None of the {len(values)} interactions .* {loss} has nothing to learn"):
        HybridMF(4, loss).fit(matrix)


def test_logistic_needs_an_interaction() -> None:
    with pytest.raises(DataError, match="nothing to learn"):
        HybridMF(4, "logistic").fit(sp.csr_matrix((3, 4)))


@pytest.mark.parametrize("loss", LOSSES)
def test_duplicates_are_summed(loss: str) -> None:
    summed = noise().tocoo()
    parts = sp.coo_matrix(
        (
            np.concatenate([summed.data + 3, np.full(summed.nnz, -3)]),
            (np.tile(summed.row, 2), np.tile(summed.col, 2)),
        ),
        summed.shape,
    )
    assert_same(
        state(HybridMF(4, loss, random_state=1).fit(parts, epochs=2)),
        state(HybridMF(4, loss, random_state=1).fit(summed, epochs=2)),
    )
    assert parts.nnz == 2 * summed.nnz


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("n_items", [2, 3, 4])
def test_small_catalogues_stay_finite(loss: str, schedule: str, n_items: int) -> None:
    # The first user has bought everything: there is no negative to be found.
    matrix = sp.csr_matrix(np.vstack([np.ones(n_items), np.eye(n_items)]))
    model = HybridMF(3, loss, schedule, max_sampled=20, random_state=1).fit(matrix, epochs=100)
    assert all(np.isfinite(array).all() for array in state(model).values())
    assert np.isfinite([epoch.loss for epoch in model.history_]).all()
    assert model.recommend(k=n_items)["score"].is_finite().all()


# Learning ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("with_features", [False, True])
def test_a_clustered_shop_is_learned(loss: str, schedule: str, with_features: bool) -> None:
    train, held = clustered_shop(loss)
    matrices: dict[str, Any] = {"user_features": groups(40, 3), "item_features": groups(40, 5)} if with_features else {}
    start = HybridMF(8, loss, schedule, random_state=0).fit(train, epochs=0, **matrices)
    assert 0.3 < mean_auc(start, held) < 0.7
    model = HybridMF(8, loss, schedule, random_state=0).fit(train, epochs=40, **matrices)
    assert mean_auc(model, held) > 0.85


def test_features_alone_can_tell_clusters_apart() -> None:
    train, held = clustered_shop("warp")
    model = HybridMF(8, random_state=0).fit(
        train,
        user_features=groups(40, 4, identity=False),
        item_features=groups(40, 4, identity=False),
        epochs=40,
    )
    assert model.user_embeddings.shape == model.item_embeddings.shape == (4, 8)
    assert mean_auc(model, held) > 0.9
    # A user the model has never seen, of the third cluster.
    stranger = sp.csr_matrix(np.eye(4, dtype=np.float32)[[2]] * 0.5)
    embeddings, biases = model.user_representations(stranger)
    items, item_biases = model.item_representations()
    best = np.argsort(-(embeddings @ items.T + item_biases + biases[:, None])[0])[:10]
    assert set(best % 4) == {2}


@pytest.mark.parametrize("loss", LOSSES)
def test_several_threads_learn_as_well(loss: str) -> None:
    train, held = clustered_shop(loss, 400, 100)
    alone, together = (
        HybridMF(16, loss, random_state=0).fit(train, epochs=15, num_threads=threads) for threads in (1, 2)
    )
    assert all(np.isfinite(array).all() for array in state(together).values())
    assert mean_auc(alone, held) > 0.9
    assert mean_auc(together, held) == pytest.approx(mean_auc(alone, held), abs=0.05)
    HybridMF(4, loss).fit(train, epochs=1, num_threads=0)


@pytest.mark.parametrize(("penalised", "name"), [("user_alpha", "user_embeddings"), ("item_alpha", "item_embeddings")])
def test_penalties_keep_parameters_small(penalised: str, name: str) -> None:
    train, _ = clustered_shop("warp")
    free = HybridMF(8, random_state=0).fit(train, epochs=20)
    bound = HybridMF(8, random_state=0, **{penalised: 2.0}).fit(train, epochs=20)
    assert np.linalg.norm(getattr(bound, name)) < 0.7 * np.linalg.norm(getattr(free, name))


@pytest.mark.parametrize("alpha", [0.1, 1e-6, 1, np.float64(0.3), np.float32(0.3), np.int64(1)])
@pytest.mark.parametrize("penalised", ["user_alpha", "item_alpha"])
def test_a_penalty_may_be_any_number(penalised: str, alpha: float) -> None:
    free = HybridMF(4, random_state=0).fit(noise(), epochs=2)
    bound = HybridMF(4, random_state=0, **{penalised: alpha}).fit(noise(), epochs=2)
    assert differs(state(free), state(bound))


@pytest.mark.parametrize("loss", LOSSES)
def test_who_has_no_history_has_no_noise(loss: str) -> None:
    model = HybridMF(6, loss, random_state=1).fit(noise(), epochs=5)
    assert not model.user_embeddings[24].any()
    assert model.user_biases[24] == 0
    assert model.user_embeddings[:24].any(axis=1).all()
    # What is left are the items' biases.
    table = model.recommend([24], k=18)
    assert table["item_id"].to_list() == np.argsort(-model.item_biases, kind="stable").tolist()


@pytest.mark.parametrize("loss", LOSSES)
def test_who_has_no_history_has_what_shared_features_say(loss: str) -> None:
    features = groups(25, 3)
    model = HybridMF(6, loss, random_state=1).fit(noise(), user_features=features, epochs=5)
    assert not model.user_embeddings[24].any()
    group = 25 + 24 % 3
    assert model.user_embeddings[group].any()
    embeddings, biases = model.user_representations()
    np.testing.assert_array_equal(embeddings[24], 0.5 * model.user_embeddings[group])
    assert biases[24] == 0.5 * model.user_biases[group]
    scores = scores_of(model)[24]
    np.testing.assert_allclose(model.recommend([24], k=18)["score"], np.sort(scores)[::-1], atol=1e-6)


@pytest.mark.parametrize("loss", ["bpr", "logistic"])
def test_items_that_training_cannot_meet_have_no_noise(loss: str) -> None:
    matrix = sp.csr_matrix(np.hstack([noise().toarray(), np.zeros((25, 1))]))
    model = HybridMF(6, loss, random_state=1).fit(matrix, epochs=5)
    assert not model.item_embeddings[18].any()
    assert model.item_biases[18] == 0


# Parameters ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("loss", ["warpp", "WARP", None, 1]),
        ("learning_schedule", ["sgd", None]),
        ("n_components", [0, -1, 2.5, True, "8", None]),
        ("max_sampled", [0, -1, 2.5, True, None]),
        ("k", [0, -1, 2.5, True, 11]),
        ("n", [0, -1, 2.5, True, 4]),
        ("learning_rate", [0, -0.1, float("nan"), float("inf"), "0.1", True, None]),
        ("epsilon", [0, -1e-9, float("nan"), float("inf"), True]),
        ("rho", [0, 1, -0.5, 1.5, float("nan"), "0.9", None]),
        ("user_alpha", [-1e-9, float("nan"), float("inf"), True, None]),
        ("item_alpha", [-1e-9, float("nan"), float("inf"), True, None]),
        ("averaging", [-0.1, 1, float("nan"), "0.5", True, None]),
        ("random_state", [-1, "x", 1.5, [object()]]),
    ],
)
def test_a_wrong_parameter_is_named(name: str, values: list[Any]) -> None:
    for value in values:
        model = HybridMF(**{name: value})  # which only stores it
        with pytest.raises(ParameterError, match=f"{name}="):
            model.fit(noise(), epochs=1)
        with pytest.raises(NotFittedError):
            model.recommend()
        fitted = HybridMF(4, random_state=1).fit(noise(), epochs=1)
        before = state(fitted)
        if name != "random_state":
            with pytest.raises(ParameterError, match=f"{name}="):
                fitted.set_params(**{name: value}).fit_partial(noise())
        assert_same(state(fitted), before)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"epochs": -1}, "epochs=-1"),
        ({"epochs": 1.5}, "epochs=1.5"),
        ({"epochs": True}, "epochs=True"),
        ({"epochs": "3"}, "epochs='3'"),
        ({"num_threads": -1}, "num_threads=-1"),
        ({"num_threads": 1.5}, "num_threads=1.5"),
    ],
)
def test_a_wrong_argument_is_named(given: Any, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        HybridMF(4).fit(noise(), **given)


def test_numbers_of_numpy_are_taken() -> None:
    numpy_params: dict[str, Any] = {
        "n_components": np.int64(5),
        "learning_rate": np.float32(0.5),
        "rho": np.float64(0.5),
        "epsilon": np.float32(0.25),
        "user_alpha": np.float32(0.5),
        "item_alpha": np.int32(0),
        "max_sampled": np.int16(3),
        "k": np.uint8(2),
        "n": np.int32(4),
        "random_state": np.int64(3),
    }
    params = {name: value.item() for name, value in numpy_params.items()}
    for loss in ("warp-kos", "logistic"):
        of_numpy = HybridMF(loss=loss, **numpy_params).fit(noise(), epochs=np.int64(2), num_threads=np.int32(1))
        assert_same(state(of_numpy), state(HybridMF(loss=loss, **params).fit(noise(), epochs=2)))


def test_numbers_of_numpy_are_stored_as_numbers(tmp_path: Path) -> None:
    model = HybridMF(np.int64(5), learning_rate=np.float32(0.5), random_state=np.int64(3)).fit(noise(), epochs=1)
    model.save(tmp_path / "model")
    loaded = models.load(tmp_path / "model")
    assert loaded.get_params() == HybridMF(5, learning_rate=0.5, random_state=3).get_params()


@pytest.mark.parametrize("source", [np.random.default_rng, np.random.RandomState])
def test_a_source_of_randomness_is_not_stored(source: Any, tmp_path: Path) -> None:
    model = HybridMF(5, random_state=source(3)).fit(noise(), epochs=1)
    model.save(tmp_path / "model")
    loaded = models.load(tmp_path / "model")
    assert isinstance(loaded, HybridMF)
    assert loaded.random_state is None
    assert_same(state(loaded), state(model))


@pytest.mark.parametrize("loss", LOSSES)
def test_each_parameter_matters(loss: str) -> None:
    """What the constructor takes reaches the kernel."""
    base: dict[str, Any] = {"n_components": 4, "loss": loss, "random_state": 1}
    changes: dict[str, Any] = {
        "learning_rate": 0.5,
        "user_alpha": 0.125,
        "item_alpha": 0.125,
    }
    if loss in ("warp", "warp-kos"):
        changes["max_sampled"] = 1
    if loss == "warp-kos":
        changes |= {"k": 1, "n": 7}
    start = state(HybridMF(**base).fit(noise(), epochs=2))
    for name, value in changes.items():
        assert differs(state(HybridMF(**base | {name: value}).fit(noise(), epochs=2)), start), name
    adadelta = base | {"learning_schedule": "adadelta"}
    start = state(HybridMF(**adadelta).fit(noise(), epochs=2))
    for name, value in {"rho": 0.5, "epsilon": 1e-3}.items():
        assert differs(state(HybridMF(**adadelta | {name: value}).fit(noise(), epochs=2)), start), name


def test_a_model_of_nothing_has_no_surprise_left() -> None:
    for shape in ((0, 3), (3, 0), (0, 0)):
        with pytest.raises(DataError, match="nothing to learn"):
            HybridMF(4).fit(sp.csr_matrix(shape))
