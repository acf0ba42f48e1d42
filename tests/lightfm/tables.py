"""Small matrices that the tests train on."""

import numpy as np
import scipy.sparse as sp

N_USERS, N_ITEMS = 30, 20


def bought(seed: int = 0, density: float = 0.2) -> sp.coo_matrix:
    rng = np.random.default_rng(seed)
    return sp.coo_matrix((rng.random((N_USERS, N_ITEMS)) < density).astype(np.float32))


def features(n_rows: int, seed: int = 0) -> sp.csr_matrix:
    """Each row's own feature and some of five that are shared."""
    rng = np.random.default_rng(seed)
    return sp.csr_matrix(np.hstack([np.eye(n_rows), rng.random((n_rows, 5)) < 0.4]), dtype=np.float32)
