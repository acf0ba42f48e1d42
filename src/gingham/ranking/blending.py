"""Whether the score of a candidate model is added to a ranker's scores, which helps where sales change quickly."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import Field, NonNegativeInt

from gingham.arrays import Bools, Doubles, Floats, Longs
from gingham.checked import LARGEST, Values
from gingham.ranking.examples import Examples
from gingham.ranking.ranker import FittedRanker, StoredRanker

# Added to a scaled score before the logarithm, so that the ranker can make up for a score of zero.
_LEAST = 0.05
# The weights that are tried, in standard deviations of the ranker's scores.
_WEIGHTS = (0.5, 2.0, 8.0, 32.0)
# A blend has to improve the mean average precision of the held-out users by this many standard errors. A score's
# weights are chosen among many, so two standard errors are too few.
_STANDARD_ERRORS = 3.0
# With fewer users to compare on, nothing is blended.
_FEWEST = 100
# The length of the lists that are compared.
_K = 12


class Blend(Values):
    """What is added to a ranker's score: ``weight * log(0.05 + score / scale)``; a score below zero counts as zero.

    Attributes
    ----------
    column : int
        The column of the score among the features.
    weight, scale : float
        Above zero.
    """

    column: NonNegativeInt
    weight: Annotated[float, Field(gt=0, le=LARGEST)]
    scale: Annotated[float, Field(gt=0, le=LARGEST)]

    def values(self, features: Floats) -> Floats:
        """Return what is added for each candidate: float32, shape (n,)."""
        scores = np.maximum(features[:, self.column].astype(np.float64), 0) / self.scale
        return np.asarray(self.weight * np.log(_LEAST + scores), np.float32)


class BlendedRanker(FittedRanker):
    """A fitted ranker, to whose scores a blend is added.

    Parameters
    ----------
    ranker : FittedRanker
        The ranker.
    blend : Blend
        What is added; its column is one of the ranker's features.
    """

    def __init__(self, ranker: FittedRanker, blend: Blend) -> None:
        self.ranker, self.blend = ranker, blend
        self.n_features = ranker.n_features
        self.floor = ranker.floor + blend.weight * float(np.log(_LEAST)) - 1

    def score(self, features: Floats) -> Floats:
        """Score candidates by their features."""
        return self.ranker.score(features) + self.blend.values(features)

    def contributions(self, features: Floats) -> Floats:
        """Return how much each feature contributes to each score; the blend is part of its feature's contribution."""
        contributions = self.ranker.contributions(features)
        contributions[:, self.blend.column] += self.blend.values(features)
        return contributions

    def store(self) -> StoredRanker:
        """Return what the ranker stores; the blend is stored separately."""
        return self.ranker.store()


@dataclass(frozen=True)
class Holdout:
    """Half of the users of the last period, with the scores of a ranker that was fitted to the other periods.

    Attributes
    ----------
    part : Examples
        The candidates of the last period.
    scores : float32 array
        The ranker's scores.
    """

    part: Examples
    scores: Floats

    def blend(self, columns: Sequence[int]) -> Blend | None:
        """Return the blend with the highest mean average precision, or None if none is clearly better than the ranker.

        Parameters
        ----------
        columns : sequence of int
            The columns of the candidate models' scores.
        """
        best, most = None, 0.0
        reference = average_precision(self.part, self.scores)
        for blend in self._blends(columns):
            gain = average_precision(self.part, self.scores + blend.values(self.part.features)) - reference
            error = gain.std() / np.sqrt(len(gain))
            if gain.mean() > max(most, _STANDARD_ERRORS * error):
                best, most = blend, float(gain.mean())
        return best

    def _blends(self, columns: Sequence[int]) -> Iterator[Blend]:
        deviation = float(self.scores.std(dtype=np.float64))
        for column in columns:
            scores = self.part.features[:, column].astype(np.float64)
            positive = scores[scores > 0]
            if len(positive) and deviation > 0:
                scale = float(positive.mean())
                yield from (Blend(column=column, weight=weight * deviation, scale=scale) for weight in _WEIGHTS)


def fit_blended(
    fit: Callable[[Sequence[Examples]], FittedRanker], periods: Sequence[Examples], columns: Sequence[int]
) -> FittedRanker:
    """Fit a ranker, and blend its scores with those of a candidate model if that is clearly better on the last period.

    The ranker of the comparison is fitted to half of the users, which is enough, and takes half the time.

    Parameters
    ----------
    fit : callable
        Fits a ranker to periods.
    periods : sequence of Examples
        The earliest first. Nothing is blended if the last one has fewer than 200 users or begins before the others end.
    columns : sequence of int
        The columns of the candidate models' scores.
    """
    ranker, last = fit(periods), periods[-1].every_second()
    earlier = [part.every_second() for part in periods if part.stop <= last.start]
    if not earlier or len(last.sizes) < _FEWEST:
        return ranker
    blend = Holdout(last, fit(earlier).score(last.features)).blend(columns)
    return ranker if blend is None else BlendedRanker(ranker, blend)


def average_precision(part: Examples, scores: Floats) -> Doubles:
    """Return the average precision of each user's 12 best candidates; of equal scores, the first is ahead.

    Examples
    --------
    >>> import numpy as np
    >>> moment = np.datetime64("2024-01-01")
    >>> bought, sizes = np.array([True, False, True, False, True]), np.array([3, 2])
    >>> part = Examples(np.zeros((5, 1), np.float32), bought, sizes, np.arange(2, dtype=np.int32), moment, moment)
    >>> average_precision(part, np.array([3, 2, 1, 1, 2], np.float32)).round(4).tolist()
    [0.8333, 1.0]
    """
    user: Longs = np.repeat(np.arange(len(part.sizes)), part.sizes)
    order = np.lexsort((-scores, user))
    starts = np.repeat(np.cumsum(part.sizes) - part.sizes, part.sizes)
    rank: Longs = np.arange(len(user)) - starts
    bought: Bools = part.bought[order]
    hits = np.cumsum(bought)
    earlier_hits = np.append(0, hits)[starts]
    precision = np.where(bought & (rank < _K), (hits - earlier_hits) / (rank + 1), 0)
    n_bought = np.bincount(user, part.bought, len(part.sizes))
    total: Any = np.bincount(user, precision, len(part.sizes))
    return np.asarray(total / np.maximum(np.minimum(n_bought, _K), 1))
