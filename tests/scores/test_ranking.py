from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from gingham import _native
from gingham.arrays import Longs, Pattern, pattern
from gingham.dataset import Ids
from gingham.errors import ParameterError
from gingham.scores import Block, DenseScores, Ranking, RepresentationScores, Scores, frame, rank


class FewAtATime(DenseScores):
    block_size = 3


class FewRepresentationsAtATime(RepresentationScores):
    block_size = 3


@dataclass
class Problem:
    """Arguments of `rank`, with scores that float32 holds exactly, so that ties are exact."""

    users: npt.NDArray[np.float32]  # [embedding, bias]
    items: npt.NDArray[np.float32]
    chosen: npt.NDArray[np.int32]
    seen: npt.NDArray[np.bool_] | None
    test: npt.NDArray[np.bool_] | None
    candidates: npt.NDArray[np.int32] | None
    k: int

    @property
    def scores(self) -> npt.NDArray[np.float32]:
        products = self.users[:, :-1] @ self.items[:, :-1].T
        return np.asarray(products + self.users[:, -1:] + self.items[:, -1], np.float32)

    def dense(self, kind: type[DenseScores] = DenseScores) -> DenseScores:
        scores = self.scores
        return kind(lambda users: scores[users], len(self.items))

    def representations(self, kind: type[RepresentationScores] = RepresentationScores) -> RepresentationScores:
        n_components = self.users.shape[1] - 1
        # Rows of trained models have further values behind the parameters.
        users, items = (
            np.pad(side, ((0, 0), (0, _native.padded_width(n_components) - n_components - 1)))
            for side in (self.users, self.items)
        )
        items = np.hstack([items, np.full_like(items, np.nan)])
        return kind(lambda chosen: users[chosen], items, n_components)

    def ranking(self, scores: Scores, num_threads: int = 1) -> Ranking:
        return rank(
            scores,
            self.chosen,
            k=self.k,
            seen=None if self.seen is None else sp.csr_matrix(self.seen),
            test=None if self.test is None else sp.csr_matrix(self.test),
            candidates=self.candidates,
            num_threads=num_threads,
        )

    def expected(self) -> Ranking:
        """The same ranking, computed user by user."""
        n_chosen, n_items = len(self.chosen), len(self.items)
        not_a_candidate = n_items if self.candidates is None else len(self.candidates)
        items = np.full((n_chosen, self.k), -1, np.int32)
        scores = np.full((n_chosen, self.k), -np.inf, np.float32)
        ranks: list[int] = []
        mid_ranks: list[float] = []
        ties: list[int] = []
        for row, user in enumerate(self.chosen):
            allowed = np.ones(n_items, bool) if self.candidates is None else np.isin(range(n_items), self.candidates)
            if self.seen is not None:
                allowed &= ~self.seen[row]
            user_scores = self.scores[user]
            order = [item for item in np.argsort(-user_scores, kind="stable") if allowed[item]]
            best = order[: self.k]
            items[row, : len(best)], scores[row, : len(best)] = best, user_scores[best]
            for item in [] if self.test is None else np.flatnonzero(self.test[row]):
                others = user_scores[[other for other in order if other != item]]
                ranks.append(order.index(item) if allowed[item] else not_a_candidate)
                mid_ranks.append((others > user_scores[item]).sum() + (others == user_scores[item]).sum() / 2)
                ties.append((others == user_scores[item]).sum())
        return Ranking(items, scores, np.array(ranks, np.int32), np.array(mid_ranks), np.array(ties, np.int32))


def assert_equal(actual: Ranking, expected: Ranking) -> None:
    for name, dtype in (
        ("items", np.int32),
        ("scores", np.float32),
        ("ranks", np.int32),
        ("mid_ranks", np.float64),
        ("ties", np.int32),
    ):
        assert getattr(actual, name).dtype == dtype
        np.testing.assert_array_equal(getattr(actual, name), getattr(expected, name), err_msg=name)


