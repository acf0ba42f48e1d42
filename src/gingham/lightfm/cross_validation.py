"""Split interactions at random into train and test parts."""

import scipy.sparse as sp

from gingham.arrays import Matrix
from gingham.lightfm.errors import translated
from gingham.lightfm.matrices import as_coo
from gingham.lightfm.randomness import as_random_state
from gingham.randomness import RandomState
from gingham.validation import check_number


def random_train_test_split(
    interactions: Matrix, test_percentage: float = 0.2, random_state: RandomState = None
) -> tuple[sp.coo_matrix, sp.coo_matrix]:
    """Split interactions at random. The same seed gives the same parts as in LightFM.

    Parameters
    ----------
    interactions : sparse matrix, shape (n_users, n_items)
        Duplicate entries are split separately. To split weights in the same way, call this again with the weights (in
        the same order) and the same seed.
    test_percentage : float
        The share of entries in the test part, from 0 to 1; 0.2 by default.
    random_state : int, RandomState, Generator or None
        The seed. With None (default), each call gives a different split.

    Returns
    -------
    train, test : coo_matrix
        Matrices of the same shape and dtype as `interactions`.

    Raises
    ------
    DataError
        If `interactions` is not a sparse matrix.
    ParameterError
        If `test_percentage` is not a number from 0 to 1, or `random_state` is not a seed.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> from gingham.lightfm.cross_validation import random_train_test_split
    >>> interactions = sp.coo_matrix(np.ones((4, 5), np.int32))
    >>> train, test = random_train_test_split(interactions, test_percentage=0.2, random_state=42)
    >>> train.nnz, test.nnz
    (16, 4)
    """
    coo = as_coo(interactions, "interactions")
    with translated():
        check_number("test_percentage", test_percentage, least=0, most=1)
    order = as_random_state(random_state).permutation(coo.nnz)
    cutoff = int((1.0 - test_percentage) * coo.nnz)
    train, test = (
        sp.coo_matrix((coo.data[part], (coo.row[part], coo.col[part])), shape=coo.shape, dtype=coo.dtype)
        for part in (order[:cutoff], order[cutoff:])
    )
    return train, test
