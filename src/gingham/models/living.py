"""Models that keep up: new transactions, users, items and features, and people who want to be forgotten."""

from collections.abc import Sequence
from copy import copy
from typing import Any, ClassVar, Literal, Self, TypeVar

import numpy as np
import scipy.sparse as sp

from gingham.arrays import Indices
from gingham.dataset import Dataset
from gingham.dataset.id_list import IdList
from gingham.errors import ParameterError
from gingham.frames import is_frame
from gingham.models.stored import StoredModel
from gingham.models.training_data import TrainingData
from gingham.tables import Tables
from gingham.validation import check_integer, check_num_threads, shown

Guarantee = Literal["exact", "fixed items"]


class LivingModel(StoredModel):
    """A model that can be updated without a fit.

    Attributes
    ----------
    guarantee : {"exact", "fixed items"}
        What `update` promises. "exact": the same bits as a fit to all data. "fixed items": what the last fit computed
        for items stays; everything of a user is computed from all their interactions with these items, so it has the
        same bits however the transactions were cut into updates.
    """

    guarantee: ClassVar[Guarantee] = "fixed items"

    def update(
        self, transactions: Any = None, users: Any = None, items: Any = None, *, epochs: int = 0, num_threads: int = 0
    ) -> Self:
        """Add transactions, users, items and features to a fitted model.

        What that promises depends on `guarantee`. A model of "fixed items" is refreshed by the next `fit`. If an error
        is raised, the model stays as it was.

        Parameters
        ----------
        transactions : data frame, Tables or Dataset, optional
            New transactions, of new or known users and items, in any order of time. They have the columns of the
            training transactions; a data frame has the names of `gingham.Tables`. Tables that were not cleaned are
            checked first, and their returns netted. None by default.
        users, items : data frame, optional
            One row for each new or changed user (``user_id``) or item (``item_id``) with all columns that are features,
            and ``name`` and ``type`` of items. Those of `transactions` without a row have nulls. None by default.
        epochs : int
            The number of epochs to train all parameters on the new data afterwards, by models that have
            ``fit_partial``; 0 by default.
        num_threads : int
            The number of threads; 0 (default) for all cores. The result does not depend on it.

        Returns
        -------
        Self
            This model.

        Raises
        ------
        NotFittedError, ParameterError
            If the model is not fitted, or an argument is not allowed.
        DataError, TableError
            If the data have other columns, types of ids or features than the training data, or an invalid row.

        Examples
        --------
        >>> import gingham as gg
        >>> import polars as pl
        >>> from datetime import datetime
        >>> model = gg.BuyAgain().fit(gg.synth.sample_dataset())
        >>> new = pl.DataFrame({"user_id": ["zoe"], "item_id": ["i03"], "timestamp": [datetime(2020, 5, 1)]})
        >>> _ = model.update(new.with_columns(price=9.9))
        >>> model.recommend("zoe", k=1)["item_id"].to_list()
        ['i03']
        """
        n_threads, before = check_num_threads(num_threads), self.training_data_
        check_integer("epochs", epochs, 0)
        train = getattr(self, "fit_partial", None)
        if epochs and train is None:
            raise ParameterError(
                f"epochs={epochs} needs a model with fit_partial, which {type(self).__name__} is not; leave it out."
            )
        other = _dataset(transactions)
        if isinstance(transactions, Tables):
            users = transactions.users if users is None else users
            items = transactions.items if items is None else items
        log = before.log()
        merged = log.extended(other, users, items)
        self.validate()
        self._refresh(before, before.extended(merged), _changed(log, merged), n_threads)
        if epochs and train is not None:
            train(merged, epochs=epochs, num_threads=num_threads, verbose=False)
        return self

    def forget(self, user_ids: IdList, *, num_threads: int = 0) -> Self:
        """Remove users and everything that is known of them from a fitted model.

        An "exact" model equals one that was fitted without them; items that no one else bought leave, too. In a model
        of "fixed items", what the last fit learned about items from many users stays. If an error is raised, the model
        stays as it was.

        Parameters
        ----------
        user_ids : id, or series or iterable of ids
            The users.
        num_threads : int
            The number of threads; 0 (default) for all cores.

        Returns
        -------
        Self
            This model.

        Raises
        ------
        NotFittedError, UnknownIdError
            If the model is not fitted, or an id is unknown.

        Examples
        --------
        >>> import gingham as gg
        >>> model = gg.BuyAgain().fit(gg.synth.sample_dataset())
        >>> model.forget("u00").n_users
        49
        """
        n_threads, before = check_num_threads(num_threads), self.training_data_
        rest = before.log().without_users(user_ids, keep_items=self.guarantee != "exact")
        self.validate()
        self._refresh(before, TrainingData.of(rest), np.empty(0, np.int32), n_threads)
        return self

    def _refresh(self, before: TrainingData, after: TrainingData, changed: Indices, n_threads: int) -> None:  # noqa: ARG002
        """Adopt other training data; set attributes only when nothing can fail any more.

        Parameters
        ----------
        before, after : TrainingData
            The training data so far, and the new ones, whose ids have other indices.
        changed : int32 array
            The users, by their new indices, who have new interactions or features.
        n_threads : int
            At least 1.

        Raises
        ------
        ParameterError
            If the model has no such method.
        """
        raise ParameterError(f"A {type(self).__name__} cannot be updated; call fit.")


ModelT = TypeVar("ModelT", bound=LivingModel)


def refreshed(
    models: Sequence[ModelT], before: TrainingData, after: TrainingData, changed: Indices, n_threads: int
) -> list[ModelT]:
    """Return the parts of a model with other training data, which they share; the parts themselves do not change."""
    copies = [copy(model) for model in models]
    for model in copies:
        model._refresh(before, after, changed, n_threads)
        model._training_data = after
    return copies


def _dataset(transactions: Any) -> Dataset | None:
    """Return the transactions of an update as a dataset without features, unless they are one."""
    if transactions is None or isinstance(transactions, Dataset):
        return transactions
    if isinstance(transactions, Tables):
        return Dataset.from_tables(Tables(transactions.transactions, steps=transactions.steps))
    if not is_frame(transactions):
        raise ParameterError(
            f"transactions must be a data frame, gingham.Tables or a gingham.Dataset, not {shown(transactions)}."
        )
    return Dataset.from_tables(Tables(transactions))


def _changed(before: Dataset, after: Dataset) -> Indices:
    """Return the users with rows after those of `before`, or with other features, and new ones."""
    changed = np.ones(after.n_users, bool)
    place = after.user_ids.places_of(before.user_ids)
    changed[place] = False
    changed[after.interactions.user_index[len(before.interactions) :]] = True
    if after.user_features is not None and before.user_features is not None:
        old, new = before.user_features.without_identities(), after.user_features.without_identities()[place]
        difference: sp.csr_matrix = old - new
        changed[place[np.asarray(abs(difference).sum(axis=1)).ravel() > 0]] = True
    return np.flatnonzero(changed).astype(np.int32)
