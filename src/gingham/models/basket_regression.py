"""BasketRegression: a ridge regression from a user's history to their next basket, in closed form."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.arrays import Floats, Indices
from gingham.checked import LARGEST, Values, require, stored_array, stored_csr
from gingham.dataset import Dataset
from gingham.models.basket_examples import Examples, unit_rows
from gingham.models.baskets import BasketModel
from gingham.models.cold import ColdUsers
from gingham.models.contributions import Cause, Part, history_parts
from gingham.models.item_requests import Asked, SimilarItems
from gingham.models.living import Guarantee
from gingham.models.moving import Places
from gingham.models.one_pass import OnePassModel
from gingham.models.ridge import Ridge
from gingham.models.steps import Steps, decayed, steps_of
from gingham.models.training_data import Data, TrainingData
from gingham.scores import DenseScores
from gingham.store import csr_arrays
from gingham.validation import Check, check_duration, check_integer, check_number, check_optional_duration, optional

# The half-life in days of the sales that order items about which the regression says nothing, and the weight of an
# item's share of these sales: small compared with the scores of items that a user is likely to buy.
_SALES_HALF_LIFE, _SALES_WEIGHT = 7.0, 0.1


class _StoredRegression(Values):
    """The JSON values of a fitted `BasketRegression`."""

    in_days: bool


class BasketRegression(SimilarItems, BasketModel, OnePassModel):
    """Ridge regression from the time-decayed history of a user to their next basket.

    A basket is what a user bought in one order or, where there are no order numbers, on one day. Every
    basket except a user's first is an example. Its input is the user's history before it: the sum of the earlier
    baskets, decayed by their age, scaled to unit L2 norm. Its target is the basket. Recent examples have more weight.
    With S the inputs, X the targets and W the weights of the examples, the item-item weights are
    ``(S'WS + l2 * mean(diag(S'WS)) * I)^-1 S'WX``, and the score of an item is the user's decayed and scaled history
    times its column. Items may predict themselves, because many purchases are repeated. Interactions above zero count
    the same.

    A share of recent sales, small compared with other scores, is added: it orders the items about which the regression
    says nothing, and makes best sellers of the list of a user without history.

    The weights of the `max_items` items with the most users are exact, and dense: 4 bytes for each pair, and three
    times that during `fit`. For pairs with other items, the regression is solved for each input alone, and the
    `n_neighbours` largest weights of each item are kept.

    Parameters
    ----------
    l2 : float
        The L2 penalty as a multiple of the mean diagonal of the Gram matrix S'WS, above 0; 4 by default.
    half_life : str or None
        The time after which a basket counts half in the history, such as "90d" (default). None counts all baskets the
        same. Without timestamps, `step_decay` applies instead.
    step_decay : float
        Without timestamps, the weight of a basket in the history relative to the next one, above 0 and at most 1; 0.8
        by default.
    training_half_life : str or None
        The age, counted back from the last transaction, at which an example counts half; "45d" by default. None counts
        all examples the same. Has no effect without timestamps.
    max_items : int
        The largest number of items with exact weights; 5,000 by default, which takes 0.3 GB during `fit`.
    n_neighbours : int
        The number of weights of each other item; 200 by default.

    References
    ----------
    Choi et al., "Session-aware Linear Item-Item Models for Session-based Recommendation", 2021,
    https://arxiv.org/abs/2103.16104, and Park et al., "Temporal Linear Item-Item Model for Sequential Recommendation",
    2025, https://arxiv.org/abs/2412.07382, are relatives of this model.

    Examples
    --------
    >>> import gingham as gg
    >>> model = gg.BasketRegression().fit(gg.synth.sample_dataset())
    >>> model.recommend(["u07"], k=3)["rank"].to_list()
    [1, 2, 3]
    """

    kind: ClassVar[str] = "basket-regression"
    panel_cost: ClassVar[float | None] = 10.0
    supports: ClassVar[frozenset[str]] = frozenset({"baskets", "similar_items"})
    requires_order: ClassVar[bool] = True
    default_space: ClassVar[Mapping[str, Any]] = {
        "l2": {"low": 0.2, "high": 50.0, "log": True},
        "half_life": ["20d", "45d", "90d", "180d", "360d"],
        "step_decay": {"low": 0.3, "high": 1.0},
        "training_half_life": ["20d", "45d", "90d", "180d"],
    }
    constraints: ClassVar[Mapping[str, Check]] = {
        "l2": partial(check_number, above=0, most=1e9),
        "half_life": optional(check_duration),
        "step_decay": partial(check_number, above=0, most=1),
        "training_half_life": optional(check_duration),
        "max_items": check_integer,
        "n_neighbours": check_integer,
    }

    guarantee: ClassVar[Guarantee] = "fixed items"

    _history: sp.csr_matrix
    _in_days: bool
    _ridge: Ridge
    _shared: Floats
    # The users, and their scores without `_shared`, of a model that was fitted to score a few users.
    _few: tuple[Indices, Floats] | None

    def __init__(
        self,
        l2: float = 4.0,
        half_life: str | None = "90d",
        step_decay: float = 0.8,
        training_half_life: str | None = "45d",
        max_items: int = 5000,
        n_neighbours: int = 200,
    ) -> None:
        self.l2 = l2
        self.half_life = half_life
        self.step_decay = step_decay
        self.training_half_life = training_half_life
        self.max_items = max_items
        self.n_neighbours = n_neighbours

    def fit_bytes(self, train: Dataset) -> int:
        """Return the size of the dense matrices that `fit` needs, in bytes."""
        return 12 * min(train.n_items, int(self.max_items)) ** 2

    def _fit(self, training_data: TrainingData, interactions: Data, n_threads: int) -> None:
        examples, items = self._prepare(training_data, interactions)
        self._ridge = Ridge.fit(examples, items, float(self.l2), int(self.n_neighbours), n_threads)
        self._few = None

    def fit_to_score(self, users: Indices, interactions: Dataset, num_threads: int) -> Self:
        """Fit the model to score these users only, in about half the time of `fit` where they are few.

        `TwoStage` fits its models in this way as of the start of each training period. Scores are those after `fit`, up
        to rounding. The model cannot be saved.

        Parameters
        ----------
        users : int32 array, shape (n,)
            The users, ascending.
        interactions : Dataset
            The training data.
        num_threads : int
            The number of threads, at least 1.

        Examples
        --------
        >>> import gingham as gg
        >>> data = gg.synth.sample_dataset()
        >>> model = gg.BasketRegression().fit_to_score(data.user_ids.index(["u07"]), data, num_threads=1)
        >>> model.recommend("u07", k=3)["rank"].to_list()
        [1, 2, 3]
        """
        self.validate()
        training_data = TrainingData.of(interactions)
        examples, items = self._prepare(training_data, training_data.positives(interactions))
        history = self._history[users]
        fitting = examples, items, float(self.l2), int(self.n_neighbours), num_threads
        self._few = users, Ridge.predictions(history, *fitting)
        self._training_data = training_data
        return self

    def _prepare(self, training_data: TrainingData, interactions: Data) -> tuple[Examples, Indices]:
        """Set everything except the weights; return the examples and the items with exact weights."""
        steps = steps_of(interactions, type(self).__name__, by_day=True)
        in_days = steps.day is not None
        decay = self._decay(in_days)
        training_decay = _daily("training_half_life", self.training_half_life) if in_days else 1.0
        n_users, n_items = training_data.matrix.shape
        examples = Examples.of(steps, decay, training_decay, n_items)
        n_of_users = np.bincount(training_data.matrix.indices, minlength=n_items)
        items = np.sort(np.argsort(-n_of_users, kind="stable")[: self.max_items]).astype(np.int32)
        history = _unit_history(steps, decay, (n_users, n_items))
        self._history, self._shared, self._in_days = history, _sales(steps, n_items), in_days
        return examples, items

    def _refresh(self, before: TrainingData, after: TrainingData, changed: Indices, n_threads: int) -> None:  # noqa: ARG002
        steps = steps_of(after.positives(after.log()), type(self).__name__, by_day=True)
        history = _unit_history(steps, self._decay(self._in_days), after.matrix.shape)
        ridge = self._ridge.moved(Places.of(before.item_ids, after.item_ids))
        self._history, self._ridge, self._shared = history, ridge, _sales(steps, len(after.item_ids))
        self._training_data = after

    def _scores(self) -> DenseScores:
        if self._few is None:
            return self._scores_of(self._history)
        users, scores = self._few
        return DenseScores(lambda chosen: scores[np.searchsorted(users, chosen)] + self._shared, self.n_items)

    def _scores_of(self, history: sp.csr_matrix) -> DenseScores:
        return DenseScores(lambda users: self._ridge.predict(history[users]) + self._shared, self.n_items)

    def _cold_scores(self, users: ColdUsers, n_threads: int) -> DenseScores:  # noqa: ARG002
        return self._scores_of(self._cold_history(users))

    def _cold_history(self, users: ColdUsers) -> sp.csr_matrix:
        return _unit_history(users.steps(by_day=True), self._decay(self._in_days), users.matrix.shape)

    def _decay(self, in_days: bool) -> float:
        """Return the weight of a day or a basket in the history, relative to the next one."""
        return _daily("half_life", self.half_life) if in_days else float(self.step_decay)

    def _similarities(self, asked: Asked, n_threads: int) -> DenseScores:  # noqa: ARG002
        rows = asked.one_hot(type(self).__name__, self.n_items)
        return DenseScores(lambda chosen: self._ridge.predict(rows[chosen]), self.n_items)

    def _contributions(self, users: Indices, items: Indices, cold: ColdUsers | None = None) -> list[Part]:
        history = self._history if cold is None else self._cold_history(cold)
        of_history = history_parts(history[users], items, self._ridge.weights_between)
        return [*of_history, Part.of_all(Cause.BEST_SELLER, self._shared[items])]

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        arrays = {
            "history": self._history.data,
            "shared": self._shared,
            "items": self._ridge.items,
            "weights": self._ridge.weights,
            **csr_arrays("others", self._ridge.others),
        }
        return {"in_days": self._in_days}, arrays

    def _relearn(self, state: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        matrix, n_items = self.training_data_.matrix, self.n_items
        items = stored_array(arrays, "items", "int32", (None,), least=0, most=n_items - 1)
        require((items[1:] > items[:-1]).all(), "the array 'items' does not ascend")
        weights = stored_array(arrays, "weights", "float32", (len(items), len(items)), least=-LARGEST, most=LARGEST)
        others = stored_csr(arrays, "others", (n_items, n_items), least=0, most=LARGEST)
        history = stored_array(arrays, "history", "float32", (matrix.nnz,), least=0, most=1)
        self._history = sp.csr_matrix((history, matrix.indices, matrix.indptr), shape=matrix.shape)
        self._ridge = Ridge(items, weights, others)
        self._shared = stored_array(arrays, "shared", "float32", (n_items,), least=0, most=1)
        self._in_days, self._few = _StoredRegression.read(state).in_days, None


def _unit_history(steps: Steps, decay: float, shape: tuple[int, int]) -> sp.csr_matrix:
    """Return the decayed histories, scaled to unit L2 norm."""
    return unit_rows(sp.csr_matrix((decayed(decay, steps.age()), (steps.user, steps.item)), shape=shape))


def _daily(name: str, half_life: str | None) -> float:
    """Return the weight that a day leaves of 1."""
    length = check_optional_duration(name, half_life)
    return 1.0 if length is None else float(0.5 ** (timedelta(days=1) / length))


def _sales(steps: Steps, n_items: int) -> Floats:
    """Return the scores of all items without a history: a share of recent sales."""
    weights = np.ones(len(steps.item))
    if steps.day is not None and len(steps.day):
        weights = decayed(0.5 ** (1 / _SALES_HALF_LIFE), steps.day.max() - steps.day).astype(np.float64)
    sales = np.bincount(steps.item, weights, n_items)
    return np.asarray(_SALES_WEIGHT * sales / max(sales.sum(), np.finfo(float).tiny), np.float32)