@st.composite
def problems(draw: st.DrawFn, with_candidates: bool = False) -> Problem:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n_users, n_items = draw(st.integers(1, 9)), draw(st.integers(1, 40))
    n_components, n_chosen = draw(st.integers(1, 20)), draw(st.integers(0, 10))
    spread = draw(st.integers(0, 3))
    users, items = (
        rng.integers(-spread, spread + 1, (size, n_components + 1)).astype(np.float32) for size in (n_users, n_items)
    )
    chosen = rng.integers(0, n_users, n_chosen).astype(np.int32)
    seen, test = (rng.random((n_chosen, n_items)) < draw(st.sampled_from([0.0, 0.3, 1.0])) for _ in range(2))
    candidates = np.flatnonzero(rng.random(n_items) < 0.6).astype(np.int32) if with_candidates else None
    return Problem(
        users,
        items,
        chosen,
        seen if draw(st.booleans()) else None,
        test if draw(st.booleans()) and not with_candidates else None,
        candidates,
        draw(st.integers(0, n_items)),
    )


@settings(max_examples=300)
@given(problems(), st.sampled_from([1, 2]))
def test_rankings_agree_with_numpy(problem: Problem, num_threads: int) -> None:
    expected = problem.expected()
    for scores in (
        problem.dense(),
        problem.dense(FewAtATime),
        problem.representations(),
        problem.representations(FewRepresentationsAtATime),
    ):
        assert_equal(problem.ranking(scores, num_threads), expected)


@given(problems(with_candidates=True))
def test_only_candidates_are_ranked(problem: Problem) -> None:
    assert problem.candidates is not None
    if not len(problem.candidates):  # see test_without_candidates_the_lists_are_empty
        return
    expected = problem.expected()
    for scores in (problem.dense(), problem.representations()):
        assert_equal(problem.ranking(scores), expected)


def problem_with(**changes: Any) -> Problem:
    """A problem of ten users and 300 items (more than a tile of the kernel), with many ties."""
    rng = np.random.default_rng(2)
    users, items = (rng.integers(-1, 2, (size, 4)).astype(np.float32) for size in (10, 300))
    seen, test = (rng.random((10, 300)) < share for share in (0.5, 0.1))
    arguments: dict[str, Any] = {"chosen": np.arange(10, dtype=np.int32), "candidates": None, "k": 20}
    return Problem(**{"users": users, "items": items, "seen": seen, "test": test} | arguments | changes)


@pytest.mark.parametrize("kind", ["dense", "representations"])
def test_without_candidates_the_lists_are_empty(kind: str) -> None:
    problem = problem_with(candidates=np.empty(0, np.int32), test=None)
    assert_equal(problem.ranking(getattr(problem, kind)()), problem.expected())


def test_test_items_and_candidates_cannot_be_combined() -> None:
    problem = problem_with(candidates=np.arange(0, 300, 3, dtype=np.int32))
    with pytest.raises(ParameterError, match="candidates and test can't be combined"):
        problem.ranking(problem.dense())


@pytest.mark.parametrize("num_threads", [0, 1, 2, 7, np.int64(2)])
def test_the_number_of_threads_has_no_effect(num_threads: Any) -> None:
    problem = problem_with()
    expected = problem.expected()
    for scores in (problem.dense(), problem.dense(FewAtATime), problem.representations()):
        assert_equal(problem.ranking(scores, num_threads), expected)


def test_scores_are_computed_in_blocks() -> None:
    blocks: list[list[int]] = []
    problem = problem_with(k=1)
    scores = problem.scores

    def function(users: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        blocks.append(users.tolist())
        return scores[users]

    problem.ranking(FewAtATime(function, 300))
    assert blocks == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]


def test_a_ranking_without_users() -> None:
    problem = problem_with(chosen=np.empty(0, np.int32), seen=np.empty((0, 300), bool), test=np.empty((0, 300), bool))
    ranking = problem.ranking(problem.dense())
    assert ranking.items.shape == ranking.scores.shape == (0, 20)
    assert ranking.ranks.shape == ranking.mid_ranks.shape == (0,)


def test_a_frame_has_external_ids() -> None:
    ranking = Ranking(
        np.array([[2, 0], [1, -1], [-1, -1]], np.int32),
        np.array([[0.5, 0.25], [3, -np.inf], [-np.inf, -np.inf]], np.float32),
        np.empty(0, np.int32),
        np.empty(0),
        np.empty(0, np.int32),
    )
    table = frame(ranking, pl.Series("whatever", ["zoe", "ann", "zoe"]), Ids.from_series(pl.Series([30, 10, 20])))
    assert table.schema == {"user_id": pl.String, "item_id": pl.Int64, "rank": pl.Int32, "score": pl.Float32}
    assert table.rows() == [("zoe", 30, 1, 0.5), ("zoe", 10, 2, 0.25), ("ann", 20, 1, 3.0)]


