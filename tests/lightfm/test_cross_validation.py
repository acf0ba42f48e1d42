from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from gingham.errors import DataError
from gingham.lightfm.cross_validation import random_train_test_split
from gingham.lightfm.errors import ParameterError
from tests.lightfm.tables import bought


def entries(matrix: sp.coo_matrix) -> list[tuple[int, int, float]]:
    return list(zip(matrix.row.tolist(), matrix.col.tolist(), matrix.data.tolist(), strict=True))


def numbered() -> sp.coo_matrix:
    """Entries that can be told apart; the first one is there twice."""
    pairs = bought()
    rows, columns = np.append(pairs.row, pairs.row[0]), np.append(pairs.col, pairs.col[0])
    return sp.coo_matrix((np.arange(1, len(rows) + 1, dtype=np.int32), (rows, columns)), shape=pairs.shape)


@pytest.mark.parametrize("share", [0.0, 0.2, np.float32(0.5), 1])
def test_a_seed_makes_the_parts_that_numpys_old_shuffle_makes(share: Any) -> None:
    given = numbered()
    order = np.arange(given.nnz)
    np.random.RandomState(42).shuffle(order)
    shuffled = [entries(given)[place] for place in order]
    cut = int((1.0 - share) * given.nnz)
    for seed in (42, np.int64(42), np.random.RandomState(42)):
        train, test = random_train_test_split(given, test_percentage=share, random_state=seed)
        assert entries(train) == shuffled[:cut]
        assert entries(test) == shuffled[cut:]
        for part in (train, test):
            assert (type(part), part.shape, part.dtype) == (sp.coo_matrix, given.shape, np.int32)


def test_a_fifth_is_tested_by_default() -> None:
    train, test = random_train_test_split(numbered())
    assert train.nnz == int(0.8 * numbered().nnz)
    assert sorted(entries(train) + entries(test)) == sorted(entries(numbered()))


def test_without_a_seed_parts_differ() -> None:
    firsts = [entries(random_train_test_split(numbered())[0]) for _ in range(2)]
    assert firsts[0] != firsts[1]


def test_weights_are_split_alongside() -> None:
    given = numbered()
    weights = sp.coo_matrix((given.data * 0.5, (given.row, given.col)), shape=given.shape)
    for part, of_weights in zip(*(random_train_test_split(m, random_state=1) for m in (given, weights)), strict=True):
        np.testing.assert_array_equal(part.data * 0.5, of_weights.data)
        np.testing.assert_array_equal(part.col, of_weights.col)


def test_the_callers_matrix_stays_as_it_is_and_may_be_a_csr() -> None:
    given = numbered()
    before = entries(given)
    random_train_test_split(given, random_state=1)
    assert entries(given) == before
    train, test = random_train_test_split(given.tocsr(), random_state=1)
    assert train.nnz + test.nnz == given.tocsr().nnz


def test_what_cannot_be_split_is_a_value_error() -> None:
    with pytest.raises(DataError, match="ndarray"):
        random_train_test_split(bought().toarray())
    for share in (-0.1, 1.5, "a fifth"):
        with pytest.raises(ParameterError, match=f"test_percentage must be a finite number .*, not {share!r}"):
            random_train_test_split(bought(), share)  # type: ignore[arg-type]
