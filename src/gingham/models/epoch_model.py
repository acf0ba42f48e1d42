"""Models of embeddings that are trained in epochs."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sized
from functools import partial
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.arrays import Floats, Indices, Matrix
from gingham.dataset import Dataset
from gingham.errors import ParameterError
from gingham.models.base import Callback
from gingham.models.early_stopping import EarlyStopping, Monitor
from gingham.models.embedding import EmbeddingModel
from gingham.models.epochs import EmbeddingState, Epoch, ProgressFunction
from gingham.models.inputs import FeatureMatrices, entry_weights, has_launches, has_repeats, read_inputs
from gingham.models.moving import Places
from gingham.models.serving import Serving
from gingham.models.training import TrainingOptions, train
from gingham.models.training_data import Data, TrainingData
from gingham.validation import Check, check_bool, check_fit_arguments, check_integer, optional, shown

StateT = TypeVar("StateT", bound=EmbeddingState)
ProblemT = TypeVar("ProblemT", bound=Sized)


def check_early_stopping(name: str, value: Any) -> None:
    """Check that a value is an `EarlyStopping` with valid parameters."""
    if not isinstance(value, EarlyStopping):
        raise ParameterError(
            f"{name} must be a gingham.EarlyStopping, such as EarlyStopping(patience=3), not {shown(value)}."
        )
    value.validate()


class EpochModel(EmbeddingModel[StateT], Generic[StateT, ProblemT]):
    """A model of embeddings that is trained in epochs, on a problem whose length is the unit of progress.

    Attributes
    ----------
    history_ : list of Epoch
        The epochs of the last fit.
    validation_history_ : list of Epoch
        The epochs of the search for their number, if early stopping split validation data off the training data.
    best_epoch_ : int
        The number of epochs that early stopping chose; without it, that of `history_`.
    """

    supports = frozenset({"features", "epochs", "baskets", "similar_items"})
    constraints: ClassVar[Mapping[str, Check]] = {
        "epochs": partial(check_integer, least=0),
        "weighted": check_bool,
        "early_stopping": optional(check_early_stopping),
    }

    _added_params = frozenset({"epochs", "early_stopping", "weighted"})

    epochs: int
    early_stopping: EarlyStopping | None
    weighted: bool | None
    # The weight of features in representations; a parameter of models that offer it.
    prior: float | None = None
    # The weight of earlier epochs in the parameters after each epoch; a parameter of models that offer it.
    averaging: float = 0.0

    @property
    def history_(self) -> list[Epoch]:
        """The epochs of the last fit."""
        return self._fitted_state.history

    @property
    def validation_history_(self) -> list[Epoch]:
        """The epochs of the search for the number of epochs; empty without such a search."""
        return self._fitted_state.validation_history

    @property
    def best_epoch_(self) -> int:
        """The number of epochs that early stopping chose; without it, the number of all epochs."""
        state = self._fitted_state
        return len(state.history) if state.best_epoch is None else state.best_epoch

    @classmethod
    def from_recipe(cls, params: Mapping[str, Any], section: str) -> Self:
        """Build an unfitted model from a recipe's section, in which ``early_stopping`` is a table.

        A recipe's model is trained for at least one epoch.
        """
        params = dict(params)
        if "epochs" in params:
            check_integer("epochs", params["epochs"])
        if params.get("early_stopping") is not None:
            keys = params["early_stopping"]
            params["early_stopping"] = EarlyStopping.from_recipe(keys, f"{section}.early_stopping")
        return cls(**params)

    def fit(
        self,
        interactions: Data,
        y: None = None,
        *,
        user_features: Matrix | None = None,
        item_features: Matrix | None = None,
        sample_weight: Matrix | None = None,
        num_threads: int = 0,
        callbacks: Iterable[Callback] = (),
        verbose: bool = True,
    ) -> Self:
        """Fit the model, and discard an earlier fit.

        An interaction with a value above zero is a positive. Entries for the same user and item are summed first;
        `Interactions.matrix` offers other ways.

        Parameters
        ----------
        interactions : Dataset or sparse matrix, shape (n_users, n_items)
            The training data. A dataset has its own features; for a matrix, row and column numbers are the ids.
        y : None
            For scikit-learn, which passes it; models have no target. The other arguments are passed by name.
        user_features, item_features : sparse matrix, shape (n_users, n_features) or (n_items, n_features)
            Weights of features, for a matrix of interactions. The identity is a feature only if the matrix contains it;
            by default it is the only feature.
        sample_weight : sparse matrix, shape (n_users, n_items)
            The weight of each interaction, at least 0, with the sparsity pattern of the interactions; 1 by default.
        num_threads : int
            The number of threads; 0 (default) for all cores.
        callbacks : iterable of callable
            Called with the model and the `Epoch` after each epoch; training ends when one returns True.
        verbose : bool
            Whether a terminal shows a progress bar; True by default.

        Returns
        -------
        Self
            This model. After an error or Ctrl-C it is as after the last finished epoch.

        Raises
        ------
        ParameterError
            If a parameter's value is not allowed.
        DataError
            If shapes disagree, a value is not finite, or there are no training examples.
        DivergedError
            If a parameter stops being finite.
        """
        self.validate()
        n_threads, functions = check_fit_arguments(num_threads, callbacks, verbose, y)
        epochs, stopping, search, monitor = int(self.epochs), self.early_stopping, None, None
        if stopping is not None and stopping.splits_training_data:
            rest, validation = stopping.split(interactions, positives_only=not self._learns_negatives)
            search = self.copy(early_stopping=stopping.with_validation(validation))
            search.fit(rest, num_threads=num_threads, callbacks=functions, verbose=verbose)
            epochs = search.best_epoch_
        elif stopping is not None:
            monitor = Monitor(stopping, n_threads)
        training_data, entries, features = read_inputs(interactions, user_features, item_features)
        repeats = has_repeats(interactions, entries)
        weights = entry_weights(entries, sample_weight, self._uses_values(repeats and sample_weight is None))
        state, problem = self._start(entries, features, weights, repeats)
        if has_launches(interactions):
            state.launch_unsold(self.prior)
        if search is not None:
            state.validation_history, state.best_epoch = search.history_, search.best_epoch_
        train(
            self,
            training_data,
            state,
            problem,
            TrainingOptions(epochs, n_threads, functions, monitor, verbose, self.averaging),
        )
        if monitor is not None:
            state.best_epoch = monitor.best_epoch
        return self

    def _uses_values(self, repeats: bool) -> bool:  # noqa: ARG002
        """Return whether values are weights, for data with or without repeats and other weights."""
        return bool(self.weighted)

    @property
    def _learns_negatives(self) -> bool:
        """Whether interactions of zero or less are negative examples; otherwise the model ignores them."""
        return False

    @abstractmethod
    def _start(
        self, entries: sp.csr_matrix, features: FeatureMatrices, weights: Floats | None, repeats: bool
    ) -> tuple[StateT, ProblemT]:
        """Return the initial parameters and what an epoch goes through.

        Parameters
        ----------
        entries : csr_matrix, shape (n_users, n_items)
            The interactions; those of zero or less are not positives.
        features : pair of csr_matrix or None
            Of users and of items; None where each has only its own feature.
        weights : float32 array or None
            The weight of each entry; None if all are 1.
        repeats : bool
            Whether the data have several interactions of the same user and item, which the entries sum.
        """

    def _refresh(self, before: TrainingData, after: TrainingData, changed: Indices, n_threads: int) -> None:
        log = after.log()
        users, items = (
            None if features is None else features.matrix for features in (log.user_features, log.item_features)
        )
        places = Places.of(before.user_ids, after.user_ids), Places.of(before.item_ids, after.item_ids)
        state = self._state.moved(*places, (users, items))
        state.represent(self.prior)
        self._place_users(Serving(state, after), log, changed, n_threads)
        state.represent(self.prior)
        self._solve_new_items(state, after.matrix, n_threads)
        state.represent(self.prior)
        self._adopt(after, state)

    def _place_users(self, serving: Serving[StateT], log: Dataset, users: Indices, n_threads: int) -> None:
        """Represent users by all their interactions with the items of the last fit; without any, by their features."""
        entries = log.interactions.take(np.isin(log.interactions.user_index, users)).matrix()[users]
        centre = serving.state.centre(0, users)
        n_positives = (entries > 0)[:, serving.fitted].getnnz(axis=1).astype(np.int64)
        active = n_positives > 0
        embeddings = centre.copy()
        if active.any():
            embeddings[active] = self._fold_in(serving, entries[active], centre[active], None, n_threads)
        serving.state.place(0, users, embeddings, n_positives)

    def _solve_new_items(self, state: StateT, matrix: sp.csr_matrix, n_threads: int) -> None:
        """Set the embeddings of items that the last fit did not know; by default, they have those of their features.

        Parameters
        ----------
        state : EmbeddingState
            The parameters to change.
        matrix : csr_matrix, shape (n_users, n_items)
            The positives.
        n_threads : int
            At least 1.
        """

    @abstractmethod
    def _run_epoch(self, state: StateT, problem: ProblemT, n_threads: int, progress: ProgressFunction | None) -> float:
        """Train one epoch in place, and return the mean loss of its examples."""

    @property
    @abstractmethod
    def _divergence_remedy(self) -> str:
        """What to change after training has diverged: the end of the sentence "fit again with"."""

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        state, arrays = super()._learned()
        return state | {"history": [epoch.to_json() for epoch in self.history_]}, arrays

    def _stored_params(self) -> dict[str, Any]:
        stopping = self.early_stopping
        stored = stopping.to_json() if isinstance(stopping, EarlyStopping) else None
        return {**super()._stored_params(), "early_stopping": stored}

    @classmethod
    def _restored_params(cls, stored: Mapping[str, Any]) -> dict[str, Any]:
        params = super()._restored_params(stored)
        if params.get("early_stopping") is not None:
            keys = {name: value for name, value in params["early_stopping"].items() if value is not None}
            params["early_stopping"] = EarlyStopping.from_recipe(keys, "early_stopping")
        return params
