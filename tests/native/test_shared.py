from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from gingham import _native

from .test_rank import Answers, Mask, assert_equal, oracle, pattern

pytestmark = pytest.mark.usefixtures("kernel")


def csr(dense: npt.NDArray[np.float32], mask: Mask) -> Any:
    matrix = sp.csr_matrix(mask, dtype=np.float32)
    matrix.data = dense[mask]
    return matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data


@given(
    seed=st.integers(0, 10_000),
    n_users=st.integers(0, 120),
    n_items=st.integers(1, 40),
    k=st.one_of(st.none(), st.integers(1, 45)),
    shares=st.tuples(*[st.sampled_from([None, 0.0, 0.1, 0.6, 1.0])] * 3),
    levels=st.sampled_from([1, 3, 1000]),
    num_threads=st.integers(1, 3),
)
def test_ranking_shared_scores_equals_the_oracle(
    seed: int, n_users: int, n_items: int, k: int | None, shares: tuple[Any, ...], levels: int, num_threads: int
) -> None:
    rng = np.random.default_rng(seed)
    shared = rng.integers(0, levels, n_items).astype(np.float32) / 8
    own_scores = rng.integers(0, levels, (n_users, n_items)).astype(np.float32) / 8
    own, seen, test = (None if share is None else rng.random((n_users, n_items)) < share for share in shares)
    own = np.zeros((n_users, n_items), bool) if own is None else own
    answers = Answers.empty(n_users, k, test)
    _native.rank_shared(
        shared=shared,
        own=csr(own_scores, own),
        seen=pattern(seen),
        test=pattern(test),
        num_threads=num_threads,
        **vars(answers),
    )
    assert_equal(answers, oracle(np.where(own, own_scores, shared), seen, test, k))


VALID: dict[str, Any] = {
    "shared": np.zeros(3, np.float32),
    "own": (np.array([0, 1, 2]), np.array([0, 2], np.int32), np.ones(2, np.float32)),
    "seen": None,
    "test": None,
    "top_items": np.zeros((2, 1), np.int32),
    "top_scores": np.zeros((2, 1), np.float32),
    "ranks": None,
    "mid_ranks": None,
    "ties": None,
    "num_threads": 1,
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"num_threads": 0}, "num_threads"),
        (
            {"own": (np.array([0, 1, 2]), np.array([0, 3], np.int32), np.ones(2, np.float32))},
            "a column index is out of range",
        ),
        (
            {"own": (np.array([0, 2, 2]), np.array([2, 0], np.int32), np.ones(2, np.float32))},
            "column indices must ascend",
        ),
        ({"own": (np.array([0, 1, 2]), np.array([0, 2], np.int32), np.ones(1, np.float32))}, "equally long"),
        ({"seen": (np.array([0, 0]), np.empty(0, np.int32))}, "seen must have a row for each user"),
        ({"top_scores": np.zeros((2, 2), np.float32)}, r"\(users, k\)"),
    ],
)
def test_invalid_arguments_are_refused(change: dict[str, Any], words: str) -> None:
    _native.rank_shared(**VALID)
    with pytest.raises(ValueError, match=words):
        _native.rank_shared(**{**VALID, **change})
