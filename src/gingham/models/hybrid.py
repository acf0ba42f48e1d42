"""HybridMF: matrix factorisation with features, trained by stochastic gradient descent in the native kernel."""

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from functools import partial
from typing import Any, ClassVar, Self

import numpy.typing as npt
import scipy.sparse as sp

from gingham.arrays import Floats, Matrix
from gingham.errors import ParameterError
from gingham.models.base import Callback
from gingham.models.descent import Descent
from gingham.models.early_stopping import EarlyStopping
from gingham.models.embedding import restored_sold
from gingham.models.epoch_model import EpochModel
from gingham.models.epochs import Epoch, ProgressFunction, restored_history
from gingham.models.fold_in import fold_in
from gingham.models.hybrid_state import HybridState, StoredHybrid, prior_arrays, restored_sides_and_priors
from gingham.models.inputs import FeatureMatrices, check_same_inputs, entry_weights, has_launches, read_inputs
from gingham.models.loss import LOSSES, Loss
from gingham.models.priors import split_features
from gingham.models.serving import Serving
from gingham.models.side import INITIAL_MEMORY, Side
from gingham.models.training import TrainingOptions, train
from gingham.models.training_data import Data, TrainingData
from gingham.models.training_pairs import TrainingPairs
from gingham.randomness import RandomState, generator
from gingham.validation import (
    MAX_COMPONENTS,
    Check,
    check_choice,
    check_fit_arguments,
    check_integer,
    check_number,
    optional,
)


