import io
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from polars.testing import assert_frame_equal

from gingham import _native
from gingham.errors import DivergedError, NotFittedError, ParameterError
from gingham.loading import load
from gingham.models import EarlyStopping, Epoch, HybridMF, Recommender
from gingham.models.early_stopping import Monitor
from gingham.split import SplitSpec
from gingham.synth import sample_dataset
from tests.models.samples import (
    LOSSES,
    SCHEDULES,
    State,
    assert_same,
    clustered_shop,
    differs,
    groups,
    mean_auc,
    noise,
    state,
)

# History, callbacks, early stopping -----------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
def test_history_tells_how_training_went(loss: str) -> None:
    train, _ = clustered_shop(loss)
    model = HybridMF(8, loss, random_state=0, epochs=40).fit(train, num_threads=1)
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
    model.set_params(epochs=10).fit(noise(), callbacks=(callback for callback in (stop_at_three, note)), num_threads=1)
    assert [called for called, _ in calls] == [model] * 3
    assert [epoch for _, epoch in calls] == model.history_
    assert order == ["first", "second"] * 3
    assert [epoch.metrics for epoch in model.history_] == [{"twice": 2.0}, {"twice": 4.0}, {"twice": 6.0}]
    assert_same(state(model), state(HybridMF(4, random_state=1, epochs=3).fit(noise(), num_threads=1)))


def test_what_callbacks_measured_is_stored(tmp_path: Path) -> None:
    def measure(model: HybridMF, epoch: Epoch) -> None:
        epoch.metrics["auc"] = epoch.epoch / 8

    model = HybridMF(4, random_state=1, epochs=2).fit(noise(), callbacks=[measure], num_threads=1)
    model.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert isinstance(loaded, HybridMF)
    assert loaded.history_ == model.history_


@pytest.mark.parametrize("value", [float("nan"), np.float32(0.5)])
def test_whatever_callbacks_measured_the_model_can_be_saved(value: float, tmp_path: Path) -> None:
    def measure(model: HybridMF, epoch: Epoch) -> None:
        epoch.metrics["auc"] = value

    model = HybridMF(4, random_state=1, epochs=1).fit(noise(), callbacks=[measure], num_threads=1)
    model.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert isinstance(loaded, HybridMF)
    assert loaded.history_[0].metrics["auc"] == pytest.approx(value, nan_ok=True)


def test_early_stopping_leaves_the_best_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    values = iter([0.1, 0.4, 0.3, 0.4, 0.2, 0.9])
    monkeypatch.setattr("gingham.models.early_stopping.compute", lambda metric, test: np.array([next(values)]))
    states: list[State] = []
    stopping = EarlyStopping("auc", patience=3, validation=noise(seed=2))
    model = HybridMF(4, epochs=20, early_stopping=stopping, random_state=1)
    model.fit(noise(), num_threads=1, callbacks=[lambda model, epoch: states.append(state(model))])
    # The second 0.4 is not an improvement; training ends before the 0.9.
    assert [epoch.metrics for epoch in model.history_] == [{"auc": value} for value in (0.1, 0.4, 0.3, 0.4, 0.2)]
    assert model.best_epoch_ == 2
    assert model.validation_history_ == []
    assert_same(state(model), states[1])
    assert differs(states[4], states[1])


def test_early_stopping_may_split_off_its_validation_data() -> None:
    data = sample_dataset()
    train, validation = SplitSpec(test="7d").apply(data)
    search = HybridMF(
        8, epochs=30, early_stopping=EarlyStopping("map@5", patience=2, validation=validation), random_state=1
    ).fit(train, num_threads=1)
    epochs: list[int] = []
    model = HybridMF(8, epochs=30, early_stopping=EarlyStopping("map@5", patience=2), random_state=1)
    model.fit(data, num_threads=1, callbacks=[lambda _, epoch: epochs.append(epoch.epoch)])
    assert model.best_epoch_ == len(model.history_) == search.best_epoch_ < 30
    assert [epoch.metrics for epoch in model.validation_history_] == [epoch.metrics for epoch in search.history_]
    assert len(epochs) == len(model.validation_history_) + len(model.history_)
    again = HybridMF(8, epochs=model.best_epoch_, random_state=1).fit(data, num_threads=1)
    assert_same(state(model), state(again))


def test_early_stopping_on_a_matrix_needs_a_matrix() -> None:
    with pytest.raises(ParameterError, match=r"early_stopping\.validation must be a matrix"):
        HybridMF(4, early_stopping=EarlyStopping()).fit(noise())


