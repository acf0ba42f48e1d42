"""The ranks of test items, from which the metrics are computed."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from gingham.arrays import Indices, Matrix, pattern
from gingham.dataset import Dataset, Ids
from gingham.scores import Ranking

Values = npt.NDArray[np.float64]
Test: TypeAlias = Dataset | Matrix


class _TrainingData(Protocol):
    @property
    def user_ids(self) -> Ids: ...

    @property
    def matrix(self) -> sp.csr_matrix: ...


class RankingModel(Protocol):
    """A fitted model that can rank the items of a test; every `Recommender` is one."""

    @property
    def training_data_(self) -> _TrainingData:
        """The ids and interactions that the model was fitted to."""

    def test_matrix(self, test: Test) -> sp.csr_matrix:
        """Return the test as a matrix of the model's users and items."""

    def rank(
        self,
        user_ids: pl.Series | None = None,
        test: Test | None = None,
        k: int = 0,
        filter_seen: bool = False,
        num_threads: int = 0,
    ) -> Ranking:
        """Return the best items of some users and the ranks of their test items."""


@dataclass(frozen=True)
class TestRanks:
    """Where the test items of some users stand in the rankings for these users.

    Attributes
    ----------
    users : int32 array of length n_users
        Their indices.
    indptr : int64 array of length n_users + 1
        User i's test items are entries ``indptr[i]`` to ``indptr[i + 1]`` of the arrays below; at least one.
    ranks : int array
        The place of each, from zero; ``n_items`` for an item that was no candidate, so that it can't be found.
    mid_ranks : float64 array
        How many candidates score higher, plus half of those that score the same.
    n_items : int
        The number of items.
    n_candidates : int array of length n_users
        How many items were ranked for each user.
    items : int32 array
        The test items' indices.
    """

    users: Indices
    indptr: npt.NDArray[np.int64]
    ranks: npt.NDArray[np.integer]
    mid_ranks: Values
    n_items: int
    n_candidates: npt.NDArray[np.integer]
    items: Indices

    # Not a test class, whatever its name makes pytest think.
    __test__ = False

    @classmethod
    def of(cls, users: Indices, ranking: Ranking, test: sp.csr_matrix, seen: sp.csr_matrix | None) -> "TestRanks":
        """Take them from a ranking of all items for some users, each of which has test items.

        Parameters
        ----------
        users : int32 array of length n_users
            Their indices.
        ranking : Ranking
            Of these users, with the entries of `test` ranked.
        test, seen : csr_matrix, shape (n_users, n_items)
            The test items, and those that were no candidates.
        """
        n_users, n_items = test.shape
        n_seen = np.zeros(n_users, np.int64) if seen is None else np.diff(seen.indptr)
        indptr, items = pattern(test)
        return cls(users, indptr, ranking.ranks, ranking.mid_ranks, n_items, n_items - n_seen, items)

    @property
    def n_test(self) -> npt.NDArray[np.int64]:
        """How many test items each user has."""
        return np.diff(self.indptr)

    @cached_property
    def nth(self) -> npt.NDArray[np.int64]:
        """Number each user's test items by their ranks, from 1."""
        users = np.repeat(np.arange(len(self.n_test)), self.n_test)
        order = np.lexsort((self.ranks, users))
        nth = np.empty(len(order), np.int64)
        nth[order] = np.arange(len(order)) - np.repeat(self.indptr[:-1], self.n_test) + 1
        return nth

    def only(self, items: npt.NDArray[np.bool_]) -> "TestRanks":
        """Take some of the test items, and the users who have any; the others are items like any other.

        Parameters
        ----------
        items : bool array, one a test item
            Which to take.
        """
        indptr = np.append(0, np.cumsum(items))[self.indptr]
        users = np.diff(indptr) > 0
        return TestRanks(
            self.users[users],
            np.append(indptr[:-1][users], indptr[-1:]),
            self.ranks[items],
            self.mid_ranks[items],
            self.n_items,
            self.n_candidates[users],
            self.items[items],
        )

    def sum(self, values: npt.NDArray[np.generic]) -> Values:
        """Sum the values of each user's test items."""
        starts = self.indptr[:-1]
        return np.asarray(np.add.reduceat(values, starts, dtype=np.float64) if len(starts) else np.empty(0))


def rank_test(
    model: RankingModel, test: Test, k: int = 0, filter_seen: bool = False, num_threads: int = 0
) -> tuple[TestRanks, Ranking]:
    """Rank all items for the users who have test items, in one pass over the scores.

    Parameters
    ----------
    model : Recommender
        A fitted model.
    test : Dataset or sparse matrix, shape (n_users, n_items)
        The test items, with the users and items of the data the model was fitted to.
    k : int
        How many of the best items to return for each user; 0 by default.
    filter_seen : bool
        Whether to leave out the items of a user's history, also where they are test items; False by default.
    num_threads : int
        0 (default) for all cores. The result does not depend on it.

    Returns
    -------
    TestRanks
        The ranks of the test items among all items; the metrics are computed from these.
    Ranking
        The `k` best items of the same users.

    Raises
    ------
    NotFittedError, DataError
        If the model is not fitted, or the test has other users or items than the model.
    """
    matrix = model.test_matrix(test)
    users = np.flatnonzero(np.diff(matrix.indptr)).astype(np.int32)
    training_data = model.training_data_
    ranking = model.rank(training_data.user_ids.ids(users), matrix, k, filter_seen, num_threads)
    seen = training_data.matrix[users] if filter_seen else None
    return TestRanks.of(users, ranking, matrix[users], seen), ranking
