"""Transitions: which items follow which in the histories of users, counted at every distance."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.arrays import Doubles, Floats, Indices, Longs
from gingham.checked import LARGEST, stored_array, stored_csr
from gingham.models.baskets import BasketModel
from gingham.models.cold import ColdUsers
from gingham.models.contributions import Cause, Part, entries_of, history_parts, with_rest
from gingham.models.item_requests import Asked, SimilarItems
from gingham.models.largest import largest
from gingham.models.one_pass import OnePassModel
from gingham.models.popularity import rank_scores
from gingham.models.steps import Steps, decayed, steps_of
from gingham.models.training_data import Data, TrainingData
from gingham.scores import SharedScores
from gingham.store import csr_arrays
from gingham.validation import Check, check_integer, check_number

# The number of users whose sparse scores are computed at a time.
_BLOCK_SIZE = 4096
# The largest number of counts, and of pairs of interactions, that are in memory at a time.
_CELLS, _PAIRS = 2**25, 2**23


class Transitions(SimilarItems, BasketModel, OnePassModel):
    """Item transitions: what users chose after the items of a history, counted at every distance.

    The model needs the order of each user's interactions: timestamps or order numbers. The interactions of a user at
    the same time are one step. The number of transitions from item i to item j is the sum, over the histories in which
    j follows i by d steps, of ``d ** -lag_exponent``; where j precedes i by d steps, `backward` times that. Items of
    the same step are in no order, and count the mean of both directions at distance 1. An item may follow itself.

    The score of an item j is the sum, over the items i of the user's history, of the weight of i times the transitions
    from i to j, divided by ``(n_i + prior) ** source_exponent * (n_j + prior) ** target_exponent``, where n is the
    number of interactions with an item. The items of the last step have weight 1, those of each step before it
    `history_decay` times the weight of the next. Items without transitions follow, best sellers first. All interactions
    above zero count the same. Known in session-based recommendation as sequential rules; a first-order Markov chain
    counts the distance 1 alone.

    Parameters
    ----------
    lag_exponent : float
        How fast transitions count less with their distance, at least 0; 0.5 by default.
    max_lag : int
        The largest distance in steps that counts; 100 by default.
    backward : float
        The weight of transitions against the order, at least 0; 0.2 by default. With 1, order has no effect.
    source_exponent, target_exponent : float
        The normalisation by the frequency of the item in the history and of the recommended item, from 0 to 1; 0.3 and
        0.15 by default. The larger `target_exponent`, the fewer best sellers.
    prior : float
        Added to each item's number of interactions, above 0; 10 by default.
    history_decay : float
        The weight of a step of the history relative to the next one, above 0 and at most 1; 0.6 by default.
    length_exponent : float
        The transitions of a user with n interactions are divided by n to this power, so that long histories do not
        dominate; from 0 to 1; 0.25 by default.
    n_neighbours : int
        The number of items that are kept for each item, those with the largest scores; 1,000 by default. It bounds the
        memory: 8 bytes each.

    References
    ----------
    Kamehkhosh et al., "A Comparison of Frequent Pattern Techniques and a Deep Learning Method for Session-Based
    Recommendation", 2017 (sequential rules)

    Examples
    --------
    >>> import gingham as gg
    >>> model = gg.Transitions().fit(gg.synth.sample_dataset())
    >>> model.recommend_baskets({"guest": ["i00", "i03"]}, k=3)["rank"].to_list()
    [1, 2, 3]
    """

    kind: ClassVar[str] = "transitions"
    panel_cost: ClassVar[float | None] = 5.0
    supports: ClassVar[frozenset[str]] = frozenset({"baskets", "similar_items"})
    requires_order: ClassVar[bool] = True
    default_space: ClassVar[Mapping[str, Any]] = {
        "lag_exponent": {"low": 0.0, "high": 2.0},
        "backward": {"low": 0.0, "high": 1.0},
        "source_exponent": {"low": 0.0, "high": 1.0},
        "target_exponent": {"low": 0.0, "high": 0.6},
        "history_decay": {"low": 0.1, "high": 1.0},
        "length_exponent": {"low": 0.0, "high": 1.0},
    }
    constraints: ClassVar[Mapping[str, Check]] = {
        "lag_exponent": partial(check_number, least=0, most=10),
        "max_lag": check_integer,
        "backward": partial(check_number, least=0, most=1000),
        "source_exponent": partial(check_number, least=0, most=1),
        "target_exponent": partial(check_number, least=0, most=1),
        "prior": partial(check_number, above=0, most=LARGEST),
        "history_decay": partial(check_number, above=0, most=1),
        "length_exponent": partial(check_number, least=0, most=1),
        "n_neighbours": check_integer,
    }

    _history: sp.csr_matrix
    _near: sp.csr_matrix
    _fallback: Floats

    def __init__(
        self,
        lag_exponent: float = 0.5,
        max_lag: int = 100,
        backward: float = 0.2,
        source_exponent: float = 0.3,
        target_exponent: float = 0.15,
        prior: float = 10.0,
        history_decay: float = 0.6,
        length_exponent: float = 0.25,
        n_neighbours: int = 1000,
    ) -> None:
        self.lag_exponent = lag_exponent
        self.max_lag = max_lag
        self.backward = backward
        self.source_exponent = source_exponent
        self.target_exponent = target_exponent
        self.prior = prior
        self.history_decay = history_decay
        self.length_exponent = length_exponent
        self.n_neighbours = n_neighbours

    def _fit(self, training_data: TrainingData, interactions: Data, n_threads: int) -> None:  # noqa: ARG002
        steps = steps_of(interactions, "Transitions", by_day=False)
        n_users, n_items = training_data.matrix.shape
        near = self._neighbours(steps, n_users, n_items)
        self._set(self._decayed_history(steps, (n_users, n_items)), near)

    def _decayed_history(self, steps: Steps, shape: tuple[int, int]) -> sp.csr_matrix:
        """Return the weight of each item in the history of each user."""
        weights = decayed(float(self.history_decay), steps.back())
        history = sp.csr_matrix((weights, (steps.user, steps.item)), shape=shape)
        history.sort_indices()
        return history

    def _neighbours(self, steps: Steps, n_users: int, n_items: int) -> sp.csr_matrix:
        """Return the normalised transitions from each item (row) to those with the largest scores."""
        frequency = np.bincount(steps.item, minlength=n_items) + float(self.prior)
        length = np.maximum(np.bincount(steps.user, minlength=n_users), 1.0)
        counts = _transitions(steps, length ** -float(self.length_exponent), self._lag_weights(steps), n_items)
        source, target = (frequency ** -float(power) for power in (self.source_exponent, self.target_exponent))
        parts = []
        for first, block in counts:
            block *= target
            block *= source[first : first + len(block), None]
            parts.append(largest(sp.csr_matrix(block), self.n_neighbours))
        return sp.vstack(parts, "csr") if parts else sp.csr_matrix(np.zeros((0, 0), np.float32))

    def _lag_weights(self, steps: Steps) -> Doubles:
        """Return the weight of a transition by its distance, from -lag to lag."""
        most = min(int(self.max_lag), int(steps.step.max(initial=0)))
        forward = np.arange(1, most + 1, dtype=np.float64) ** -float(self.lag_exponent)
        same = (1 + self.backward) / 2
        return np.concatenate([float(self.backward) * forward[::-1], [same], forward])

    def _set(self, history: sp.csr_matrix, near: sp.csr_matrix) -> None:
        self._history, self._near = history, near
        # Below zero, so below the score of every transition.
        self._fallback = rank_scores(np.bincount(history.indices, minlength=history.shape[1])) - np.float32(1)

    def _scores(self) -> SharedScores:
        return self._scores_of(self._history)

    def _scores_of(self, history: sp.csr_matrix) -> SharedScores:
        def own(users: Indices) -> sp.csr_matrix:
            scores: sp.csr_matrix = history[users] @ self._near
            scores.sort_indices()
            return scores

        return SharedScores(self._fallback, own, _BLOCK_SIZE)

    def _cold_scores(self, users: ColdUsers, n_threads: int) -> SharedScores:  # noqa: ARG002
        return self._scores_of(self._cold_history(users))

    def _similarities(self, asked: Asked, n_threads: int) -> SharedScores:  # noqa: ARG002
        rows = self._near[asked.known(type(self).__name__)]
        return SharedScores(np.zeros(self.n_items, np.float32), lambda chosen: rows[chosen])

    def _cold_history(self, users: ColdUsers) -> sp.csr_matrix:
        return self._decayed_history(users.steps(by_day=False), users.matrix.shape)

    def _contributions(self, users: Indices, items: Indices, cold: ColdUsers | None = None) -> list[Part]:
        history = self._history if cold is None else self._cold_history(cold)
        parts = history_parts(history[users], items, partial(entries_of, self._near))
        return with_rest(parts, Cause.BEST_SELLER, self._scores_of(history).pairs(users, items))

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        return {}, {"history": self._history.data, **csr_arrays("near", self._near)}

    def _relearn(self, state: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:  # noqa: ARG002
        matrix = self.training_data_.matrix
        weights = stored_array(arrays, "history", "float32", (matrix.nnz,), least=0, most=LARGEST)
        self._set(
            sp.csr_matrix((weights, matrix.indices, matrix.indptr), shape=matrix.shape),
            stored_csr(arrays, "near", (self.n_items, self.n_items), least=0, most=LARGEST),
        )


def _transitions(
    steps: Steps, user_weight: Doubles, lag_weight: Doubles, n_items: int
) -> Iterator[tuple[int, Doubles]]:
    """Count transitions, a block of source items at a time.

    Parameters
    ----------
    steps : Steps
        The histories.
    user_weight : float64 array, shape (n_users,)
        The weight of the transitions of each user.
    lag_weight : float64 array, shape (2 * max_lag + 1,)
        The weight of each distance from ``-max_lag`` to ``max_lag``.
    n_items : int
        The number of items.

    Yields
    ------
    first : int
        The first item of the block.
    counts : float64 array, shape (n, n_items)
        The transitions from these items, in a new array.
    """
    first, stop = _windows(steps, len(lag_weight) // 2)
    by_item = np.argsort(steps.item, kind="stable")
    begins = np.concatenate([[0], np.cumsum(np.bincount(steps.item, minlength=n_items))])
    size = max(_CELLS // max(n_items, 1), 1)
    for start in range(0, n_items, size):
        end = min(start + size, n_items)
        counts = np.zeros((end - start) * n_items)
        for sources in _cut(by_item[begins[start] : begins[end]], (stop - first)):
            sizes = (stop - first)[sources]
            source = np.repeat(sources, sizes)
            target = np.arange(len(source)) + np.repeat(first[sources] - np.cumsum(sizes) + sizes, sizes)
            weight = lag_weight[steps.step[target] - steps.step[source] + len(lag_weight) // 2]
            weight *= user_weight[steps.user[source]]
            weight[source == target] = 0
            cell = (steps.item[source] - start).astype(np.int64) * n_items + steps.item[target]
            counts += np.bincount(cell, weight, len(counts))
        yield start, counts.reshape(end - start, n_items)


def _windows(steps: Steps, lag: int) -> tuple[Longs, Longs]:
    """Return for each entry the range of its user's entries that are at most `lag` steps away."""
    span = int(steps.step.max(initial=0)) + 2 * lag + 2  # the window of an entry does not reach another user's entries
    key = steps.user.astype(np.int64) * span + lag + steps.step
    return np.searchsorted(key, key - lag), np.searchsorted(key, key + lag, "right")


def _cut(entries: Longs, sizes: Longs) -> Iterator[Longs]:
    """Cut entries into parts with at most `_PAIRS` pairs each; an entry with more is a part of its own."""
    part = np.cumsum(sizes[entries]) // _PAIRS
    return iter(np.split(entries, np.flatnonzero(np.diff(part)) + 1)) if len(entries) else iter(())
