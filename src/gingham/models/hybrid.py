"""HybridMF: matrix factorisation with features, trained by stochastic gradient descent in the native kernel."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham import _native
from gingham.arrays import Floats, Matrix, aligned
from gingham.errors import ParameterError
from gingham.models.base import Callback
from gingham.models.early_stopping import EarlyStopping
from gingham.models.epochs import Epoch, EpochModel
from gingham.models.fold_in import fold_in
from gingham.models.side import INITIAL_MEMORY, Side
from gingham.models.training_data import Data, TrainingData
from gingham.models.training_pairs import Training, inputs, require_same, weights_of
from gingham.randomness import RandomState, generator
from gingham.validation import check_choice, check_integer, check_number

LOSSES = ("logistic", "bpr", "warp", "warp-kos")
SCHEDULES = tuple(INITIAL_MEMORY)


class HybridMF(EpochModel[Training]):
    """Hybrid matrix factorisation: who shares features shares what is learned about them.

    A user's or item's representation is the weighted sum of the embeddings and biases of its features, its identity
    among them; a score is the dot product of two representations plus both biases [1]_.

    Parameters
    ----------
    n_components : int
        The size of an embedding; 50 by default.
    loss : {"warp", "warp-kos", "bpr", "logistic"}
        What training minimises. "warp" (default) looks for a negative that ranks too high, and pushes harder the sooner
        one turns up [2]_. "warp-kos" does so for the k-th best of n of the user's positives [3]_. "bpr" ranks a
        positive above one negative, drawn by popularity [4]_. "logistic" tells positives from entries that are zero or
        negative, and needs some of these.
    learning_schedule : {"adagrad", "adadelta"}
        How step sizes adapt [5]_ [6]_; "adagrad" by default.
    learning_rate : float
        The first step size of adagrad; 0.05 by default. Adadelta has none.
    rho, epsilon : float
        Adadelta's decay, 0.95 by default, and the constant that gets it going, 1e-6 by default.
    user_alpha, item_alpha : float
        L2 penalties on the parameters of users' and items' features; 0 by default. A step adds
        ``alpha * parameter`` to the gradient of every parameter that it touches.
    max_sampled : int
        How many negatives "warp" and "warp-kos" try before they give up; 10 by default.
    k, n : int
        "warp-kos" draws n of a user's positives, 10 by default, and trains the k-th best, 5 by default.
    averaging : float
        How much earlier epochs count in the parameters that the model has after an epoch: those it had after the one
        before count `averaging`, from 0 to below 1, and those just trained count the rest [7]_. 0 (default): none.
        Training itself goes on from what was just trained; `fit_partial` goes on from the mean.
    random_state : int, Generator, RandomState or None
        Where the first embeddings and the draws come from. With an int and one thread, every fit to the same data
        on the same kind of processor gives the same model, bit for bit. None (default): each fit differs.

    Attributes
    ----------
    history_ : list of Epoch
        Number, mean loss and seconds of each epoch since the last `fit`, and what callbacks measured.

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
    """

    kind = "hybrid"
    _seed: int

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
        max_sampled: int = 10,
        k: int = 5,
        n: int = 10,
        averaging: float = 0.0,
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
        self.max_sampled = max_sampled
        self.k = k
        self.n = n
        self.averaging = averaging
        self.random_state = random_state

    # Training --------------------------------------------------------------------------------------------------------

    def fit(
        self,
        interactions: Data,
        *,
        user_features: Matrix | None = None,
        item_features: Matrix | None = None,
        sample_weight: Matrix | None = None,
        epochs: int = 10,
        num_threads: int = 1,
        callbacks: Iterable[Callback] = (),
        early_stopping: EarlyStopping | None = None,
        verbose: bool = True,
    ) -> Self:
        """Train from scratch.

        An interaction with a value above zero is a positive. One of zero or less is a negative for "logistic"; the
        ranking losses never take it for a positive, and may draw it as a negative. Entries for the same user and item
        are summed first; `Interactions.matrix` offers other ways.

        Parameters
        ----------
        interactions : Dataset or sparse matrix, shape (n_users, n_items)
            A dataset brings its features; for a matrix, row and column numbers are the ids.
        user_features, item_features : sparse matrix, shape (n_users, n_features) or (n_items, n_features)
            Weights of features, for a matrix of interactions; the identity is a feature only if it is in there. By
            default it is the only one.
        sample_weight : sparse matrix, shape (n_users, n_items)
            How much each interaction counts, at least 0, at the very places of the interactions; by default 1.
        epochs : int
            How often training goes through the interactions; 10 by default.
        num_threads : int
            1 by default, which makes training reproducible; 0 for all cores. Threads update the same parameters
            without locks (Recht et al., "Hogwild!", 2011), which changes results a little from run to run.
        callbacks : iterable of callable
            Each is called with the model and the `Epoch` after every epoch; training ends when one returns True.
        early_stopping : EarlyStopping
            When to end for want of improvement; the model then is the best epoch's. By default all epochs are trained.
        verbose : bool
            Whether a terminal shows a progress bar; True by default.

        Returns
        -------
        HybridMF
            This model. If training is interrupted, by Ctrl-C or an error, it is as after the last finished epoch.

        Raises
        ------
        ParameterError
            If a parameter is out of its range.
        DataError
            If shapes disagree, a value is not finite, or the loss finds nothing to learn from.
        DivergedError
            If a parameter stops being finite.
        """
        self.validate()
        known, features = inputs(interactions, user_features, item_features)
        rng = generator(self.random_state)
        seed = int(rng.integers(2**62))
        training = Training.of(known, sample_weight, self.loss, seed)
        users, items = (
            Side.initial(matrix, active, int(self.n_components), self.learning_schedule, rng)
            for matrix, active in zip(features, training.active, strict=True)
        )
        fresh = {"_training_data": known, "_users": users, "_items": items, "_seed": seed, "history_": []}
        return self._train(fresh, training, epochs, num_threads, callbacks, early_stopping, verbose)

    def fit_partial(
        self,
        interactions: Data,
        *,
        user_features: Matrix | None = None,
        item_features: Matrix | None = None,
        sample_weight: Matrix | None = None,
        epochs: int = 1,
        num_threads: int = 1,
        callbacks: Iterable[Callback] = (),
        early_stopping: EarlyStopping | None = None,
        verbose: bool = True,
    ) -> Self:
        """Train on, or from scratch if the model was not fitted yet.

        Training twice for an epoch is training once for two. The interactions may be others than before, of the same
        users and items with as many features; from then on they are what the model remembers as seen.

        Parameters
        ----------
        interactions, user_features, item_features, sample_weight, epochs, num_threads, callbacks,
        early_stopping, verbose
            As for `fit`, with one epoch by default.

        Raises
        ------
        ParameterError, DataError, DivergedError
            As `fit` does; also if the users, items, number of features, `n_components` or schedule are not those the
            model was fitted with.
        """
        if self._training_data is None:
            return self.fit(
                interactions,
                user_features=user_features,
                item_features=item_features,
                sample_weight=sample_weight,
                epochs=epochs,
                num_threads=num_threads,
                callbacks=callbacks,
                early_stopping=early_stopping,
                verbose=verbose,
            )
        self.validate()
        known, features = inputs(interactions, user_features, item_features)
        training = Training.of(known, sample_weight, self.loss, self._seed)
        require_same(
            (self.training_data_, known),
            (self._users, self._items),
            features,
            self.n_components,
            self.learning_schedule,
        )
        users, items = (
            replace(side, features=matrix) for side, matrix in zip((self._users, self._items), features, strict=True)
        )
        before = self.training_data_
        known = replace(known, rows=known.rows.after(before.rows, before.matrix, known.matrix))
        same = {"_training_data": known, "_users": users, "_items": items}
        return self._train(same, training, epochs, num_threads, callbacks, early_stopping, verbose)

    def resume(
        self, known: TrainingData, users: Side, items: Side, seed: int | None = None, history: Iterable[Epoch] = ()
    ) -> Self:
        """Take what was learned elsewhere, such as by another model; `fit_partial` and `train` go on from there.

        Parameters
        ----------
        known : TrainingData
            The users, the items and what each user had.
        users, items : Side
            What is learned about them; the model trains these very arrays.
        seed : int
            Where the draws of an epoch come from, together with the number of epochs before it; by default drawn from
            `random_state`.
        history : iterable of Epoch
            The epochs so far; by default none.

        Returns
        -------
        HybridMF
            This model.
        """
        self._training_data, self._users, self._items = known, users, items
        self._seed = int(generator(self.random_state).integers(2**62)) if seed is None else seed
        self.history_ = list(history)
        return self

    def validate(self) -> None:
        """Check the parameters; `fit` does so first.

        Raises
        ------
        ParameterError
            If one is out of its range.
        """
        check_choice("loss", self.loss, LOSSES)
        check_choice("learning_schedule", self.learning_schedule, SCHEDULES)
        for name in ("n_components", "max_sampled", "k", "n"):
            check_integer(name, getattr(self, name), 1)
        if self.k > self.n:
            raise ParameterError(f"k={self.k} is larger than n={self.n}; warp-kos takes the k-th best of n positives.")
        for name in ("learning_rate", "epsilon"):
            check_number(name, getattr(self, name), above=0)
        check_number("rho", self.rho, above=0, below=1)
        for name in ("user_alpha", "item_alpha"):
            check_number(name, getattr(self, name), least=0)
        check_number("averaging", self.averaging, least=0, below=1)

    def _run_epoch(self, training: Training, n_threads: int, progress: Callable[[int], None]) -> float:
        sides = self._users, self._items
        return self._epoch(len(self.history_), training, *sides, self.learning_schedule, n_threads, progress)

    def _epoch(
        self,
        number: int,
        training: Training,
        users: Side,
        items: Side,
        schedule: str,
        n_threads: int,
        progress: Callable[[int], None] | None,
    ) -> float:
        """Change what is learned about both sides in place; give the mean loss."""
        cache = None if items.features is None else aligned(self.n_items, _native.padded_width(items.n_components))
        total = _native.train_epoch(
            loss=self.loss,
            schedule=schedule,
            examples=training.examples,
            positives=training.positives,
            pool=training.pool,
            users=users.native(self.user_alpha),
            items=items.native(self.item_alpha),
            item_cache=cache,
            n_components=items.n_components,
            n_items=self.n_items,
            learning_rate=self.learning_rate,
            rho=self.rho,
            epsilon=self.epsilon,
            max_sampled=self.max_sampled,
            k=self.k,
            n=self.n,
            # Each epoch draws from streams of its own, which depend on nothing but its number.
            seed=self._seed + number,
            num_threads=n_threads,
            progress=progress,
        )
        return total / len(training)

    @property
    def _calmer(self) -> str:
        return f"a learning_rate below {self.learning_rate}, or smaller weights of features and samples"

    # Users the model has never met -----------------------------------------------------------------------------------

    def _fold_in(self, had: sp.csr_matrix, shared: Floats, sample_weight: Matrix | None, n_threads: int) -> Floats:
        def train(training: Training, user: Side, items: Side) -> None:
            for number in range(len(self.history_)):
                self._epoch(number, training, user, items, "adagrad", 1, None)

        weights = None if sample_weight is None else weights_of(sample_weight, had)
        return fold_in(
            train,
            self._items,
            shared,
            had,
            weights,
            pool=self.training_data_.matrix.indices.astype(np.int32, copy=False),
            loss=self.loss,
            seed=self._seed,
            n_threads=n_threads,
        )

    # Storing ---------------------------------------------------------------------------------------------------------

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        state, arrays = super()._learned()
        return state | {"seed": self._seed}, arrays

    def _relearn(self, state: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> None:
        super()._relearn(state, arrays)
        self._seed = state["seed"]
