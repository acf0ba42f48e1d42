"""Requests about items: which items are similar to one, and which users to tell about it."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp

from gingham.arrays import Floats, Indices, canonical
from gingham.columns import ITEM_ID, RANK, SCORE, SIMILAR_ITEM_ID, USER_ID
from gingham.dataset.id_list import IdList
from gingham.errors import ParameterError
from gingham.frames import is_frame, to_frame
from gingham.models.stored import StoredModel
from gingham.models.training_data import TrainingData
from gingham.scores import DenseScores, Scores, SharedScores, frame, rank
from gingham.validation import check_bool, check_k, check_num_threads

# The number of items for which the scores of all users are in memory at a time.
_ITEMS = 16
# The constant of reciprocal rank fusion, and the length of the lists of similar items that are fused. Cormack et al.,
# "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods", 2009.
FUSION, _LISTED = 60, 100


@dataclass(frozen=True, eq=False)
class Asked:
    """The items of a request: items of the training data, or new ones by their features.

    Attributes
    ----------
    ids : polars.Series
        Their ids; null for a new item without one.
    index : int32 array, shape (n,), or None
        Their indices; None for new items.
    features : csr_matrix of float32, shape (n, n_features), or None
        The features of new items; None for items of the training data.
    """

    ids: pl.Series
    index: Indices | None
    features: sp.csr_matrix | None

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of(cls, data: TrainingData, item_ids: IdList | None, features: Any) -> "Asked":
        """Read what a caller passes: either ids or features.

        Raises
        ------
        ParameterError
            If both or neither are passed, or the model has no features of items.
        UnknownIdError, DataError, TableError
            If an id is unknown, or the features cannot be encoded.
        """
        if (item_ids is None) == (features is None):
            raise ParameterError("Pass either item_ids or features, the features of items that were never sold.")
        if item_ids is not None:
            index = data.item_ids.index(item_ids, "item")
            return cls(data.item_ids.ids(index), index, None)
        if sp.issparse(features):
            rows = canonical(features, "features")
            return cls(_nulls(rows.shape[0], data), None, rows)
        encoder = data.item_encoder
        if encoder is None:
            raise ParameterError("The model was fitted without columns of item features; pass item_ids.")
        if is_frame(features):
            table = to_frame(features, "data frame of features").collect()
            ids = table[ITEM_ID] if ITEM_ID in table.columns else _nulls(table.height, data)
            return cls(ids, None, encoder.encode(table))
        row: Mapping[str, Any] = features
        return cls(_nulls(1, data), None, encoder.encode_one(row))

    def known(self, model: str) -> Indices:
        """Return the indices of the items.

        Raises
        ------
        ParameterError
            If they are new; `model` is the name of the model, which has no features of items.
        """
        if self.index is None:
            raise ParameterError(f"A {model} does not use features of items; pass item_ids, or use ALS or HybridMF.")
        return self.index

    def one_hot(self, model: str, n_items: int) -> sp.csr_matrix:
        """Return a row per item with a one in its column; see `known`."""
        return one_hot(self.known(model), n_items)


def one_hot(items: Indices, n_items: int) -> sp.csr_matrix:
    """Return a row per item with a one in its column: float32, shape (n, n_items)."""
    ones, indptr = np.ones(len(items), np.float32), np.arange(len(items) + 1)
    return sp.csr_matrix((ones, items, indptr), shape=(len(items), n_items))


def _nulls(n: int, data: TrainingData) -> pl.Series:
    return pl.Series([None] * n, dtype=data.item_ids.values.dtype)


class SimilarItems(StoredModel):
    """A model that has similarities of items."""

    # Items whose similarity is not above this are not listed.
    _least_similarity: float = 0.0

    @abstractmethod
    def _similarities(self, asked: Asked, n_threads: int) -> Scores:
        """Return the similarity of each of the items of a request, by its position, to all items."""

    def similar_items(
        self, item_ids: IdList | None = None, k: int = 12, num_threads: int = 0, features: Any = None
    ) -> pl.DataFrame:
        """Find the items that are most similar to an item.

        `ALS` and `HybridMF` compare embeddings by cosine. `ItemKNN`, `EASE`, `GraphFilter`, `Transitions` and
        `BasketRegression` return the scores of a user with this item alone, and only items that it makes more likely.
        `NextBasket` compares who has the habit of buying both, by cosine. `Blend` and `TwoStage` combine the lists of
        their models by reciprocal rank fusion.

        Parameters
        ----------
        item_ids : id, or series or iterable of ids
            The items.
        k : int
            The number of similar items for each; 12 by default. The item itself is left out.
        num_threads : int
            The number of threads; 0 (default) for all cores.
        features : mapping of column to value, data frame, or sparse matrix
            Instead of `item_ids`: the features of an item that was never sold, such as ``{"colour": "red"}``; a row for
            each of several, optionally with ``item_id``; or their weights. For models with features of items.

        Returns
        -------
        polars.DataFrame
            ``item_id`` (null for an item without one), ``similar_item_id``, ``rank`` (from 1) and ``score``. Fewer than
            k rows for an item where fewer items are similar.

        Raises
        ------
        NotFittedError, UnknownIdError, ParameterError
            If the model is not fitted, an id is unknown, there are fewer than `k` other items, or the model has no
            features of items.

        Examples
        --------
        >>> import gingham as gg
        >>> model = gg.ItemKNN().fit(gg.synth.sample_dataset())
        >>> model.similar_items("i00", k=2).columns
        ['item_id', 'similar_item_id', 'rank', 'score']
        """
        data = self.training_data_
        asked, n_items = Asked.of(data, item_ids, features), len(data.item_ids)
        check_k(k, n_items - 1, "other items")
        scores = self._similarities(asked, check_num_threads(num_threads))
        itself = None if asked.index is None else one_hot(asked.index, n_items)
        ranking = rank(scores, np.arange(len(asked), dtype=np.int32), k=k, seen=itself, num_threads=num_threads)
        ranking.items[ranking.scores <= self._least_similarity] = -1
        return frame(ranking, asked.ids, data.item_ids).rename({USER_ID: ITEM_ID, ITEM_ID: SIMILAR_ITEM_ID})


class AudienceModel(StoredModel):
    """A model that says which users to tell about an item."""

    @abstractmethod
    def _scores(self) -> Scores:
        """Return the scores that items are ranked by."""

    def _scores_of_new(self, features: sp.csr_matrix) -> Scores:  # noqa: ARG002
        """Return the scores of items that were never sold, by their features."""
        name = type(self).__name__
        raise ParameterError(f"A {name} does not use features of items; pass item_ids, or use ALS or HybridMF.")

    def users_for(
        self,
        item_ids: IdList | None = None,
        features: Any = None,
        k: int = 12,
        exclude_buyers: bool = False,
        num_threads: int = 0,
    ) -> pl.DataFrame:
        """Find the users with the highest scores for an item, to tell them about it.

        Scores of different users are comparable in models of embeddings and of counts; `Blend` standardises them for
        each user.

        Parameters
        ----------
        item_ids : id, or series or iterable of ids
            The items.
        features : mapping of column to value, data frame, or sparse matrix
            Instead of `item_ids`: the features of items that were never sold, as for `similar_items`. For `ALS` and
            `HybridMF` with features of items.
        k : int
            The number of users for each item; 12 by default.
        exclude_buyers : bool
            Whether to leave out users who bought the item; False by default.
        num_threads : int
            The number of threads; 0 (default) for all cores. The result does not depend on it.

        Returns
        -------
        polars.DataFrame
            ``item_id`` (null for an item without one), ``user_id``, ``rank`` (from 1) and ``score``. Of equal scores,
            the lower user id comes first.

        Raises
        ------
        NotFittedError, UnknownIdError, ParameterError
            If the model is not fitted, an id is unknown, `k` is larger than the number of users, or the model has no
            features of items.

        Examples
        --------
        >>> import gingham as gg
        >>> model = gg.NextBasket().fit(gg.synth.sample_dataset())
        >>> model.users_for("i03", k=2).columns
        ['item_id', 'user_id', 'rank', 'score']
        """
        data = self.training_data_
        asked, n_users = Asked.of(data, item_ids, features), len(data.user_ids)
        check_k(k, n_users, "users")
        check_bool("exclude_buyers", exclude_buyers)
        scores = self._scores() if asked.features is None else self._scores_of_new(asked.features)
        items = np.arange(len(asked), dtype=np.int32) if asked.index is None else asked.index
        tables = []
        for start in range(0, max(len(items), 1), _ITEMS):
            block = items[start : start + _ITEMS]
            buyers = sp.csr_matrix(data.matrix[:, block].T) if exclude_buyers and asked.index is not None else None
            by_item = _scores_by_item(scores.only(block), n_users)
            positions = np.arange(len(block), dtype=np.int32)
            of_users = DenseScores(by_item.__getitem__, n_users)
            ranking = rank(of_users, positions, k=k, seen=buyers, num_threads=num_threads)
            tables.append(frame(ranking, asked.ids[start : start + _ITEMS], data.user_ids))
        # The ranking has items in the place of users.
        return pl.concat(tables).select(pl.col(USER_ID).alias(ITEM_ID), pl.col(ITEM_ID).alias(USER_ID), RANK, SCORE)


def _scores_by_item(scores: Scores, n_users: int) -> Floats:
    """Return the scores of all users for a few items: a row per item."""
    by_item = np.empty((scores.n_items, n_users), np.float32)
    for start in range(0, n_users, scores.block_size):
        users = np.arange(start, min(start + scores.block_size, n_users), dtype=np.int32)
        by_item[:, users] = scores.dense(users).T
    return by_item


def fused(models: Sequence[Any], asked: Asked, n_items: int, n_threads: int) -> SharedScores:
    """Combine the lists of similar items of several models by reciprocal rank fusion.

    Parameters
    ----------
    models : sequence of Recommender
        The models; those without similar items are left out.
    asked : Asked
        The items.
    n_items : int
        The number of items in the catalogue.
    n_threads : int
        At least 1.

    Raises
    ------
    ParameterError
        If no model has similar items.
    """
    needed = {"similar_items"} if asked.features is None else {"similar_items", "features"}
    sources = [model for model in models if needed <= model.supports]
    if not sources:
        what = " and ".join(sorted(needed))
        raise ParameterError(f"None of the models has {what}; add one that does, such as ALS.")
    total = sp.csr_matrix(np.zeros((len(asked), n_items), np.float32))
    itself = None if asked.index is None else one_hot(asked.index, n_items)
    positions = np.arange(len(asked), dtype=np.int32)
    for model in sources:
        scores = model._similarities(asked, n_threads)
        ranking = rank(scores, positions, k=min(_LISTED, n_items), seen=itself, num_threads=n_threads)
        row, place = np.nonzero((ranking.items >= 0) & (ranking.scores > model._least_similarity))
        entries: tuple[Any, ...] = ((1 / (FUSION + 1 + place)).astype(np.float32), (row, ranking.items[row, place]))
        total = total + sp.csr_matrix(entries, shape=total.shape)
    total.sort_indices()
    return SharedScores(np.zeros(n_items, np.float32), lambda chosen: total[chosen])
