"""The model: LightFM's arguments and attributes, HybridMF's training and ranking."""

import copy
import inspect
from pathlib import Path
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from tqdm import tqdm

from gingham import errors, store
from gingham.arrays import Matrix, canonical
from gingham.errors import ArtifactError, DataError
from gingham.lightfm.errors import ParameterError, translated
from gingham.lightfm.matrices import as_coo, entries, feature_rows, positive_weights
from gingham.lightfm.scoring import Scorer, require_threads
from gingham.lightfm.state import ARRAYS
from gingham.models import HybridMF, Recommender
from gingham.models.epochs import Epoch
from gingham.models.hybrid import HybridState
from gingham.models.inputs import read_inputs
from gingham.models.loss import LOSSES
from gingham.models.parametrized import to_json
from gingham.models.side import INITIAL_MEMORY, Side
from gingham.models.training import TrainingOptions, train
from gingham.models.training_data import TrainingData
from gingham.models.training_pairs import TrainingPairs
from gingham.randomness import RandomState, generator
from gingham.validation import check_integer


class LightFM(Scorer):
    """The model of LightFM 1.17, trained and ranked by Gingham's engine.

    Parameters
    ----------
    no_components : int
        The size of an embedding; 10 by default.
    k, n : int
        "warp-kos" draws n of a user's positives, 10 by default, and trains the k-th best, 5 by default.
    learning_schedule : {"adagrad", "adadelta"}
        How step sizes adapt; "adagrad" by default.
    loss : {"logistic", "bpr", "warp", "warp-kos"}
        What training minimises; "logistic" by default.
    learning_rate : float
        The first step size of adagrad; 0.05 by default.
    rho, epsilon : float
        Adadelta's decay, 0.95 by default, and the constant that gets it going, 1e-6 by default.
    item_alpha, user_alpha : float
        L2 penalties on the parameters of items' and users' features; 0 by default.
    max_sampled : int
        How many negatives "warp" and "warp-kos" try before they give up; 10 by default.
    random_state : int, RandomState, Generator or None
        Where the first embeddings and the draws come from. With an int and one thread, every fit to the same data gives
        the same model. None (default): each fit differs.

    Attributes
    ----------
    item_embeddings, user_embeddings : float32 array, shape (n_features, no_components)
        What is learned about the features; None before the model is fitted. These and those below may be written to.
    item_biases, user_biases : float32 array, shape (n_features,)
        The same for biases.
    item_embedding_gradients, item_embedding_momentum, item_bias_gradients, item_bias_momentum : float32 array
        What the optimizer remembers of the items' parameters; of the same shapes. So for users.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.

    References
    ----------
    Kula, "Metadata Embeddings for User and Item Cold-start Recommendations", 2015. arXiv:1507.08439.
    """

    _seed: int | None
    _history: list[Epoch]

    def __init__(
        self,
        no_components: int = 10,
        k: int = 5,
        n: int = 10,
        learning_schedule: str = "adagrad",
        loss: str = "logistic",
        learning_rate: float = 0.05,
        rho: float = 0.95,
        epsilon: float = 1e-6,
        item_alpha: float = 0.0,
        user_alpha: float = 0.0,
        max_sampled: int = 10,
        random_state: RandomState = None,
    ) -> None:
        self.no_components = no_components
        self.k = k
        self.n = n
        self.learning_schedule = learning_schedule
        self.loss = loss
        self.learning_rate = learning_rate
        self.rho = rho
        self.epsilon = epsilon
        self.item_alpha = item_alpha
        self.user_alpha = user_alpha
        self.max_sampled = max_sampled
        self.random_state = random_state
        self._engine()
        self._reset()

    # Training --------------------------------------------------------------------------------------------------------

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
        """Train from scratch; as `fit_partial` does, after forgetting what was learned before."""
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
        """Train on from where the model stands.

        Parameters
        ----------
        interactions : sparse matrix, shape (n_users, n_items)
            Values above zero are positives, others negatives, which "logistic" alone learns from. A pair that is there
            twice is trained twice.
        user_features, item_features : sparse matrix, shape (n_users, n_features) or (n_items, n_features)
            Weights of features; by default each user and item has one of its own. Rows beyond are not looked at.
        sample_weight : COO matrix, shape (n_users, n_items)
            How much each interaction counts, in the order of the interactions; by default 1. All losses take it.
        epochs : int
            How often training goes through the interactions, 1 by default; 0 sets the model up and no more.
        num_threads : int
            1 by default, which makes training reproducible.
        verbose : bool
            Whether a bar shows the epochs and their loss; False by default.

        Returns
        -------
        LightFM
            This model. If training is interrupted or fails, it is as after the last finished epoch.

        Raises
        ------
        ParameterError
            If a parameter is out of its range.
        DataError
            If shapes disagree, a value is not finite, or there are other features than before.
        DivergedError
            If a parameter stops being finite.
        """
        hybrid = self._engine()
        require_threads(num_threads)
        with translated():
            check_integer("epochs", epochs, 0)
        coo = as_coo(interactions, "interactions")
        n_users, n_items = coo.shape
        given = entries(coo, sample_weight)
        known, features = read_inputs(
            coo,
            feature_rows(user_features, "user_features", n_users),
            feature_rows(item_features, "item_features", n_items),
        )
        rng = generator(self.random_state)
        if self._seed is None:
            self._seed = int(rng.integers(2**62))
        users, items = self._sides(known, features, rng)
        loss = LOSSES[hybrid.loss]
        weights = positive_weights(given, known.matrix) if loss.draws_positives else None
        pairs = TrainingPairs.of_observations(given, known.matrix, weights, loss, self._seed)
        state = HybridState(users, items, self._history, seed=self._seed, schedule=self.learning_schedule)
        with tqdm(total=int(epochs), desc="Epoch", disable=not verbose) as bar:

            def show(_: Recommender, epoch: Epoch) -> None:
                bar.set_postfix(loss=f"{epoch.loss:.4g}", refresh=False)
                bar.update()

            try:
                with translated():
                    n_epochs = int(epochs) if len(pairs) else 0
                    train(hybrid, known, state, pairs, TrainingOptions(n_epochs, num_threads, [show], verbose=False))
            finally:
                self._learn("user", users)
                self._learn("item", items)
        return self

    def _engine(self) -> HybridMF:
        """Make the model that trains with these parameters."""
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
            k=min(self.k, self.n),  # of n drawn, none is worse than the n-th best
            n=self.n,
            random_state=self.random_state,
        )
        try:
            hybrid.validate()
        except errors.ParameterError as error:
            raise ParameterError(str(error).replace("n_components", "no_components")) from error
        return hybrid

    def _reset(self) -> None:
        self._forget()
        self._seed, self._history = None, []

    def _sides(
        self, known: TrainingData, features: tuple[sp.csr_matrix | None, sp.csr_matrix | None], rng: np.random.Generator
    ) -> tuple[Side, Side]:
        """Give users and items as the engine trains them: as they are, or as they start."""
        if self._is_fitted():
            for matrix, ids, what in (
                (features[0], known.user_ids, "user"),
                (features[1], known.item_ids, "item"),
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
                        f"no_components={self.no_components}, and the embeddings have {side.n_components}; call fit."
                    )
            return users, items
        users, items = (
            # Everybody starts at random, as in LightFM: whom training does not meet now it may meet the next time.
            Side.initial(matrix, np.ones(len(ids), bool), int(self.no_components), self.learning_schedule, rng)
            for matrix, ids in zip(features, (known.user_ids, known.item_ids), strict=True)
        )
        return users, items

    # Parameters, other models, storing -------------------------------------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002
        """Give the parameters by name; `deep` is there for scikit-learn and changes nothing."""
        return {name: getattr(self, name) for name in PARAMETERS}

    def set_params(self, **params: Any) -> Self:
        """Change parameters by name; they take effect in the next fit, which checks them.

        Raises
        ------
        ParameterError
            If there is no such parameter.
        """
        for name, value in params.items():
            if name not in PARAMETERS:
                raise ParameterError(f"LightFM has no parameter {name!r}; it has {', '.join(PARAMETERS)}.")
            setattr(self, name, value)
        return self

    @classmethod
    def from_lightfm(cls, model: Any) -> Self:
        """Take a model of LightFM, by its attributes; ours is a copy.

        Parameters
        ----------
        model : lightfm.LightFM
            Fitted or not.

        Raises
        ------
        DataError
            If an attribute of LightFM's is missing.
        """
        missing = [name for name in (*PARAMETERS, *ARRAYS) if not hasattr(model, name)]
        if missing:
            what = f"Of type {type(model).__name__}, the model has no attribute {missing[0]!r}"
            raise DataError(f"{what}; give a model of LightFM.")
        ours = cls(**{name: copy.deepcopy(getattr(model, name)) for name in PARAMETERS})
        for name in ARRAYS:
            array = getattr(model, name)
            setattr(ours, name, None if array is None else np.array(array, np.float32))
        return ours

    def to_hybrid(
        self,
        interactions: Matrix | None = None,
        user_features: Matrix | None = None,
        item_features: Matrix | None = None,
    ) -> HybridMF:
        """Make a `HybridMF` of this model, which recommends, evaluates and stores; it is a copy.

        Parameters
        ----------
        interactions : sparse matrix, shape (n_users, n_items)
            What users had; by default nothing is known of that.
        user_features, item_features : sparse matrix
            As for `fit_partial`: a LightFM does not remember them.

        Raises
        ------
        NotFittedError, DataError
            If the model is not fitted, or shapes disagree.
        """
        self._require_fitted()
        n_users, n_items = (
            len(self._learned(what)[1]) if features is None else canonical(features, f"{what}_features").shape[0]
            for what, features in (("user", user_features), ("item", item_features))
        )
        seen = sp.csr_matrix((n_users, n_items)) if interactions is None else interactions
        known, features = read_inputs(seen, user_features, item_features)
        users, items = self._sides(known, features, generator(self.random_state))
        return self._engine().resume(known, users, items, self._seed, self._history)

    def save(self, path: Path | str) -> None:
        """Store the model as a folder, without pickle; an artifact that is there is replaced when this one is complete.

        Raises
        ------
        NotFittedError, ArtifactError
            If the model is not fitted, or `path` is something else than an artifact or can't be written.
        """
        self._require_fitted()
        params = {name: to_json(value) for name, value in self.get_params().items()}
        state = {"seed": self._seed, "history": [epoch.to_json() for epoch in self._history]}
        arrays = {name: np.ascontiguousarray(getattr(self, name), np.float32) for name in ARRAYS}
        store.write(path, store.Artifact(type(self).__name__, params, state, arrays, {}))

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Load a model that `save` stored.

        Raises
        ------
        ArtifactError
            If there is none at `path`, it is damaged or of a newer format, or it is another kind of model.
        """
        stored = store.read(path)
        if stored.kind != cls.__name__:
            raise ArtifactError(f"The artifact {path} holds a {stored.kind}, no {cls.__name__}; use gingham.load.")
        model = cls(**stored.params)
        for name in ARRAYS:
            setattr(model, name, stored.arrays[name])
        model._seed = stored.state["seed"]
        model._history = [Epoch.of_json(epoch) for epoch in stored.state["history"]]
        return model

    def __repr__(self) -> str:
        return f"LightFM({', '.join(f'{name}={value!r}' for name, value in self.get_params().items())})"


PARAMETERS = tuple(name for name in inspect.signature(LightFM.__init__).parameters if name != "self")
