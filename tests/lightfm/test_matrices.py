import copy
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from gingham import HybridMF
from gingham.errors import DataError
from gingham.lightfm import LightFM
from gingham.lightfm.cross_validation import random_train_test_split
from gingham.lightfm.errors import ParameterError
from gingham.lightfm.evaluation import precision_at_k
from gingham.lightfm.state import ARRAYS
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


def read_only(matrix: Any, long: bool = False) -> Any:
    """Return a copy of a matrix whose arrays cannot be changed, like those that joblib maps from a file."""
    matrix = matrix.copy()
    for name in ("data", "row", "col", "indices", "indptr"):
        if hasattr(matrix, name):
            array = getattr(matrix, name)
            array = array.astype(np.int64) if long and array.dtype.kind == "i" else array.copy()
            array.setflags(write=False)
            setattr(matrix, name, array)
    return matrix


@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize("loss", ["logistic", "bpr", "warp", "warp-kos"])
def test_arrays_may_be_read_only(loss: str, long: bool) -> None:
    matrices = [bought(), features(N_USERS), features(N_ITEMS), bought() * 2.0]
    expected, model = (
        LightFM(loss=loss, k=2, n=3, random_state=1).fit(*each)
        for each in (matrices, [read_only(matrix, long) for matrix in matrices])
    )
    assert same(model, expected)
    for name in ARRAYS:
        getattr(model, name).setflags(write=False)
    pairs, *sides, _ = [read_only(matrix, long) for matrix in matrices]
    model.predict(read_only(bought()).row, read_only(bought()).col, sides[1], sides[0])
    model.predict_rank(pairs, None, sides[1], sides[0])
    precision_at_k(model, pairs, user_features=sides[0], item_features=sides[1])
    assert same(model.fit_partial(pairs, *sides), expected.fit_partial(*matrices[:3]))


def test_weights_that_do_not_match_the_interactions() -> None:
    pairs = bought()
    for wrong in (
        np.zeros(3),
        pairs.tocsc(),
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


@pytest.mark.parametrize(
    "wrong", [[[1, 0]], np.eye(2), pd.DataFrame([[1]]), 10, "red"], ids=lambda wrong: str(type(wrong))
)
def test_other_objects_are_refused_in_the_words_of_lightfm(wrong: Any) -> None:
    model = LightFM().fit(bought())
    for name, call in (
        ("interactions", lambda: LightFM().fit(wrong)),
        ("sample_weight", lambda: LightFM().fit(bought(), sample_weight=wrong)),
        ("user_features", lambda: LightFM().fit(bought(), wrong)),
        ("item_features", lambda: LightFM().fit(bought(), None, wrong)),
        ("item_features", lambda: model.predict(0, [1], wrong)),
        ("user_features", lambda: model.get_user_representations(wrong)),
        ("test_interactions", lambda: model.predict_rank(wrong)),
        ("train_interactions", lambda: precision_at_k(model, bought(), wrong)),
        ("interactions", lambda: random_train_test_split(wrong)),
        ("user_features", lambda: model.to_hybrid(user_features=wrong)),
    ):
        with pytest.raises(DataError, match=f"{name} is a {type(wrong).__name__}; pass .* Dataset.build_"):
            call()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, np.nan], "sample_weight holds nan in row 1, column 0; pass finite weights"),
        ([1.0, 1e39], "sample_weight holds 1e[+]39 in row 1, column 0"),
        ([1.0, None], "sample_weight holds values of type object"),
    ],
)
def test_weights_that_are_not_finite_numbers(weights: Any, message: str) -> None:
    positions = ([0, 1], [1, 0])
    pairs = sp.coo_matrix((np.ones(2), positions))
    wrong = sp.coo_matrix(pairs)
    wrong.data = np.array(weights)
    with pytest.raises(DataError, match=message):
        LightFM().fit(pairs, sample_weight=wrong)


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 0)])
@pytest.mark.parametrize("loss", ["warp", "logistic"])
def test_matrices_without_rows_or_columns(loss: str, shape: tuple[int, int]) -> None:
    matrix = sp.coo_matrix(shape)
    messages = []
    for fit in (LightFM(loss=loss).fit, LightFM(loss=loss).fit_partial, HybridMF(loss=loss).fit):
        with pytest.raises(DataError, match="None of the 0 interactions") as caught:
            fit(matrix)
        messages.append(str(caught.value))
    assert len(set(messages)) == 1


def test_invalid_matrices() -> None:
    for wrong in ({"user_features": features(N_USERS - 1)}, {"item_features": features(N_ITEMS - 1)}):
        with pytest.raises(ValueError, match="pass one row per"):
            LightFM().fit(bought(), **wrong)
    model = LightFM().fit(bought(), features(N_USERS + 3), features(N_ITEMS))  # more rows than users are allowed
    with pytest.raises(
        ValueError, match="There are 20 item features, but the model has 25; pass the items and item_features"
    ):
        model.fit_partial(bought())
    with pytest.raises(ValueError, match="holds nan"):
        LightFM().fit(bought() * np.nan)
    with pytest.raises(ValueError, match="interactions holds inf"):
        LightFM().fit(bought().astype(np.float64) * 1e39)
    with pytest.raises(ValueError, match="num_threads"):
        LightFM().fit(bought(), num_threads=0)
    for epochs in (-1, 1.5, "many"):
        with pytest.raises(ParameterError, match=f"epochs must be an integer of at least 0, not {epochs!r}"):
            LightFM().fit(bought(), epochs=epochs, verbose=True)  # type: ignore[arg-type]


def test_row_numbers_of_any_type() -> None:
    model = LightFM(random_state=1).fit(bought())
    expected = model.predict([0, 1], [2, 3])
    for kind in (np.int64, np.uint8, np.float64, object):
        np.testing.assert_array_equal(model.predict(np.array([0, 1], kind), np.array([2, 3], kind)), expected)
    for wrong, text in ((["ann"], "'ann'"), ("ann", "'ann'"), (None, "None"), (np.array([None], object), "None")):
        with pytest.raises(DataError, match=f"user_ids holds {text}; pass row numbers, which Dataset.mapping returns"):
            model.predict(wrong, [1])
