import json
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from gingham.dataset import Feature, Features
from gingham.errors import DataError

MATRIX = sp.csr_matrix(np.array([[1, 0, 0.5, 0], [0, 1, 0, 2]], np.float32))


def test_weights_must_be_finite() -> None:
    matrix = sp.csr_matrix(np.array([[1, 0, 0], [0, 1, np.nan]], np.float32))
    with pytest.raises(DataError, match="Feature 2 of row 1 is nan"):
        Features(matrix, ("x",))


def test_there_are_at_most_as_many_names_as_features() -> None:
    with pytest.raises(DataError, match="3 names for 2 features"):
        Features(sp.csr_matrix((1, 2), dtype=np.float32), ("x", "y", "z"))


@pytest.mark.parametrize("build", [np.asarray, sp.coo_array, sp.csr_matrix])
def test_any_matrix_of_numbers_will_do(build: Any) -> None:
    features = Features(build(MATRIX.toarray().astype(float)), ["x", Feature("kind", "a")])
    assert features.matrix.dtype == np.float32
    assert features.names == ("x", "kind=a")
    assert (features.n_rows, features.n_features, features.n_identities) == (2, 4, 2)
    np.testing.assert_array_equal(features.without_identities().toarray(), [[0.5, 0], [0, 2]])


def test_a_stored_copy_is_equal() -> None:
    features = Features(MATRIX, [Feature("a=b", "=A"), Feature("age", "(1,2]", "bin")])
    state, arrays = features.arrays()
    copy = Features.from_arrays(json.loads(json.dumps(state)), arrays)
    assert copy.definitions == features.definitions
    assert (copy.matrix != features.matrix).nnz == 0
    assert np.shares_memory(copy.matrix.data, features.matrix.data)


@pytest.mark.parametrize(
    "change", [{"indices": np.array([0, 2, 1, 9], np.int32)}, {"indptr": np.array([0, 2], np.int64)}, {"data": None}]
)
def test_arrays_that_are_not_a_matrix(change: dict[str, Any]) -> None:
    state, arrays = Features(MATRIX).arrays()
    changed = {name: array for name, array in (arrays | change).items() if array is not None}
    with pytest.raises(DataError, match="the array 'features"):
        Features.from_arrays(state, changed)
