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
    """Return entries with different values; the first pair occurs twice."""
    pairs = bought()
    rows, columns = np.append(pairs.row, pairs.row[0]), np.append(pairs.col, pairs.col[0])
    return sp.coo_matrix((np.arange(1, len(rows) + 1, dtype=np.int32), (rows, columns)), shape=pairs.shape)


@pytest.mark.parametrize("share", [0.0, 0.2, np.float32(0.5), 1])
def test_a_seed_gives_the_parts_of_numpys_legacy_shuffle(share: Any) -> None:
    interactions = numbered()
    order = np.arange(interactions.nnz)
    np.random.RandomState(42).shuffle(order)
    shuffled = [entries(interactions)[place] for place in order]
    cut = int((1.0 - share) * interactions.nnz)
    for seed in (42, np.int64(42), np.random.RandomState(42)):
        train, test = random_train_test_split(interactions, test_percentage=share, random_state=seed)
        assert entries(train) == shuffled[:cut]
        assert entries(test) == shuffled[cut:]
        for part in (train, test):
            assert (type(part), part.shape, part.dtype) == (sp.coo_matrix, interactions.shape, np.int32)


def test_default_test_percentage_is_a_fifth() -> None:
    train, test = random_train_test_split(numbered())
    assert train.nnz == int(0.8 * numbered().nnz)
    assert sorted(entries(train) + entries(test)) == sorted(entries(numbered()))


def test_parts_differ_without_a_seed() -> None:
    firsts = [entries(random_train_test_split(numbered())[0]) for _ in range(2)]
    assert firsts[0] != firsts[1]


def test_weights_are_split_in_the_same_way() -> None:
    interactions = numbered()
    weights = sp.coo_matrix((interactions.data * 0.5, (interactions.row, interactions.col)), shape=interactions.shape)
    for part, weight_part in zip(
        *(random_train_test_split(m, random_state=1) for m in (interactions, weights)), strict=True
    ):
        np.testing.assert_array_equal(part.data * 0.5, weight_part.data)
        np.testing.assert_array_equal(part.col, weight_part.col)


def test_the_input_is_not_changed_and_may_be_csr() -> None:
    interactions = numbered()
    before = entries(interactions)
    random_train_test_split(interactions, random_state=1)
    assert entries(interactions) == before
    train, test = random_train_test_split(interactions.tocsr(), random_state=1)
    assert train.nnz + test.nnz == interactions.tocsr().nnz


def test_invalid_arguments() -> None:
    with pytest.raises(DataError, match="ndarray"):
        random_train_test_split(bought().toarray())
    for share in (-0.1, 1.5, "a fifth"):
        with pytest.raises(ParameterError, match=f"test_percentage must be a finite number .*, not {share!r}"):
            random_train_test_split(bought(), share)  # type: ignore[arg-type]
