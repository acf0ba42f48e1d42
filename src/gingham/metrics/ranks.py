"""The ranks of test items, from which the metrics are computed."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from gingham.arrays import Indices, Matrix, array_of, pattern, positive_entries, require_indices
from gingham.dataset import Dataset, Ids
from gingham.errors import DataError, ParameterError
from gingham.scores import Ranking
from gingham.validation import check_integer, check_list, shown

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
    """The ranks of the test items of some users, as counted among all candidates of each user.

    Attributes
    ----------
    users : int32 array of length n_users
        The indices of the users.
    indptr : int64 array of length n_users + 1
        The test items of user i are the entries ``indptr[i]`` to ``indptr[i + 1]`` of the arrays below; at least one.
    ranks : int array of length n_test
        The rank of each test item, from 0; ``n_items`` for an item that was not a candidate.
    mid_ranks : float64 array of length n_test
        The number of candidates that score higher, plus half of those with the same score.
    n_items : int
        The number of items.
    n_candidates : int array of length n_users
        The number of items that were ranked for each user.
    items : int32 array of length n_test
        The indices of the test items.

    Examples
    --------
    >>> import gingham as gg
    >>> train, test = gg.split.by_time(gg.synth.sample_dataset(), test="7d")
    >>> ranks, _ = gg.metrics.rank_test(gg.BuyAgain().fit(train), test)
    >>> len(ranks.users) == len(gg.metrics.ndcg_at_k(ranks, k=5))
    True
    """

    users: Indices
    indptr: npt.NDArray[np.int64]
    ranks: npt.NDArray[np.integer]
    mid_ranks: Values
    n_items: int
    n_candidates: npt.NDArray[np.integer]
    items: Indices

    # pytest takes a class called Test... for a test class otherwise.
    __test__ = False

    @classmethod
    def of(cls, users: Indices, ranking: Ranking, test: sp.csr_matrix, seen: sp.csr_matrix | None) -> "TestRanks":
        """Build from a ranking for users with test items.

        Parameters
        ----------
        users : int32 array of length n_users
            The indices of the users.
        ranking : Ranking
            The ranking for these users, with the ranks of the entries of `test`.
        test, seen : csr_matrix, shape (n_users, n_items)
            The test items, and the items that were not candidates.
        """
        n_users, n_items = test.shape
        n_seen = np.zeros(n_users, np.int64) if seen is None else np.diff(seen.indptr)
        indptr, items = pattern(test)
        return cls(users, indptr, ranking.ranks, ranking.mid_ranks, n_items, n_items - n_seen, items)

    @classmethod
    def from_ranks(cls, ranks: Sequence[Sequence[int]], n_items: int) -> "TestRanks":
        """Build from the ranks of each user's test items, if all items are candidates and no scores are equal.

        Users are numbered from 0. Items are numbered by their rank, as if each user had the same ranking.

        Parameters
        ----------
        ranks : sequence of sequences of int
            For each user the ranks of the test items, from 0 to n_items - 1; at least one.
        n_items : int
            The number of items.

        Examples
        --------
        >>> from gingham.metrics import TestRanks
        >>> TestRanks.from_ranks([[0, 2], [1]], n_items=6).n_test.tolist()
        [2, 1]
        """
        check_integer("n_items", n_items)
        lists = check_list("ranks", ranks, "the ranks of each user, such as [[0, 2], [1]]")
        rows = [array_of(row, "ranks", "integers").astype(np.int32) for row in lists]
        for row in rows:
            require_indices("ranks", row, n_items)
            if not len(row):
                raise DataError("ranks has a user without test items; leave out such users.")
        places = np.concatenate([np.empty(0, np.int32), *map(np.sort, rows)])
        users = np.arange(len(rows), dtype=np.int32)
        indptr = np.append(0, np.cumsum([len(row) for row in rows])).astype(np.int64)
        return cls(users, indptr, places, places.astype(np.float64), n_items, np.full(len(users), n_items), places)

    @property
    def n_test(self) -> npt.NDArray[np.int64]:
        """The number of test items of each user."""
        return np.diff(self.indptr)

    @cached_property
    def nth(self) -> npt.NDArray[np.int64]:
        """The position of each test item among the test items of its user, by rank, from 1."""
        users = np.repeat(np.arange(len(self.n_test)), self.n_test)
        order = np.lexsort((self.ranks, users))
        nth = np.empty(len(order), np.int64)
        nth[order] = np.arange(len(order)) - np.repeat(self.indptr[:-1], self.n_test) + 1
        return nth

    def only(self, items: npt.NDArray[np.bool_]) -> "TestRanks":
        """Return the ranks of some of the test items, and of the users who have any of these.

        The other test items then count as items that the user did not choose.

        Parameters
        ----------
        items : bool array of length n_test
            Which test items to include.
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
        """Return the sum of the values of each user's test items."""
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
        The test items, with the users and items of the data the model was fitted to. Only interactions with a value
        above zero are test items.
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

    Examples
    --------
    >>> import gingham as gg
    >>> train, test = gg.split.by_time(gg.synth.sample_dataset(), test="7d")
    >>> ranks, ranking = gg.metrics.rank_test(gg.BuyAgain().fit(train), test, k=5)
    >>> ranking.items.shape == (len(ranks.users), 5)
    True
    """
    if not hasattr(model, "training_data_"):
        raise ParameterError(f"model must be a fitted model such as gg.Popularity().fit(train), not {shown(model)}.")
    matrix = positive_entries(model.test_matrix(test))
    users = np.flatnonzero(np.diff(matrix.indptr)).astype(np.int32)
    training_data = model.training_data_
    ranking = model.rank(training_data.user_ids.ids(users), matrix, k, filter_seen, num_threads)
    seen = training_data.matrix[users] if filter_seen else None
    return TestRanks.of(users, ranking, matrix[users], seen), ranking
