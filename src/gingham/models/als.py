"""ALS: matrix factorisation with features for implicit feedback, by alternating least squares in the native kernel."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from pydantic import PositiveFloat

from gingham import _native
from gingham.arrays import Floats, Indices, Matrix
from gingham.checked import require
from gingham.errors import DataError
from gingham.models.attribution import Attribution, NormalEquations
from gingham.models.cold import ColdUsers
from gingham.models.contributions import Cause, Part
from gingham.models.early_stopping import EarlyStopping
from gingham.models.embedding import StoredEmbeddings, restored_sold
from gingham.models.epoch_model import EpochModel
from gingham.models.epochs import ProgressFunction, restored_history
from gingham.models.hybrid_state import prior_arrays, restored_sides_and_priors
from gingham.models.inputs import FeatureMatrices, entry_weights
from gingham.models.least_squares import Axes, Half, Halves, Penalties, positive_weights
from gingham.models.priors import Prior, PriorState, evidence_of, sides_of, split_features
from gingham.models.serving import Serving
from gingham.models.side import Side
from gingham.randomness import RandomState, generator
from gingham.scores import ColdScores, Scores
from gingham.validation import MAX_COMPONENTS, Check, check_bool, check_integer, check_number, optional

# The standard deviation of the items' initial embeddings, times the square root of their size.
_SPREAD = 0.1


@dataclass(frozen=True)
class _Defaults:
    """The default values of the parameters that depend on whether users repeat interactions.

    Attributes
    ----------
    unobserved : float
        The total weight of all pairs as unobserved ones, per unit of the positives' total weight.
    l2 : float
        The penalty.
    """

    unobserved: float
    l2: float


# With repeats, the lists are to reproduce the user's own counts; without, new items are to be found.
_DEFAULTS = {False: _Defaults(20.0, 0.01), True: _Defaults(100.0, 0.001)}


@dataclass(eq=False, kw_only=True)
class ALSState(PriorState):
    """The parameters of an `ALS`.

    Attributes
    ----------
    unobserved_weight : float
        The weight of a pair that was not observed.
    repeats : bool
        Whether users repeated interactions.
    """

    unobserved_weight: float
    repeats: bool


class _StoredALS(StoredEmbeddings):
    """The JSON values of a fitted `ALS`."""

    unobserved_weight: PositiveFloat
    repeats: bool = False


class ALS(EpochModel[ALSState, Halves]):
    r"""Matrix factorisation by implicit alternating least squares: all pairs count, unobserved ones a little.

    Minimises, over positives (u, i) with weights c, and over all pairs of users and items,

    .. math:: \sum_{positives} c_{ui} (1 - s_{ui})^2 + w \sum_{all} s_{ui}^2 + \sum_f \lambda_f |v_f|^2,

    where the score s is the dot product of two representations, and a representation is the weighted sum of the
    embeddings v of an entity's features, its identity among them. It has no biases; users without positives and shared
    features get best sellers. The penalty of a feature is `l2`
    times the total weight of the pairs that it occurs in, unobserved ones included, to the power of `l2_exponent` [1]_.
    Features that only one entity has are solved for in closed form, shared ones by conjugate gradients. Nothing is
    sampled, and the result does not depend on the number of threads.

    Parameters
    ----------
    n_components : int
        The size of an embedding; 128 by default.
    unobserved_weight : float or None
        The weight w of an unobserved pair. By default (None) all pairs together weigh 20 times as much as the
        positives, or 100 times if users repeat interactions, but no pair weighs more than an average positive. This and
        `l2` are the parameters to tune.
    l2 : float or None
        The penalty. By default (None) it is 0.01, or 0.001 if users repeat interactions.
    l2_exponent : float
        From 0 (all embeddings have the same penalty) to 1 (default: in proportion to the weight of their pairs).
    block_size : int
        The largest number of an entity's equations that are solved at once; 64 by default. An entity with more
        positives, in a larger embedding, is solved for by blocks of components, once per epoch [2]_; all others are
        solved exactly.
    prior : float or None
        As in `HybridMF`: the weight of features in a representation, 0.25 by default. Identities are then solved for as
        if there were no features, and features with identities of the other side fixed; cold items get a fifth of the
        embedding of their features. None solves for all features together, as in the formula.
    epochs : int
        The number of times that users and items are solved for; 10 by default.
    early_stopping : EarlyStopping or None
        How to end training before that; by default (None) all epochs are trained.
    weighted : bool or None
        Whether the value of a positive is its weight. By default (None) it is if the model is fitted to a dataset in
        which users repeat interactions, without `sample_weight`: the value is then the number of purchases, if each
        transaction has the value 1. Otherwise, for example with a matrix of ratings, all positives weigh the same.
    random_state : int, Generator, RandomState or None
        The source of the items' initial embeddings. With an int, every fit to the same data on the same kind of
        processor gives the same model. None (default): each fit differs.

    Attributes
    ----------
    history_ : list of Epoch
        Number, loss, seconds and measured metrics of each epoch of the last `fit`. The loss is the exact objective
        after the epoch, divided by the number of positives.
    best_epoch_ : int
        The number of epochs that early stopping chose.
    unobserved_weight_ : float
        The weight of an unobserved pair in the last `fit`.

    References
    ----------
    .. [1] Rendle, Krichene, Zhang and Koren, "Revisiting the Performance of iALS on Item Recommendation Benchmarks",
       RecSys 2022. arXiv:2110.14037. After Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback
       Datasets", ICDM 2008.
    .. [2] Rendle, Krichene, Zhang and Koren, "iALS++: Speeding up Matrix Factorization with Subspace Optimization",
       2021. arXiv:2110.14044.

    Examples
    --------
    >>> import gingham as gg
    >>> train, test = gg.split.by_time(gg.synth.sample_dataset(), test="7d")
    >>> model = gg.ALS(8, epochs=5, random_state=0).fit(train)
    >>> model.recommend(["u00"], k=3).columns
    ['user_id', 'item_id', 'rank', 'score']
    >>> model.history_[-1].loss < model.history_[0].loss
    True
    """

    kind = "als"
    panel_cost = 5.0
    _added_params = EpochModel._added_params | {"prior"}
    default_space: ClassVar[Mapping[str, Any]] = {
        "n_components": {"low": 32, "high": 512, "log": True},
        "unobserved_weight": {"low": 0.001, "high": 3.0, "log": True},
        "l2": {"low": 1e-4, "high": 0.1, "log": True},
        "l2_exponent": {"low": 0.0, "high": 1.0},
        "epochs": {"low": 3, "high": 20},
        "weighted": [False, True],
    }
    constraints: ClassVar[Mapping[str, Check]] = {
        "n_components": partial(check_integer, most=MAX_COMPONENTS),
        "block_size": check_integer,
        "prior": optional(partial(check_number, least=0)),
        "unobserved_weight": optional(partial(check_number, above=0)),
        "l2": optional(partial(check_number, above=0)),
        "l2_exponent": partial(check_number, least=0, most=1),
        **EpochModel.constraints,
        "weighted": optional(check_bool),
    }

    def __init__(
        self,
        n_components: int = 128,
        unobserved_weight: float | None = None,
        l2: float | None = None,
        l2_exponent: float = 1.0,
        block_size: int = 64,
        prior: float | None = 0.25,
        epochs: int = 10,
        early_stopping: EarlyStopping | None = None,
        weighted: bool | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.n_components = n_components
        self.unobserved_weight = unobserved_weight
        self.l2 = l2
        self.l2_exponent = l2_exponent
        self.block_size = block_size
        self.prior = prior
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.weighted = weighted
        self.random_state = random_state

    @property
    def unobserved_weight_(self) -> float:
        """The weight of an unobserved pair in the last fit."""
        return self._fitted_state.unobserved_weight

    # Training --------------------------------------------------------------------------------------------------------

    def _start(
        self, entries: sp.csr_matrix, features: FeatureMatrices, weights: Floats | None, repeats: bool
    ) -> tuple[ALSState, Halves]:
        positives = positive_weights(entries, weights)
        if not positives.nnz:
            raise DataError(
                f"None of the {entries.nnz:,} interactions has a value and a weight above zero, so there "
                "is nothing to fit; use a value such as 1 for each positive interaction."
            )
        weight = self._unobserved_weight(positives, repeats)
        trained, shared = split_features(features, self.prior)
        pairs = positives, sp.csr_matrix(positives.T)
        penalties = [self._penalties(weight * matrix.shape[1], repeats) for matrix in pairs]
        users, items = (Half.of(*problem) for problem in zip(pairs, trained, penalties, strict=True))
        of_users, of_items = (
            None if part is None else Half.of(matrix, part, penalty)
            for matrix, part, penalty in zip(pairs, shared, penalties, strict=True)
        )
        state = self._initial(trained, shared, features, positives, unobserved_weight=weight, repeats=repeats)
        return state, Halves((users, items), (of_users, of_items))

    def _initial(
        self,
        trained: FeatureMatrices,
        shared: FeatureMatrices,
        features: FeatureMatrices,
        positives: sp.csr_matrix,
        **values: Any,
    ) -> ALSState:
        """Return random embeddings of items, and zeros: users are solved for first."""
        size, everyone = int(self.n_components), [np.ones(n, bool) for n in positives.shape]
        sides = [
            Side.zeros(n if matrix is None else matrix.shape[1], matrix, size)
            for n, matrix in zip(positives.shape, trained, strict=True)
        ]
        first = generator(self.random_state).standard_normal(sides[1].embeddings.shape, np.float32)
        np.multiply(first, np.float32(_SPREAD / np.sqrt(size)), out=sides[1].embeddings)
        if trained[1] is not None:
            sides[1].embeddings[trained[1].getnnz(axis=0) == 0] = 0  # features that no item has
        evidence = evidence_of(positives, (everyone[0], everyone[1]))
        priors = [
            None if part is None else Prior(side, Side.zeros(part.shape[1], part, size), counts)
            for part, side, counts in zip(shared, sides, evidence, strict=True)
        ]
        users, items = sides_of(sides, priors, features)
        return ALSState(users, items, priors=(priors[0], priors[1]), **values)

    def _uses_values(self, repeats: bool) -> bool:
        return repeats if self.weighted is None else bool(self.weighted)

    def _unobserved_weight(self, positives: sp.csr_matrix, repeats: bool) -> float:
        if self.unobserved_weight is not None:
            return float(self.unobserved_weight)
        n_users, n_items = positives.shape
        share = min(_DEFAULTS[repeats].unobserved * positives.nnz / n_users / n_items, 1.0)
        return float(positives.data.mean(dtype=np.float64)) * float(share)

    def _penalties(self, unobserved: float, repeats: bool) -> Penalties:
        l2 = _DEFAULTS[repeats].l2 if self.l2 is None else self.l2
        return Penalties(float(l2), float(self.l2_exponent), unobserved)

    def _run_epoch(self, state: ALSState, problem: Halves, n_threads: int, progress: ProgressFunction | None) -> float:
        with np.errstate(all="ignore"):  # the training loop checks that parameters are finite
            self._solve(state, problem, 0, n_threads, progress)
            before = len(problem.trained[0])
            later = None if progress is None else lambda done: progress(before + done)
            loss = self._solve(state, problem, 1, n_threads, later)
            for half, side in zip(problem.trained, state.trained, strict=True):
                squares = np.einsum("ij,ij->i", side.embeddings, side.embeddings)
                loss += float(half.penalty.astype(np.float64) @ squares)
            state.represent(self.prior)
        return loss / len(problem.trained[1])

    def _solve(
        self, state: ALSState, problem: Halves, place: int, n_threads: int, progress: ProgressFunction | None
    ) -> float:
        """Solve for users (`place` 0) or items (1), after rotating all to the other side's principal axes.

        Returns the loss without penalties.
        """
        side, other = state.trained[place], state.trained[1 - place]
        axes = Axes.of(other.rows(), other.n_components, n_threads)
        if axes is None:
            return np.nan
        other_prior = state.priors[1 - place]
        if other.features is not None:
            _native.als_rotate(rows=other.state, axes=axes.rotation, num_threads=n_threads)
        if other_prior is not None:
            _native.als_rotate(rows=other_prior.shared.state, axes=axes.rotation, num_threads=n_threads)
        solve = partial(Half.solve, axes=axes, unobserved_weight=state.unobserved_weight, n_threads=n_threads)
        loss = solve(problem.trained[place], side, block_size=int(self.block_size), progress=progress)
        prior, half = state.priors[place], problem.priors[place]
        if prior is not None and half is not None:
            solve(half, prior.shared, block_size=int(self.block_size))
        return loss

    @property
    def _divergence_remedy(self) -> str:
        return "smaller weights of features and samples, or another l2"

    # Scoring ---------------------------------------------------------------------------------------------------------

    def _scores_of(self, users: Side) -> Scores:
        """Return dot products, and best sellers for users without a history and features, whose embeddings are zero."""
        return ColdScores(
            super()._scores_of(users),
            lambda: self._serving.best_sellers,
            lambda chosen: np.equal(users.rows_of(chosen)[:, : users.n_components].any(axis=1), False),
        )

    def _contributions(self, users: Indices, items: Indices, cold: ColdUsers | None = None) -> list[Part]:
        parts = super()._contributions(users, items, cold)
        is_known = np.zeros(len(users), bool)
        for part in parts:
            is_known[part.pair[part.value != 0]] = True
        rest = np.where(is_known, 0, self._all_scores(cold).pairs(users, items))
        return [*parts, Part.of_all(Cause.BEST_SELLER, rest).take(~is_known)]

    def _attribution(self, histories: sp.csr_matrix) -> Attribution:
        state = self._state
        positives = positive_weights(histories, entry_weights(histories, None, self._uses_values(state.repeats)))
        penalty = self._penalties(state.unobserved_weight * self.n_items, state.repeats).of(positives)
        items = state.items.rows()[:, : state.items.n_components]
        return NormalEquations.of(items, state.unobserved_weight, positives, penalty)

    # Cold users ------------------------------------------------------------------------------------------------------

    def _solve_users(
        self,
        serving: Serving[ALSState],
        interactions: sp.csr_matrix,
        shared: Floats,
        sample_weight: Matrix | None,
        n_threads: int,
    ) -> Floats:
        state = serving.state
        uses_values = self._uses_values(state.repeats and sample_weight is None)
        positives = positive_weights(interactions, entry_weights(interactions, sample_weight, uses_values))
        return self._solved(state, serving.axes, positives, shared, n_threads)

    def _solved(self, state: ALSState, axes: Axes, positives: sp.csr_matrix, shared: Floats, n_threads: int) -> Floats:
        """Solve for embeddings in one step, drawn to those of shared features."""
        size, weight = state.users.n_components, state.unobserved_weight
        solved = Side.zeros(positives.shape[0], None, size)
        solved.embeddings[:] = shared
        _native.als_rotate(rows=solved.state, axes=axes.rotation, num_threads=n_threads)
        half = Half.of(positives, None, self._penalties(weight * positives.shape[1], state.repeats))
        half.solve_rows(solved.state, solved.state.copy(), half.penalty, axes, weight, size, n_threads)
        _native.als_rotate(rows=solved.state, axes=np.ascontiguousarray(axes.rotation.T), num_threads=n_threads)
        return solved.embeddings.copy()

    def _solve_new_items(self, state: ALSState, matrix: sp.csr_matrix, n_threads: int) -> None:
        assert state.sold is not None
        new = np.flatnonzero(state.sold < 0).astype(np.int32)
        bought = sp.csr_matrix(matrix[:, new].T)
        new, bought = new[bought.getnnz(axis=1) > 0], bought[bought.getnnz(axis=1) > 0]
        if not len(new):
            return
        bought.sort_indices()
        axes = Axes.of(state.users.rows().copy(), state.users.n_components, n_threads)
        assert axes is not None  # a fitted model is finite
        weights = entry_weights(bought, None, self._uses_values(state.repeats))
        centre = state.centre(1, new)
        embeddings = self._solved(state, axes, positive_weights(bought, weights), centre, n_threads)
        state.place(1, new, embeddings, np.diff(bought.indptr).astype(np.int64))

    # Storing ---------------------------------------------------------------------------------------------------------

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        state, arrays = super()._learned()
        arrays |= prior_arrays(self._state.priors)
        return state | {"unobserved_weight": self.unobserved_weight_, "repeats": self._state.repeats}, arrays

    def _relearn(self, state: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        stored = _StoredALS.read(state)
        users, items, priors = restored_sides_and_priors(stored.n_components, None, arrays, self.training_data_)
        for side in (users, items):
            require(not side.biases.any(), "there are biases, which a model of this kind does not have")
        self._state = ALSState(
            users,
            items,
            restored_history(stored.history),
            sold=restored_sold(arrays, self.training_data_),
            priors=priors,
            unobserved_weight=stored.unobserved_weight,
            repeats=stored.repeats,
        )

    @classmethod
    def _restored_params(cls, stored: Mapping[str, Any]) -> dict[str, Any]:
        return super()._restored_params({"prior": None, **stored})  # version 0.1 solved for all features together
