import copy
import itertools
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from gingham.lightfm import LightFM
from gingham.lightfm.errors import DivergedError
from tests.lightfm.tables import N_ITEMS, N_USERS, bought, features, same

LOSSES = ("logistic", "bpr", "warp", "warp-kos")


@pytest.mark.parametrize("schedule", ["adagrad", "adadelta"])
@pytest.mark.parametrize("loss", LOSSES)
def test_fit_partial_continues_training(loss: str, schedule: str) -> None:
    side_features = {"user_features": features(N_USERS), "item_features": features(N_ITEMS)}
    once, twice = (LightFM(loss=loss, learning_schedule=schedule, random_state=5) for _ in range(2))
    once.fit(bought(), epochs=4, **side_features)
    for _ in range(2):
        assert twice.fit_partial(bought(), epochs=2, **side_features) is twice
    assert same(once, twice)


@pytest.mark.parametrize("value", [-1, 0])
def test_bpr_never_samples_an_entry_of_the_user(value: int) -> None:
    # All items are entries of every user, so BPR has no negatives.
    pairs = sp.coo_matrix(([1, value] * 20, (np.repeat(range(20), 2), [0, 1] * 20)), shape=(20, 2))
    start, end = (LightFM(loss="bpr", random_state=1).fit(pairs, epochs=epochs) for epochs in (0, 10))
    assert same(start, end)


def test_bpr_samples_entries_of_other_users() -> None:
    # Half of the users have an entry of -1 for item 1, the others have it for item 2.
    users = np.arange(20)
    pairs = sp.coo_matrix(([1] * 20 + [-1] * 20, (np.tile(users, 2), [0] * 20 + [1, 2] * 10)), shape=(20, 3))
    start, end = (LightFM(loss="bpr", random_state=1).fit(pairs, epochs=epochs) for epochs in (0, 10))
    assert end.item_biases[1:].max() < 0 < end.item_biases[0]
    assert (end.user_embeddings != start.user_embeddings).any(axis=1).all()


@pytest.mark.parametrize("n_threads", [2, 3])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_number_of_threads_changes_nothing(loss: str, n_threads: int) -> None:
    rng = np.random.default_rng(0)
    pairs = sp.coo_matrix(rng.choice([0, 1, -1], (300, 100), p=[0.4, 0.5, 0.1]))
    alone, together = (
        LightFM(loss=loss, user_alpha=1e-5, item_alpha=1e-5, random_state=1).fit(pairs, epochs=2, num_threads=threads)
        for threads in (1, n_threads)
    )
    assert same(alone, together)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_random_state_advances_with_every_epoch(loss: str) -> None:
    model, again = (LightFM(loss=loss, random_state=5) for _ in range(2))
    words = [model.random_state.get_state()[1].copy()]
    for _ in range(2):
        model.fit_partial(bought())
        words.append(model.random_state.get_state()[1].copy())
    assert not any(np.array_equal(*pair) for pair in itertools.combinations(words, 2))
    assert same(model, again.fit(bought(), epochs=2))
    # As in LightFM, the reset of the parameters does not reset the random state.
    assert not same(model, again.fit(bought(), epochs=2))


def test_models_can_share_a_random_state() -> None:
    shared = np.random.RandomState(3)
    first, second = (LightFM(random_state=shared) for _ in range(2))
    assert first.random_state is second.random_state is shared
    assert not same(first.fit(bought()), second.fit(bought()))


def test_the_initial_embeddings_are_those_of_lightfm() -> None:
    model, random_state = LightFM(4, random_state=8).fit(bought(), epochs=0), np.random.RandomState(8)
    for embeddings, size in ((model.item_embeddings, N_ITEMS), (model.user_embeddings, N_USERS)):
        np.testing.assert_array_equal(embeddings, ((random_state.rand(size, 4) - 0.5) / 4).astype(np.float32))


@pytest.mark.parametrize("loss", LOSSES)
def test_without_samples_warp_learns_nothing(loss: str) -> None:
    model = LightFM(loss=loss, random_state=1).fit(bought())
    before, model.max_sampled = copy.deepcopy(model), 0
    assert same(model.fit_partial(bought(), epochs=2), before) is loss.startswith("warp")


