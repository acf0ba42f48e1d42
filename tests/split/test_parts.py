import pickle

import numpy as np
import scipy.sparse as sp

from gingham import split
from gingham.split import Split


def test_a_split_can_be_pickled() -> None:
    parts = split.random(sp.csr_matrix(np.eye(4)), 0.5, 1)
    copied = pickle.loads(pickle.dumps(parts))
    assert isinstance(copied, Split)
    for part, same in zip(parts, copied, strict=True):
        np.testing.assert_array_equal(part.toarray(), same.toarray())


def test_cold_users_and_items_of_a_matrix_have_no_entry_in_train() -> None:
    train = sp.csr_matrix(([0.0, 1.0], ([0, 1], [0, 1])), shape=(4, 4))
    test = sp.csr_matrix(([1.0, 0.0, 1.0, 1.0], ([0, 2, 3, 3], [1, 0, 3, 2])), shape=(4, 4))
    parts = Split(train, test)
    assert parts.cold_users.tolist() == [2, 3]
    assert parts.cold_items.tolist() == [2, 3]
    assert parts.cold_items.dtype == np.int32
