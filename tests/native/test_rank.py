from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.sparse as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gingham import _native

from .problem import Floats, Ints

pytestmark = pytest.mark.usefixtures("kernel")

Mask = npt.NDArray[np.bool_]


# Cases and the oracle ------------------------------------------------------------------------------------------------


@dataclass
class Answers:
    """Arrays that the kernel fills; None for those that are not requested."""

    top_items: Ints | None = None
    top_scores: Floats | None = None
    ranks: Ints | None = None
    mid_ranks: npt.NDArray[np.float64] | None = None
    ties: Ints | None = None

    @classmethod
    def empty(cls, n_users: int, k: int | None, test: Mask | None) -> "Answers":
        # Filled with impossible values, so that places which the kernel skips are detected.
        top = (None, None) if k is None else (np.full((n_users, k), -7, np.int32), np.full((n_users, k), np.nan, "f4"))
        n_test = 0 if test is None else int(test.sum())
        if test is None:
            return cls(*top)
        return cls(*top, np.full(n_test, -7, np.int32), np.full(n_test, np.nan), np.full(n_test, -7, np.int32))


def pattern(mask: Mask | None) -> Any:
    if mask is None:
        return None
    matrix = sp.csr_matrix(mask)
    return matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32)


def assert_equal(answers: Answers, expected: Answers, **tolerance: float) -> None:
    for name, value in vars(expected).items():
        if value is None:
            assert getattr(answers, name) is None
        else:
            np.testing.assert_allclose(
                getattr(answers, name), value, err_msg=name, **{"rtol": 0, "atol": 0, **tolerance}
            )


def oracle(scores: Floats, seen: Mask | None, test: Mask | None, k: int | None) -> Answers:
    """Sort all scores; of equal ones, the lower item first."""
    n_users, n_items = scores.shape
    masked = scores.copy() if seen is None else np.where(seen, -np.inf, scores)
    answers = Answers.empty(n_users, k, test)
    if answers.top_items is not None and answers.top_scores is not None:
        length = min(k or 0, n_items)
        order = np.argsort(-masked, axis=1, kind="stable")[:, :length]
        best = np.take_along_axis(masked, order, axis=1)
        answers.top_items[:], answers.top_scores[:] = -1, -np.inf
        answers.top_items[:, :length] = np.where(np.isneginf(best), -1, order)
        answers.top_scores[:, :length] = best
    if test is not None and answers.ranks is not None and answers.mid_ranks is not None and answers.ties is not None:
        for entry, (user, item) in enumerate(np.argwhere(test)):
            row, score = masked[user], scores[user, item]
            hidden = seen is not None and seen[user, item]
            above, others = (row > score).sum(), (row == score).sum() - (not hidden)
            answers.ranks[entry] = n_items if hidden else above + (row[:item] == score).sum()
            answers.mid_ranks[entry], answers.ties[entry] = above + others / 2, others
    return answers


@dataclass
class Case:
    """Users and items to rank by their representations or by precomputed scores."""

    users: Floats
    items: Floats
    n_components: int
    seen: Mask | None = None
    test: Mask | None = None
    k: int | None = None
    scores: Floats = field(init=False)

    def __post_init__(self) -> None:
        embedding, bias = slice(self.n_components), self.n_components
        self.scores = (
            self.users[:, embedding] @ self.items[:, embedding].T + self.users[:, [bias]] + self.items[:, bias]
        )

    def by_representations(self, num_threads: int = 1, progress: Callable[[int], object] | None = None) -> Answers:
        answers = Answers.empty(len(self.users), self.k, self.test)
        _native.rank_representations(
            users=self.users,
            items=self.items,
            n_components=self.n_components,
            seen=pattern(self.seen),
            test=pattern(self.test),
            num_threads=num_threads,
            progress=progress,
            **vars(answers),
        )
        return answers

    def by_scores(self, num_threads: int = 1) -> Answers:
        answers = Answers.empty(len(self.users), self.k, self.test)
        _native.rank_scores(
            scores=self.scores.copy(),
            seen=pattern(self.seen),
            test=pattern(self.test),
            num_threads=num_threads,
            **vars(answers),
        )
        return answers

    def expected(self) -> Answers:
        return oracle(self.scores, self.seen, self.test, self.k)


