"""The contract of every model."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias

import numpy as np
import polars as pl
import scipy.sparse as sp

from gingham.arrays import Floats, Indices
from gingham.dataset import Dataset
from gingham.dataset.id_list import IdList
from gingham.errors import DataError
from gingham.models.explained import ExplainedModel
from gingham.models.item_requests import AudienceModel
from gingham.models.living import LivingModel
from gingham.models.training_data import Data
from gingham.rules import Rules, ranker
from gingham.scores import Ranking, Scores, frame
from gingham.validation import check_bool, check_integer, check_k

if TYPE_CHECKING:
    from gingham.models.epochs import Epoch

# Called with the model and the epoch after each epoch; training ends when it returns True.
Callback: TypeAlias = Callable[["Recommender", "Epoch"], bool | None]


class Recommender(ExplainedModel, AudienceModel, LivingModel):
    """Base class of all models.

    The constructor only stores the parameters; `fit` validates them and returns the model. A fitted model recommends to
    all users of its training data, and recommends all items of it, including those without interactions.

    A new model is a subclass with a ``kind``, ``__init__``, ``fit``, ``_scores``, ``_learned`` and ``_relearn``. With
    ``_cold_scores``, it also recommends to users outside its training data; with ``_refresh``, it can be updated.

    Attributes
    ----------
    kind : str
        The model's name in recipes; a class that sets it is registered.
    default_space : mapping of str to distribution
        The parameters that a search varies by default, as a recipe's ``[tune.space]`` writes them: a list of values,
        ``{"low": 1, "high": 9, "log": True}`` or ``{"exponential": 0.05}``.
    columns : frozenset of str
        The optional columns of the transactions that the model uses: roles of `gingham.columns`, such as "price".
    supports : frozenset of str
        What the model offers besides recommending: "features", "epochs", "baskets", "similar_items".
    requires_order : bool
        Whether the model can only be fitted to a dataset with timestamps or order numbers; False by default.
    suggests_candidates : bool
        Whether the model can be a candidate model of `TwoStage`; True by default.
    panel_cost : float or None
        For ``kind = "auto"``, which tries the models with a cost, the lowest first: about how many times as long as
        `ItemKNN` the model takes to fit with its defaults. None (default): not tried.
    panel_needs : frozenset of str
        The optional columns without which ``kind = "auto"`` does not try the model: "timestamp" or "order".
    constraints : mapping of str to callable
        The check of each parameter.
    training_data_ : TrainingData
        The data of the last fit.
    """

    kind: ClassVar[str]
    default_space: ClassVar[Mapping[str, Any]] = {}
    columns: ClassVar[frozenset[str]] = frozenset()
    supports: ClassVar[frozenset[str]] = frozenset()
    requires_order: ClassVar[bool] = False
    suggests_candidates: ClassVar[bool] = True
    panel_cost: ClassVar[float | None] = None
    panel_needs: ClassVar[frozenset[str]] = frozenset()

    classes_by_kind: ClassVar[dict[str, type["Recommender"]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "kind" in vars(cls):
            cls.classes_by_kind[cls.kind] = cls

    @classmethod
    def from_recipe(cls, params: Mapping[str, Any], section: str) -> Self:  # noqa: ARG003
        """Build an unfitted model from the keys of a recipe's section.

        Parameters
        ----------
        params : mapping of str to value
            Parameters as a recipe writes them: the constructor's, unless a class overrides this.
        section : str
            The section's name, for error messages.
        """
        return cls(**params)

    def fit_bytes(self, train: Dataset) -> int:  # noqa: ARG002
        """Return the size of the dense matrices that `fit` needs, in bytes; 0 for a model without large ones.

        Parameters
        ----------
        train : Dataset
            The training data.
        """
        return 0

    def panel_obstacle(self, train: Dataset) -> str | None:
        """Return why ``kind = "auto"`` does not try the model on these data, as the end of a sentence; None to try it.

        Parameters
        ----------
        train : Dataset
            The training data.
        """
        lacking = sorted(role for role in self.panel_needs if getattr(train.interactions, role) is None)
        return f"it needs {' and '.join(f'{role}s' for role in lacking)}, which the data lack." if lacking else None

    @abstractmethod
    def fit(
        self,
        interactions: Data,
        y: None = None,
        *,
        num_threads: int = 0,
        callbacks: Iterable[Callback] = (),
        verbose: bool = True,
    ) -> Self:
        """Fit the model to a dataset or a matrix, and discard an earlier fit.

        Parameters
        ----------
        interactions : Dataset or sparse matrix, shape (n_users, n_items)
            The training data.
        y : None
            For scikit-learn, which passes it; models have no target. The other arguments are passed by name.
        num_threads : int
            The number of threads; 0 (default) for all cores.
        callbacks : iterable of callable
            Called with the model and the `Epoch` after each epoch, by models that support "epochs"; training ends when
            one returns True.
        verbose : bool
            Whether long training shows a progress bar on a terminal; True by default.
        """

    @abstractmethod
    def _scores(self) -> Scores:
        """Return the scores that items are ranked by."""

    @property
    def history_(self) -> list["Epoch"]:
        """The epochs of the last fit; empty for a model that is not trained in epochs."""
        self.training_data_  # noqa: B018 (raises if the model is not fitted)
        return []

    @property
    def validation_history_(self) -> list["Epoch"]:
        """The epochs of the search for the number of epochs; empty without such a search."""
        self.training_data_  # noqa: B018 (raises if the model is not fitted)
        return []

    @property
    def best_epoch_(self) -> int:
        """The number of epochs that early stopping chose; without it, the number of all epochs."""
        return len(self.history_)

    @property
    def n_users(self) -> int:
        """The number of users in the training data."""
        return len(self.training_data_.user_ids)

    @property
    def n_items(self) -> int:
        """The number of items in the training data."""
        return len(self.training_data_.item_ids)

    # Scoring ---------------------------------------------------------------------------------------------------------

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
        """Recommend items to users.

        Parameters
        ----------
        user_ids : id, or series or iterable of ids
            The users; all users of the training data by default.
        k : int
            The number of items for each user; 12 by default.
        filter_seen : bool
            Whether to leave out items that the user interacted with in the training data; False by default, because
            repeat purchases matter to a shop.
        items : id, or series or iterable of ids
            Allow-list: recommend only these items; all items by default.
        exclude : id, or series or iterable of ids
            Deny-list: never recommend these items; none by default.
        num_threads : int
            The number of threads; 0 (default) for all cores. The result does not depend on it.
        strict : bool
            Whether an unknown id in `items` or `exclude` is an error. By default such ids are ignored, and the logger
            "gingham" warns how many there are. An unknown user is always an error.
        rules : Rules, optional
            What the lists must fulfil besides; see `gingham.Rules`. None by default.
        request : mapping of str to value, optional
            The values that the rules need, such as ``{"budget": 20}``.

        Returns
        -------
        polars.DataFrame
            ``user_id``, ``item_id``, ``rank`` (from 1) and ``score``: users in the order of `user_ids`, best items
            first, unless rules order them. Of equal scores, the lower id comes first. A user with fewer than k
            candidates has fewer rows.

        Raises
        ------
        NotFittedError, UnknownIdError, ParameterError
            If the model is not fitted, an id is unknown, or `k` is less than 1 or greater than the number of items; or
            if the rules contradict each other, leave nothing, or lack a value of the request.

        Examples
        --------
        >>> import gingham as gg
        >>> model = gg.BuyAgain().fit(gg.synth.sample_dataset())
        >>> model.recommend(["u00"], k=2).select("user_id", "rank").rows()
        [('u00', 1), ('u00', 2)]
        """
        training_data = self.training_data_
        check_k(k, self.n_items)
        users, candidates = self._user_index(user_ids), self._candidates(items, exclude, strict)
        ranking = self._rank(
            users,
            filter_seen=filter_seen,
            rules=rules,
            request=request,
            k=k,
            candidates=candidates,
            num_threads=num_threads,
        )
        return frame(ranking, training_data.user_ids.ids(users), training_data.item_ids)

    def predict(self, user_ids: IdList, item_ids: IdList) -> Floats:
        """Score pairs of users and items.

        Parameters
        ----------
        user_ids, item_ids : id, or series or iterable of ids
            The pairs. One of them may be a single id, which is paired with every id of the other.

        Returns
        -------
        float32 array, shape (n_pairs,)

        Raises
        ------
        NotFittedError, UnknownIdError, DataError
            If the model is not fitted, an id is unknown, or the lengths differ.

        Examples
        --------
        >>> import gingham as gg
        >>> model = gg.BuyAgain().fit(gg.synth.sample_dataset())
        >>> model.predict("u00", ["i00", "i01"]).shape
        (2,)
        """
        training_data = self.training_data_
        users = training_data.user_ids.index(user_ids, "user")
        items = training_data.item_ids.index(item_ids, "item")
        if len(users) != len(items) and 1 not in (len(users), len(items)):
            raise DataError(
                f"There are {len(users)} user ids and {len(items)} item ids; pass equally many, or a single id."
            )
        return self._scores().pairs(*np.broadcast_arrays(users, items))

    def rank(
        self,
        user_ids: IdList | None = None,
        test: Data | None = None,
        k: int = 0,
        filter_seen: bool = False,
        num_threads: int = 0,
    ) -> Ranking:
        """Find users' best items and the ranks of their test items, in one pass over the scores.

        Parameters
        ----------
        user_ids : id, or series or iterable of ids
            The users; all users of the training data by default.
        test : Dataset or sparse matrix, shape (n_users, n_items)
            The items to rank, with the users and items of the training data; none by default.
        k : int
            The number of best items; 0 by default.
        filter_seen, num_threads
            As for `recommend`. A test item that is filtered is not ranked.

        Returns
        -------
        Ranking
            In indices, one row per user; `ranks` and `mid_ranks` in the order of these users' test entries.

        Raises
        ------
        NotFittedError, UnknownIdError, DataError
            If the model is not fitted, an id is unknown, or the test has other users or items.
        """
        check_integer("k", k, 0, most=self.n_items)
        users = self._user_index(user_ids)
        rows = None if test is None else self.test_matrix(test)[users]
        return self._rank(users, k=k, test=rows, filter_seen=filter_seen, num_threads=num_threads)

    def predict_rank(self, test: Data, filter_seen: bool = False, num_threads: int = 0) -> sp.csr_matrix:
        """Return the rank of each test item among all items for its user.

        Parameters
        ----------
        test : Dataset or sparse matrix, shape (n_users, n_items)
            The items to rank, with the users and items of the training data.
        filter_seen, num_threads
            As for `recommend`.

        Returns
        -------
        csr_matrix of int32, shape (n_users, n_items)
            One entry for each entry of the test: the item's rank from 0 (an explicit zero), or the number of items if
            the item is filtered.

        Raises
        ------
        NotFittedError, DataError
            If the model is not fitted, or the test has other users or items.
        """
        matrix = self.test_matrix(test)
        ranks = self._rank(self._user_index(None), test=matrix, filter_seen=filter_seen, num_threads=num_threads).ranks
        return sp.csr_matrix((ranks, matrix.indices, matrix.indptr), shape=matrix.shape)

    def test_matrix(self, test: Data) -> sp.csr_matrix:
        """Return test data as a matrix of the model's users and items.

        Parameters
        ----------
        test : Dataset or sparse matrix, shape (n_users, n_items)
            With the users and items of the training data.

        Returns
        -------
        csr_matrix of float32, shape (n_users, n_items)
            Columns ascending, duplicates summed.

        Raises
        ------
        NotFittedError, DataError
            If the model is not fitted, or the test has other users or items.
        """
        return self.training_data_.test_matrix(test)

    def _rank(
        self,
        users: Indices,
        *,
        filter_seen: bool,
        rules: Rules | None = None,
        request: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Ranking:
        check_bool("filter_seen", filter_seen)
        seen = self.training_data_.matrix[users] if filter_seen else None
        return ranker(rules, request, self._shop)(self._scores(), users, seen=seen, **options)

    def _user_index(self, user_ids: IdList | None) -> Indices:
        if user_ids is None:
            return np.arange(self.n_users, dtype=np.int32)
        return self.training_data_.user_ids.index(user_ids, "user")

    def _candidates(self, items: IdList | None, exclude: IdList | None, strict: bool) -> Indices | None:
        check_bool("strict", strict)
        if items is None and exclude is None:
            return None
        ids = self.training_data_.item_ids
        allowed = np.full(len(ids), items is None)
        if items is not None:
            allowed[ids.matches([items], "items", strict)[0]] = True
        if exclude is not None:
            allowed[ids.matches([exclude], "exclude", strict)[0]] = False
        return np.flatnonzero(allowed).astype(np.int32)
