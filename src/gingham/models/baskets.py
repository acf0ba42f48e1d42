"""Models that recommend to cold users by the items in their baskets."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp

from gingham.arrays import Indices, canonical
from gingham.dataset.id_list import IdList, id_lists, id_series
from gingham.models.base import Recommender
from gingham.scores import Scores, frame, rank
from gingham.validation import check_bool, check_k, check_num_threads


class BasketModel(Recommender):
    """Base class of models that score items by a basket alone: a list of items that a cold user chose."""

    @abstractmethod
    def _basket_scores(self, baskets: Sequence[Indices], n_threads: int) -> Scores:
        """Return the scores of users who are numbered in the order of their baskets.

        Parameters
        ----------
        baskets : sequence of int32 array
            The items of each user, in the order in which they were passed; an item may occur several times.
        n_threads : int
            At least 1.
        """

    def recommend_baskets(
        self,
        baskets: Mapping[Any, IdList] | Any,
        k: int = 12,
        filter_seen: bool = False,
        items: IdList | None = None,
        exclude: IdList | None = None,
        num_threads: int = 0,
        strict: bool = False,
    ) -> pl.DataFrame:
        """Recommend items to cold users by the items in their baskets.

        Parameters
        ----------
        baskets : mapping of id to an item id, or series or iterable of item ids; or data frame
            The basket of each user; a data frame has one row per item, with columns ``user_id`` and ``item_id``. Models
            that learn from an order take the last item as the most recent one.
        k, items, exclude, num_threads
            As for `recommend`.
        filter_seen : bool
            Whether to leave out the items of the basket; False by default.
        strict : bool
            As for `recommend`: whether an unknown item in a basket or list is an error instead of ignored.

        Returns
        -------
        polars.DataFrame
            As for `recommend`, with the keys of `baskets` as user ids.

        Raises
        ------
        NotFittedError, UnknownIdError, ParameterError
            As for `recommend`.

        Examples
        --------
        >>> import gingham as gg
        >>> model = gg.ALS(8, random_state=0).fit(gg.synth.sample_dataset())
        >>> model.recommend_baskets({"guest": ["i00", "i03"]}, k=2)["user_id"].to_list()
        ['guest', 'guest']
        """
        training_data = self.training_data_
        check_k(k, self.n_items)
        check_bool("filter_seen", filter_seen)
        lists = id_lists(baskets, "baskets")
        rows = training_data.item_ids.matches(lists.values(), "baskets", strict)
        ranking = rank(
            self._basket_scores(rows, check_num_threads(num_threads)),
            np.arange(len(rows), dtype=np.int32),
            k=k,
            seen=basket_matrix(rows, self.n_items) if filter_seen else None,
            candidates=self._candidates(items, exclude, strict),
            num_threads=num_threads,
        )
        return frame(ranking, id_series(list(lists)), training_data.item_ids)


def basket_matrix(baskets: Sequence[Indices], n_items: int) -> sp.csr_matrix:
    """Return baskets as a matrix of ones: a row per basket, with an entry per item in it."""
    indptr = np.cumsum([0, *(len(items) for items in baskets)])
    indices = np.concatenate([np.empty(0, np.int32), *baskets])
    matrix = sp.csr_matrix((np.ones(len(indices), np.float32), indices, indptr), shape=(len(baskets), n_items))
    matrix = canonical(matrix, "baskets")
    matrix.data[:] = 1
    return matrix
