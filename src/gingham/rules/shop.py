"""What rules must know of the model that they are applied to."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import scipy.sparse as sp

from gingham.arrays import Bools, Floats, Indices
from gingham.dataset import Ids, Interactions
from gingham.errors import DataError


@dataclass(frozen=True, eq=False)
class Shop:
    """The items of a model, and the transactions that it was fitted to.

    Attributes
    ----------
    item_ids : Ids
        The items.
    log : Interactions or None
        All transactions of the training data: rules on times count back from the latest one, and need it to know when
        items were first sold. None if they are unknown.
    history : Interactions or None
        The transactions of the users that are ranked, numbered as the scores number them: for users of the training
        data, `log` itself.
    embeddings : callable
        Returns the model's item embeddings, shape (n_items, n_components), or None if it has none.
    """

    item_ids: Ids
    log: Interactions | None = None
    history: Interactions | None = None
    embeddings: Callable[[], Floats | None] = lambda: None

    def bought_within(self, time: timedelta, users: Indices) -> sp.csr_matrix:
        """Return what users bought later than a time before the latest transaction, as a row per user.

        Raises
        ------
        DataError
            If the transactions have no times.
        """
        now, history = self._now("exclude_bought"), self.history
        if history is None or history.last_bought is None:
            raise DataError("exclude_bought needs the times of the history; pass it with times.")
        if history.latest is not None:
            now = max(now, history.latest)
        rows = history.last_bought[users]
        is_recent = rows.data > (now - np.timedelta64(time)).astype("datetime64[us]").astype(np.int64)
        indptr = np.append(0, np.cumsum(is_recent))[rows.indptr]
        return sp.csr_matrix((np.ones(indptr[-1], np.float32), rows.indices[is_recent], indptr), shape=rows.shape)

    def first_sold_within(self, time: timedelta) -> Bools:
        """Return which items were first sold later than a time before the latest transaction, or never.

        Raises
        ------
        DataError
            If the transactions have no times.
        """
        now = self._now("new")
        assert self.log is not None
        first_sold = self.log.first_sold
        return np.isnat(first_sold) | (first_sold > now - np.timedelta64(time))

    def _now(self, rule: str) -> np.datetime64:
        if self.log is None or self.log.latest is None:
            raise DataError(
                f"The rule {rule} needs timestamps, and the model was fitted to data without; "
                "fit it to a dataset with timestamps, or remove the rule."
            )
        return self.log.latest
