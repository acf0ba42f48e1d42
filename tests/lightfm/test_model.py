import copy
import inspect
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from gingham import HybridMF
from gingham.errors import ArtifactError, DataError
from gingham.lightfm import LightFM, __version__
from gingham.lightfm.errors import DivergedError, NotFittedError, ParameterError
from gingham.lightfm.state import ARRAYS
from tests.lightfm.tables import N_ITEMS, N_USERS, bought, features, fitted, same

LOSSES = ("logistic", "bpr", "warp", "warp-kos")


# Construction --------------------------------------------------------------------------------------------------------


def test_the_signature_is_that_of_lightfm() -> None:
    assert str(inspect.signature(LightFM.__init__).replace(return_annotation=inspect.Signature.empty)).count("=") == 12
    assert LightFM().get_params() == {
        "no_components": 10,
        "k": 5,
        "n": 10,
        "learning_schedule": "adagrad",
        "loss": "logistic",
        "learning_rate": 0.05,
        "rho": 0.95,
        "epsilon": 1e-6,
        "item_alpha": 0.0,
        "user_alpha": 0.0,
        "max_sampled": 10,
        "random_state": None,
    }
    assert __version__ == "1.17"


@pytest.mark.parametrize(
    "wrong",
    [
        {"no_components": 0},
        {"item_alpha": -1.0},
        {"user_alpha": -1.0},
        {"k": 0},
        {"n": 0},
        {"rho": 1.0},
        {"epsilon": -1.0},
        {"learning_schedule": "adam"},
        {"loss": "hinge"},
        {"max_sampled": 0},
    ],
)
def test_invalid_parameters_raise_the_errors_of_lightfm_and_gingham(wrong: dict[str, Any]) -> None:
    for kind in (ParameterError, AssertionError, ValueError):
        with pytest.raises(kind, match=next(iter(wrong))):
            LightFM(**wrong)


def test_parameters_can_be_numpy_scalars() -> None:
    params = {"no_components": np.int64(7), "k": np.int32(3), "learning_rate": np.float32(0.05), "rho": np.float64(0.9)}
    names = {"loss": np.str_("warp-kos"), "learning_schedule": np.str_("adadelta")}
    model = LightFM(**params, **names, max_sampled=np.int64(5), random_state=np.int64(1)).fit(bought())
    assert model.item_embeddings.shape == (N_ITEMS, 7)


def test_k_can_be_larger_than_n() -> None:
    first, second = (LightFM(loss="warp-kos", k=k, n=3, random_state=1).fit(bought(), epochs=2) for k in (3, 9))
    assert same(first, second)


def test_get_params_and_set_params() -> None:
    model = LightFM(loss="bpr")
    assert LightFM(**model.get_params()).get_params() == model.get_params()
    assert model.set_params(random_state=42, no_components=4) is model
    assert same(model.fit(bought()), LightFM(4, loss="bpr", random_state=42).fit(bought()))
    with pytest.raises(ValueError, match="no parameter 'depth'"):
        model.set_params(depth=3)
    with pytest.raises(ValueError, match=r"loss must be one of .*, not 'hinge'"):
        model.set_params(loss="hinge").fit(bought())


# Training ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", ["adagrad", "adadelta"])
@pytest.mark.parametrize("loss", LOSSES)
def test_fit_partial_continues_training(loss: str, schedule: str) -> None:
    side_features = {"user_features": features(N_USERS), "item_features": features(N_ITEMS)}
    once, twice = (LightFM(loss=loss, learning_schedule=schedule, random_state=5) for _ in range(2))
    once.fit(bought(), epochs=4, **side_features)
    for _ in range(2):
        assert twice.fit_partial(bought(), epochs=2, **side_features) is twice
    assert same(once, twice)
    assert not same(once, twice.fit(bought(), epochs=1, **side_features))
    assert same(once, twice.fit(bought(), epochs=4, **side_features))