def representations(rng: np.random.Generator, n_rows: int, n_components: int, whole: bool) -> Floats:
    """Return rows of various lengths; values after the bias must not matter."""
    rows = np.full((n_rows, _native.padded_width(n_components) + 16 * int(rng.integers(3))), np.nan, np.float32)
    used = (n_rows, n_components + 1)
    # Sums of products of small integers are exact and often tied.
    rows[:, : n_components + 1] = rng.integers(-2, 3, used) if whole else rng.normal(size=used)
    return rows


def case(
    seed: int,
    n_users: int,
    n_items: int,
    n_components: int,
    k: int | None,
    seen: float,
    test: float,
    whole: bool = True,
) -> Case:
    """Return a random case. `seen` and `test` are shares of pairs, -1 for no mask; some rows are empty or full."""
    rng = np.random.default_rng(seed)
    masks = []
    for share in (seen, test):
        mask = rng.random((n_users, n_items)) < share
        mask[rng.random(n_users) < 0.2] = False
        mask[rng.random(n_users) < 0.1] = share > 0
        masks.append(None if share < 0 else mask)
    users, items = (representations(rng, n_rows, n_components, whole) for n_rows in (n_users, n_items))
    return Case(users, items, n_components, masks[0], masks[1], k)


shares = st.sampled_from([-1.0, 0.0, 0.02, 0.3, 0.95, 1.0])
cases = st.builds(
    case,
    seed=st.integers(0, 2**32),
    # Blocks have 48 users and 256 items, tiles 4 to 12 users and 8 to 32 items.
    n_users=st.one_of(st.integers(0, 14), st.integers(45, 60)),
    n_items=st.one_of(st.integers(0, 40), st.sampled_from([255, 256, 257, 300, 513])),
    n_components=st.integers(0, 20),
    k=st.one_of(st.none(), st.integers(0, 12), st.integers(30, 60)),
    seen=shares,
    test=st.sampled_from([-1.0, 0.0, 0.02, 0.3]),
)


# Random cases --------------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(cases)
@example(case(0, 0, 5, 3, 2, 0.5, 0.5))
@example(case(0, 5, 0, 3, 2, 0.5, 0.5))
@example(case(1, 49, 513, 4, 600, 0.3, 0.3))
def test_ranking_by_representations_equals_the_oracle(random_case: Case) -> None:
    answers = random_case.by_representations()
    assert_equal(answers, random_case.expected())
    assert_equal(random_case.by_representations(num_threads=2), answers)


@settings(max_examples=40)
@given(cases)
@example(case(0, 0, 5, 3, 2, 0.5, 0.5))
@example(case(0, 5, 0, 3, 2, 0.5, 0.5))
@example(case(1, 49, 513, 4, 600, 0.3, 0.3))
def test_ranking_by_scores_equals_the_oracle(random_case: Case) -> None:
    answers = random_case.by_scores()
    assert_equal(answers, random_case.expected())
    assert_equal(random_case.by_scores(num_threads=2), answers)


# Cases that depend on rounding ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_components", [1, 10, 50, 100])
def test_real_valued_scores_are_ranked_up_to_rounding(n_components: int) -> None:
    random_case = case(2, 60, 600, n_components, 600, 0.1, 0.1, whole=False)
    answers, expected = random_case.by_representations(), random_case.expected()
    np.testing.assert_allclose(answers.top_scores, expected.top_scores, rtol=1e-4, atol=1e-4)
    assert random_case.seen is not None
    assert random_case.test is not None
    masked = np.where(random_case.seen, -np.inf, random_case.scores)
    for rank, (user, item) in zip(answers.ranks, np.argwhere(random_case.test), strict=True):
        score = random_case.scores[user, item]
        if random_case.seen[user, item]:
            assert rank == 600
        else:
            assert (masked[user] > score + 1e-4).sum() <= rank <= (masked[user] > score - 1e-4).sum()


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(1, 300), st.integers(0, 20))
def test_ranks_equal_places_in_the_full_list(seed: int, n_users: int, n_items: int, n_components: int) -> None:
    # Each pair is scored twice, at different places of different tiles: a difference of one bit would fail.
    random_case = case(seed, n_users, n_items, n_components, n_items, 0.2, 1.0, whole=False)
    random_case.test = np.ones((n_users, n_items), bool)
    answers = random_case.by_representations(num_threads=2)
    assert answers.ranks is not None
    assert answers.top_items is not None
    for ranks, items in zip(answers.ranks.reshape(n_users, n_items), answers.top_items, strict=True):
        listed = items[items >= 0]
        np.testing.assert_array_equal(ranks[listed], np.arange(len(listed)))
        assert (np.delete(ranks, listed) == n_items).all()


