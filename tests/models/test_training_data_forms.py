"""Situations from bug reports about other packages: unusual forms and shapes of matrices, and copies of models."""

import copy
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from polars.testing import assert_frame_equal

from gingham.errors import DataError
from gingham.loading import load
from gingham.models import Recommender, model_class
from tests.models.samples import MATRIX_KINDS, noise, positives


def fitted(kind: str, matrix: Any) -> Recommender:
    small = {"epochs": 2, "n_components": 4, "random_state": 1}
    names = model_class(kind).param_names()
    model = model_class(kind)(**{name: value for name, value in small.items() if name in names})
    return model.fit(matrix, num_threads=1, verbose=False)


def with_arrays(change: Callable[[Any], Any]) -> Callable[[sp.csr_matrix], sp.csr_matrix]:
    """Return a function that changes the three arrays of a copy of a matrix."""

    def changed(matrix: sp.csr_matrix) -> sp.csr_matrix:
        matrix = matrix.copy()
        for name in ("data", "indices", "indptr"):
            setattr(matrix, name, change(getattr(matrix, name)))
        return matrix

    return changed


def read_only(array: Any) -> Any:
    array.setflags(write=False)
    return array


def split_entries(matrix: sp.csr_matrix) -> sp.coo_matrix:
    """Return each entry as the sum of two."""
    coo = matrix.tocoo()
    values, rows, columns = (
        np.concatenate([coo.data - 0.5, np.full(coo.nnz, 0.5)]),
        *map(np.tile, (coo.row, coo.col), (2, 2)),
    )
    return sp.coo_matrix((values, (rows, columns)), shape=coo.shape)


FORMS: dict[str, Callable[[sp.csr_matrix], Any]] = {
    "csc": sp.csc_matrix,
    "coo array": sp.coo_array,
    "lil": sp.lil_matrix,
    "double": lambda matrix: matrix.astype(np.float64),
    "small integers": lambda matrix: matrix.astype(np.int8),
    "long indices": with_arrays(lambda array: array.astype(np.int64 if array.dtype.kind == "i" else np.float32)),
    "read-only": with_arrays(read_only),
    "not contiguous": with_arrays(lambda array: np.repeat(array, 2)[::2]),
    "transposed": lambda matrix: sp.csr_matrix(matrix.T).T,
    "duplicates": split_entries,
}


@pytest.mark.parametrize("kind", MATRIX_KINDS)
def test_the_form_of_a_matrix_does_not_matter(kind: str) -> None:
    matrix = positives(noise())
    expected = fitted(kind, matrix).recommend(k=5)
    different = [name for name, form in FORMS.items() if not fitted(kind, form(matrix)).recommend(k=5).equals(expected)]
    assert different == []


@pytest.mark.parametrize("kind", MATRIX_KINDS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1), (2, 300), (300, 2)], ids=str)
def test_matrices_may_have_any_shape(kind: str, shape: tuple[int, int]) -> None:
    matrix = sp.csr_matrix(np.random.default_rng(1).random(shape) < 0.7)  # of truth values
    matrix[0, 0] = True
    model = fitted(kind, matrix)
    assert model.recommend(k=shape[1])["score"].is_finite().all()
    assert np.isfinite(model.predict(0, np.arange(shape[1]))).all()
    assert model.recommend([0], k=1, filter_seen=True).height <= 1
    assert np.isfinite(model.predict_rank(matrix).data).all()


@pytest.mark.parametrize("kind", MATRIX_KINDS)
@pytest.mark.parametrize(
    "matrix",
    [np.eye(3), [[1, 0]], None, "matrix", sp.eye(3, dtype=complex), sp.coo_array(np.ones(3)), (sp.eye(3), sp.eye(3))],
    ids=lambda matrix: type(matrix).__name__,
)
def test_other_objects_are_refused(kind: str, matrix: Any) -> None:
    with pytest.raises(DataError, match="interactions"):
        fitted(kind, matrix)


@pytest.mark.parametrize("kind", MATRIX_KINDS)
def test_copies_of_a_model_recommend_the_same(kind: str, tmp_path: Path) -> None:
    model = fitted(kind, positives(noise()))
    expected = model.recommend(k=5)
    path = tmp_path / "Modell für Äpfel" / "模型 1"
    path.parent.mkdir()
    model.save(path)
    for copied in (copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model)), load(str(path))):
        assert_frame_equal(copied.recommend(k=5), expected)
    again = type(model)(**model.get_params()).fit(positives(noise()), num_threads=1, verbose=False)
    assert_frame_equal(again.recommend(k=5), expected)
    # A fit to other data leaves nothing of the earlier one.
    model.fit(positives(noise(6, 7)), num_threads=1, verbose=False)
    assert (model.n_users, model.n_items) == (6, 7)
    assert_frame_equal(model.fit(positives(noise()), num_threads=1, verbose=False).recommend(k=5), expected)


@pytest.mark.parametrize("kind", MATRIX_KINDS)
def test_threads_can_share_a_model(kind: str) -> None:
    model = fitted(kind, positives(noise()))
    expected, results = model.recommend(k=5), list[Any]()
    threads = [threading.Thread(target=lambda: results.append(model.recommend(k=5, num_threads=2))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == len(threads)
    for result in results:
        assert_frame_equal(result, expected)
