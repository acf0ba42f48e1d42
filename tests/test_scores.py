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
from gingham.arrays import pattern
from gingham.dataset import Ids
from gingham.errors import ParameterError
from gingham.scores import DenseScores, Ranking, RepresentationScores, Scores, SharedScores, frame, rank
from gingham.validation import check_num_threads


class FewAtATime(DenseScores):
    block_size = 3


class FewRepresentationsAtATime(RepresentationScores):
    block_size = 3


@dataclass
class Problem:
    """What is asked of `rank`, with scores that float32 holds exactly, so that ties are ties."""

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
        # What training leaves has more behind a row's parameters.
        users, items = (
            np.pad(side, ((0, 0), (0, _native.padded_width(n_components) - n_components - 1)))
            for side in (self.users, self.items)
        )
        items = np.hstack([items, np.full_like(items, np.nan)])
        return kind(lambda chosen: users[chosen], items, n_components)

    def ranked(self, scores: Scores, num_threads: int = 1) -> Ranking:
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
        """The same, user by user."""
        n_chosen, n_items = len(self.chosen), len(self.items)
        among = n_items if self.candidates is None else len(self.candidates)
        items = np.full((n_chosen, self.k), -1, np.int32)
        scores = np.full((n_chosen, self.k), -np.inf, np.float32)
        ranks: list[int] = []
        mid_ranks: list[float] = []
        ties: list[int] = []
        for row, user in enumerate(self.chosen):
            allowed = np.ones(n_items, bool) if self.candidates is None else np.isin(range(n_items), self.candidates)
            if self.seen is not None:
                allowed &= ~self.seen[row]
            mine = self.scores[user]
            order = [item for item in np.argsort(-mine, kind="stable") if allowed[item]]
            best = order[: self.k]
            items[row, : len(best)], scores[row, : len(best)] = best, mine[best]
            for item in [] if self.test is None else np.flatnonzero(self.test[row]):
                others = mine[[other for other in order if other != item]]
                ranks.append(order.index(item) if allowed[item] else among)
                mid_ranks.append((others > mine[item]).sum() + (others == mine[item]).sum() / 2)
                ties.append((others == mine[item]).sum())
        return Ranking(items, scores, np.array(ranks, np.int32), np.array(mid_ranks), np.array(ties, np.int32))


def assert_equal(found: Ranking, expected: Ranking) -> None:
    for name, dtype in (
        ("items", np.int32),
        ("scores", np.float32),
        ("ranks", np.int32),
        ("mid_ranks", np.float64),
        ("ties", np.int32),
    ):
        assert getattr(found, name).dtype == dtype
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


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
def test_both_kinds_of_scores_are_ranked_as_numpy_does(problem: Problem, num_threads: int) -> None:
    expected = problem.expected()
    for scores in (
        problem.dense(),
        problem.dense(FewAtATime),
        problem.representations(),
        problem.representations(FewRepresentationsAtATime),
    ):
        assert_equal(problem.ranked(scores, num_threads), expected)


@given(problems(with_candidates=True))
def test_of_some_candidates_the_best_are_found(problem: Problem) -> None:
    assert problem.candidates is not None
    if not len(problem.candidates):  # see test_of_no_candidates_none_is_found
        return
    expected = problem.expected()
    for scores in (problem.dense(), problem.representations()):
        assert_equal(problem.ranked(scores), expected)


def some(**changes: Any) -> Problem:
    """Ten users, 300 items (more than a tile of the kernel), scores with many ties."""
    rng = np.random.default_rng(2)
    users, items = (rng.integers(-1, 2, (size, 4)).astype(np.float32) for size in (10, 300))
    seen, test = (rng.random((10, 300)) < share for share in (0.5, 0.1))
    given: dict[str, Any] = {"chosen": np.arange(10, dtype=np.int32), "candidates": None, "k": 20}
    return Problem(**{"users": users, "items": items, "seen": seen, "test": test} | given | changes)


@pytest.mark.parametrize("kind", ["dense", "representations"])
def test_of_no_candidates_none_is_found(kind: str) -> None:
    problem = some(candidates=np.empty(0, np.int32), test=None)
    assert_equal(problem.ranked(getattr(problem, kind)()), problem.expected())


def test_a_test_ranks_among_all_items() -> None:
    problem = some(candidates=np.arange(0, 300, 3, dtype=np.int32))
    with pytest.raises(ParameterError, match="leave the candidates out"):
        problem.ranked(problem.dense())


