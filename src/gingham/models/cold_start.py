"""Recommendations to users who are not in the training data, by their history and features."""

import logging
from abc import abstractmethod
from collections.abc import Mapping
from functools import cache
from typing import Any

import polars as pl
import scipy.sparse as sp

from gingham.arrays import Indices
from gingham.dataset.id_list import IdList
from gingham.errors import ParameterError
from gingham.models.cold import ColdUsers
from gingham.models.cold_input import ColdInput, Histories
from gingham.models.ruled import RuledModel
from gingham.rules import Rules, ranker
from gingham.scores import Scores, frame
from gingham.validation import check_bool, check_k, check_num_threads

_log = logging.getLogger("gingham")


class ColdStart(RuledModel):
    """A model that recommends to users outside its training data, if it has `_cold_scores`."""

    @abstractmethod
    def _candidates(self, items: IdList | None, exclude: IdList | None, strict: bool) -> Indices | None:
        """Return the indices of the eligible items, ascending; None for all."""

    def _cold_scores(self, users: ColdUsers, n_threads: int) -> Scores:  # noqa: ARG002
        """Return the scores of users outside the training data, who are numbered from 0.

        The scores are those that the model gives a user of the training data with the same history and features, as far
        as they do not depend on what the fit learned of that user alone.

        Raises
        ------
        ParameterError
            If the model has no such scores.
        """
        raise ParameterError(
            f"A {type(self).__name__} recommends to users of its training data only; use recommend, or another model."
        )

    @property
    def _uses_features(self) -> bool:
        """Whether the scores of a cold user depend on the features of users."""
        return False

    def recommend_for(
        self,
        history: Any = None,
        features: Any = None,
        k: int = 12,
        filter_seen: bool = False,
        items: IdList | None = None,
        exclude: IdList | None = None,
        num_threads: int = 0,
        strict: bool = False,
        rules: Rules | None = None,
        request: Mapping[str, Any] | None = None,
    ) -> pl.DataFrame:
        """Recommend items to users who are not in the training data, by their history, their features, or both.

        A user with the history of a user of the training data gets the same list. `ALS` and `HybridMF` compute the
        embedding of the user as `fold_in` does. Users without a history and features get what a user of the training
        data without them gets: best sellers, and in `HybridMF` the items with the largest biases.

        Parameters
        ----------
        history : item id, or series or iterable of item ids; mapping of user id to these; or data frame
            The items of one user, or of several. A data frame has one row per transaction: ``item_id`` and optionally
            ``user_id``, ``timestamp``, ``value`` (or ``quantity``), ``price`` and ``order``, which mean the same as in
            the training data. Without times, all transactions happened at the time of the last transaction of the
            training data, in the order of their positions. Later times count as that time. None (default) for no
            history.
        features : mapping of column to value; data frame; or sparse matrix
            The features of one user, such as ``{"age": 30}``, whose missing columns are null; or a data frame with one
            row per user and the column ``user_id``. For a model that was fitted to matrices, the feature weights, one
            row per user. None (default) for no features. A model without features of users ignores them, and the
            logger "gingham" says so once.
        k, items, exclude, num_threads
            As for `recommend`.
        filter_seen : bool
            Whether to leave out the items of the history; False by default.
        strict : bool
            As for `recommend`: whether an unknown item in the history or a list is an error instead of ignored.
        rules, request
            As for `recommend`. What the history holds was bought.

        Returns
        -------
        polars.DataFrame
            As for `recommend`: users in the order of `history`, then those that only `features` has. The ``user_id`` of
            a single user without an id is null.

        Raises
        ------
        NotFittedError, UnknownIdError, ParameterError
            As for `recommend`; ParameterError also if the model cannot recommend to unknown users.
        DataError, TableError
            If the history or the features are invalid, or do not fit together.

        Examples
        --------
        >>> import gingham as gg
        >>> model = gg.NextBasket().fit(gg.synth.sample_dataset())
        >>> model.recommend_for(["i03", "i15"], k=2).select("user_id", "rank").rows()
        [(None, 1), (None, 2)]
        >>> model.recommend_for({"ann": ["i03"], "bob": []}, k=1)["user_id"].to_list()
        ['ann', 'bob']
        """
        passed = ColdInput(Histories.of(history, "history"), self._used(features), self.training_data_)
        return self._recommend_for(
            passed, "history", k, filter_seen, items, exclude, num_threads, strict, rules, request
        )

    def _recommend_for(
        self,
        passed: ColdInput,
        name: str,
        k: int,
        filter_seen: bool,
        items: IdList | None,
        exclude: IdList | None,
        num_threads: int,
        strict: bool,
        rules: Rules | None = None,
        request: Mapping[str, Any] | None = None,
    ) -> pl.DataFrame:
        check_k(k, len(passed.data.item_ids))
        users = passed.read(name, strict)
        return self._cold_list(users, passed.ids(), k, filter_seen, items, exclude, num_threads, strict, rules, request)

    def _cold_list(
        self,
        users: ColdUsers,
        ids: pl.Series,
        k: int,
        filter_seen: bool,
        items: IdList | None,
        exclude: IdList | None,
        num_threads: int,
        strict: bool,
        rules: Rules | None = None,
        request: Mapping[str, Any] | None = None,
    ) -> pl.DataFrame:
        """Return the best items of users outside the training data, who have these ids."""
        check_bool("filter_seen", filter_seen)
        ranking = ranker(rules, request, lambda: self._shop(users.interactions))(
            self._cold_scores(users, check_num_threads(num_threads)),
            users.index,
            k=k,
            seen=users.matrix if filter_seen else None,
            candidates=self._candidates(items, exclude, strict),
            num_threads=num_threads,
        )
        return frame(ranking, ids, self.training_data_.item_ids)

    def _used(self, features: Any) -> Any:
        """Return the features if the model uses them; otherwise None, with a warning."""
        data = self.training_data_
        usable = self._uses_features and (data.user_encoder is not None or sp.issparse(features))
        if features is None or usable:
            return features
        _warn_of_features(type(self).__name__)
        return None


@cache
def _warn_of_features(model: str) -> None:
    _log.warning("%s: this model does not use features of users, and ignored them.", model)