def test_repeated_entries_are_trained_twice() -> None:
    pairs = bought()
    twice = sp.coo_matrix((np.tile(pairs.data, 2), (np.tile(pairs.row, 2), np.tile(pairs.col, 2))), shape=pairs.shape)
    memory = [LightFM(random_state=1).fit(matrix).item_bias_gradients for matrix in (pairs, twice)]
    assert (memory[1] > memory[0]).all()


def test_nothing_is_learned_without_positives() -> None:
    for loss in LOSSES:
        model = LightFM(loss=loss, random_state=1)
        assert model.fit_partial(sp.coo_matrix((10, 100), dtype=np.int32), epochs=2) is model
        assert model.item_embeddings.shape == (100, 10)
    before = LightFM(loss="bpr", random_state=1).fit(-bought(), epochs=0)
    assert same(before, LightFM(loss="bpr", random_state=1).fit(-bought(), epochs=3))


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_uses_weights(loss: str) -> None:
    pairs = bought()
    ones, twos = (sp.coo_matrix((np.full(pairs.nnz, weight), (pairs.row, pairs.col))) for weight in (1, 2))
    plain, one, two = (LightFM(loss=loss, random_state=1).fit(pairs, sample_weight=w) for w in (None, ones, twos))
    np.testing.assert_allclose(plain.item_embeddings, one.item_embeddings, rtol=1e-5)
    assert not np.allclose(one.item_embeddings, two.item_embeddings, rtol=1e-3)


def test_kos_averages_the_weights_of_repeated_pairs() -> None:
    pairs = sp.coo_matrix(([1, 1, 1, 1], ([0, 0, 0, 1], [1, 1, 2, 3])), shape=(4, 5))
    even, odd = (
        LightFM(loss="warp-kos", random_state=1).fit(
            pairs, sample_weight=sp.coo_matrix((weights, (pairs.row, pairs.col)), pairs.shape)
        )
        for weights in ([2.0, 2.0, 1.0, 1.0], [1.0, 3.0, 1.0, 1.0])
    )
    assert same(even, odd)


def test_refused_arguments_keep_the_earlier_fit() -> None:
    model = LightFM(random_state=1).fit(bought(), epochs=2)
    before = copy.deepcopy(model)
    for wrong in ({"epochs": "5"}, {"user_features": features(3)}, {"num_threads": 0}, {"sample_weight": bought(9)}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            model.fit(bought(), **wrong)
        assert same(model, before)
    assert same(model.fit_partial(bought()), before.fit_partial(bought()))


def test_a_large_alpha_leaves_finite_parameters() -> None:
    interactions = sp.coo_matrix((np.random.default_rng(0).random((500, 800)) < 0.05).astype(np.float32))
    model = LightFM(loss="warp", user_alpha=1.0, item_alpha=1.0, random_state=1).fit(interactions, epochs=2)
    assert np.abs(model.item_embeddings).max() < 1e-6


def test_divergence_raises_and_restores_the_model() -> None:
    model = LightFM(loss="bpr", random_state=1).fit(bought())
    model.set_params(learning_rate=1e30)
    before = copy.deepcopy(model)
    for kind in (DivergedError, ValueError):
        with pytest.raises(kind, match="not finite"):
            model.fit_partial(bought(), epochs=5)
    assert same(model, before)


def test_verbose_shows_progress(capsys: pytest.CaptureFixture[str]) -> None:
    LightFM().fit(bought(), epochs=3)
    assert capsys.readouterr().err == ""
    LightFM().fit(bought(), epochs=3, verbose=True)
    shown = capsys.readouterr().err
    assert "Epoch: 100%" in shown
    assert "3/3" in shown
    assert "loss=" in shown


def test_interruption_keeps_the_last_complete_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []

    class Bar:
        def __init__(self, **_: Any) -> None: ...
        def __enter__(self) -> "Bar":
            return self

        def __exit__(self, *_: object) -> None: ...
        def set_postfix(self, **_: Any) -> None: ...
        def update(self) -> None:
            done.append(1)
            if len(done) == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr("gingham.lightfm.training.tqdm", Bar)
    model = LightFM(random_state=1)
    with pytest.raises(KeyboardInterrupt):
        model.fit(bought(), epochs=9)
    monkeypatch.undo()
    assert same(model, LightFM(random_state=1).fit(bought(), epochs=2))
