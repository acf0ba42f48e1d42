"""Weights of several models' scores, chosen on validation data."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import scipy.sparse as sp

from gingham.arrays import Floats
from gingham.errors import DataError, ParameterError
from gingham.metrics import TestRanks, compute
from gingham.scores import DenseScores, rank
from gingham.validation import check_number, shown

# Weights are multiples of one over at most this number.
_STEPS = 20


def greedy_weights(
    layers: Sequence[Floats], test: sp.csr_matrix, seen: sp.csr_matrix | None, metric: str, num_threads: int = 0
) -> list[float]:
    """Choose weights by greedy selection with replacement.

    In each of 20 steps, the layer that makes the metric of the sum largest is added. The weights are the shares of the
    layers in the best of these sums.

    Parameters
    ----------
    layers : sequence of float32 array, shape (n_users, n_items)
        The scores of each model, on one scale.
    test : csr_matrix, shape (n_users, n_items)
        The validation items, at least one for each user.
    seen : csr_matrix, shape (n_users, n_items), or None
        Items that are not candidates.
    metric : str
        The metric to maximise.
    num_threads : int
        0 (default) for all cores. The result does not depend on it.

    Returns
    -------
    list of float
        The weight of each layer; their sum is 1.

    Raises
    ------
    DataError
        If the metric is undefined for all users.

    Examples
    --------
    >>> layers = [np.array([[3, 2, 1]], np.float32), np.array([[1, 2, 3]], np.float32)]
    >>> greedy_weights(layers, sp.csr_matrix([[0, 0, 1]]), None, "map@1")
    [0.0, 1.0]
    """
    rows = np.arange(test.shape[0], dtype=np.int32)

    def value(total: Floats) -> float:
        scores = DenseScores(partial(np.take, total, axis=0), test.shape[1])
        ranking = rank(scores, rows, test=test, seen=seen, num_threads=num_threads)
        values = compute(metric, TestRanks.of(rows, ranking, test, seen))
        if not np.isfinite(values).any():
            raise DataError(
                "The validation data have no interactions to measure, or all of them are filtered; use other "
                "validation data."
            )
        return float(np.nanmean(values))

    total, chosen, values = np.zeros_like(layers[0]), list[int](), list[float]()
    for _ in range(_STEPS):
        tried = [value(total + layer) for layer in layers]
        chosen.append(int(np.argmax(tried)))
        values.append(tried[chosen[-1]])
        total = total + layers[chosen[-1]]
    best = chosen[: int(np.argmax(values)) + 1]
    return [best.count(number) / len(best) for number in range(len(layers))]


def check_weights(weights: Any, n_models: int) -> None:
    """Check that there is a weight of at least 0 for each model, and one above 0."""
    if not isinstance(weights, Sequence | np.ndarray) or isinstance(weights, str) or len(weights) != n_models:
        raise ParameterError(f"weights must be a list of {n_models} numbers, one for each model, not {shown(weights)}.")
    for number, weight in enumerate(weights):
        check_number(f"weights[{number}]", weight, least=0)
    if not any(weights):
        raise ParameterError("weights are all 0; use a positive number for at least one model.")


def scaled(weights: Sequence[float]) -> list[float]:
    """Return weights whose sum is 1."""
    total = float(sum(weights))
    return [float(weight) / total for weight in weights]