@pytest.mark.parametrize("loss", LOSSES)
def test_training_equals_hybridmf(loss: str) -> None:
    ours = LightFM(10, loss=loss, random_state=5).fit(bought(), epochs=3)
    engine = HybridMF(10, loss=loss, epochs=3, random_state=5).fit(bought(), num_threads=1, verbose=False)
    np.testing.assert_array_equal(ours.item_embeddings, engine.item_embeddings)
    np.testing.assert_array_equal(ours.user_biases, engine.user_biases)


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


def test_divergence_raises_and_restores_the_model() -> None:
    model = LightFM(loss="bpr", random_state=1).fit(bought())
    model.set_params(learning_rate=1e30)
    before = copy.deepcopy(model)
    for kind in (DivergedError, ValueError):
        with pytest.raises(kind, match="no longer finite"):
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

    monkeypatch.setattr("gingham.lightfm.model.tqdm", Bar)
    model = LightFM(random_state=1)
    with pytest.raises(KeyboardInterrupt):
        model.fit(bought(), epochs=9)
    monkeypatch.undo()
    assert same(model, LightFM(random_state=1).fit(bought(), epochs=2))


# Other models, storage -----------------------------------------------------------------------------------


def test_save_and_load(tmp_path: Path) -> None:
    model = fitted(learning_schedule="adadelta")
    model.save(tmp_path / "model")
    loaded = LightFM.load(tmp_path / "model")
    assert loaded.get_params() == model.get_params()
    assert same(loaded, model)
    assert same(loaded.fit_partial(bought()), model.fit_partial(bought()))
    HybridMF().fit(bought(), verbose=False).save(tmp_path / "other")
    with pytest.raises(ArtifactError, match="HybridMF, no LightFM"):
        LightFM.load(tmp_path / "other")
    with pytest.raises(NotFittedError):
        LightFM().save(tmp_path / "nothing")


def test_from_lightfm_copies_the_attributes() -> None:
    ours = fitted()
    theirs = SimpleNamespace(**ours.get_params(), **{name: getattr(ours, name) for name in ARRAYS})
    theirs.random_state = np.random.RandomState(1)
    taken = LightFM.from_lightfm(theirs)
    assert same(taken, ours)
    taken.item_biases += 1
    assert not np.array_equal(theirs.item_biases, taken.item_biases)
    taken.fit_partial(bought())
    assert theirs.random_state.randint(1000) == np.random.RandomState(1).randint(1000)
    unfitted = SimpleNamespace(**ours.get_params(), **dict.fromkeys(ARRAYS))
    with pytest.raises(NotFittedError):
        LightFM.from_lightfm(unfitted).predict(0, [1])


def test_from_lightfm_refuses_other_objects() -> None:
    with pytest.raises(DataError, match="type int, the model has no attribute 'no_components'"):
        LightFM.from_lightfm(3)


def test_to_hybrid_gives_the_same_scores() -> None:
    side_features = {"user_features": features(N_USERS), "item_features": features(N_ITEMS)}
    for model, args in ((fitted(), {}), (LightFM(random_state=1).fit(bought(), **side_features), side_features)):
        hybrid = model.to_hybrid(bought(), **args)
        users, items = np.arange(20), np.arange(20)
        np.testing.assert_allclose(hybrid.predict(users, items), model.predict(users, items, **args), rtol=1e-5)
        assert hybrid.recommend(k=3, filter_seen=True).height == 3 * N_USERS
        assert model.to_hybrid(**args).n_items == N_ITEMS
    np.testing.assert_array_equal(
        fitted().to_hybrid().fit_partial(bought(), num_threads=1, verbose=False).item_embeddings,
        fitted().fit_partial(bought()).item_embeddings,
    )


def test_repr_shows_the_parameters() -> None:
    assert repr(LightFM(loss="bpr")).startswith("LightFM(no_components=10, k=5,")
