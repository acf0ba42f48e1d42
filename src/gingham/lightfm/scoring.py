"""What can be asked of a model: scores of pairs, and the ranks of test items."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.arrays import Floats, Indices, Matrix, canonical
from gingham.errors import DataError
from gingham.lightfm.errors import translated
from gingham.lightfm.matrices import feature_rows, index
from gingham.lightfm.state import Learned
from gingham.scores import Ranking, RepresentationScores, rank
from gingham.validation import check_integer

# How many pairs `predict` takes at a time.
_PAIRS = 200_000


class Scorer(Learned):
    """Scores and ranks by the arrays as they are at the time of the call; nothing is remembered between calls."""

    def predict(
        self,
        user_ids: int | Sequence[int] | Indices,
        item_ids: int | Sequence[int] | Indices,
        item_features: Matrix | None = None,
        user_features: Matrix | None = None,
        num_threads: int = 1,
    ) -> Floats:
        """Score pairs.

        Parameters
        ----------
        user_ids : int, or array or list of int
            Row numbers; one for all items, or one for each item.
        item_ids : array or list of int
            Column numbers.
        item_features, user_features : sparse matrix
            As for `fit_partial`; they may have fewer columns than the model has features.
        num_threads : int
            1 or above; the result does not depend on it.

        Returns
        -------
        float32 array, one a pair

        Raises
        ------
        NotFittedError, DataError, ParameterError
            If the model is not fitted, an id is negative or beyond the features, there are not as many users as items,
            or `num_threads` is less than 1.
        """
        self._require_fitted()
        require_threads(num_threads)
        users, items = index(user_ids, "user_ids"), index(item_ids, "item_ids")
        if len(users) != len(items) and np.ndim(user_ids) > 0:
            raise DataError(f"There are {len(users)} user ids and {len(items)} item ids; give as many of each.")
        user_rows = feature_rows(user_features, "user_features", users.max(initial=-1) + 1)
        item_rows = feature_rows(item_features, "item_features", items.max(initial=-1) + 1)
        if np.ndim(user_ids) == 0:
            return self._score_for(self._represent("user", users, user_rows), items, item_rows)
        scores = np.empty(len(items), np.float32)
        for start in range(0, len(items), _PAIRS):
            block = slice(start, start + _PAIRS)
            scores[block] = _score_pairs(
                self._represent("user", users[block], user_rows), self._represent("item", items[block], item_rows)
            )
        return scores

    def _score_for(self, user: tuple[Floats, Floats], items: Indices, item_rows: sp.csr_matrix | None) -> Floats:
        everything = self._learned("item")
        # Most items, or all of them: taking their scores is cheaper than taking their rows.
        if item_rows is None and items.max(initial=-1) < len(everything[1]) <= 4 * len(items):
            return _score_pairs(user, everything)[items]
        return _score_pairs(user, self._represent("item", items, item_rows))

    def predict_rank(
        self,
        test_interactions: Matrix,
        train_interactions: Matrix | None = None,
        item_features: Matrix | None = None,
        user_features: Matrix | None = None,
        num_threads: int = 1,
        check_intersections: bool = True,
    ) -> sp.csr_matrix:
        """Find the place of each test item among all items for its user.

        Parameters
        ----------
        test_interactions : sparse matrix, shape (n_users, n_items)
            Its entries are ranked.
        train_interactions : sparse matrix, shape (n_users, n_items)
            Its entries are left out of the ranking; by default nothing is.
        item_features, user_features : sparse matrix
            As for `fit_partial`.
        num_threads : int
            1 by default. The result does not depend on it.
        check_intersections : bool
            Whether entries that are in both are an error; True by default. If not, they are told where they would
            stand among the items that are not left out.

        Returns
        -------
        csr_matrix of float32, shape (n_users, n_items)
            An entry for each of the test's: 0 is best (an explicit zero). Of items with equal scores each has the
            worst place that they share.

        Raises
        ------
        NotFittedError, DataError, ParameterError
            If the model is not fitted, shapes disagree, the two share entries, or `num_threads` is less than 1.
        """
        matrix, ranking = self.ranking(
            test_interactions, train_interactions, item_features, user_features, num_threads, check_intersections
        )
        ranks = worst_ranks(ranking).astype(np.float32)
        return sp.csr_matrix((ranks, matrix.indices, matrix.indptr), shape=matrix.shape)

    def ranking(
        self,
        test_interactions: Matrix,
        train_interactions: Matrix | None = None,
        item_features: Matrix | None = None,
        user_features: Matrix | None = None,
        num_threads: int = 1,
        check_intersections: bool = True,
    ) -> tuple[sp.csr_matrix, Ranking]:
        """Rank the test items as the engine does; the arguments are those of `predict_rank`.

        Returns
        -------
        matrix : csr_matrix of float32, shape (n_users, n_items)
            The test interactions, duplicates summed.
        ranking : Ranking
            An entry for each of the matrix's.
        """
        self._require_fitted()
        require_threads(num_threads)
        test = canonical(test_interactions, "test_interactions")
        train = None if train_interactions is None else canonical(train_interactions, "train_interactions", test.shape)
        if check_intersections and train is not None and (shared := test.multiply(train).nnz):
            raise DataError(
                f"test_interactions and train_interactions share {shared:,} entries; split them so that they share "
                "none, or pass check_intersections=False."
            )
        users, items = (
            self._scored(what, features, size)
            for what, features, size in zip(("user", "item"), (user_features, item_features), test.shape, strict=True)
        )
        tested = np.flatnonzero(np.diff(test.indptr)).astype(np.int32)
        seen = None if train is None else train[tested]
        scores = RepresentationScores(users.rows_of, items.rows(), users.n_components)
        return test, rank(scores, tested, test=test[tested], seen=seen, num_threads=int(num_threads))


def worst_ranks(ranking: Ranking) -> npt.NDArray[np.float64]:
    """Give items with equal scores the worst place that they share."""
    return ranking.mid_ranks + ranking.ties / 2


def _score_pairs(users: tuple[Floats, Floats], items: tuple[Floats, Floats]) -> Floats:
    """Score each user for the item in the same place; of each (embeddings, biases), and a single user for all items."""
    (left, left_bias), (right, right_bias) = users, items
    products = right @ left[0] if len(left) == 1 else np.einsum("ij,ij->i", left, right)
    return np.asarray(products + left_bias + right_bias)


def require_threads(num_threads: int) -> None:
    """Refuse what is no whole number from 1 on; LightFM has no word for all cores."""
    with translated():
        check_integer("num_threads", num_threads, 1)