def test_a_frame_without_users_has_all_columns() -> None:
    empty = np.empty(0, np.int32)
    ranking = Ranking(np.empty((0, 3), np.int32), np.empty((0, 3), np.float32), empty, np.empty(0), empty)
    table = frame(ranking, pl.Series([], dtype=pl.Int64), Ids.from_series(pl.Series(["a"])))
    assert table.schema == {"user_id": pl.Int64, "item_id": pl.String, "rank": pl.Int32, "score": pl.Float32}
    assert table.height == 0


def random_block(rng: np.random.Generator, n_users: int, k: int, seen: bool, test: bool) -> Block:
    """A block whose buffers hold -9, so that unwritten values are visible."""
    rows = [pattern(sp.random(n_users, 30, 0.2, "csr", np.float32, rng)) for _ in range(2)]
    n_test = len(rows[1][1])
    return Block(
        rng.integers(0, 50, n_users).astype(np.int32),
        rows[0] if seen else None,
        rows[1] if test else None,
        np.full((n_users, k), -9, np.int32) if k else None,
        np.full((n_users, k), -9, np.float32) if k else None,
        np.full(n_test, -9, np.int32) if test else None,
        np.full(n_test, -9, np.float64) if test else None,
        np.full(n_test, -9, np.int32) if test else None,
    )


def lists(rows: Pattern | None, chosen: Longs) -> list[list[int]] | None:
    return None if rows is None else [rows[1][rows[0][row] : rows[0][row + 1]].tolist() for row in chosen]


@pytest.mark.parametrize("k", [0, 3])
@pytest.mark.parametrize("seen", [False, True])
@pytest.mark.parametrize("test", [False, True])
def test_a_part_of_a_block_has_the_rows_of_its_users(k: int, seen: bool, test: bool) -> None:
    block = random_block(np.random.default_rng(3), 7, k, seen, test)
    rows = np.array([5, 0, 3])
    with block.part(rows) as part:
        np.testing.assert_array_equal(part.users, block.users[rows])
        assert lists(part.seen, np.arange(3)) == lists(block.seen, rows)
        assert lists(part.test, np.arange(3)) == lists(block.test, rows)
        for name, value in part.kernel_arguments().items():
            assert (value is None) == (getattr(block, name) is None)


@pytest.mark.parametrize(
    "groups", [[[0, 1, 2, 3, 4, 5, 6]], [[5, 0], [3], [6, 1, 4, 2]], [[2], [], [0, 1, 3, 4, 5, 6]]]
)
def test_results_of_parts_are_copied_to_the_block(groups: list[list[int]]) -> None:
    scores = np.random.default_rng(4).random((50, 30)).astype(np.float32)
    whole, parts = (random_block(np.random.default_rng(3), 7, 4, True, True) for _ in range(2))
    dense = DenseScores(lambda users: scores[users], 30)
    dense.rank(whole, 1)
    for group in groups:
        with parts.part(np.array(group, np.int64)) as part:
            dense.rank(part, 1)
    for name in ("top_items", "top_scores", "ranks", "mid_ranks", "ties"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name), err_msg=name)
        assert (getattr(whole, name) != -9).all()


def test_users_of_other_parts_keep_their_results() -> None:
    block = random_block(np.random.default_rng(3), 7, 4, False, True)
    scores = np.random.default_rng(4).random((50, 30)).astype(np.float32)
    with block.part(np.array([1, 4])) as part:
        DenseScores(lambda users: scores[users], 30).rank(part, 1)
    assert block.test is not None
    assert block.top_items is not None
    assert block.ranks is not None
    of_part = np.isin(np.arange(7), [1, 4])
    np.testing.assert_array_equal((block.top_items >= 0).all(axis=1), of_part)
    np.testing.assert_array_equal(block.ranks >= 0, np.repeat(of_part, np.diff(block.test[0])))
