from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import assume, given
from hypothesis import strategies as st

from gingham import split
from gingham.errors import DataError, ParameterError
from tests.split.samples import TIMED, assert_halves, dataset, numbers, pairs, rows


@given(rows, st.integers(0, 9))
def test_random_parts_do_not_share_pairs(entries: list[tuple[int, int, int]], seed: int) -> None:
    whole = dataset(entries, timed=False)
    n_pairs = len(pairs(whole))
    assume(n_pairs >= 3)
    parts = split.random(whole, 0.4, seed)
    assert_halves(whole, parts)
    train, test = parts
    assert not pairs(train) & pairs(test)
    assert len(pairs(test)) == round(0.4 * n_pairs)
    assert numbers(split.random(whole, 0.4, seed)[1]) == numbers(test)


@given(rows, st.integers(0, 9))
def test_random_parts_do_not_share_users(entries: list[tuple[int, int, int]], seed: int) -> None:
    whole = dataset(entries, timed=False)
    n_users = len({user for user, _, _ in entries})
    assume(n_users >= 2)
    parts = split.random(whole, 0.4, seed, by="user")
    assert_halves(whole, parts)
    users = [set(part.interactions.user_index.tolist()) for part in parts]
    assert not users[0] & users[1]
    assert len(users[1]) == round(0.4 * n_users)
    assert set(parts.cold_users.tolist()) == users[1]
    assert numbers(split.random(whole, 0.4, seed, by="user").test) == numbers(parts.test)


@given(rows, st.integers(2, 4), st.integers(0, 9))
def test_every_pair_is_in_one_fold(entries: list[tuple[int, int, int]], k: int, seed: int) -> None:
    whole = dataset(entries)
    n_pairs = len(pairs(whole))
    assume(n_pairs >= k)
    folds = list(split.k_fold(whole, k, seed))
    assert len(folds) == k
    for parts in folds:
        assert_halves(whole, parts)
        train, test = parts
        assert not pairs(train) & pairs(test)
        assert len(pairs(test)) in (n_pairs // k, n_pairs // k + 1)
    assert sorted(number for _, test in folds for number in numbers(test)) == numbers(whole)


@pytest.mark.parametrize("build", [sp.csr_matrix, sp.coo_matrix, sp.csc_array, sp.csr_array])
def test_a_matrix_is_split_into_two(build: Any) -> None:
    rng = np.random.default_rng(0)
    dense = rng.integers(0, 3, (20, 10)).astype(np.float32)
    matrix = build(sp.csr_matrix(dense))
    for train, test in [split.random(matrix, 0.25, 1), *split.k_fold(matrix, 4, 1)]:
        assert isinstance(train, sp.csr_matrix)
        assert train.shape == test.shape == dense.shape
        assert train.dtype == test.dtype == np.float32
        assert abs(test.nnz - 0.25 * matrix.nnz) <= 1
        np.testing.assert_array_equal((train + test).toarray(), dense)
        assert train.multiply(test).nnz == 0
    np.testing.assert_array_equal(matrix.toarray(), dense)


@pytest.mark.parametrize("build", [sp.csr_matrix, sp.coo_matrix, sp.csc_array])
def test_each_user_of_a_matrix_is_in_one_part(build: Any) -> None:
    dense = np.random.default_rng(0).integers(0, 3, (20, 10)).astype(np.float32)
    dense[7] = 0
    parts = split.random(build(dense), 0.25, 1, by="user")
    occurs = [part.toarray().any(axis=1) for part in parts]
    assert occurs[1].sum() == round(0.25 * 19)
    assert not (occurs[0] & occurs[1]).any()
    np.testing.assert_array_equal((parts.train + parts.test).toarray(), dense)
    assert parts.cold_users.tolist() == np.flatnonzero(occurs[1]).tolist()


def test_duplicates_of_a_matrix_are_summed_and_explicit_zeros_kept() -> None:
    entries = ([2.0, 3.0, 0.0, 1.0], ([0, 0, 1, 2], [1, 1, 0, 1]))
    train, test = split.random(sp.coo_matrix(entries, shape=(3, 2)), 1 / 3, 0)
    assert sorted([*train.data, *test.data]) == [0, 1, 5]


@pytest.mark.parametrize("state", [0, np.random.default_rng(0), np.random.RandomState(0), None])
def test_any_source_of_randomness(state: Any) -> None:
    whole = dataset([(user, item, 0) for user in range(5) for item in range(4)])
    assert len(split.random(whole, 0.5, state)[1].interactions) == 10


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (lambda: split.random(TIMED, 0.01), DataError, "test part of 2 interactions is empty with test=0.01"),
        (lambda: split.random(TIMED, 0.99), DataError, "train part"),
        (lambda: split.random(dataset([])), DataError, "part of 0 interactions is empty"),
        (lambda: split.random(TIMED, 0), ParameterError, "test must be .* above 0 and below 1, not 0"),
        (lambda: split.random(TIMED, 1.0), ParameterError, "test must be .* above 0 and below 1, not 1.0"),
        (lambda: split.random(TIMED, "7d"), ParameterError, "test must be .* not '7d'"),
        (lambda: split.random(TIMED, 0.5, -1), ParameterError, "random_state must be an integer.*, not -1"),
        (lambda: split.random(TIMED, 0.5, by="item"), ParameterError, "by must be one of 'pair', 'user', not 'item'"),
        (lambda: split.random(TIMED, 0.1, by="user"), DataError, "test part of 2 interactions is empty with test=0.1"),
        (lambda: split.k_fold(TIMED, 2, "a"), ParameterError, "random_state must be an integer.*, not 'a'"),
        (lambda: split.k_fold(TIMED, 1), ParameterError, "k must be an integer of at least 2, not 1"),
        (lambda: split.k_fold(TIMED, 3), DataError, "k=3 is more than the 2 pairs to split"),
    ],
)
def test_invalid_arguments_and_empty_parts(act: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        act()
