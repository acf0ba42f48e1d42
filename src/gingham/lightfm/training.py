"""Fit a model and continue its training, with the engine of HybridMF."""

import copy
from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.sparse as sp
from tqdm import tqdm

from gingham import errors
from gingham.arrays import Matrix
from gingham.lightfm.arguments import require_flags, require_threads
from gingham.lightfm.errors import ParameterError, translated
from gingham.lightfm.matrices import as_coo, feature_rows, observations, positive_weights
from gingham.lightfm.randomness import as_random_state, draw_seed, initial_embeddings
from gingham.lightfm.scoring import Scorer
from gingham.lightfm.state import ARRAYS
from gingham.models import HybridMF, Recommender
from gingham.models.epochs import Epoch
from gingham.models.hybrid_state import HybridState
from gingham.models.inputs import read_inputs
from gingham.models.loss import LOSSES
from gingham.models.side import INITIAL_MEMORY, Side
from gingham.models.training import TrainingOptions, train
from gingham.models.training_data import TrainingData
from gingham.models.training_pairs import TrainingPairs
from gingham.randomness import RandomState
from gingham.validation import check_integer


@dataclass(eq=False, kw_only=True)
class _State(HybridState):
    """A state whose epochs draw from the random state of a model."""

    random_state: np.random.RandomState

    def next_seed(self) -> int:
        return draw_seed(self.random_state)


