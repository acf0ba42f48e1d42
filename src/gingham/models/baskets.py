"""Models that recommend to cold users by the items in their baskets."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from gingham.dataset.id_list import IdList, id_lists
from gingham.models.base import Recommender
from gingham.models.cold_input import ColdInput, Histories


class BasketModel(Recommender):
    """Base class of models that score items by a basket alone: a list of items that a cold user chose."""

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
        lists = id_lists(baskets, "baskets")
        passed = ColdInput(Histories.of(lists, "baskets"), None, self.training_data_)
        return self._recommend_for(passed, "baskets", k, filter_seen, items, exclude, num_threads, strict)
