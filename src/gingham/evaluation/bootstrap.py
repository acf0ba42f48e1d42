"""Bootstrap confidence intervals of means over users."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Means = npt.NDArray[np.float64]

CONFIDENCE = 0.95
RESAMPLES = 1000
# Resamples of one or two users are almost equal, so the interval is narrow although it is based on little data. With
# fewer users than this there is no verdict.
FEWEST = 10
# The largest number of counts of draws that are in memory at the same time, over all resamples.
_AT_ONCE = 1 << 22


@dataclass(frozen=True, eq=False)
class Summary:
    """Means over users and their confidence intervals, one value per column.

    Attributes
    ----------
    mean, low, high : float64 array of length n_columns
        The mean, and the limits of its 95% interval; NaN if all values of the column are NaN.
    users : int array of length n_columns
        The number of users who count for the mean.
    """

    mean: Means
    low: Means
    high: Means
    users: npt.NDArray[np.int64]


def summarize(values: npt.NDArray[np.float64], resamples: int = RESAMPLES, seed: int = 0) -> Summary:
    """Compute the means of columns and their bootstrap percentile intervals [1]_.

    The same number of users and the same seed always give the same resamples, for all columns and across calls. The
    interval of the difference of two models is therefore the interval of their differences per user.

    Parameters
    ----------
    values : float64 array, shape (n_users, n_columns)
        NaN where a user does not count.
    resamples : int
        The number of resamples; 1,000 by default. Each draws n_users users with replacement.
    seed : int
        The seed of the draws; 0 by default.

    References
    ----------
    .. [1] Efron, "Bootstrap Methods: Another Look at the Jackknife", The Annals of Statistics, 1979.

    Examples
    --------
    >>> import numpy as np
    >>> from gingham.evaluation.bootstrap import summarize
    >>> hits = np.array([[0.0], [1.0]] * 50)
    >>> summary = summarize(hits)
    >>> summary.mean.tolist(), summary.low.round(1).tolist(), summary.high.round(1).tolist()
    ([0.5], [0.4], [0.6])
    """
    finite = np.isfinite(values)
    counts = finite.sum(axis=0)
    sums = np.where(finite, values, 0).sum(axis=0)
    means = resampled_means(values, resamples, seed)
    tail = 50 * (1 - CONFIDENCE)
    some = counts > 0
    low, high = np.full((2, len(counts)), np.nan)
    low[some], high[some] = np.nanpercentile(means[:, some], [tail, 100 - tail], axis=0)
    return Summary(np.where(some, sums / np.maximum(counts, 1), np.nan), low, high, counts)


def resampled_means(values: npt.NDArray[np.float64], resamples: int = RESAMPLES, seed: int = 0) -> Means:
    """Compute the means of columns over resamples of the users.

    Parameters
    ----------
    values, resamples, seed
        As for `summarize`.

    Returns
    -------
    float64 array, shape (resamples, n_columns)
        NaN if all values of the drawn users are NaN.
    """
    rng, (n_users, n_columns) = np.random.default_rng(seed), values.shape
    finite = np.isfinite(values)
    gaps = ~finite.all(axis=0)
    # float32 halves the memory that is read a thousand times, and is precise enough for an interval.
    terms = np.hstack([np.where(finite, values, 0), finite[:, gaps]]).astype(np.float32)
    means = np.empty((resamples, n_columns))
    block = max(1, _AT_ONCE // max(n_users, 1))
    for start in range(0, resamples, block):
        # The number of draws of each user, which takes less memory than a list of the drawn users.
        times = np.empty((min(block, resamples - start), n_users), np.float32)
        for row in times:
            row[:] = np.bincount(rng.integers(n_users, size=n_users), minlength=n_users)
        sums = (times @ terms).astype(np.float64)
        drawn = np.full((len(times), n_columns), float(n_users))
        drawn[:, gaps] = sums[:, n_columns:]
        means[start : start + block] = sums[:, :n_columns] / np.where(drawn > 0, drawn, np.nan)
    return means