class Trainer(Scorer):
    """The parameters of a model and the methods that train it."""

    no_components: int
    k: int
    n: int
    learning_schedule: str
    loss: str
    learning_rate: float
    rho: float
    epsilon: float
    item_alpha: float
    user_alpha: float
    max_sampled: int
    _random_state: np.random.RandomState
    _history: list[Epoch]

    @property
    def random_state(self) -> np.random.RandomState:
        """The source of all random numbers; training advances it. A seed that is assigned becomes a RandomState."""
        return self._random_state

    @random_state.setter
    def random_state(self, random_state: RandomState) -> None:
        self._random_state = as_random_state(random_state)

    def fit(
        self,
        interactions: Matrix,
        user_features: Matrix | None = None,
        item_features: Matrix | None = None,
        sample_weight: Matrix | None = None,
        epochs: int = 1,
        num_threads: int = 1,
        verbose: bool = False,
    ) -> Self:
        """Fit the model from scratch. The arguments are those of `fit_partial`.

        If an argument is refused, the model keeps its earlier fit.

        Examples
        --------
        >>> import numpy as np
        >>> import scipy.sparse as sp
        >>> from gingham.lightfm import LightFM
        >>> model = LightFM(no_components=4).fit(sp.coo_matrix(np.eye(3)), epochs=2)
        >>> model.user_embeddings.shape
        (3, 4)
        """
        earlier = {name: getattr(self, name) for name in (*ARRAYS, "_history")}
        self._reset()
        arguments = (interactions, user_features, item_features, sample_weight, epochs, num_threads, verbose)
        try:
            return self.fit_partial(*arguments)
        except BaseException:
            if not self._is_fitted():  # training did not start
                vars(self).update(earlier)
            raise

    def fit_partial(
        self,
        interactions: Matrix,
        user_features: Matrix | None = None,
        item_features: Matrix | None = None,
        sample_weight: Matrix | None = None,
        epochs: int = 1,
        num_threads: int = 1,
        verbose: bool = False,
    ) -> Self:
        """Continue training; a model that is not fitted starts with random embeddings.

        Parameters
        ----------
        interactions : sparse matrix, shape (n_users, n_items)
            Values above zero are positives, other values negatives; only "logistic" learns from the latter. A pair that
            occurs twice is trained twice.
        user_features, item_features : sparse matrix, shape (n_users, n_features) or (n_items, n_features)
            Weights of features; by default each user and item has a feature of its own. Additional rows are ignored.
        sample_weight : sparse matrix, shape (n_users, n_items)
            The weight of each interaction, with the same entries in the same order as a COO matrix; 1 by default. All
            losses use it.
        epochs : int
            The number of passes over the interactions; 1 by default. 0 only initialises the model.
        num_threads : int
            At least 1; 1 by default. The result is the same for any number.
        verbose : bool
            Whether to show a progress bar with the epoch and its loss; False by default.

        Returns
        -------
        LightFM
            This model. If training is interrupted or fails, it keeps the state after the last complete epoch.

        Raises
        ------
        ParameterError
            If a parameter is out of range.
        DataError
            If shapes do not match, a value is not finite, or the number of features differs from the last fit.
        DivergedError
            If a parameter becomes NaN or infinite.

        Examples
        --------
        >>> import numpy as np
        >>> import scipy.sparse as sp
        >>> from gingham.lightfm import LightFM
        >>> interactions = sp.coo_matrix(np.eye(3))
        >>> once = LightFM(random_state=1).fit(interactions, epochs=2)
        >>> twice = LightFM(random_state=1).fit_partial(interactions).fit_partial(interactions)
        >>> np.array_equal(once.item_embeddings, twice.item_embeddings)
        True
        """
        hybrid = self._engine()
        require_threads(num_threads)
        require_flags(verbose=verbose)
        with translated():
            check_integer("epochs", epochs, 0)
        coo = as_coo(interactions, "interactions")
        n_users, n_items = coo.shape
        observed = observations(coo, sample_weight)
        training_data, entries, features = read_inputs(
            coo,
            feature_rows(user_features, "user_features", n_users),
            feature_rows(item_features, "item_features", n_items),
        )
        users, items = self._sides(training_data, features)
        loss = LOSSES[hybrid.loss]
        weights = positive_weights(observed, entries) if loss.draws_positives else None
        # The examples are stored in the same order in every call, so that two calls equal one; epochs reorder them.
        pairs = TrainingPairs.of_observations(observed, entries, features, weights, loss, seed=0)
        if 0 in coo.shape:  # without positives LightFM trains nothing, but without users or items it fails
            pairs.require_some(entries, loss)
        is_trained = len(pairs) > 0 and (self.max_sampled > 0 or not loss.searches)
        state = _State(
            users,
            items,
            self._history,
            seed=0,
            schedule=self.learning_schedule,
            random_state=self.random_state,
        )
        with tqdm(total=int(epochs), desc="Epoch", disable=not verbose) as bar:

            def show(_: Recommender, epoch: Epoch) -> None:
                bar.set_postfix(loss=f"{epoch.loss:.4g}", refresh=False)
                bar.update()

            try:
                with translated():
                    n_epochs = int(epochs) if is_trained else 0
                    options = TrainingOptions(n_epochs, num_threads, [show], verbose=False)
                    train(hybrid, training_data, state, pairs, options)
            finally:
                self._set_parameters("user", users)
                self._set_parameters("item", items)
        return self

    def _engine(self) -> HybridMF:
        """Return the engine's model with these parameters."""
        with translated():
            # 0 samples are allowed after construction, as in LightFM: WARP then finds no negatives and trains nothing.
            for name, least in (("k", 1), ("n", 1), ("max_sampled", 0)):
                check_integer(name, getattr(self, name), least)
        hybrid = HybridMF(
            n_components=self.no_components,
            loss=self.loss,
            learning_schedule=self.learning_schedule,
            learning_rate=self.learning_rate,
            rho=self.rho,
            epsilon=self.epsilon,
            user_alpha=self.user_alpha,
            item_alpha=self.item_alpha,
            max_sampled=max(self.max_sampled, 1),
            k=min(self.k, self.n),  # of n samples, the worst is the n-th best
            n=self.n,
            prior=None,  # LightFM trains identities and other features together
            random_state=copy.deepcopy(self.random_state),
        )
        try:
            hybrid.validate()
        except errors.ParameterError as error:
            raise ParameterError(str(error).replace("n_components", "no_components")) from error
        return hybrid

    def _reset(self) -> None:
        self._clear()
        self._history = []

    def _sides(
        self, training_data: TrainingData, features: tuple[sp.csr_matrix | None, sp.csr_matrix | None]
    ) -> tuple[Side, Side]:
        """Return users and items for the engine: from the arrays if the model is fitted, else initialised."""
        n_users, n_items = training_data.matrix.shape
        make = self._trained_side if self._is_fitted() else self._initial_side
        # As in LightFM, the embeddings of items are drawn first.
        items = make("item", features[1], n_items)
        return make("user", features[0], n_users), items

    def _initial_side(self, what: str, features: sp.csr_matrix | None, n_rows: int) -> Side:  # noqa: ARG002
        """Return small random embeddings, also of rows without interactions, which may have some in a later call."""
        n_features = n_rows if features is None else features.shape[1]
        embeddings = initial_embeddings(self.random_state, n_features, int(self.no_components))
        biases = np.zeros(n_features, np.float32)
        memory = [
            (np.full_like(embeddings, value), np.full_like(biases, value))
            for value in INITIAL_MEMORY[self.learning_schedule]
        ]
        return Side.of_parts([(embeddings, biases), *memory], features)

    def _trained_side(self, what: str, features: sp.csr_matrix | None, n_rows: int) -> Side:
        self._require_features(n_rows if features is None else features.shape[1], what)
        n_parts = 1 + len(INITIAL_MEMORY[self.learning_schedule])
        side = Side.of_parts(self._parts(what, n_parts), features)
        if side.n_components != self.no_components:
            raise ParameterError(
                f"no_components={self.no_components} but embeddings have size {side.n_components}; call fit."
            )
        return side
