"""How far a mean over users can be trusted: the bootstrap."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Means = npt.NDArray[np.float64]

CONFIDENCE = 0.95
RESAMPLES = 1000
# Resampling one or two users over and over finds a narrow interval, however little they say; of fewer than these,
# nothing is concluded.
FEWEST = 10
# Counts of draws are held for so many users at once, whatever resample they belong to.
_AT_ONCE = 1 << 22


@dataclass(frozen=True, eq=False)
class Summary:
    """Means over users and their intervals, a value a column.

    Attributes
    ----------
    mean, low, high : float64 array of length n_columns
        The mean, and the ends of its 95% interval; NaN where no user counts.
    users : int array of length n_columns
        How many users the mean is over.
    """

    mean: Means
    low: Means
    high: Means
    users: npt.NDArray[np.int64]


def summarize(values: npt.NDArray[np.float64], resamples: int = RESAMPLES, seed: int = 0) -> Summary:
    """Take the means of columns, and the bootstrap percentile intervals of these.

    Equally many users are resampled alike, always, and so are all columns: the interval of the difference of two models
    is that of their values' differences, user by user. Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979.

    Parameters
    ----------
    values : float64 array, shape (n_users, n_columns)
        NaN where a user does not count.
    resamples : int
        How often as many users as there are are drawn from them, with replacement; 1,000 by default.
    seed : int
        Of the draws; 0 by default.
    """
    there = np.isfinite(values)
    counts = there.sum(axis=0)
    sums = np.where(there, values, 0).sum(axis=0)
    means = resampled_means(values, resamples, seed)
    tail = 50 * (1 - CONFIDENCE)
    some = counts > 0
    low, high = np.full((2, len(counts)), np.nan)
    low[some], high[some] = np.nanpercentile(means[:, some], [tail, 100 - tail], axis=0)
    return Summary(np.where(some, sums / np.maximum(counts, 1), np.nan), low, high, counts)


def resampled_means(values: npt.NDArray[np.float64], resamples: int = RESAMPLES, seed: int = 0) -> Means:
    """Draw users again and again, and take the means of columns each time.

    Parameters
    ----------
    values, resamples, seed
        As for `summarize`.

    Returns
    -------
    float64 array, shape (resamples, n_columns)
        NaN where none of the users drawn counts.
    """
    rng, (n_users, n_columns) = np.random.default_rng(seed), values.shape
    there = np.isfinite(values)
    gaps = ~there.all(axis=0)
    # float32 halves the memory to read a thousand times; an interval needs no more digits.
    terms = np.hstack([np.where(there, values, 0), there[:, gaps]]).astype(np.float32)
    means = np.empty((resamples, n_columns))
    block = max(1, _AT_ONCE // max(n_users, 1))
    for start in range(0, resamples, block):
        # How often each user is drawn, which takes less memory than who is.
        times = np.empty((min(block, resamples - start), n_users), np.float32)
        for row in times:
            row[:] = np.bincount(rng.integers(n_users, size=n_users), minlength=n_users)
        sums = (times @ terms).astype(np.float64)
        drawn = np.full((len(times), n_columns), float(n_users))
        drawn[:, gaps] = sums[:, n_columns:]
        means[start : start + block] = sums[:, :n_columns] / np.where(drawn > 0, drawn, np.nan)
    return means
