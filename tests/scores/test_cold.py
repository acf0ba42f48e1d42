import numpy as np
import pytest
import scipy.sparse as sp

from gingham.arrays import Floats, Indices
from gingham.scores import ColdScores, DenseScores, Scores, SharedScores, rank

N_USERS, N_ITEMS = 9, 7
IS_COLD = np.array([True, False, False, True, False, True, False, False, False])
RNG = np.random.default_rng(3)
WARM = RNG.permutation(N_USERS * N_ITEMS).reshape(N_USERS, N_ITEMS).astype(np.float32)
POPULAR = RNG.permutation(N_ITEMS).astype(np.float32)
EXPECTED = np.where(IS_COLD[:, None], POPULAR, WARM)


def mixed() -> ColdScores:
    warm = DenseScores(lambda users: WARM[users], N_ITEMS)
    return ColdScores(warm, lambda: SharedScores(POPULAR), lambda users: IS_COLD[users])


@pytest.mark.parametrize("users", [[0, 1, 2, 3], [1, 2], [3, 5, 0], [], [5, 4, 5]])
@pytest.mark.parametrize("filtered", [False, True])
def test_cold_users_have_the_other_scores(users: list[int], filtered: bool) -> None:
    chosen = np.array(users, np.int32)
    seen = sp.csr_matrix(np.eye(N_USERS, N_ITEMS))[chosen] if filtered else None
    ranking = rank(mixed(), chosen, k=N_ITEMS, seen=seen)
    expected = rank(DenseScores(lambda each: EXPECTED[each], N_ITEMS), chosen, k=N_ITEMS, seen=seen)
    np.testing.assert_array_equal(ranking.items, expected.items)
    np.testing.assert_array_equal(ranking.scores, expected.scores)


def test_pairs_dense_scores_and_candidates_have_them_too() -> None:
    users, items = (RNG.integers(0, size, 50).astype(np.int32) for size in (N_USERS, N_ITEMS))
    np.testing.assert_array_equal(mixed().pairs(users, items), EXPECTED[users, items])
    np.testing.assert_array_equal(mixed().dense(users), EXPECTED[users])
    candidates = np.array([1, 4, 5], np.int32)
    ranking = rank(mixed(), np.arange(N_USERS, dtype=np.int32), k=1, candidates=candidates)
    np.testing.assert_array_equal(ranking.items[:, 0], candidates[EXPECTED[:, candidates].argmax(axis=1)])


def test_other_scores_are_computed_only_for_cold_users() -> None:
    def fail() -> Scores:
        raise AssertionError

    def is_cold(users: Indices) -> np.ndarray:
        return np.zeros(len(users), bool)

    scores = ColdScores(SharedScores(POPULAR), fail, is_cold)
    everyone: Indices = np.arange(N_USERS, dtype=np.int32)
    best: Floats = rank(scores, everyone, k=1).scores
    assert (best == POPULAR.max()).all()
