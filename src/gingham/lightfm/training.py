"""Fit a model and continue its training, with the engine of HybridMF."""

from typing import Self

import numpy as np
import scipy.sparse as sp
from tqdm import tqdm

from gingham import errors
from gingham.arrays import Matrix
from gingham.lightfm.errors import ParameterError, translated
from gingham.lightfm.matrices import as_coo, feature_rows, observations, positive_weights
from gingham.lightfm.scoring import Scorer, require_threads
from gingham.models import HybridMF, Recommender
from gingham.models.epochs import Epoch
from gingham.models.hybrid import HybridState
from gingham.models.inputs import read_inputs
from gingham.models.loss import LOSSES
from gingham.models.side import INITIAL_MEMORY, Side
from gingham.models.training import TrainingOptions, train
from gingham.models.training_data import TrainingData
from gingham.models.training_pairs import TrainingPairs
from gingham.randomness import RandomState, generator
from gingham.validation import check_integer


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
    random_state: RandomState
    _seed: int | None
    _history: list[Epoch]

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

        Examples
        --------
        >>> import numpy as np
        >>> import scipy.sparse as sp
        >>> from gingham.lightfm import LightFM
        >>> model = LightFM(no_components=4).fit(sp.coo_matrix(np.eye(3)), epochs=2)
        >>> model.user_embeddings.shape
        (3, 4)
        """
        self._reset()
        return self.fit_partial(interactions, user_features, item_features, sample_weight, epochs, num_threads, verbose)

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
        sample_weight : COO matrix, shape (n_users, n_items)
            The weight of each interaction, with the same entries in the same order; 1 by default. All losses use it.
        epochs : int
            The number of passes over the interactions; 1 by default. 0 only initialises the model.
        num_threads : int
            At least 1. With 1 (default), training is reproducible.
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
        with translated():
            check_integer("epochs", epochs, 0)
        coo = as_coo(interactions, "interactions")
        n_users, n_items = coo.shape
        observed = observations(coo, sample_weight)
        training_data, features = read_inputs(
            coo,
            feature_rows(user_features, "user_features", n_users),
            feature_rows(item_features, "item_features", n_items),
        )
        rng = generator(self.random_state)
        if self._seed is None:
            self._seed = int(rng.integers(2**62))
        users, items = self._sides(training_data, features, rng)
        loss = LOSSES[hybrid.loss]
        weights = positive_weights(observed, training_data.matrix) if loss.draws_positives else None
        pairs = TrainingPairs.of_observations(observed, training_data.matrix, weights, loss, self._seed)
        state = HybridState(users, items, self._history, seed=self._seed, schedule=self.learning_schedule)
        with tqdm(total=int(epochs), desc="Epoch", disable=not verbose) as bar:

            def show(_: Recommender, epoch: Epoch) -> None:
                bar.set_postfix(loss=f"{epoch.loss:.4g}", refresh=False)
                bar.update()

            try:
                with translated():
                    n_epochs = int(epochs) if len(pairs) else 0
                    options = TrainingOptions(n_epochs, num_threads, [show], verbose=False)
                    train(hybrid, training_data, state, pairs, options)
            finally:
                self._set_parameters("user", users)
                self._set_parameters("item", items)
        return self

    def _engine(self) -> HybridMF:
        """Return the engine's model with these parameters."""
        hybrid = HybridMF(
            n_components=self.no_components,
            loss=self.loss,
            learning_schedule=self.learning_schedule,
            learning_rate=self.learning_rate,
            rho=self.rho,
            epsilon=self.epsilon,
            user_alpha=self.user_alpha,
            item_alpha=self.item_alpha,
            max_sampled=self.max_sampled,
            k=min(self.k, self.n),  # of n samples, the worst is the n-th best
            n=self.n,
            random_state=self.random_state,
        )
        try:
            hybrid.validate()
        except errors.ParameterError as error:
            raise ParameterError(str(error).replace("n_components", "no_components")) from error
        return hybrid

    def _reset(self) -> None:
        self._clear()
        self._seed, self._history = None, []

    def _sides(
        self,
        training_data: TrainingData,
        features: tuple[sp.csr_matrix | None, sp.csr_matrix | None],
        rng: np.random.Generator,
    ) -> tuple[Side, Side]:
        """Return users and items for the engine: from the arrays if the model is fitted, else initialised."""
        if self._is_fitted():
            for matrix, ids, what in (
                (features[0], training_data.user_ids, "user"),
                (features[1], training_data.item_ids, "item"),
            ):
                self._require_features(len(ids) if matrix is None else matrix.shape[1], what)
            n_parts = 1 + len(INITIAL_MEMORY[self.learning_schedule])
            users, items = (
                Side.of_parts(self._parts(what, n_parts), matrix)
                for what, matrix in zip(("user", "item"), features, strict=True)
            )
            for side in (users, items):
                if side.n_components != self.no_components:
                    raise ParameterError(
                        f"no_components={self.no_components} but embeddings have size {side.n_components}; call fit."
                    )
            return users, items
        users, items = (
            # As in LightFM, all rows start at random, also those without interactions, which may come in a later call.
            Side.initial(matrix, np.ones(len(ids), bool), int(self.no_components), self.learning_schedule, rng)
            for matrix, ids in zip(features, (training_data.user_ids, training_data.item_ids), strict=True)
        )
        return users, items
