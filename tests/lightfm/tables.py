"""Small matrices and models for the tests."""

from typing import Any

import numpy as np
import scipy.sparse as sp

from gingham.lightfm import LightFM
from gingham.lightfm.state import ARRAYS

N_USERS, N_ITEMS = 30, 20


def bought(seed: int = 0, density: float = 0.2) -> sp.coo_matrix:
    rng = np.random.default_rng(seed)
    return sp.coo_matrix((rng.random((N_USERS, N_ITEMS)) < density).astype(np.float32))


def features(n_rows: int, seed: int = 0) -> sp.csr_matrix:
    """Return one own feature per row, and some of five shared features."""
    rng = np.random.default_rng(seed)
    return sp.csr_matrix(np.hstack([np.eye(n_rows), rng.random((n_rows, 5)) < 0.4]), dtype=np.float32)


def fitted(**params: Any) -> LightFM:
    return LightFM(**{"random_state": 3, "loss": "warp", **params}).fit(bought(), epochs=3)


def same(a: LightFM, b: LightFM) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ARRAYS)
