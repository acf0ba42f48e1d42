import copy
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from gingham.lightfm import LightFM
from gingham.lightfm.errors import ParameterError
from tests.lightfm.tables import N_ITEMS, N_USERS, bought, features, same


@pytest.mark.parametrize("kind", [sp.coo_matrix, sp.csr_matrix, sp.csc_matrix, sp.lil_matrix, sp.coo_array])
@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float32, np.float64])
def test_any_format_and_dtype_gives_the_same_model(kind: Any, dtype: Any) -> None:
    side_features = {"user_features": features(N_USERS, 1), "item_features": features(N_ITEMS, 2)}
    model = LightFM(loss="warp", random_state=1).fit(
        kind(bought().astype(dtype)), **{name: kind(matrix.astype(dtype)) for name, matrix in side_features.items()}
    )
    expected = LightFM(loss="warp", random_state=1).fit(bought().tocsr().tocoo(), **side_features)
    if kind is sp.csc_matrix:  # another order of the entries
        assert model.item_embeddings.shape == expected.item_embeddings.shape
    else:
        assert same(model, expected)


def test_weights_that_do_not_match_the_interactions() -> None:
    pairs = bought()
    for wrong in (
        np.zeros(3),
        pairs.tocsr(),
        sp.coo_matrix(np.zeros((2, 2))),
        sp.coo_matrix((pairs.data, (pairs.row[::-1], pairs.col[::-1]))),
        sp.coo_matrix((np.full(pairs.nnz, np.nan), (pairs.row, pairs.col))),
    ):
        with pytest.raises(ValueError, match="sample_weight"):
            LightFM().fit(pairs, sample_weight=wrong)


def test_arguments_are_not_changed() -> None:
    matrices = [
        sp.coo_matrix(([3, 1, 1], ([2, 0, 0], [1, 1, 1])), shape=(N_USERS, N_ITEMS)),
        features(N_USERS).astype(np.int64),
        features(N_ITEMS).astype(np.float64),
    ]
    weights = sp.coo_matrix((np.array([1, 2, 3]), (matrices[0].row, matrices[0].col)), shape=matrices[0].shape)
    before = copy.deepcopy([*matrices, weights])
    model = LightFM(loss="warp").fit(*matrices, sample_weight=weights)
    model.predict_rank(matrices[0], user_features=matrices[1], item_features=matrices[2])
    model.predict([2], [1], matrices[2], matrices[1])
    for old, new in zip(before, [*matrices, weights], strict=True):
        assert old.dtype == new.dtype
        assert all(np.array_equal(vars(old)[name], value) for name, value in vars(new).items() if name != "_shape")


def test_invalid_matrices() -> None:
    for wrong in ({"user_features": features(N_USERS - 1)}, {"item_features": features(N_ITEMS - 1)}):
        with pytest.raises(ValueError, match="pass one row per"):
            LightFM().fit(bought(), **wrong)
    model = LightFM().fit(bought(), features(N_USERS + 3), features(N_ITEMS))  # more rows than users are allowed
    with pytest.raises(ValueError, match="user features"):
        model.fit_partial(bought())
    with pytest.raises(ValueError, match="holds nan"):
        LightFM().fit(bought() * np.nan)
    with pytest.raises(ValueError, match="ndarray"):
        LightFM().fit(bought().toarray())
    with pytest.raises(ValueError, match="num_threads"):
        LightFM().fit(bought(), num_threads=0)
    for epochs in (-1, 1.5, "many"):
        with pytest.raises(ParameterError, match=f"epochs must be an integer of at least 0, not {epochs!r}"):
            LightFM().fit(bought(), epochs=epochs, verbose=True)  # type: ignore[arg-type]