def test_items_with_equal_representations_have_equal_scores() -> None:
    random_case = case(3, 50, 300, 13, 300, -1, 1.0, whole=False)
    random_case.items[:] = random_case.items[0]
    random_case.test = np.ones((50, 300), bool)
    answers = random_case.by_representations()
    np.testing.assert_array_equal(answers.top_items, np.tile(np.arange(300), (50, 1)))
    np.testing.assert_array_equal(answers.ranks, np.tile(np.arange(300), 50))
    np.testing.assert_array_equal(answers.mid_ranks, 299 / 2)


# Cases worked out by hand --------------------------------------------------------------------------------------------


def rank_one_user(scores: list[float], seen: Sequence[int] = (), test: Sequence[int] = (), k: int = 0) -> Answers:
    """Rank one user's scores."""
    row = np.array([scores], np.float32)
    masks = [np.isin(np.arange(len(scores)), list(items))[None] for items in (seen, test)]
    answers = Answers.empty(1, k, masks[1])
    _native.rank_scores(scores=row, seen=pattern(masks[0]), test=pattern(masks[1]), num_threads=1, **vars(answers))
    return answers


def test_ties_are_ordered_by_item_index() -> None:
    answers = rank_one_user([1, 2, 1, 2, 1], test=[0, 1, 2, 3, 4], k=5)
    assert answers.top_items is not None
    assert answers.ranks is not None
    assert answers.top_items.tolist() == [[1, 3, 0, 2, 4]]
    assert answers.ranks.tolist() == [2, 0, 3, 1, 4]


def test_tied_items_share_the_mid_rank() -> None:
    answers = rank_one_user([1, 2, 1, 2, 1], test=[0, 1, 2, 3, 4])
    assert answers.mid_ranks is not None
    assert answers.ties is not None
    assert answers.mid_ranks.tolist() == [3, 0.5, 3, 0.5, 3]
    assert answers.ties.tolist() == [2, 1, 2, 1, 2]


def test_seen_items_are_neither_listed_nor_counted() -> None:
    answers = rank_one_user([5, 4, 3, 3], seen=[0, 2], test=[0, 1, 3], k=3)
    assert answers.top_items is not None
    assert answers.top_scores is not None
    assert answers.ranks is not None
    assert answers.mid_ranks is not None
    assert answers.top_items.tolist() == [[1, 3, -1]]
    assert answers.top_scores.tolist() == [[4, 3, -np.inf]]
    assert answers.ranks.tolist() == [4, 0, 1]
    assert answers.mid_ranks.tolist() == [0, 0, 1]


def test_mid_ranks_of_seen_items_are_their_ranks_without_the_mask() -> None:
    answers = rank_one_user([5, 4, 3, 3], seen=[0, 2], test=[0, 2])
    assert answers.mid_ranks is not None
    assert answers.ties is not None
    assert answers.mid_ranks.tolist() == [0, 1.5]
    assert answers.ties.tolist() == [0, 1]


def test_user_bias_is_part_of_the_score_but_not_of_the_order() -> None:
    # Added to a bias this large, the scores of the items are equal in float32.
    users, items = np.zeros((1, 16), np.float32), np.zeros((3, 16), np.float32)
    users[0, 1], items[:, 1] = 1e9, [1, 3, 2]
    answers = Case(users, items, 1, k=3).by_representations()
    assert answers.top_items is not None
    assert answers.top_items.tolist() == [[1, 2, 0]]
    np.testing.assert_array_equal(answers.top_scores, np.float32(1e9))


