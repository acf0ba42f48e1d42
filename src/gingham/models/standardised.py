"""A model's scores of all items, shifted and scaled to a mean of 0 and a standard deviation of 1 for each user."""

from collections.abc import Iterator, Sequence

import numpy as np

from gingham.arrays import Doubles, Floats, Indices
from gingham.scores import DenseScores, Scores


def standardised(scores: Scores, users: Indices) -> Floats:
    """Return the standardised scores of users: float32, shape (n_users, n_items)."""
    blocks = [block for block, _, _ in _blocks(scores, users)]
    return np.concatenate([np.empty((0, scores.n_items), np.float32), *blocks])


def weighted_sum(scores: Sequence[Scores], weights: Sequence[float]) -> DenseScores:
    """Return the weighted sum of several models' standardised scores."""

    def function(users: Indices) -> Floats:
        total = np.zeros((len(users), scores[0].n_items), np.float32)
        for of_model, weight in zip(scores, weights, strict=True):
            if weight:
                total += np.float32(weight) * standardised(of_model, users)
        return total

    return DenseScores(function, scores[0].n_items)


def moments(scores: Scores, users: Indices) -> tuple[Doubles, Doubles]:
    """Return the mean and the standard deviation of each user's scores; a deviation of 1 where all are equal."""
    pairs = [(mean, deviation) for _, mean, deviation in _blocks(scores, users)]
    means, deviations = zip(*pairs, strict=True) if pairs else ((), ())
    nothing = np.empty((0, 1), np.float32)
    mean, deviation = (np.concatenate([nothing, *parts]).ravel() for parts in (means, deviations))
    return mean.astype(np.float64), deviation.astype(np.float64)


def _blocks(all_scores: Scores, users: Indices) -> Iterator[tuple[Floats, Floats, Floats]]:
    """Yield standardised scores, means and deviations, a block of users at a time."""
    size = DenseScores.block_size
    for start in range(0, len(users), size):
        scores = all_scores.dense(users[start : start + size])
        mean = deviation = np.zeros((len(scores), 1), np.float32)
        if scores.size:
            mean = scores.mean(axis=1, keepdims=True)
            scores -= mean
            deviation = scores.std(axis=1, keepdims=True)
        deviation = np.where(deviation > 0, deviation, np.float32(1))
        scores /= deviation
        yield scores, mean, deviation
