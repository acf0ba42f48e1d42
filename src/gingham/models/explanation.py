"""Explanations of recommendations: tables of contributions, and sentences for customers."""

from abc import abstractmethod
from collections.abc import Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
import polars as pl

from gingham.arrays import Indices
from gingham.columns import BECAUSE_ITEM_ID, CAUSE, CONTRIBUTION, ITEM_ID, REASON, SCORE, USER_ID
from gingham.dataset.id_list import IdList, id_series
from gingham.forks import require_threads
from gingham.models.contributions import Cause, Part, merged, with_rounding
from gingham.models.facts import Facts
from gingham.models.sentences import Pair, Reason
from gingham.models.stored import StoredModel
from gingham.rules import Rules
from gingham.scores import Scores

# The number of items for each user, as of `recommend`.
_K = 12


class ExplainedModel(StoredModel):
    """A model that says why it recommends an item."""

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

    def _contributions(self, users: Indices, items: Indices) -> list[Part]:
        """Return what each cause contributes to the scores of pairs: arrays of user and item indices, shape (n,)."""
        return [Part.of_all(Cause.BASE, self._scores().pairs(users, items))]

    def explain(
        self,
        user_ids: IdList | None = None,
        items: IdList | None = None,
        k: int | None = None,
        filter_seen: bool = False,
        exclude: IdList | None = None,
        strict: bool = False,
    ) -> pl.DataFrame:
        """Return what each cause contributes to the scores of recommendations.

        Parameters
        ----------
        user_ids, filter_seen, exclude, strict
            As for `recommend`.
        items : id, or series or iterable of ids
            The items to explain; by default, the `k` best items of each user.
        k : int or None
            The number of items for each user. By default (None) 12, or all of `items`.

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
            As for `recommend`.

        Examples
        --------
        >>> import gingham as gg
        >>> model = gg.ItemKNN().fit(gg.synth.sample_dataset())
        >>> table = model.explain("u07", k=1)
        >>> table.select("cause", "because_item_id").row(0)
        ('bought before', 'i15')
        >>> abs(table["contribution"].sum() - table["score"][0]) < 1e-5 * table["score"][0]
        True
        """
        listed, users, chosen = self._listed(user_ids, items, k, filter_seen, exclude, strict)
        table = with_rounding(merged(self._contributions(users, chosen)), listed[SCORE].to_numpy())
        facts = Facts(self.training_data_, users)
        pair, because = table["pair"].to_numpy(), table["because"]
        has_item = because.is_not_null()
        because_users, because_items = users[pair[has_item]], because.drop_nulls().to_numpy()
        times = pl.Series(facts.times(because_users, because_items))
        history = pl.DataFrame(
            {
                "row": np.flatnonzero(has_item),
                BECAUSE_ITEM_ID: self.training_data_.item_ids.ids(because_items),
                "times": times.set(times < 0, None),
                "last_bought": pl.Series(facts.last(because_users, because_items), dtype=pl.Datetime("us")),
            },
            schema_overrides={"row": pl.UInt32},
        )
        rows = table.with_row_index("row").join(history, on="row", how="left", maintain_order="left")
        columns = rows.select(CAUSE, BECAUSE_ITEM_ID, "times", "last_bought", "detail", CONTRIBUTION)
        return pl.concat([listed[pair], columns], how="horizontal")

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
    ) -> pl.DataFrame:
        """Return recommendations with a sentence for the customer that says why.

        The sentence states the largest contribution to the score that can be said in plain words and is true: that the
        customer bought the item, or another one that goes with it, or that it is a best seller. Other items are
        something new to try. Days are counted back from the end of the training data.

        Parameters
        ----------
        user_ids, items, k, filter_seen, exclude, strict
            As for `explain`.
        rules, request
            As for `recommend`.

        Returns
        -------
        polars.DataFrame
            ``user_id``, ``item_id``, ``rank``, ``score`` and ``reason``.

        Raises
        ------
        NotFittedError, UnknownIdError, ParameterError
            As for `recommend`.

        Examples
        --------
        >>> import gingham as gg
        >>> model = gg.BuyAgain().fit(gg.synth.sample_dataset())
        >>> model.reasons("u07", k=1)["reason"].item().startswith("You bought this 5 times")
        True
        """
        listed, users, chosen = self._listed(user_ids, items, k, filter_seen, exclude, strict, rules, request)
        table = merged(self._contributions(users, chosen)).filter(pl.col(CONTRIBUTION) > 0)
        sentences = _sentences(table, users, chosen, Facts(self.training_data_, users))
        return listed.with_columns(pl.Series(REASON, sentences, dtype=pl.String))

    def _listed(
        self,
        user_ids: IdList | None,
        items: IdList | None,
        k: int | None,
        filter_seen: bool,
        exclude: IdList | None,
        strict: bool,
        rules: Rules | None = None,
        request: Mapping[str, Any] | None = None,
    ) -> tuple[pl.DataFrame, Indices, Indices]:
        """Return recommendations to explain, and the indices of their users and items."""
        require_threads("Explaining recommendations")
        data = self.training_data_
        if items is not None:
            items = id_series(items)
        if k is None:
            k = min(_K, len(data.item_ids)) if items is None else max(len(np.unique(data.item_ids.find(items))), 1)
            k = min(k, len(data.item_ids))
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
        return listed, data.user_ids.index(listed[USER_ID]), data.item_ids.index(listed[ITEM_ID])


def _sentences(table: pl.DataFrame, users: Indices, items: Indices, facts: Facts) -> list[str]:
    """Return the sentence of each pair, from the positive contributions to its score."""
    # A pair needs no smaller contribution of the same cause: a history of hundreds of items has as many.
    table = table.unique(["pair", "cause", "detail"], keep="first", maintain_order=True)
    pair = table["pair"].to_numpy()
    alike = facts.alike(table["cause"], table["detail"], users[pair], items[pair])
    because = np.where(table["because"].is_not_null(), table["because"].fill_null(0), alike).astype(np.int32)
    has_item, because = because >= 0, np.maximum(because, 0)
    columns = (
        pair.tolist(),
        table["cause"].to_list(),
        [name if has else None for name, has in zip(facts.names(because), has_item.tolist(), strict=True)],
        np.where(has_item, facts.last(users[pair], because), np.datetime64("NaT")).tolist(),
        facts.labels(table["cause"], table["detail"], users[pair]),
    )
    reasons = [(number, Reason(*reason)) for number, *reason in zip(*columns, strict=True)]
    of_pair = {number: [reason for _, reason in group] for number, group in groupby(reasons, key=itemgetter(0))}
    own = (
        facts.times(users, items).tolist(),
        facts.last(users, items).tolist(),
        [facts.today] * len(items),
        facts.best_sellers[items].tolist(),
        facts.best_sellers_of_week[items].tolist(),
    )
    return [Pair(*true).sentence(of_pair.get(number, ())) for number, true in enumerate(zip(*own, strict=True))]
