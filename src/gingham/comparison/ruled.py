"""What rules cost or bring: a model's lists under rules, compared with its own lists, paired by user."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp

from gingham.arrays import Doubles, Indices, pattern, positive_entries
from gingham.dataset import Dataset
from gingham.evaluation.bootstrap import summarize
from gingham.metrics import AT_K, TestRanks
from gingham.models import Recommender
from gingham.models.training_data import Data
from gingham.rules import Rules, check_rules
from gingham.validation import check_list

REVENUE = "revenue"
# The label of rules with several parts.
ALL = "all rules"


def labelled(rules: Rules | Sequence[Rules] | None) -> dict[str, Rules]:
    """Return rules by a label, after each of their parts: what single rules cost adds up differently than all.

    Raises
    ------
    ParameterError
        If `rules` are neither rules nor a list of them.

    Examples
    --------
    >>> import gingham as gg
    >>> list(labelled(gg.Rules(exclude_bought="7d", pins=[{"item": "tea", "position": 1}])))
    ['exclude_bought', 'pins', 'all rules']
    """
    several = [] if rules is None else [rules] if isinstance(rules, Rules) else check_list("rules", rules, "Rules")
    labels: dict[str, Rules] = {}
    for each in several:
        check_rules("rules", each)
        parts = each.parts()
        whole = {ALL: each} if len(parts) > 1 else {}
        for label, part in {**parts, **whole}.items():
            n = sum(other.split(" (")[0] == label for other in labels)
            labels[f"{label} ({n + 1})" if n else label] = part
    return labels


def measure_rules(
    model: Recommender,
    test: Data,
    users: pl.Series,
    k: int,
    rules: Mapping[str, Rules],
    request: Mapping[str, Any] | None,
    filter_seen: bool,
    num_threads: int,
) -> pl.DataFrame | None:
    """Compare a model's lists under rules with its own.

    Parameters
    ----------
    model : Recommender
        A fitted model.
    test : Dataset or sparse matrix
        The test part. Revenue needs a dataset with prices.
    users : polars.Series
        The ids of the users with test items, ascending.
    k : int
        The length of the lists.
    rules : mapping of str to Rules
        The rules, by label.
    request : mapping of str to value, or None
        The values of the request.
    filter_seen, num_threads
        As for `Recommender.recommend`.

    Returns
    -------
    polars.DataFrame or None
        One row per rule and metric: ``rule``, ``metric``, ``without`` and ``with`` (means over users), ``difference``,
        ``low`` and ``high`` (its 95% interval by a paired bootstrap) and ``users``. None without rules.
    """
    if not rules:
        return None
    measured = _Measured(model, test, users, k)
    options: dict[str, Any] = {"k": k, "filter_seen": filter_seen, "num_threads": num_threads}
    without = measured.values(model.recommend(users, **options))
    tables = []
    for label, one in rules.items():
        values = measured.values(model.recommend(users, rules=one, request=request or {}, **options))
        differences = np.column_stack([values[name] - without[name] for name in without])
        means = [{name: float(np.mean(column)) for name, column in each.items()} for each in (without, values)]
        summary = summarize(differences)
        table = pl.DataFrame(
            {
                "rule": [label] * len(without),
                "metric": list(without),
                "without": list(means[0].values()),
                "with": list(means[1].values()),
                "difference": summary.mean,
                "low": summary.low,
                "high": summary.high,
                "users": summary.users,
            }
        )
        tables.append(table)
    return pl.concat(tables)


class _Measured:
    """The test items of some users, and what they paid for them."""

    def __init__(self, model: Recommender, test: Data, users: pl.Series, k: int) -> None:
        self._training_data, self._k = model.training_data_, k
        self._users = self._training_data.user_ids.index(users, "user")
        self._test = positive_entries(model.test_matrix(test))[self._users]
        self._paid = _paid(test, self._users)

    def values(self, lists: pl.DataFrame) -> dict[str, Doubles]:
        """Return the metrics of lists per user, and the revenue where prices are known."""
        rows = np.searchsorted(self._users, self._training_data.user_ids.index(lists["user_id"], "user"))
        items = self._training_data.item_ids.index(lists["item_id"], "item")
        n_users, n_items = self._test.shape
        listed = sp.csr_matrix((lists["rank"].to_numpy(), (rows, items)), shape=(n_users, n_items))
        indptr, columns = pattern(self._test)
        ranks = self._ranks(listed, indptr, columns)
        n_candidates = np.full(n_users, n_items)
        test = TestRanks(self._users, indptr, ranks, ranks.astype(np.float64), n_items, n_candidates, columns)
        values = {f"{name}@{self._k}": metric(test, self._k) for name, metric in AT_K.items()}
        if self._paid is not None:
            paid = self._paid.multiply(listed > 0).sum(axis=1)
            values[f"{REVENUE}@{self._k}"] = np.asarray(paid, np.float64).ravel()
        return values

    def _ranks(self, listed: sp.csr_matrix, indptr: Any, columns: Indices) -> Indices:
        """Return the rank of each test item in its user's list, from 0; the number of items if it is not there."""
        n_users, n_items = self._test.shape
        places = np.asarray(listed[np.repeat(np.arange(n_users), np.diff(indptr)), columns]).ravel()
        return np.where(places > 0, places - 1, n_items).astype(np.int32)


def _paid(test: Data, users: Indices) -> sp.csr_matrix | None:
    """Return what each user paid for each item in the test part; None if no price is known."""
    if not isinstance(test, Dataset) or test.interactions.price is None:
        return None
    log = test.interactions
    assert log.price is not None
    bought = (log.value > 0) & np.isfinite(log.price)
    entries = log.price[bought].astype(np.float64), (log.user_index[bought], log.item_index[bought])
    return sp.csr_matrix(entries, shape=(log.n_users, log.n_items))[users]