# Progress and invalid arguments --------------------------------------------------------------------------------------


class Stop(Exception):
    pass


def test_exception_in_progress_stops_the_ranking_and_is_raised() -> None:
    rng = np.random.default_rng(0)
    random_case = Case(representations(rng, 1, 200, False), representations(rng, 30_000, 200, False), 200, k=10)
    random_case.users = np.repeat(random_case.users, 10_000, axis=0)
    calls: list[int] = []

    def progress(done: int) -> None:
        calls.append(done)
        raise Stop("enough")

    with pytest.raises(Stop, match="enough"):
        random_case.by_representations(num_threads=2, progress=progress)
    assert len(calls) == 1
    assert 0 <= calls[0] < 10_000


def test_progress_counts_users() -> None:
    rng = np.random.default_rng(0)
    random_case = Case(representations(rng, 800, 200, False), representations(rng, 20_000, 200, False), 200, k=10)
    calls: list[int] = []
    random_case.by_representations(progress=calls.append)
    assert calls == sorted(calls)
    assert calls[-1] == 800


VALID = {
    "seen": None,
    "test": None,
    "top_items": None,
    "top_scores": None,
    "ranks": None,
    "mid_ranks": None,
    "ties": None,
    "num_threads": 1,
}
SIX = (np.zeros(7, np.int64), np.zeros(0, np.int32))
FIVE = (np.zeros(6, np.int64), np.zeros(0, np.int32))
ONE_TEST_ITEM = (np.array([0, 1, 1, 1, 1, 1], np.int64), np.zeros(1, np.int32))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"num_threads": 0}, "num_threads must be at least 1"),
        ({"seen": SIX}, "seen must have a row for each user"),
        ({"test": SIX}, "test must have a row for each user"),
        ({"seen": (FIVE[0][:0], FIVE[1])}, "indptr must not be empty"),
        ({"seen": (FIVE[0], ONE_TEST_ITEM[1])}, "indptr must run from 0"),
        ({"test": FIVE}, "ranks, mid_ranks and ties must be as long"),
        ({"test": ONE_TEST_ITEM, "ranks": np.zeros(1, np.int32)}, "ranks, mid_ranks and ties must be as long"),
        (
            {"test": ONE_TEST_ITEM, "ranks": np.zeros(1, np.int32), "mid_ranks": np.zeros(2)},
            "ranks, mid_ranks and ties must be as long",
        ),
        ({"top_items": np.zeros((5, 2), np.int32)}, r"shape \(users, k\)"),
        ({"top_items": np.zeros((4, 2), np.int32), "top_scores": np.zeros((4, 2), np.float32)}, r"shape \(users, k\)"),
        ({"top_items": np.zeros((5, 2), np.int32), "top_scores": np.zeros((5, 3), np.float32)}, r"shape \(users, k\)"),
    ],
)
def test_invalid_arguments_are_refused(change: dict[str, Any], words: str) -> None:
    rows = np.zeros((5, 16), np.float32)
    with pytest.raises(ValueError, match=words):
        _native.rank_scores(scores=rows.copy(), **{**VALID, **change})
    with pytest.raises(ValueError, match=words):
        _native.rank_representations(users=rows, items=rows, n_components=3, progress=None, **{**VALID, **change})


def test_rows_shorter_than_a_representation_are_refused() -> None:
    short, long = np.zeros((5, 16), np.float32), np.zeros((5, 32), np.float32)
    for users, items in ((short, long), (long, short)):
        with pytest.raises(ValueError, match="rows must be longer than n_components"):
            _native.rank_representations(users=users, items=items, n_components=16, progress=None, **VALID)
    with pytest.raises(ValueError, match="a positive multiple of 8"):
        _native.rank_representations(users=short[:, :12].copy(), items=short, n_components=3, progress=None, **VALID)