class HybridMF(EpochModel[HybridState, TrainingPairs]):
    """Hybrid matrix factorisation: users and items are represented by the sums of their features' embeddings.

    A user's or item's representation is the weighted sum of the embeddings and biases of its features, its identity
    among them. A score is the dot product of two representations plus both biases [1]_. Users or items that share
    features share what is learned about these.

    Parameters
    ----------
    n_components : int
        The size of an embedding; 50 by default.
    loss : {"warp", "warp-kos", "bpr", "logistic"}
        The loss. "warp" (default) searches for a negative that ranks above the positive, and takes larger steps the
        fewer draws that needs [2]_. "warp-kos" does the same for the k-th best of n of the user's positives [3]_. "bpr"
        ranks a positive above one item without an entry of the user, sampled by popularity [4]_. "logistic" classifies
        positives and negatives, which are entries of zero or less, and needs some of these.
    learning_schedule : {"adagrad", "adadelta"}
        How step sizes adapt [5]_ [6]_; "adagrad" by default.
    learning_rate : float
        The initial step size of adagrad; 0.05 by default. Adadelta does not use it.
    rho, epsilon : float
        Adadelta's decay, 0.95 by default, and a small constant for numerical stability, 1e-6 by default.
    user_alpha, item_alpha : float
        L2 penalties on all parameters of users' and items' features; 0 by default. As in LightFM, each step shrinks
        them all by ``alpha`` times the mean of its learning rates; `fold_in` does not. Useful values are small: 1e-5.
    regularization : float
        L2 penalty on the parameters that a step updates: ``regularization * parameter`` is added to their gradients, as
        in implicit; 0 by default. Useful values are 0.001 to 3, depending on the data.
    max_sampled : int
        The largest number of negatives that "warp" and "warp-kos" draw for a positive; 10 by default.
    k, n : int
        "warp-kos" draws n of a user's positives, 10 by default, and trains the k-th best, 5 by default.
    averaging : float
        The weight of earlier epochs in an exponential moving average of the parameters, from 0 (default: no averaging)
        to below 1 [7]_. After an epoch the model has the average; the next epoch goes on from the parameters before
        averaging. `fit_partial` goes on from the average.
    prior : float or None
        With features next to identities: the weight of features in a representation, 0.25 by default. With n - 1
        interactions, this is ``(n^2 * own + prior * features) / (n^2 + prior)``; that of a new user or item is made of
        features alone. Both parts are trained apart. None trains all features together, as LightFM does; so does a side
        whose features do not start with identities.
    epochs : int
        The number of passes over the interactions; 10 by default.
    early_stopping : EarlyStopping or None
        How to end training before that; by default (None) all epochs are trained.
    weighted : bool
        Whether the value of a positive is its weight; False by default: all have the same weight.
    random_state : int, Generator, RandomState or None
        The source of the initial embeddings and of all draws. With an int, every fit to the same data gives the same
        bits on any number of threads and the same kind of processor. None (default): each fit differs.

    Attributes
    ----------
    history_ : list of Epoch
        Number, mean loss, seconds and measured metrics of each epoch since the last `fit`.
    best_epoch_ : int
        The number of epochs that early stopping chose.

    References
    ----------
    .. [1] Kula, "Metadata Embeddings for User and Item Cold-start Recommendations", 2015. arXiv:1507.08439.
    .. [2] Weston, Bengio and Usunier, "WSABIE: Scaling Up To Large Vocabulary Image Annotation", IJCAI 2011.
    .. [3] Weston, Yee and Weiss, "Learning to Rank Recommendations with the k-Order Statistic Loss", RecSys 2013.
    .. [4] Rendle et al., "BPR: Bayesian Personalized Ranking from Implicit Feedback", UAI 2009. arXiv:1205.2618.
    .. [5] Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization",
       JMLR 2011.
    .. [6] Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012. arXiv:1212.5701.
    .. [7] Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", SIAM J. Control and
       Optimization, 1992.

    Examples
    --------
    >>> import gingham as gg
    >>> train, test = gg.split.by_time(gg.synth.sample_dataset(), test="7d")
    >>> model = gg.HybridMF(8, epochs=5, random_state=0).fit(train, num_threads=1)
    >>> model.recommend(["u00"], k=3).columns
    ['user_id', 'item_id', 'rank', 'score']
    """

    kind = "hybrid"
    panel_cost = 4.0
    _added_params = EpochModel._added_params | {"prior"}
    default_space: ClassVar[Mapping[str, Any]] = {
        "loss": ["warp", "warp-kos", "bpr"],
        "n_components": {"low": 8, "high": 512, "log": True},
        "learning_schedule": ["adagrad", "adadelta"],
        "learning_rate": {"low": 0.003, "high": 0.3, "log": True},
        "user_alpha": {"low": 1e-8, "high": 1e-3, "log": True},
        "item_alpha": {"low": 1e-8, "high": 1e-3, "log": True},
        "regularization": {"low": 1e-3, "high": 3.0, "log": True},
        "max_sampled": {"low": 3, "high": 50, "log": True},
        "averaging": [0.0, 0.5, 0.7, 0.9],
        "epochs": {"low": 5, "high": 50},
        "weighted": [False, True],
    }
    constraints: ClassVar[Mapping[str, Check]] = {
        "loss": partial(check_choice, choices=tuple(LOSSES)),
        "learning_schedule": partial(check_choice, choices=tuple(INITIAL_MEMORY)),
        "n_components": partial(check_integer, most=MAX_COMPONENTS),
        "max_sampled": check_integer,
        "k": check_integer,
        "n": check_integer,
        "learning_rate": partial(check_number, above=0),
        "epsilon": partial(check_number, above=0),
        "rho": partial(check_number, above=0, below=1),
        "user_alpha": partial(check_number, least=0),
        "item_alpha": partial(check_number, least=0),
        "regularization": partial(check_number, least=0),
        "averaging": partial(check_number, least=0, below=1),
        "prior": optional(partial(check_number, least=0)),
        **EpochModel.constraints,
    }

    def __init__(
        self,
        n_components: int = 50,
        loss: str = "warp",
        learning_schedule: str = "adagrad",
        learning_rate: float = 0.05,
        rho: float = 0.95,
        epsilon: float = 1e-6,
        user_alpha: float = 0.0,
        item_alpha: float = 0.0,
        regularization: float = 0.0,
        max_sampled: int = 10,
        k: int = 5,
        n: int = 10,
        averaging: float = 0.0,
        prior: float | None = 0.25,
        epochs: int = 10,
        early_stopping: EarlyStopping | None = None,
        weighted: bool = False,
        random_state: RandomState = None,
    ) -> None:
        self.n_components = n_components
        self.loss = loss
        self.learning_schedule = learning_schedule
        self.learning_rate = learning_rate
        self.rho = rho
        self.epsilon = epsilon
        self.user_alpha = user_alpha
        self.item_alpha = item_alpha
        self.regularization = regularization
        self.max_sampled = max_sampled
        self.k = k
        self.n = n
        self.averaging = averaging
        self.prior = prior
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.weighted = weighted
        self.random_state = random_state

    def validate(self) -> None:
        """Check the parameters; `fit` calls this first.

        Raises
        ------
        ParameterError
            If a value is not allowed.
        """
        super().validate()
        if self.k > self.n:
            raise ParameterError(f"k={self.k} is larger than n={self.n}; warp-kos takes the k-th best of n positives.")

    # Training --------------------------------------------------------------------------------------------------------

    def fit_partial(
        self,
        interactions: Data,
        *,
        user_features: Matrix | None = None,
        item_features: Matrix | None = None,
        sample_weight: Matrix | None = None,
        epochs: int = 1,
        num_threads: int = 0,
        callbacks: Iterable[Callback] = (),
        verbose: bool = True,
    ) -> Self:
        """Train a fitted model further, or fit it if it is not fitted.

        Training twice for one epoch equals training once for two. The interactions may be new, of the same users, items
        and features; they replace the training data. Early stopping has no effect here.

        Parameters
        ----------
        interactions, user_features, item_features, sample_weight, num_threads, callbacks, verbose
            As for `fit`.
        epochs : int
            The number of epochs; 1 by default.

        Returns
        -------
        HybridMF
            This model.

        Raises
        ------
        ParameterError, DataError, DivergedError
            As for `fit`; also if the users, items, features, `n_components` or `learning_schedule` differ from those
            that the model was fitted with.
        """
        self.validate()
        check_integer("epochs", epochs, 0)
        n_threads, functions = check_fit_arguments(num_threads, callbacks, verbose)
        training_data, entries, features = read_inputs(interactions, user_features, item_features)
        weights = entry_weights(entries, sample_weight, bool(self.weighted))
        if self._training_data is None:
            state, pairs = self._start(entries, features, weights)
        else:
            state, pairs, training_data = self._continue(training_data, entries, features, weights)
        if has_launches(interactions):
            state.launch_unsold(self.prior)
        options = TrainingOptions(epochs, n_threads, functions, None, verbose, self.averaging)
        train(self, training_data, state, pairs, options)
        return self

    def _continue(
        self, training_data: TrainingData, entries: sp.csr_matrix, features: FeatureMatrices, weights: Floats | None
    ) -> tuple[HybridState, TrainingPairs, TrainingData]:
        """Return a state that goes on from the model's, and training data that remember the earlier ones."""
        before, state = self.training_data_, self._state
        check_same_inputs(before, training_data, (state.users, state.items), features)
        if (state.users.n_components, state.schedule) != (self.n_components, self.learning_schedule):
            raise ParameterError(
                f"n_components={self.n_components} or learning_schedule={self.learning_schedule!r} differs from the "
                "value that the model was fitted with; call fit."
            )
        rows = training_data.rows.after(before.rows, before.matrix, training_data.matrix)
        pairs = self._pairs(entries, features, weights, state.seed)
        continued = state.continued(features, pairs.active, entries, self.prior)
        return continued, pairs, replace(training_data, rows=rows)

    def resume(
        self, training_data: TrainingData, users: Side, items: Side, seed: int | None, history: Iterable[Epoch] = ()
    ) -> Self:
        """Continue from parameters that were trained elsewhere, such as by another model.

        Parameters
        ----------
        training_data : TrainingData
            The users, the items and the interactions.
        users, items : Side
            The parameters; further training changes these arrays in place.
        seed : int or None
            The source of an epoch's draws, together with its number; None to draw it from `random_state`.
        history : iterable of Epoch
            The epochs so far; none by default.

        Returns
        -------
        HybridMF
            This model.
        """
        seed = int(generator(self.random_state).integers(2**62)) if seed is None else seed
        state = HybridState(users, items, list(history), seed=seed, schedule=self.learning_schedule)
        self._adopt(training_data, state)
        return self

    @property
    def _loss(self) -> Loss:
        return LOSSES[self.loss]

    @property
    def _learns_negatives(self) -> bool:
        return self._loss.needs_negatives

    def _start(
        self, entries: sp.csr_matrix, features: FeatureMatrices, weights: Floats | None, _: bool = False
    ) -> tuple[HybridState, TrainingPairs]:
        rng = generator(self.random_state)
        seed = int(rng.integers(2**62))
        pairs = self._pairs(entries, features, weights, seed)
        state = HybridState.initial(
            features,
            pairs.active,
            entries,
            self.prior,
            n_components=int(self.n_components),
            schedule=self.learning_schedule,
            seed=seed,
            rng=rng,
        )
        return state, pairs

    def _pairs(
        self, entries: sp.csr_matrix, features: FeatureMatrices, weights: Floats | None, seed: int
    ) -> TrainingPairs:
        """Return the examples of an epoch, for trained sides and for priors."""
        trained, (users, items) = split_features(features, self.prior)
        pairs = TrainingPairs.of_matrix(entries, trained, weights, self._loss, seed)
        of_users = None if users is None else pairs.with_features((users, None))
        of_items = None if items is None else pairs.with_features((None, items))
        return replace(pairs, priors=(of_users, of_items))

    @property
    def _descent(self) -> Descent:
        return Descent(**{part.name: getattr(self, part.name) for part in fields(Descent)})

    def _run_epoch(
        self, state: HybridState, problem: TrainingPairs, n_threads: int, progress: ProgressFunction | None
    ) -> float:
        loss = self._descent.train(state, problem, n_threads, progress)
        state.represent(self.prior)
        return loss

    @property
    def _divergence_remedy(self) -> str:
        return f"a learning_rate below {self.learning_rate}, or smaller weights of features and samples"

    # Cold users ------------------------------------------------------------------------------------------------------

    def _solve_users(
        self,
        serving: Serving[HybridState],
        interactions: sp.csr_matrix,
        shared: Floats,
        sample_weight: Matrix | None,
        n_threads: int,
    ) -> Floats:
        # An alpha would shrink the fixed rows, too.
        fixing, seed = replace(self._descent, user_alpha=0.0, item_alpha=0.0), serving.state.seed

        def train_user(pairs: TrainingPairs, user: Side, items: Side) -> None:
            for done in range(len(serving.state.history)):
                fixing.run(user, items, pairs, "adagrad", seed=seed + done, done=done, n_threads=1)

        return fold_in(
            train_user,
            serving.fixed_items,
            shared,
            interactions,
            entry_weights(interactions, sample_weight, bool(self.weighted)),
            pool=serving.pool,
            loss=self._loss,
            seed=seed,
            n_threads=n_threads,
        )

    # Storing ---------------------------------------------------------------------------------------------------------

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        state, arrays = super()._learned()
        arrays |= prior_arrays(self._state.priors)
        return state | {"seed": self._state.seed, "schedule": self._state.schedule}, arrays

    def _relearn(self, state: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        stored = StoredHybrid.read(state)
        schedule = self.learning_schedule if stored.schedule is None else stored.schedule
        users, items, priors = restored_sides_and_priors(stored.n_components, schedule, arrays, self.training_data_)
        history = restored_history(stored.history)
        sold = restored_sold(arrays, self.training_data_)
        self._state = HybridState(users, items, history, sold=sold, seed=stored.seed, schedule=schedule, priors=priors)

    @classmethod
    def _restored_params(cls, stored: Mapping[str, Any]) -> dict[str, Any]:
        return super()._restored_params({"prior": None, **stored})  # version 0.1 trained features with identities
