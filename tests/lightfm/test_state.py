import copy
import pickle

import numpy as np
import pytest
import scipy.sparse as sp

from gingham.errors import DataError
from gingham.lightfm import LightFM
from gingham.lightfm.errors import NotFittedError, ParameterError
from gingham.lightfm.state import ARRAYS
from tests.lightfm.tables import N_ITEMS, N_USERS, bought, features, fitted, same


def test_shapes_and_dtypes() -> None:
    model = LightFM(8).fit(bought(), features(N_USERS), features(N_ITEMS))
    for what, n_features in (("user", N_USERS + 5), ("item", N_ITEMS + 5)):
        for name in ("embeddings", "embedding_gradients", "embedding_momentum"):
            array = getattr(model, f"{what}_{name}")
            assert (array.shape, array.dtype, array.flags.c_contiguous) == ((n_features, 8), np.float32, True)
        for name in ("biases", "bias_gradients", "bias_momentum"):
            array = getattr(model, f"{what}_{name}")
            assert (array.shape, array.dtype) == ((n_features,), np.float32)


def test_initial_values_equal_lightfm() -> None:
    for schedule, memory in (("adagrad", 1), ("adadelta", 0)):
        model = LightFM(10, learning_schedule=schedule, random_state=1).fit(bought(density=0.01), epochs=0)
        for side in ("user", "item"):
            embeddings = getattr(model, f"{side}_embeddings")
            assert np.abs(embeddings).max() <= 0.5 / 10
            assert np.abs(embeddings).min() > 0  # also for users and items without interactions
            assert not getattr(model, f"{side}_biases").any()
            assert (getattr(model, f"{side}_embedding_gradients") == memory).all()
            assert not getattr(model, f"{side}_bias_momentum").any()


def test_arrays_can_be_replaced_and_changed_in_place() -> None:
    model = fitted()
    pairs = np.repeat(np.arange(N_USERS), N_ITEMS), np.tile(np.arange(N_ITEMS), N_USERS)
    model.item_embeddings = np.zeros_like(model.item_embeddings)
    model.item_biases[:] = np.arange(N_ITEMS)
    model.user_biases *= 0
    np.testing.assert_array_equal(model.predict(*pairs), pairs[1])
    assert (model.predict_rank(bought()).tocoo().data == N_ITEMS - 1 - bought().tocsr().tocoo().col).all()


def test_longer_arrays_add_an_item() -> None:
    model = fitted()
    for name in ARRAYS:
        if name.startswith("item_"):
            array = getattr(model, name)
            setattr(model, name, np.concatenate([array, array[:1] * 0 + 1]))
    wider = sp.coo_matrix(np.hstack([bought().toarray(), np.ones((N_USERS, 1))]))
    assert model.fit_partial(wider).item_embeddings.shape == (N_ITEMS + 1, 10)
    model.user_biases = np.zeros(3)
    with pytest.raises(DataError, match="user_biases has shape"):
        model.fit_partial(wider)
    with pytest.raises(ParameterError, match="no_components=4"):
        fitted().set_params(no_components=4).fit_partial(bought())


def test_pickles_and_copies_can_be_trained() -> None:
    model = fitted()
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert same(model, other)
        assert same(copy.deepcopy(model).fit_partial(bought()), other.fit_partial(bought()))


def test_models_that_are_not_fitted() -> None:
    for call in (
        lambda model: model.predict(0, [0]),
        lambda model: model.predict_rank(bought()),
        lambda model: model.get_item_representations(),
        lambda model: model.to_hybrid(),
    ):
        for kind in (ValueError, NotFittedError):
            with pytest.raises(kind, match="not fitted"):
                call(LightFM())
