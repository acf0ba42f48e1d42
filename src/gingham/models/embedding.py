"""Models of embeddings: representations, scores, similar items, and how they are stored."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp
from pydantic import PositiveInt

from gingham.arrays import Floats, Indices, Longs, Matrix, aligned, canonical
from gingham.checked import Values, require, stored_array, stored_csr
from gingham.columns import ITEM_ID, SIMILAR_USER_ID, USER_ID
from gingham.dataset.id_list import IdList
from gingham.errors import DataError
from gingham.models.attribution import Attribution, Projection, Represented, embedding_parts, shared_rows
from gingham.models.baskets import BasketModel
from gingham.models.cold import ColdUsers
from gingham.models.contributions import Part
from gingham.models.epochs import EmbeddingState, StoredEpoch
from gingham.models.item_requests import Asked, SimilarItems, one_hot
from gingham.models.priors import evidence_share
from gingham.models.serving import Serving, scaled_to_unit, unit_rows
from gingham.models.side import Side
from gingham.models.training_data import TrainingData
from gingham.scores import RepresentationScores, Scores, frame, rank
from gingham.store import csr_arrays
from gingham.validation import check_k, check_num_threads

StateT = TypeVar("StateT", bound=EmbeddingState)
# The largest number of sales at the last fit, relative to the positives that a model has now.
_MOST_SOLD = 1000


class EmbeddingModel(SimilarItems, BasketModel, Generic[StateT]):
    """A model whose scores are dot products of users' and items' representations, plus both biases."""

    _state: StateT
    _prepared: Serving[StateT] | None = None
    _least_similarity = -np.inf
    # The weight of the features of a user or an item; a parameter of models that offer it.
    prior: float | None = None

    def _adopt(self, training_data: TrainingData, state: StateT) -> None:
        """Use new training data and parameters."""
        if state.sold is None:
            state.sold = sold_of(training_data)
        self._training_data, self._state, self._prepared = training_data, state, None

    @property
    def _serving(self) -> Serving[StateT]:
        """What requests need of the parameters as they are now."""
        if self._prepared is None or not self._prepared.is_of(self._state):
            self._prepared = Serving(self._state, self.training_data_)
        return self._prepared

    def _item_vectors(self) -> Floats:
        return self._serving.unit_items[:, : self._fitted_state.items.n_components]

    @property
    def _fitted_state(self) -> StateT:
        self.training_data_  # noqa: B018 (raises if the model is not fitted)
        return self._state

    @property
    def user_embeddings(self) -> Floats:
        """The embeddings of the users' features, float32, shape (n_features, n_components); a view."""
        return self._fitted(USER_ID).embeddings

    @property
    def item_embeddings(self) -> Floats:
        """The embeddings of the items' features, float32, shape (n_features, n_components); a view."""
        return self._fitted(ITEM_ID).embeddings

    @property
    def user_biases(self) -> Floats:
        """The biases of the users' features, float32, shape (n_features,); a view."""
        return self._fitted(USER_ID).biases

    @property
    def item_biases(self) -> Floats:
        """The biases of the items' features, float32, shape (n_features,); a view."""
        return self._fitted(ITEM_ID).biases

    def user_representations(self, features: Matrix | None = None) -> tuple[Floats, Floats]:
        """Return the representations of users: the weighted sums of their features' parameters.

        Parameters
        ----------
        features : sparse matrix, shape (n, n_features)
            One row per user, who may be cold; by default the users of the training data.

        Returns
        -------
        embeddings : float32 array, shape (n, n_components)
        biases : float32 array, shape (n,)

        Raises
        ------
        NotFittedError, DataError
            If the model is not fitted, or `features` has another number of columns.
        """
        return self._represent(self._fitted(USER_ID), features, "user_features")

    def item_representations(self, features: Matrix | None = None) -> tuple[Floats, Floats]:
        """Return the representations of items; as `user_representations`, for items."""
        return self._represent(self._fitted(ITEM_ID), features, "item_features")

    def _fitted(self, column: str) -> Side:
        state = self._fitted_state
        return state.users if column == USER_ID else state.items

    def _represent(self, side: Side, features: Matrix | None, name: str) -> tuple[Floats, Floats]:
        if features is None:
            return self._split(side.rows())
        rows = canonical(features, name)
        if rows.shape[1] != len(side.state):
            raise DataError(
                f"{name} has {rows.shape[1]:,} columns, but the model was fitted with {len(side.state):,} features; "
                "pass rows of the same features."
            )
        return self._split(side.rows(rows))

    def _split(self, rows: Floats) -> tuple[Floats, Floats]:
        size = self._state.users.n_components  # not the parameter, which may have been set anew
        return rows[:, :size].copy(), rows[:, size].copy()

    def _scores(self) -> Scores:
        return self._scores_of(self._state.users)

    def _scores_of(self, users: Side) -> Scores:
        """Return the scores of all items for users: those of the training data, or cold ones."""
        return RepresentationScores(users.rows_of, self._serving.item_rows, users.n_components)

    def _contributions(self, users: Indices, items: Indices, cold: ColdUsers | None = None) -> list[Part]:
        distinct, place = np.unique(users, return_inverse=True)
        side, matrix = self._state.users, self.training_data_.matrix
        if cold is None:
            rows, features = self._split(side.rows_of(distinct)), side.features
        else:
            rows, features, matrix = self._cold_representations(cold, 1), cold.features, cold.matrix
            rows = rows[0][distinct], rows[1][distinct]
        of_users = Represented(*rows, None if features is None else features[distinct], matrix[distinct])
        attribution = self._attribution(of_users.histories)
        return embedding_parts(self._state, self.training_data_, self.prior, of_users, place, items, attribution)

    def _attribution(self, histories: sp.csr_matrix) -> Attribution:  # noqa: ARG002
        """Return how the own embeddings of users are divided among the items of their histories."""
        items = self._state.items
        return Projection(items.rows()[:, : items.n_components])

    def _features_of(self, users: Indices) -> sp.csr_matrix | None:
        return shared_rows(self._state.users.features, users)

    def fold_in(
        self,
        interactions: Matrix,
        *,
        user_features: Matrix | None = None,
        sample_weight: Matrix | None = None,
        num_threads: int = 0,
    ) -> Floats:
        """Compute embeddings of cold users as if they had been in the training data; the model does not change.

        `ALS` solves for them in one step. `HybridMF` trains each user alone, by adagrad, for as many epochs as the
        model was trained. Biases are left out, because they do not change the order of a user's items.

        Parameters
        ----------
        interactions : sparse matrix, shape (n, n_items)
            The history of each user, as for `fit`; columns are the items of the training data, in their order.
        user_features : sparse matrix, shape (n, n_features)
            The weights of the features that these users share with those of the training data; none by default.
        sample_weight : sparse matrix, shape (n, n_items)
            As for `fit`.
        num_threads : int
            The number of threads; 0 (default) for all cores. The result does not depend on it.

        Returns
        -------
        float32 array, shape (n, n_components)

        Raises
        ------
        NotFittedError, DataError
            If the model is not fitted, or a matrix has the wrong shape or holds a value that is not finite.

        Examples
        --------
        >>> import gingham as gg
        >>> dataset = gg.synth.sample_dataset()
        >>> model = gg.ALS(8, random_state=0).fit(dataset)
        >>> model.fold_in(dataset.matrix()[:2]).shape
        (2, 8)
        """
        n_threads = check_num_threads(num_threads)
        history = canonical(interactions, "interactions")
        history = canonical(history, "interactions", (history.shape[0], self.n_items))
        shared = np.zeros((history.shape[0], self._state.items.n_components), np.float32)
        if user_features is not None:
            shared, _ = self.user_representations(user_features)
        if len(shared) != history.shape[0]:
            raise DataError(
                f"user_features has {len(shared):,} rows for {history.shape[0]:,} users; pass one row for each."
            )
        return self._fold_in(self._serving, history, shared, sample_weight, n_threads)

    def _fold_in(
        self,
        serving: Serving[StateT],
        interactions: sp.csr_matrix,
        shared: Floats,
        sample_weight: Matrix | None,
        n_threads: int,
    ) -> Floats:
        """Fold in against the items of the last fit; others, which an update added, do not count."""
        fitted = serving.fitted
        if len(fitted) < interactions.shape[1]:
            interactions = interactions[:, fitted]
            sample_weight = None if sample_weight is None else canonical(sample_weight, "sample_weight")[:, fitted]
        return self._solve_users(serving, interactions, shared, sample_weight, n_threads)

    @abstractmethod
    def _solve_users(
        self,
        serving: Serving[StateT],
        interactions: sp.csr_matrix,
        shared: Floats,
        sample_weight: Matrix | None,
        n_threads: int,
    ) -> Floats:
        """Return one embedding per row of interactions.

        Parameters
        ----------
        serving : Serving
            The fixed parameters of items.
        interactions : csr_matrix, shape (n, n_fitted)
            The columns are ``serving.fitted``.
        shared : float32 array, shape (n, n_components)
            The sum of the embeddings of shared features.
        sample_weight : sparse matrix, shape (n, n_fitted), or None
            The weight of each interaction.
        n_threads : int
            At least 1.
        """

    def _cold_scores(self, users: ColdUsers, n_threads: int) -> Scores:
        return self._scores_of(Side.of_parts([self._cold_representations(users, n_threads)], None))

    def _cold_representations(self, users: ColdUsers, n_threads: int) -> tuple[Floats, Floats]:
        """Return embeddings and biases of users outside the training data."""
        size = self._state.items.n_components
        shared, biases = np.zeros((users.n_users, size), np.float32), np.zeros(users.n_users, np.float32)
        if users.features is not None:
            shared, biases = self.user_representations(users.features)
        if self.prior is None or users.features is None or not self._serving.users_share_features:
            return self._fold_in(self._serving, users.entries, shared, None, n_threads), biases
        own = self._fold_in(self._serving, users.entries, np.zeros_like(shared), None, n_threads)
        share = evidence_share(users.matrix, float(self.prior))[:, None]
        return np.asarray(share * own + (1 - share) * shared, np.float32), biases

    @property
    def _uses_features(self) -> bool:
        return self._state.users.features is not None

    def _similarities(self, asked: Asked, n_threads: int) -> RepresentationScores:  # noqa: ARG002
        items, size = self._serving.unit_items, self._state.items.n_components
        rows = items[asked.index] if asked.features is None else self._unit_rows_of_new(asked.features)
        return RepresentationScores(lambda chosen: rows[chosen], items, size)

    def _unit_rows_of_new(self, features: sp.csr_matrix) -> Floats:
        self._represent(self._state.items, features, "features")  # checks the number of columns
        return scaled_to_unit(self._state.items.rows(features), self._state.items.n_components)

    def _scores_of_new(self, features: sp.csr_matrix) -> RepresentationScores:
        self._represent(self._state.items, features, "features")
        users = self._state.users
        return RepresentationScores(users.rows_of, self._state.items.rows(features), users.n_components)

    def similar_users(self, user_ids: IdList, k: int = 12, num_threads: int = 0) -> pl.DataFrame:
        """Find the users with the most similar embeddings; as `similar_items`, for users."""
        ids, side = self.training_data_.user_ids, self._fitted(USER_ID)
        index = ids.index(user_ids, "user")
        check_k(k, len(ids) - 1, "other users")
        rows, itself = unit_rows(side), one_hot(index, len(ids))
        scores = RepresentationScores(rows.__getitem__, rows, side.n_components)
        table = frame(rank(scores, index, k=k, seen=itself, num_threads=num_threads), ids.ids(index), ids)
        return table.rename({ITEM_ID: SIMILAR_USER_ID})

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        arrays: dict[str, npt.NDArray[Any]] = {}
        for what, side in (("user", self._state.users), ("item", self._state.items)):
            arrays[f"{what}.state"] = side.state
            if side.features is not None:
                arrays[f"{what}.features.shape"] = np.asarray(side.features.shape, np.int64)
                arrays |= csr_arrays(f"{what}.features", side.features)
        assert self._state.sold is not None
        arrays["item.sold"] = self._state.sold
        return {"n_components": self._state.users.n_components}, arrays