@pytest.mark.parametrize("num_threads", [0, 1, 2, 7, np.int64(2)])
def test_the_number_of_threads_changes_nothing(num_threads: Any) -> None:
    problem = some()
    expected = problem.expected()
    for scores in (problem.dense(), problem.dense(FewAtATime), problem.representations()):
        assert_equal(problem.ranked(scores, num_threads), expected)


def test_blocks_are_no_larger_than_they_say() -> None:
    asked: list[list[int]] = []
    problem = some(k=1)
    scores = problem.scores

    def function(users: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        asked.append(users.tolist())
        return scores[users]

    problem.ranked(FewAtATime(function, 300))
    assert asked == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]


def test_scores_of_some_items() -> None:
    problem = some()
    items = np.array([7, 3, 250], np.int32)
    for scores in (problem.dense(), problem.representations()):
        alone = scores.only(items)
        assert (scores.n_items, alone.n_items) == (300, 3)
        found = rank(alone, problem.chosen, k=3)
        np.testing.assert_array_equal(
            np.take_along_axis(problem.scores[:, items], found.items.astype(np.int64), axis=1), found.scores
        )


def test_a_ranking_of_nobody() -> None:
    problem = some(chosen=np.empty(0, np.int32), seen=np.empty((0, 300), bool), test=np.empty((0, 300), bool))
    found = problem.ranked(problem.dense())
    assert found.items.shape == found.scores.shape == (0, 20)
    assert found.ranks.shape == found.mid_ranks.shape == (0,)


# Small parts ---------------------------------------------------------------------------------------------------------


def test_pattern_gives_some_rows() -> None:
    matrix = sp.csr_matrix(np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 1, 1]]))
    for given_matrix in (
        matrix,
        sp.csr_matrix((matrix.data, matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64))),
    ):
        for start, stop, rows in ((0, None, matrix), (2, 4, matrix[2:4]), (1, 2, matrix[1:2]), (3, 3, matrix[3:3])):
            indptr, indices = pattern(given_matrix, start, stop)
            assert (indptr.dtype, indices.dtype) == (np.int64, np.int32)
            assert indptr.tolist() == rows.indptr.tolist()
            assert indices.tolist() == rows.indices.tolist()


def test_threads() -> None:
    assert check_num_threads(0) >= 1
    assert [check_num_threads(number) for number in (1, 3, np.int64(2))] == [1, 3, 2]


@pytest.mark.parametrize("wrong", [-1, 1.5, "2", None])
def test_a_wrong_number_of_threads_is_named(wrong: Any) -> None:
    with pytest.raises(ParameterError, match=f"num_threads={wrong!r}"):
        check_num_threads(wrong)


def test_a_frame_is_written_in_external_ids() -> None:
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


def test_a_frame_of_nothing_has_its_columns() -> None:
    none = np.empty(0, np.int32)
    nothing = Ranking(np.empty((0, 3), np.int32), np.empty((0, 3), np.float32), none, np.empty(0), none)
    table = frame(nothing, pl.Series([], dtype=pl.Int64), Ids.from_series(pl.Series(["a"])))
    assert table.schema == {"user_id": pl.Int64, "item_id": pl.String, "rank": pl.Int32, "score": pl.Float32}
    assert table.height == 0


def test_pairs_have_the_scores_that_rows_have() -> None:
    rng = np.random.default_rng(4)
    scores = rng.integers(-9, 9, (7, 11)).astype(np.float32)
    own = sp.csr_matrix(np.where(rng.random((7, 11)) < 0.4, scores, 0))
    own.data[::3] = 0  # an own score of zero still stands in the place of the shared one
    shared = np.arange(20, 31, dtype=np.float32)
    expected = np.tile(shared, (7, 1))
    for row, column, value in zip(own.tocoo().row, own.tocoo().col, own.data, strict=True):
        expected[row, column] = value
    users, items = rng.integers(0, 7, 200).astype(np.int32), rng.integers(0, 11, 200).astype(np.int32)
    for kind, whole in (
        (FewAtATime(lambda users: scores[users], 11), scores),
        (SharedScores(shared, lambda users: own[users], block_size=3), expected),
        (SharedScores(shared), np.tile(shared, (7, 1))),
    ):
        found = kind.pairs(users, items)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, whole[users, items])
        assert kind.pairs(users[:0], items[:0]).shape == (0,)
    np.testing.assert_array_equal(shared, np.arange(20, 31))
