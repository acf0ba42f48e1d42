import numpy as np
import pytest
import scipy.sparse as sp

from gingham.errors import DataError
from gingham.models.greedy_weights import greedy_weights

TEST = sp.csr_matrix(np.array([[0, 0, 1.0, 0], [0, 1, 0, 0]]))


def test_layers_that_complement_each_other_are_added() -> None:
    first = np.array([[0, 0, 9, 1], [2, 1, 0, 0]], np.float32)  # right for the first user
    second = np.array([[3, 0, 1, 0], [0, 9, 0, 1]], np.float32)  # right for the second one
    assert greedy_weights([first, second], TEST, None, "map@1") == [0.5, 0.5]


def test_the_best_layer_alone_has_all_weight() -> None:
    right, wrong = TEST.toarray().astype(np.float32), 1 - TEST.toarray().astype(np.float32)
    assert greedy_weights([wrong, right, wrong], TEST, None, "recall@1", 1) == [0, 1, 0]


def test_seen_items_are_not_candidates() -> None:
    popular = np.array([[9, 0, 1, 0], [9, 1, 0, 0]], np.float32)
    other = np.array([[0, 0, 0, 9], [0, 0, 0, 9]], np.float32)
    seen = sp.csr_matrix(np.array([[1.0, 0, 0, 0], [1, 0, 0, 0]]))
    assert greedy_weights([other, popular], TEST, seen, "map@1") == [0, 1]


def test_data_without_test_items_are_refused() -> None:
    with pytest.raises(DataError, match="no interactions to measure"):
        greedy_weights([np.ones((0, 4), np.float32)], sp.csr_matrix((0, 4)), None, "map@1")
