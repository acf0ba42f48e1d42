import copy
import inspect
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gingham import HybridMF
from gingham.errors import ArtifactError, DataError
from gingham.lightfm import LightFM, __version__, _lightfm_fast, datasets, lightfm, version
from gingham.lightfm.datasets import movielens, stackexchange
from gingham.lightfm.errors import NotFittedError, ParameterError
from gingham.lightfm.state import ARRAYS
from tests.lightfm.tables import N_ITEMS, N_USERS, bought, features, fitted, same

# Construction --------------------------------------------------------------------------------------------------------


def test_the_signature_is_that_of_lightfm() -> None:
    assert str(inspect.signature(LightFM.__init__).replace(return_annotation=inspect.Signature.empty)).count("=") == 12
    model = LightFM()
    assert model.get_params() == {
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
        "random_state": model.random_state,
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
        {"k": None},
        {"max_sampled": None},
        {"random_state": -1},
        {"random_state": "seed"},
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


# Other models, storage -----------------------------------------------------------------------------------


def test_save_and_load(tmp_path: Path) -> None:
    model = fitted(learning_schedule="adadelta")
    model.save(tmp_path / "model")
    loaded = LightFM.load(tmp_path / "model")
    assert {**loaded.get_params(), "random_state": None} == {**model.get_params(), "random_state": None}
    assert same(loaded, model)
    assert same(loaded.fit_partial(bought()), model.fit_partial(bought()))
    HybridMF().fit(bought(), verbose=False).save(tmp_path / "other")
    with pytest.raises(ArtifactError, match="HybridMF, not a LightFM"):
        LightFM.load(tmp_path / "other")
    with pytest.raises(NotFittedError):
        LightFM().save(tmp_path / "nothing")
    with pytest.raises(ParameterError, match="max_sampled"):
        model.set_params(max_sampled=0).save(tmp_path / "model")


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


def test_pickles() -> None:
    ours = fitted()
    restored = pickle.loads(pickle.dumps(ours))
    assert same(restored, ours)
    assert same(restored.fit_partial(bought()), ours.fit_partial(bought()))
    # The attributes of LightFM, as its pickles have them.
    state = {**ours.get_params(), **{name: getattr(ours, name) for name in ARRAYS}}
    theirs = LightFM.__new__(LightFM)
    theirs.__setstate__(copy.deepcopy(state))
    assert same(theirs, ours)
    assert same(theirs.fit_partial(bought()), ours.fit_partial(bought()))


def test_from_lightfm_refuses_other_objects() -> None:
    with pytest.raises(DataError, match="type int has no attribute 'no_components'"):
        LightFM.from_lightfm(3)


def test_to_hybrid_gives_the_same_scores() -> None:
    side_features = {"user_features": features(N_USERS), "item_features": features(N_ITEMS)}
    for model, args in ((fitted(), {}), (LightFM(random_state=1).fit(bought(), **side_features), side_features)):
        hybrid = model.to_hybrid(bought(), **args)
        users, items = np.arange(20), np.arange(20)
        np.testing.assert_allclose(hybrid.predict(users, items), model.predict(users, items, **args), rtol=1e-5)
        assert hybrid.recommend(k=3, filter_seen=True).height == 3 * N_USERS
        assert model.to_hybrid(**args).n_items == N_ITEMS
    before, model = fitted().item_embeddings, fitted()
    trained = [model.to_hybrid().fit_partial(bought(), num_threads=1, verbose=False).item_embeddings for _ in range(2)]
    np.testing.assert_array_equal(trained[0], trained[1])
    assert not np.array_equal(before, trained[0])


def test_repr_shows_the_parameters() -> None:
    assert repr(LightFM(loss="bpr")).startswith("LightFM(no_components=10, k=5,")


def test_the_modules_are_those_of_lightfm() -> None:
    assert lightfm.LightFM is LightFM
    assert version.__version__ == __version__
    assert movielens.fetch_movielens is datasets.fetch_movielens
    assert stackexchange.fetch_stackexchange is datasets.fetch_stackexchange
    with pytest.raises(ImportError, match="no CSRMatrix, an internal part of LightFM; use"):
        _lightfm_fast.CSRMatrix  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        _lightfm_fast.other  # noqa: B018
