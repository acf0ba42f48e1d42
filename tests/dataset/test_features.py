import numpy as np
import pytest
import scipy.sparse as sp

from gingham.dataset import Features
from gingham.errors import DataError


def test_weights_are_finite() -> None:
    matrix = sp.csr_matrix(np.array([[1, 0, 0], [0, 1, np.nan]], np.float32))
    with pytest.raises(DataError, match="Feature 2 of row 1 is nan"):
        Features(matrix, ("x",))


def test_names_are_no_more_than_features() -> None:
    with pytest.raises(DataError, match="3 names for 2 features"):
        Features(sp.csr_matrix((1, 2), dtype=np.float32), ("x", "y", "z"))
