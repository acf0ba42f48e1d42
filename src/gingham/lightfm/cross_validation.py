"""Train and test parts of interactions, chosen at random."""

import numpy as np
import scipy.sparse as sp

from gingham.arrays import Matrix
from gingham.lightfm.errors import translated
from gingham.lightfm.matrices import as_coo
from gingham.validation import check_number


def random_train_test_split(
    interactions: Matrix, test_percentage: float = 0.2, random_state: int | np.random.RandomState | None = None
) -> tuple[sp.coo_matrix, sp.coo_matrix]:
    """Split interactions in two; a seed makes the same parts as in LightFM.

    Parameters
    ----------
    interactions : sparse matrix, shape (n_users, n_items)
        Duplicates are entries of their own. To split weights alongside, give them in the same order with the same seed.
    test_percentage : float
        The share of the test part, 0 to 1; 0.2 by default.
    random_state : int, RandomState or None
        None (default) splits otherwise each time.

    Returns
    -------
    train, test : coo_matrix
        Of the same shape and type.

    Raises
    ------
    DataError
        If it is no sparse matrix.
    ParameterError
        If `test_percentage` is no share.
    """
    coo = as_coo(interactions, "interactions")
    with translated():
        check_number("test_percentage", test_percentage, least=0, most=1)
    rng = random_state if isinstance(random_state, np.random.RandomState) else np.random.RandomState(random_state)
    order = rng.permutation(coo.nnz)
    cutoff = int((1.0 - test_percentage) * coo.nnz)
    train, test = (
        sp.coo_matrix((coo.data[part], (coo.row[part], coo.col[part])), shape=coo.shape, dtype=coo.dtype)
        for part in (order[:cutoff], order[cutoff:])
    )
    return train, test
