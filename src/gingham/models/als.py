"""ALS: matrix factorisation with features for implicit feedback, by alternating least squares in the native kernel."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham import _native
from gingham.arrays import Floats, Matrix, aligned
from gingham.errors import DataError
from gingham.models.base import Callback
from gingham.models.early_stopping import EarlyStopping
from gingham.models.epochs import EpochModel
from gingham.models.least_squares import Axes, Half, Penalties
from gingham.models.side import Side
from gingham.models.training_data import Data
from gingham.models.training_pairs import inputs, weights_of
from gingham.randomness import RandomState, generator
from gingham.validation import check_integer, check_number

# The standard deviation of the items' first embeddings, times the root of their size.
_SPREAD = 0.1
# What all pairs together weigh by default as unobserved ones, for each unit that the positives weigh.
_UNOBSERVED = 20.0


@dataclass(frozen=True, eq=False)
class Halves:
    """What an epoch goes through: users are solved for, then items.

    Attributes
    ----------
    users, items : Half
        The two.
    """

    users: Half
    items: Half

    def __len__(self) -> int:
        return len(self.users) + len(self.items)


class ALS(EpochModel[Halves]):
    r"""Matrix factorisation by implicit alternating least squares: every pair counts, the unobserved a little.

    Minimises, over positives (u, i) with weights c, and over all pairs of users and items,

    .. math:: \sum_{positives} c_{ui} (1 - s_{ui})^2 + w \sum_{all} s_{ui}^2 + \sum_f \lambda_f |v_f|^2,

    where a score s is the dot product of two representations, and a representation the weighted sum of the embeddings v
    of an entity's features, its identity among them. There are no biases. The penalty of a feature is `l2` times the
    number of pairs that it is in (weighed, the unobserved included) to the power of `l2_exponent` [1]_. What is an
    entity's own is solved for in closed form, what is shared by conjugate gradients; nothing is sampled, and
    results do not depend on the number of threads.

    Parameters
    ----------
    n_components : int
        The size of an embedding; 64 by default.
    unobserved_weight : float, optional
        What a pair weighs that was not observed, w. By default all together weigh 20 times what the positives do, but
        none more than a positive in the mean. What is best depends on how dense the interactions are: 20 times is near
        it on Gowalla and for MovieLens 20M [1]_, on the Complete Journey twice as much is. This and `l2` are the
        parameters to tune.
    l2 : float
        The penalty; 0.01 by default.
    l2_exponent : float
        From 0 (all embeddings alike) to 1 (default: by how often each is met).
    block_size : int
        How many of an entity's equations are solved at once, at the most; 64 by default. An entity with more positives
        than that, in an embedding that is larger, is solved for by blocks of components, once through them an epoch
        [2]_; all others exactly.
    random_state : int, Generator, RandomState or None
        Where the items' first embeddings come from. With an int every fit to the same data on the same kind of
        processor gives the same model. None (default): each fit differs.

    Attributes
    ----------
    history_ : list of Epoch
        Number, loss and seconds of each epoch of the last `fit`, and what callbacks measured. The loss is what is
        minimised, exactly, as it is after the epoch, divided by the number of positives.
    unobserved_weight_ : float
        What a pair that was not observed weighed in the last `fit`.

    References
    ----------
    .. [1] Rendle, Krichene, Zhang and Koren, "Revisiting the Performance of iALS on Item Recommendation Benchmarks",
       RecSys 2022. arXiv:2110.14037. After Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback
       Datasets", ICDM 2008.
    .. [2] Rendle, Krichene, Zhang and Koren, "iALS++: Speeding up Matrix Factorization with Subspace Optimization",
       2021. arXiv:2110.14044.
    """

    kind = "als"
    unobserved_weight_: float

    def __init__(
        self,
        n_components: int = 64,
        unobserved_weight: float | None = None,
        l2: float = 0.01,
        l2_exponent: float = 1.0,
        block_size: int = 64,
        random_state: RandomState = None,
    ) -> None:
        self.n_components = n_components
        self.unobserved_weight = unobserved_weight
        self.l2 = l2
        self.l2_exponent = l2_exponent
        self.block_size = block_size
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
        num_threads: int = 0,
        callbacks: Iterable[Callback] = (),
        early_stopping: EarlyStopping | None = None,
        verbose: bool = True,
    ) -> Self:
        """Train from scratch.

        An interaction with a value above zero is a positive; all others are as good as unobserved. Entries for the same
        user and item are summed first.

        Parameters
        ----------
        interactions : Dataset or sparse matrix, shape (n_users, n_items)
            A dataset brings its features; for a matrix, row and column numbers are the ids.
        user_features, item_features : sparse matrix, shape (n_users, n_features) or (n_items, n_features)
            Weights of features, for a matrix of interactions; the identity is a feature only if it is in there. By
            default it is the only one.
        sample_weight : sparse matrix, shape (n_users, n_items)
            How much each positive weighs, at least 0, at the very places of the interactions; by default 1.
        epochs : int
            How often users and items are solved for; 10 by default.
        num_threads : int
            0 (default) for all cores. The result does not depend on it.
        callbacks : iterable of callable
            Each is called with the model and the `Epoch` after every epoch; training ends when one returns True.
        early_stopping : EarlyStopping
            When to end for want of improvement; the model then is the best epoch's. By default all epochs are trained.
        verbose : bool
            Whether a terminal shows a progress bar; True by default.

        Returns
        -------
        ALS
            This model. If training is interrupted, by Ctrl-C or an error, it is as after the last finished epoch.

        Raises
        ------
        ParameterError
            If a parameter is out of its range.
        DataError
            If shapes disagree, a value is not finite, or there are no positives.
        DivergedError
            If a parameter stops being finite.
        """
        self.validate()
        known, (of_users, of_items) = inputs(interactions, user_features, item_features)
        positives = _positives(known.matrix, sample_weight)
        if not positives.nnz:
            raise DataError(
                f"None of the {known.matrix.nnz:,} interactions has a value and a weight above zero, so there is "
                "nothing to learn from; give each positive interaction a value such as 1."
            )
        weight, by_item = self._weight(positives), sp.csr_matrix(positives.T)
        halves = Halves(
            Half.of(positives, of_users, self._penalties(weight * positives.shape[1])),
            Half.of(by_item, of_items, self._penalties(weight * by_item.shape[1])),
        )
        # Users come first, and are solved for from what is random about items.
        users = _blank(len(halves.users.penalty), of_users, int(self.n_components))
        items = _blank(len(halves.items.penalty), of_items, int(self.n_components))
        first = generator(self.random_state).standard_normal(items.embeddings.shape, np.float32)
        np.multiply(first, np.float32(_SPREAD / np.sqrt(items.n_components)), out=items.embeddings)
        if of_items is not None:
            items.embeddings[of_items.getnnz(axis=0) == 0] = 0  # features of nothing
        fresh = {
            "_training_data": known,
            "_users": users,
            "_items": items,
            "history_": [],
            "unobserved_weight_": weight,
        }
        return self._train(fresh, halves, epochs, num_threads, callbacks, early_stopping, verbose)

    def validate(self) -> None:
        """Check the parameters; `fit` does so first.

        Raises
        ------
        ParameterError
            If one is out of its range.
        """
        for name in ("n_components", "block_size"):
            check_integer(name, getattr(self, name), 1)
        if self.unobserved_weight is not None:
            check_number("unobserved_weight", self.unobserved_weight, above=0)
        check_number("l2", self.l2, above=0)
        check_number("l2_exponent", self.l2_exponent, least=0, most=1)

    def _weight(self, positives: sp.csr_matrix) -> float:
        if self.unobserved_weight is not None:
            return float(self.unobserved_weight)
        n_users, n_items = positives.shape
        return float(positives.data.mean(dtype=np.float64)) * min(_UNOBSERVED * positives.nnz / n_users / n_items, 1.0)

    def _penalties(self, unobserved: float) -> Penalties:
        return Penalties(float(self.l2), float(self.l2_exponent), unobserved)

    def _run_epoch(self, training: Halves, n_threads: int, progress: Callable[[int], None]) -> float:
        with np.errstate(all="ignore"):  # the loop looks for what is not finite
            return self._solve_both(training, n_threads, progress)

    def _solve_both(self, training: Halves, n_threads: int, progress: Callable[[int], None]) -> float:
        self._solve(training.users, self._users, self._items, n_threads, progress)
        before = len(training.users)
        loss = self._solve(training.items, self._items, self._users, n_threads, lambda done: progress(before + done))
        for half, side in ((training.users, self._users), (training.items, self._items)):
            squares = np.einsum("ij,ij->i", side.embeddings, side.embeddings)
            loss += float(half.penalty.astype(np.float64) @ squares)
        return loss / len(training.items)

    def _solve(self, half: Half, side: Side, other: Side, n_threads: int, progress: Callable[[int], None]) -> float:
        """Solve for one side, after both are turned into the other's axes; give the loss without penalties."""
        rows = other.rows()
        axes = Axes.of(rows, other.n_components, n_threads)
        if axes is None:
            return np.nan
        if other.features is not None:
            _native.als_rotate(rows=other.state, axes=axes.rotation, num_threads=n_threads)
        return half.solve(side, axes, self.unobserved_weight_, int(self.block_size), n_threads, progress)

    @property
    def _calmer(self) -> str:
        return "smaller weights of features and samples, or another l2"

    # Users the model has never met -----------------------------------------------------------------------------------

    def _fold_in(self, had: sp.csr_matrix, shared: Floats, sample_weight: Matrix | None, n_threads: int) -> Floats:
        positives = _positives(had, sample_weight)
        size, axes = self._items.n_components, Axes.of(self._items.rows().copy(), self._items.n_components, n_threads)
        assert axes is not None  # a model that is fitted is finite
        own = _blank(had.shape[0], None, size)
        own.embeddings[:] = shared
        _native.als_rotate(rows=own.state, axes=axes.rotation, num_threads=n_threads)
        weight = self.unobserved_weight_
        half = Half.of(positives, None, self._penalties(weight * self.n_items))
        centre = own.state.copy()
        half.solve_rows(own.state, centre, half.penalty, axes, weight, size, n_threads)
        _native.als_rotate(rows=own.state, axes=np.ascontiguousarray(axes.rotation.T), num_threads=n_threads)
        return own.embeddings.copy()

    # Storing ---------------------------------------------------------------------------------------------------------

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        state, arrays = super()._learned()
        return state | {"unobserved_weight": self.unobserved_weight_}, arrays

    def _relearn(self, state: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> None:
        super()._relearn(state, arrays)
        self.unobserved_weight_ = state["unobserved_weight"]


def _positives(matrix: sp.csr_matrix, sample_weight: Matrix | None) -> sp.csr_matrix:
    """Make the matrix of the positives' weights."""
    weights = np.ones(matrix.nnz, np.float32) if sample_weight is None else weights_of(sample_weight, matrix)
    data = np.where(matrix.data > 0, weights, 0).astype(np.float32, copy=False)
    positives = sp.csr_matrix((data, matrix.indices, matrix.indptr), shape=matrix.shape, copy=True)
    positives.eliminate_zeros()
    return positives


def _blank(n_features: int, features: sp.csr_matrix | None, n_components: int) -> Side:
    """Make a side of zeros."""
    state = aligned(n_features, _native.padded_width(n_components))
    state[:] = 0
    return Side(state, features, n_components)