def test_early_stopping_leaves_the_best_epoch_when_epochs_run_out(monkeypatch: pytest.MonkeyPatch) -> None:
    told = iter([0.1, 0.4, 0.3])
    monkeypatch.setattr("gingham.models.early_stopping.compute", lambda metric, test: np.array([next(told)]))
    model = HybridMF(4, random_state=1, epochs=3, early_stopping=EarlyStopping(validation=noise(seed=2))).fit(
        noise(), num_threads=1
    )
    assert_same(state(model), state(HybridMF(4, random_state=1, epochs=2).fit(noise(), num_threads=1)))


def test_early_stopping_measures_the_metric() -> None:
    train, held = clustered_shop("warp")
    stopping = EarlyStopping("auc", patience=2, validation=held, filter_seen=True)
    model = HybridMF(8, learning_schedule="adadelta", epochs=200, early_stopping=stopping, random_state=0)
    model.fit(train, num_threads=1)
    assert len(model.history_) == model.best_epoch_ + 2 < 200
    best = max(epoch.metrics["auc"] for epoch in model.history_)
    assert model.history_[model.best_epoch_ - 1].metrics["auc"] == best == mean_auc(model, held)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_progress_unless_told_not_to(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = {}
    for verbose in (True, False):
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        HybridMF(4, epochs=2).fit(noise(), verbose=verbose, num_threads=1)
        shown[verbose] = terminal.getvalue()
    assert "epoch=2/2" in shown[True]
    assert "100%" in shown[True]
    assert shown[False] == ""


def test_what_is_no_terminal_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    HybridMF(4, epochs=2).fit(noise(), num_threads=1)
    assert capsys.readouterr() == ("", "")


# Averaging ------------------------------------------------------------------------------------------------------------


def per_epoch(epochs: int, **params: Any) -> tuple[HybridMF, list[State]]:
    """A model, and its state after each epoch, as a callback sees it."""
    states: list[State] = []
    model = HybridMF(5, random_state=1, **params)
    features = groups(25, 2)
    model.set_params(epochs=epochs).fit(
        noise(), user_features=features, callbacks=[lambda model, epoch: states.append(state(model))], num_threads=1
    )
    return model, states


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_parameters_are_the_decaying_mean_of_those_of_each_epoch(schedule: str) -> None:
    plain, states = per_epoch(6, learning_schedule=schedule)
    averaged, shown = per_epoch(6, learning_schedule=schedule, averaging=0.7)
    assert [epoch.loss for epoch in averaged.history_] == [epoch.loss for epoch in plain.history_]
    for name, first in states[0].items():
        mean = first[:, :8].astype(float)
        for trained, now in zip(states, shown, strict=True):
            mean = 0.7 * mean + 0.3 * trained[name][:, :8]
            np.testing.assert_allclose(now[name][:, :8], mean, atol=1e-6)
            # The optimizer's memory is that of training itself.
            np.testing.assert_array_equal(now[name][:, 8:], trained[name][:, 8:])
    assert_same(state(averaged), shown[-1])


def test_early_stopping_leaves_the_best_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    told = iter([0.1, 0.4, 0.3, 0.2])
    monkeypatch.setattr("gingham.models.early_stopping.compute", lambda metric, test: np.array([next(told)]))
    model = HybridMF(5, random_state=1, averaging=0.7)
    model.set_params(epochs=4, early_stopping=EarlyStopping(validation=noise(seed=2))).fit(
        noise(), user_features=groups(25, 2), num_threads=1
    )
    assert_same(state(model), per_epoch(2, averaging=0.7)[1][-1])


def test_an_interrupted_epoch_leaves_the_mean_of_those_before(monkeypatch: pytest.MonkeyPatch) -> None:
    train_epoch, calls = _native.train_epoch, []

    def interrupted(**given: Any) -> float:
        calls.append(given)
        if len(calls) == 5:  # an epoch trains the identities, then the prior
            given["users"][0][:] = np.nan
            raise KeyboardInterrupt
        total: float = train_epoch(**given)
        return total

    monkeypatch.setattr(_native, "train_epoch", interrupted)
    model = HybridMF(5, random_state=1, averaging=0.7)
    with pytest.raises(KeyboardInterrupt):
        model.set_params(epochs=5).fit(noise(), user_features=groups(25, 2), num_threads=1)
    monkeypatch.undo()
    assert_same(state(model), per_epoch(2, averaging=0.7)[1][-1])


# Interruption and divergence ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_a_kernel_interrupted_in_the_third_epoch_leaves_the_second(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    train_epoch, calls = _native.train_epoch, []

    def interrupted(**given: Any) -> float:
        calls.append(given)
        total: float = train_epoch(**given)
        if len(calls) == 6:  # an epoch trains the identities, then the prior
            for side in (given["users"], given["items"]):
                side[0][:] = np.nan
            raise error
        return total

    model = HybridMF(5, random_state=1)
    monkeypatch.setattr(_native, "train_epoch", interrupted)
    with pytest.raises(error):
        model.set_params(epochs=5).fit(noise(), user_features=groups(25, 2), num_threads=1)
    monkeypatch.undo()
    assert [epoch.epoch for epoch in model.history_] == [1, 2]
    whole = HybridMF(5, random_state=1, epochs=5).fit(noise(), user_features=groups(25, 2), num_threads=1)
    two = HybridMF(5, random_state=1, epochs=2).fit(noise(), user_features=groups(25, 2), num_threads=1)
    assert_same(state(model), state(two))
    # And training goes on as if nothing had happened.
    model.fit_partial(noise(), user_features=groups(25, 2), epochs=3, num_threads=1)
    assert_same(state(model), state(whole))


@pytest.mark.parametrize("fails", ["kernel", "divergence"])
def test_a_fit_that_finishes_no_epoch_leaves_the_model_as_before(fails: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**given: Any) -> float:
        raise KeyboardInterrupt

    def failing_fit(model: HybridMF) -> None:
        with monkeypatch.context() as patch, pytest.raises((KeyboardInterrupt, DivergedError)):  # noqa: PT012
            if fails == "kernel":
                patch.setattr(_native, "train_epoch", fail)
            model.fit(noise(seed=1), user_features=sp.csr_matrix(np.full((25, 2), 1e30)), num_threads=1)

    model = HybridMF(5, random_state=1)
    failing_fit(model)
    with pytest.raises(NotFittedError):
        model.recommend()
    model.set_params(epochs=2).fit(noise(), num_threads=1)
    before, history, table = state(model), list(model.history_), model.recommend()
    failing_fit(model)
    assert_same(state(model), before)
    assert model.history_ == history
    assert_frame_equal(model.recommend(), table, check_exact=True)


@pytest.mark.parametrize("where", ["callback", "early stopping"])
def test_an_interruption_between_epochs_leaves_the_last_finished_one(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: object, model: Recommender, epoch: Epoch) -> bool:
        if epoch.epoch == 3:
            raise KeyboardInterrupt
        return False

    monkeypatch.setattr(Monitor, "improved", interrupt)
    stopping = EarlyStopping(validation=noise(seed=2)) if where == "early stopping" else None
    callbacks = [partial(interrupt, None)] if where == "callback" else []
    model = HybridMF(5, epochs=5, early_stopping=stopping, random_state=1)
    with pytest.raises(KeyboardInterrupt):
        model.fit(noise(), num_threads=1, callbacks=callbacks)
    assert len(model.history_) == 3
    assert_same(state(model), state(HybridMF(5, random_state=1, epochs=3).fit(noise(), num_threads=1)))


LONG_FIT = """
import numpy as np
import scipy.sparse as sp
from gingham.models import HybridMF

rng = np.random.default_rng(0)
pairs = rng.integers(0, 10_000, 500_000), rng.integers(0, 3_000, 500_000)
matrix = sp.csr_matrix((np.ones(500_000, np.float32), pairs), shape=(10_000, 3_000))
model = HybridMF(31, epochs=10_000, random_state=1)
try:
    model.fit(matrix, num_threads=1, callbacks=[lambda model, epoch: print(epoch.epoch, flush=True)])
except KeyboardInterrupt:
    n_epochs = len(model.history_)
    again = HybridMF(31, epochs=n_epochs, random_state=1).fit(matrix, num_threads=1)
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
    model = HybridMF(8, loss, random_state=0, epochs=2).fit(noise(), num_threads=1)
    before, history, table = state(model), list(model.history_), model.recommend()
    model.set_params(learning_rate=1e30)
    with pytest.raises(DivergedError, match=r"not finite after epoch \d+; .* a learning_rate below 1e\+30"):
        model.fit_partial(noise(), epochs=50, num_threads=1)
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
        model.set_params(epochs=20).fit(noise(), user_features=features, num_threads=1)


@pytest.mark.parametrize(
    ("params", "options"),
    [
        ({"epochs": -1}, {}),
        ({}, {"num_threads": -1}),
        ({"early_stopping": EarlyStopping(patience=0, validation=noise())}, {}),
        ({"early_stopping": EarlyStopping("precisoin@3", validation=noise())}, {}),
        ({"early_stopping": 3}, {}),
    ],
)
def test_a_refused_fit_leaves_the_model_as_it_was(params: dict[str, Any], options: dict[str, Any]) -> None:
    model = HybridMF(5, random_state=1, **params)
    with pytest.raises(ParameterError):
        model.fit(noise(), **options)
    with pytest.raises(NotFittedError):
        model.recommend()
    model = HybridMF(5, random_state=1, epochs=2).fit(noise(), num_threads=1)
    before, training_data = state(model), model.training_data_
    model.set_params(**params)
    for train in (model.fit, model.fit_partial):
        with pytest.raises(ParameterError):
            train(noise(seed=1), **options)
        assert_same(state(model), before)
        assert model.training_data_ is training_data
        assert len(model.history_) == 2
