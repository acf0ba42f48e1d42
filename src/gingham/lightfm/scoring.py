"""Scores of user-item pairs and ranks of test items."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.arrays import Floats, Indices, Matrix
from gingham.errors import DataError
from gingham.lightfm.arguments import require_flags, require_threads
from gingham.lightfm.matrices import as_csr, feature_rows, index
from gingham.lightfm.state import ModelState
from gingham.scores import Ranking, RepresentationScores, rank

_PAIRS = 200_000  # that `predict` scores at once, to limit memory


class Scorer(ModelState):
    """Compute scores and ranks from the current arrays. Nothing is cached, because programs may change the arrays."""

    def predict(
        self,
        user_ids: int | Sequence[int] | Indices,
        item_ids: int | Sequence[int] | Indices,
        item_features: Matrix | None = None,
        user_features: Matrix | None = None,
        num_threads: int = 1,
    ) -> Floats:
        """Return the scores of user-item pairs.

        Parameters
        ----------
        user_ids : int, or array or list of int
            Row numbers: one user for all items, or one user per item.
        item_ids : array or list of int
            Column numbers.
        item_features, user_features : sparse matrix
            As for `fit_partial`, but with at most as many columns as the model has features.
        num_threads : int
            At least 1; the result does not depend on it. 1 by default.

        Returns
        -------
        float32 array, shape (n_items,)

        Raises
        ------
        NotFittedError, DataError, ParameterError
            If the model is not fitted, an id is negative or too large, the numbers of users and items differ, or
            `num_threads` is less than 1.

        Examples
        --------
        >>> import numpy as np
        >>> import scipy.sparse as sp
        >>> from gingham.lightfm import LightFM
        >>> model = LightFM(random_state=1).fit(sp.coo_matrix(np.eye(3, dtype=np.float32)))
        >>> model.predict(0, np.arange(3)).shape  # one user, all items
        (3,)
        >>> model.predict([0, 1], [2, 2]).shape  # pairs
        (2,)
        """
        self._require_fitted()
        require_threads(num_threads)
        users, items = index(user_ids, "user_ids"), index(item_ids, "item_ids")
        if len(users) != len(items) and np.ndim(user_ids) > 0:
            raise DataError(
                f"There are {len(users)} user ids and {len(items)} item ids; pass one user, or one user per item."
            )
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
        all_items = self._parameters("item")
        # For many items, scoring all of them and selecting is cheaper than copying their rows.
        if item_rows is None and items.max(initial=-1) < len(all_items[1]) <= 4 * len(items):
            return _score_pairs(user, all_items)[items]
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
        """Return the rank of each test item among all items for its user.

        Parameters
        ----------
        test_interactions : sparse matrix, shape (n_users, n_items)
            The entries to rank.
        train_interactions : sparse matrix, shape (n_users, n_items)
            Entries to leave out of the ranking; None (default) leaves out none.
        item_features, user_features : sparse matrix
            As for `fit_partial`.
        num_threads : int
            At least 1; the result does not depend on it. 1 by default.
        check_intersections : bool
            Whether entries in both matrices are an error; True by default. If False, they get the rank they would have
            among the items that are not left out.

        Returns
        -------
        csr_matrix of float32, shape (n_users, n_items)
            One entry per test interaction: its rank, from 0 (stored explicitly) for the best item. Items with equal
            scores all get the worst rank among them.

        Raises
        ------
        NotFittedError, DataError, ParameterError
            If the model is not fitted, shapes differ, the matrices share entries, or `num_threads` is less than 1.

        Examples
        --------
        >>> import numpy as np
        >>> import scipy.sparse as sp
        >>> from gingham.lightfm import LightFM
        >>> train = sp.coo_matrix(np.kron(np.eye(2), np.ones((2, 2))))  # two groups of users and items
        >>> model = LightFM(loss="warp", random_state=1).fit(train, epochs=50)
        >>> model.predict_rank(train).toarray()[0, :2].max().item()  # the items of user 0 have ranks 0 and 1
        1.0
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
        """Rank the test items, with ties as the engine reports them. The arguments are those of `predict_rank`.

        Returns
        -------
        matrix : csr_matrix of float32, shape (n_users, n_items)
            The test interactions, with duplicates summed.
        ranking : Ranking
            One rank per entry of `matrix`.
        """
        self._require_fitted()
        require_threads(num_threads)
        require_flags(check_intersections=check_intersections)
        test = as_csr(test_interactions, "test_interactions")
        train = None if train_interactions is None else as_csr(train_interactions, "train_interactions", test.shape)
        if check_intersections and train is not None and (shared := test.multiply(train).nnz):
            raise DataError(
                f"test_interactions and train_interactions share {shared:,} entries; remove them from one of the "
                "matrices, or pass check_intersections=False."
            )
        users, items = (
            self._ranking_side(what, features, size)
            for what, features, size in zip(("user", "item"), (user_features, item_features), test.shape, strict=True)
        )
        tested = np.flatnonzero(np.diff(test.indptr)).astype(np.int32)
        seen = None if train is None else train[tested]
        scores = RepresentationScores(users.rows_of, items.rows(), users.n_components)
        return test, rank(scores, tested, test=test[tested], seen=seen, num_threads=int(num_threads))


def worst_ranks(ranking: Ranking) -> npt.NDArray[np.float64]:
    """Return the rank of each item; items with equal scores get the worst rank among them."""
    return ranking.mid_ranks + ranking.ties / 2


def _score_pairs(users: tuple[Floats, Floats], items: tuple[Floats, Floats]) -> Floats:
    """Score pairs of (embeddings, biases): each user with the item at the same position, or one user with all items."""
    (left, left_bias), (right, right_bias) = users, items
    products = right @ left[0] if len(left) == 1 else np.einsum("ij,ij->i", left, right)
    return np.asarray(products + left_bias + right_bias)
