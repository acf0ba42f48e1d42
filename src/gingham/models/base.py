"""The contract of every model: what it can be asked."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from gingham import store
from gingham.arrays import Floats, Indices, canonical
from gingham.dataset import Dataset
from gingham.errors import ArtifactError, DataError, NotFittedError
from gingham.models.parametrized import Parametrized, to_json
from gingham.models.training_data import Data, TrainingData
from gingham.scores import Ranking, Scores, frame, rank
from gingham.validation import check_k

if TYPE_CHECKING:
    from gingham.models.epochs import Epoch

Some: TypeAlias = pl.Series | Iterable[Any]
# Called with the model and the epoch after each epoch; training ends when it returns True.
Callback: TypeAlias = Callable[["Recommender", "Epoch"], bool | None]


class Recommender(Parametrized, ABC):
    """Base class of all models.

    The constructor only stores the parameters; `fit` validates them and returns the model. A fitted model recommends to
    all users of its training data, and recommends all items of it, including those without interactions.

    A new model is a subclass with a ``kind``, ``__init__``, ``fit``, ``_scores``, ``_learned`` and ``_relearn``.

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
        What the model offers besides recommending: "features", "epochs", "baskets", "similar_items", "explanations".
    constraints : mapping of str to callable
        The check of each parameter.
    training_data_ : TrainingData
        The data of the last fit.
    """

    kind: ClassVar[str]
    default_space: ClassVar[Mapping[str, Any]] = {}
    columns: ClassVar[frozenset[str]] = frozenset()
    supports: ClassVar[frozenset[str]] = frozenset()

    classes_by_name: ClassVar[dict[str, type["Recommender"]]] = {}
    classes_by_kind: ClassVar[dict[str, type["Recommender"]]] = {}

    _training_data: TrainingData | None = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if not inspect.isabstract(cls):
            cls.classes_by_name[cls.__name__] = cls
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

    @abstractmethod
    def fit(self, interactions: Data) -> Self:
        """Fit the model to a dataset or a matrix, and discard an earlier fit."""

    @abstractmethod
    def _scores(self) -> Scores:
        """Give the scores to rank by."""

    @abstractmethod
    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Give what was learned: JSON values and arrays."""

    @abstractmethod
    def _relearn(self, state: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Take what `_learned` gave."""

    @property
    def training_data_(self) -> TrainingData:
        """What the model was fitted to.

        Raises
        ------
        NotFittedError
            If it was not.
        """
        if self._training_data is None:
            raise NotFittedError(f"This {type(self).__name__} is not fitted yet; call fit first.")
        return self._training_data

    @property
    def n_users(self) -> int:
        """How many users the model knows."""
        return len(self.training_data_.user_ids)

    @property
    def n_items(self) -> int:
        """How many items the model knows."""
        return len(self.training_data_.item_ids)

    # Scoring ---------------------------------------------------------------------------------------------------------

    def recommend(
        self,
        user_ids: Some | None = None,
        k: int = 12,
        filter_seen: bool = False,
        items: Some | None = None,
        exclude: Some | None = None,
        num_threads: int = 0,
    ) -> pl.DataFrame:
        """Recommend items to users.

        Parameters
        ----------
        user_ids : series or iterable of ids
            To whom; by default everybody the model knows.
        k : int
            How many items each; 12 by default.
        filter_seen : bool
            Whether items a user had in the data the model was fitted to are left out; False by default, for shops
            live on repeats.
        items : series or iterable of ids
            Allow-list: recommend these alone; all by default.
        exclude : series or iterable of ids
            Deny-list: never recommend these; none by default.
        num_threads : int
            0 (default) for all cores. The result does not depend on it.

        Returns
        -------
        polars.DataFrame
            ``user_id``, ``item_id``, ``rank`` (from 1) and ``score``: users in the order given, best items first;
            fewer than k rows for a user to whom fewer items are left. Of equal scores, the lower id comes first.

        Raises
        ------
        NotFittedError, UnknownIdError, ParameterError
            If the model is not fitted, an id is unknown, or `k` is less than 1 or greater than the number of items.
        """
        known = self.training_data_
        check_k(k, self.n_items)
        users, candidates = self._user_index(user_ids), self._candidates(items, exclude)
        ranking = self._rank(users, k=k, candidates=candidates, filter_seen=filter_seen, num_threads=num_threads)
        return frame(ranking, known.user_ids.ids(users), known.item_ids)

    def predict(self, user_ids: Some, item_ids: Some) -> Floats:
        """Score pairs.

        Parameters
        ----------
        user_ids, item_ids : series or iterable of ids
            The pairs; either may be a single id, for all of the other.

        Returns
        -------
        float32 array, one a pair

        Raises
        ------
        NotFittedError, UnknownIdError, DataError
            If the model is not fitted, an id is unknown, or the two are not equally long.
        """
        known = self.training_data_
        users = known.user_ids.index(listed(user_ids), "user")
        items = known.item_ids.index(listed(item_ids), "item")
        if len(users) != len(items) and 1 not in (len(users), len(items)):
            raise DataError(f"There are {len(users)} user ids and {len(items)} item ids; give as many of each, or one.")
        return self._scores().pairs(*np.broadcast_arrays(users, items))

    def rank(
        self,
        user_ids: Some | None = None,
        test: Data | None = None,
        k: int = 0,
        filter_seen: bool = False,
        num_threads: int = 0,
    ) -> Ranking:
        """Find users' best items and the ranks of their test items, in one pass over the scores.

        Parameters
        ----------
        user_ids : series or iterable of ids
            Whose; by default everybody's the model knows.
        test : Dataset or sparse matrix, shape (n_users, n_items)
            Which items to rank, with the users and items of the data the model was fitted to; by default none.
        k : int
            How many of the best items; by default none.
        filter_seen, num_threads
            As for `recommend`. Seen items are no candidates, also where they are test items.

        Returns
        -------
        Ranking
            In indices, a row a user; `ranks` and `mid_ranks` in the order of these users' test entries.

        Raises
        ------
        NotFittedError, UnknownIdError, DataError
            If the model is not fitted, an id is unknown, or the test is about other users and items.
        """
        users = self._user_index(user_ids)
        tested = None if test is None else self.test_matrix(test)[users]
        return self._rank(users, k=k, test=tested, filter_seen=filter_seen, num_threads=num_threads)

    def predict_rank(self, test: Data, filter_seen: bool = False, num_threads: int = 0) -> sp.csr_matrix:
        """Find the place of each test item among all items for its user.

        Parameters
        ----------
        test : Dataset or sparse matrix, shape (n_users, n_items)
            With the users and items of the data the model was fitted to.
        filter_seen, num_threads
            As for `recommend`.

        Returns
        -------
        csr_matrix of int32, shape (n_users, n_items)
            An entry for each of the test's: the place in the order, 0 is best (an explicit zero); the number of items
            where the item is filtered.

        Raises
        ------
        NotFittedError, DataError
            If the model is not fitted, or the shape is another.
        """
        matrix = self.test_matrix(test)
        ranks = self._rank(self._user_index(None), test=matrix, filter_seen=filter_seen, num_threads=num_threads).ranks
        return sp.csr_matrix((ranks, matrix.indices, matrix.indptr), shape=matrix.shape)

    def test_matrix(self, test: Data) -> sp.csr_matrix:
        """Return test data as a matrix of the model's users and items.

        Parameters
        ----------
        test : Dataset or sparse matrix, shape (n_users, n_items)
            With the users and items of the data the model was fitted to.

        Returns
        -------
        csr_matrix of float32, shape (n_users, n_items)
            Columns ascending, duplicates summed.

        Raises
        ------
        NotFittedError, DataError
            If the model is not fitted, or the test has other users or items.
        """
        known = self.training_data_
        if isinstance(test, Dataset):
            for what, ids, others in (("user", known.user_ids, test.user_ids), ("item", known.item_ids, test.item_ids)):
                if not others.values.equals(ids.values):
                    unknown = others.values.filter(~pl.Series(ids.contains(others.values)))
                    which = f"{what} {unknown[0]!r} is unknown" if len(unknown) else f"some {what}s are missing"
                    raise DataError(
                        f"The test has other ids ({len(others):,} {what}s, {which}) than the model was fitted to "
                        f"({len(ids):,} {what}s); split one dataset in two."
                    )
            return test.matrix()
        return canonical(test, "test", (self.n_users, self.n_items))

    def _rank(self, users: Indices, *, filter_seen: bool, **how: Any) -> Ranking:
        return rank(self._scores(), users, seen=self.training_data_.matrix[users] if filter_seen else None, **how)

    def _user_index(self, user_ids: Some | None) -> Indices:
        if user_ids is None:
            return np.arange(self.n_users, dtype=np.int32)
        return self.training_data_.user_ids.index(user_ids, "user")

    def _candidates(self, items: Some | None, exclude: Some | None) -> Indices | None:
        if items is None and exclude is None:
            return None
        ids = self.training_data_.item_ids
        allowed = np.full(len(ids), items is None)
        if items is not None:
            allowed[ids.index(items, "item")] = True
        if exclude is not None:
            allowed[ids.index(exclude, "item")] = False
        return np.flatnonzero(allowed).astype(np.int32)

    # Storing ---------------------------------------------------------------------------------------------------------

    def artifact(self) -> store.Artifact:
        """Give what is stored of the model.

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        """
        known_state, known_arrays, tables = self.training_data_.stored()
        state, arrays = self._learned()
        return store.Artifact(
            type(self).__name__, self._stored_params(), state | known_state, arrays | known_arrays, tables
        )

    def _stored_params(self) -> dict[str, Any]:
        # A source of randomness is no JSON, and was drawn from when the model was fitted.
        return {name: to_json(value) for name, value in self.get_params().items()}

    @classmethod
    def _restored_params(cls, stored: Mapping[str, Any]) -> dict[str, Any]:
        """Take what `_stored_params` gave."""
        return dict(stored)

    def save(self, path: Path | str) -> None:
        """Store the model as a folder; an artifact that is there is replaced when this one is complete.

        Raises
        ------
        NotFittedError, ArtifactError
            If the model is not fitted, or `path` is something else than an artifact or can't be written.
        """
        store.write(path, self.artifact())

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Load a model that `save` stored.

        Raises
        ------
        ArtifactError
            If there is none at `path`, it is damaged or of a newer format, or it is another kind of model.
        """
        stored = store.read(path)
        kind = cls.classes_by_name.get(stored.kind)
        if kind is None:
            raise ArtifactError(f"The artifact {path} holds a {stored.kind}, which this version does not know.")
        if not issubclass(kind, cls):
            raise ArtifactError(f"The artifact {path} holds a {stored.kind}, no {cls.__name__}; use gingham.load.")
        model = kind(**kind._restored_params(stored.params))
        model._restore(stored)
        return model

    def _restore(self, stored: store.Artifact) -> None:
        self._training_data = TrainingData.restored(stored)
        self._relearn(dict(stored.state), dict(stored.arrays))


def listed(ids: Some) -> Some:
    """Take a single id for a list of one."""
    return pl.Series([ids]) if isinstance(ids, str | int | np.integer) else ids