def sold_of(data: TrainingData) -> Longs:
    """Return how many users bought each item."""
    return np.bincount(data.matrix.indices, minlength=data.matrix.shape[1]).astype(np.int64)


def restored_sold(arrays: Mapping[str, npt.NDArray[Any]], data: TrainingData) -> Longs:
    """Return how many users bought each item in the last fit, from an artifact; version 0.1 did not store it.

    Raises
    ------
    DataError
        If the array has another shape or type, or a number below -1.
    """
    if "item.sold" not in arrays:
        return sold_of(data)
    sold = stored_array(arrays, "item.sold", "int64", (len(data.item_ids),), least=-1, most=2**31)
    # Users may have been forgotten since; but "bpr" draws from an array of this size.
    most = _MOST_SOLD * (data.matrix.nnz + _MOST_SOLD)
    require(np.maximum(sold, 0).sum() <= most, f"the array 'item.sold' has more than {most:,} sales")
    return sold


class StoredEmbeddings(Values):
    """The JSON values of every model of embeddings."""

    n_components: PositiveInt
    history: list[StoredEpoch]


def restored_sides(
    n_components: int,
    schedules: tuple[str | None, str | None],
    arrays: Mapping[str, npt.NDArray[Any]],
    data: TrainingData,
) -> tuple[Side, Side]:
    """Return the users' and the items' parameters of an artifact.

    Parameters
    ----------
    n_components : int
        The size of an embedding.
    schedules : pair of str or None
        The learning schedule that a row of the users' and of the items' parameters has memory for; None for rows
        without memory.
    arrays : mapping of str to array
        The arrays of the artifact.
    data : TrainingData
        The users and items.

    Raises
    ------
    DataError
        If the arrays are not such parameters, or if scores could be infinite.
    """
    users, items = (
        _restored_side(what, n_components, schedule, arrays, len(ids))
        for what, schedule, ids in zip(("user", "item"), schedules, (data.user_ids, data.item_ids), strict=True)
    )
    largest = [np.abs(side.rows()[:, : n_components + 1]).max(initial=0).astype(np.float64) for side in (users, items)]
    # A score, and the squared length of an embedding.
    bound = n_components * max(largest) ** 2 + sum(largest)
    require(bound < np.finfo(np.float32).max, "the embeddings are so large that scores are not finite")
    return users, items


def _restored_side(
    what: str, n_components: int, schedule: str | None, arrays: Mapping[str, npt.NDArray[Any]], n_entities: int
) -> Side:
    features, n_features = None, n_entities
    if f"{what}.features.shape" in arrays:
        n_rows, n_features = stored_array(arrays, f"{what}.features.shape", "int64", (2,), least=0).tolist()
        require(n_rows == n_entities, f"the array '{what}.features.shape' is not that of {n_entities} {what}s")
        features = stored_csr(arrays, f"{what}.features", (n_rows, n_features))
    stored = stored_array(arrays, f"{what}.state", "float32", Side.shape(n_features, n_components, schedule))
    state = aligned(*stored.shape)
    state[:] = stored
    side = Side(state, features, n_components)
    side.require_valid(what)
    return side
