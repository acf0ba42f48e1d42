"""Models that say why they recommend an item."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp

from gingham.arrays import Indices
from gingham.columns import ITEM_ID, SCORE, USER_ID
from gingham.dataset import Interactions
from gingham.dataset.id_list import IdList, id_series
from gingham.errors import ParameterError
from gingham.forks import require_threads
from gingham.models.attribution import shared_rows
from gingham.models.cold import ColdUsers
from gingham.models.cold_input import ColdInput, Histories
from gingham.models.cold_start import ColdStart
from gingham.models.contributions import Cause, Part, with_rest
from gingham.models.explanation import Explanation
from gingham.models.facts import Facts
from gingham.rules import Rules
from gingham.scores import Scores
from gingham.validation import check_k

# The number of items for each user, as of `recommend`.
_K = 12


class ExplainedModel(ColdStart):
    """A model that says why it recommends an item, to users of the training data and others."""

    @abstractmethod
    def _scores(self) -> Scores:
        """Return the scores that items are ranked by."""

    @abstractmethod
    def recommend(
        self,
        user_ids: IdList | None = None,
        k: int = 12,
        filter_seen: bool = False,
        items: IdList | None = None,
        exclude: IdList | None = None,
        num_threads: int = 0,
        strict: bool = False,
        rules: Rules | None = None,
        request: Mapping[str, Any] | None = None,
    ) -> pl.DataFrame:
        """Recommend items to users."""

    @abstractmethod
    def _user_index(self, user_ids: IdList | None) -> Indices:
        """Return the indices of users; None for all."""

    def _all_scores(self, cold: ColdUsers | None) -> Scores:
        """Return the scores of the users of the training data, or of cold users."""
        return self._scores() if cold is None else self._cold_scores(cold, 1)

    def _contributions(self, users: Indices, items: Indices, cold: ColdUsers | None = None) -> list[Part]:
        """Return what each cause contributes to the scores of pairs.

        Parameters
        ----------
        users, items : int32 array, shape (n,)
            The indices of the users and items.
        cold : ColdUsers or None
            The users, if they are not in the training data.
        """
        return [Part.of_all(Cause.BASE, self._all_scores(cold).pairs(users, items))]

    def explain(
        self,
        user_ids: IdList | None = None,
        items: IdList | None = None,
        k: int | None = None,
        filter_seen: bool = False,
        exclude: IdList | None = None,
        strict: bool = False,
        rules: Rules | None = None,
        request: Mapping[str, Any] | None = None,
        without: IdList | None = None,
    ) -> pl.DataFrame:
        """Return what each cause contributes to the scores of recommendations.

        Parameters
        ----------
        user_ids, filter_seen, exclude, strict, rules, request
            As for `recommend`.
        items : id, or series or iterable of ids
            The items to explain; by default, the `k` best items of each user.
        k : int or None
            The number of items for each user. By default (None) 12, or all of `items`.
        without : id, or series or iterable of ids
            Items of the history: the users are treated as if they had not bought these. The lists are those of
            `recommend_for` with the rest of the history; what the model learned of items does not change. None
            (default): the whole history.

        Returns
        -------
        polars.DataFrame
            ``user_id``, ``item_id``, ``rank`` and ``score`` as `recommend` returns them, and a row for each cause, the
            largest contribution first. ``cause``: such as "bought before", "bought together" or "best seller".
            ``because_item_id``: the item of the history that contributes, and ``times`` and ``last_bought``: how often
            and when the user last bought it; null where no single item does, or it is unknown. ``detail``: the column
            of the features. ``contribution``: they add up to the score.

        Raises
        ------
        NotFittedError, UnknownIdError, ParameterError
            As for `recommend`, and as for `recommend_for` with `without`, which rules cannot be combined with.
        DataError
            If `without` needs transactions that the model was stored without.

        Examples
        --------
        >>> import gingham as gg
        >>> model = gg.ItemKNN().fit(gg.synth.sample_dataset())
        >>> table = model.explain("u07", k=1)
        >>> table.select("cause", "because_item_id").row(0)
        ('bought before', 'i15')
        >>> abs(table["contribution"].sum() - table["score"][0]) < 1e-5 * table["score"][0]
        True
        >>> model.explain("u07", k=1, without=["i15"])["item_id"][0]
        'i00'
        """
        return self._explained(user_ids, items, k, filter_seen, exclude, strict, rules, request, without).table()

    def reasons(
        self,
        user_ids: IdList | None = None,
        items: IdList | None = None,
        k: int | None = None,
        filter_seen: bool = False,
        exclude: IdList | None = None,
        strict: bool = False,
        rules: Rules | None = None,
        request: Mapping[str, Any] | None = None,
        without: IdList | None = None,
    ) -> pl.DataFrame:
        """Return recommendations with a sentence for the customer that says why.

        The sentence states the largest contribution to the score that can be said in plain words and is true: that the
        customer bought the item, or another one that goes with it, or that it is a best seller. Other items are
        something new to try. Days are counted back from the end of the training data.

        Parameters
        ----------
        user_ids, items, k, filter_seen, exclude, strict, rules, request, without
            As for `explain`.

        Returns
        -------
        polars.DataFrame
            ``user_id``, ``item_id``, ``rank``, ``score`` and ``reason``.

        Raises
        ------
        NotFittedError, UnknownIdError, ParameterError, DataError
            As for `explain`.

        Examples
        --------
        >>> import gingham as gg
        >>> model = gg.BuyAgain().fit(gg.synth.sample_dataset())
        >>> model.reasons("u07", k=1)["reason"].item()
        'You bought this 5 times, last 6 days ago.'
        """
        return self._explained(user_ids, items, k, filter_seen, exclude, strict, rules, request, without).reasons()

    def explain_for(
        self,
        history: Any = None,
        features: Any = None,
        items: IdList | None = None,
        k: int | None = None,
        filter_seen: bool = False,
        exclude: IdList | None = None,
        strict: bool = False,
    ) -> pl.DataFrame:
        """Return what each cause contributes to the scores of `recommend_for`.

        Parameters
        ----------
        history, features, filter_seen, exclude, strict
            As for `recommend_for`.
        items, k
            As for `explain`.

        Returns
        -------
        polars.DataFrame
            As for `explain`.

        Raises
        ------
        NotFittedError, UnknownIdError, ParameterError, DataError, TableError
            As for `recommend_for`.

        Examples
        --------
        >>> import gingham as gg
        >>> model = gg.ItemKNN().fit(gg.synth.sample_dataset())
        >>> model.explain_for(["i03"], k=1).select("cause", "because_item_id", "times").row(0)
        ('bought before', 'i03', 1)
        """
        return self._explained_for(history, features, items, k, filter_seen, exclude, strict).table()

    def reasons_for(
        self,
        history: Any = None,
        features: Any = None,
        items: IdList | None = None,
        k: int | None = None,
        filter_seen: bool = False,
        exclude: IdList | None = None,
        strict: bool = False,
    ) -> pl.DataFrame:
        """Return the recommendations of `recommend_for` with a sentence for the customer that says why.

        Parameters
        ----------
        history, features, filter_seen, exclude, strict
            As for `recommend_for`.
        items, k
            As for `explain`.

        Returns
        -------
        polars.DataFrame
            As for `reasons`.

        Raises
        ------
        NotFittedError, UnknownIdError, ParameterError, DataError, TableError
            As for `recommend_for`.

        Examples
        --------
        >>> import gingham as gg
        >>> model = gg.ItemKNN().fit(gg.synth.sample_dataset())
        >>> model.reasons_for({"guest": ["i03"]}, k=2, filter_seen=True)["reason"][0]
        'Often bought together with bakery 3, which you bought.'
        """
        return self._explained_for(history, features, items, k, filter_seen, exclude, strict).reasons()

    def _explained(
        self,
        user_ids: IdList | None,
        items: IdList | None,
        k: int | None,
        filter_seen: bool,
        exclude: IdList | None,
        strict: bool,
        rules: Rules | None,
        request: Mapping[str, Any] | None,
        without: IdList | None,
    ) -> Explanation:
        require_threads("Explaining recommendations")
        data, (items, k) = self.training_data_, self._number(items, k)
        if without is not None:
            if rules is not None or request is not None:
                raise ParameterError("rules cannot be combined with without; pass one of them.")
            users = np.array(list(dict.fromkeys(self._user_index(user_ids).tolist())), np.int32)
            removed = data.item_ids.matches([without], "without", strict)[0]
            cold = self._as_if(users, removed)
            ids = data.user_ids.ids(users)
            return self._explained_cold(cold, ids, items, k, filter_seen, exclude, strict)
        listed = self.recommend(
            user_ids,
            k,
            filter_seen=filter_seen,
            items=items,
            exclude=exclude,
            strict=strict,
            rules=rules,
            request=request,
        )
        return self._explanation(listed, data.user_ids.index(listed[USER_ID]), None)

    def _explained_for(
        self,
        history: Any,
        features: Any,
        items: IdList | None,
        k: int | None,
        filter_seen: bool,
        exclude: IdList | None,
        strict: bool,
    ) -> Explanation:
        require_threads("Explaining recommendations")
        items, k = self._number(items, k)
        passed = ColdInput(Histories.of(history, "history"), self._used(features), self.training_data_)
        cold = passed.read("history", strict)
        return self._explained_cold(cold, passed.ids(), items, k, filter_seen, exclude, strict)

    def _explained_cold(
        self,
        cold: ColdUsers,
        ids: pl.Series,
        items: IdList | None,
        k: int,
        filter_seen: bool,
        exclude: IdList | None,
        strict: bool,
    ) -> Explanation:
        numbers = pl.Series(cold.index)
        listed = self._cold_list(cold, numbers, k, filter_seen, items, exclude, 0, strict)
        users = listed[USER_ID].to_numpy()
        return self._explanation(listed.with_columns(ids.gather(users).alias(USER_ID)), users, cold)

    def _explanation(self, listed: pl.DataFrame, users: Indices, cold: ColdUsers | None) -> Explanation:
        data, scores = self.training_data_, listed[SCORE].to_numpy()
        items = data.item_ids.index(listed[ITEM_ID])

        def contributions(block: slice) -> list[Part]:
            # Every pair has at least one row, even if a model has no contribution to it.
            return with_rest(self._contributions(users[block], items[block], cold), Cause.BASE, scores[block])

        facts = Facts.of(data, users) if cold is None else Facts.of_cold(data, cold)
        return Explanation(listed, users, items, contributions, facts)

    def _number(self, items: IdList | None, k: int | None) -> tuple[pl.Series | None, int]:
        """Return the items to explain, and how many of them for each user."""
        ids = self.training_data_.item_ids
        series = None if items is None else id_series(items)
        if k is None:
            n_wanted = _K if series is None else max(len(np.unique(ids.find(series))), 1)
            k = min(n_wanted, len(ids))
        check_k(k, len(ids))
        return series, k

    def _as_if(self, users: Indices, without: Indices) -> ColdUsers:
        """Return users of the training data as if they had not bought some items."""
        data = self.training_data_
        position, rows = np.full(len(data.user_ids), -1, np.int32), data.log().interactions
        position[users] = np.arange(len(users))
        chosen = np.flatnonzero((position[rows.user_index] >= 0) & ~np.isin(rows.item_index, without))
        interactions = Interactions(
            position[rows.user_index[chosen]],
            rows.item_index[chosen],
            len(users),
            rows.n_items,
            rows.value[chosen],
            None if rows.timestamp is None else rows.timestamp[chosen],
            price=None if rows.price is None else rows.price[chosen],
            order=None if rows.order is None else rows.order[chosen],
        )
        return ColdUsers(interactions, self._features_of(users), data.last_time, False)

    def _features_of(self, users: Indices) -> sp.csr_matrix | None:
        """Return the features that users share with others, in the columns of the training data."""
        log = self.training_data_.dataset
        if log is None or log.user_features is None or not self._uses_features:
            return None
        return shared_rows(log.user_features.matrix, users)
