"""How good a model is on a test part: metrics with confidence intervals."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gingham.columns import USER_ID
from gingham.errors import DataError
from gingham.metrics import AT_K, OF_ALL, compute
from gingham.models import Recommender
from gingham.models.known import Data
from gingham.models.parameters import require_k

CONFIDENCE = 0.95
_RESAMPLES = 1000


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` measured.

    Attributes
    ----------
    table : polars.DataFrame
        A row a metric: ``metric``, ``mean``, ``low`` and ``high`` (the 95% interval of the mean), ``users`` (how many
        the mean is over).
    per_user : polars.DataFrame
        ``user_id`` and a column a metric, a row for each user who has test items.
    """

    table: pl.DataFrame
    per_user: pl.DataFrame

    def __str__(self) -> str:
        return str(self.table)

    def _repr_html_(self) -> str:
        return self.table._repr_html_()

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Give the table as JSON values: metric to mean, low, high and users."""
        return {row.pop("metric"): row for row in self.table.to_dicts()}


def evaluate(
    model: Recommender, test: Data, k: int = 12, filter_seen: bool = False, num_threads: int = 0
) -> Evaluation:
    """Measure a model on test data that it was not fitted to.

    Users without test items don't count. What each metric divides by is in its docstring in `gingham.metrics`.

    Parameters
    ----------
    model : Recommender
        Fitted.
    test : Dataset or sparse matrix, shape (n_users, n_items)
        What should have been recommended; with the users and items of the data the model was fitted to.
    k : int
        How many of the first recommendations count; 12 by default.
    filter_seen : bool
        Whether items that a user had in the data the model was fitted to are no candidates; False by default.
    num_threads : int
        0 (default) for all cores.

    Returns
    -------
    Evaluation
        Precision, recall, NDCG, MAP and hit rate at `k`, reciprocal rank and AUC. The intervals are percentiles of
        1,000 bootstrap resamples of the users, always the same ones.

    Raises
    ------
    NotFittedError, DataError, ParameterError
        If the model is not fitted, the test is empty or of other users and items, or `k` is out of range.
    """
    require_k(k, model.n_items)
    ranks = model.test_ranks(test, filter_seen, num_threads)
    n_users = len(ranks.n_test)
    if not n_users:
        raise DataError("The test part has no interactions, so there is nothing to measure; choose another split.")
    names = [*(f"{metric}@{k}" for metric in AT_K), *OF_ALL]
    values = np.column_stack([compute(name, ranks) for name in names])
    low, high = intervals(values)
    counts = np.isfinite(values).sum(axis=0)
    means = np.nansum(values, axis=0) / np.maximum(counts, 1)
    table = pl.DataFrame({"metric": names, "mean": means, "low": low, "high": high, "users": counts})
    users = pl.DataFrame({USER_ID: model.known_.user_ids.ids(ranks.users)})
    return Evaluation(table, users.with_columns(pl.DataFrame(values, schema=names, orient="row")))


def intervals(
    values: npt.NDArray[np.float64], resamples: int = _RESAMPLES, seed: int = 0
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Find the bootstrap percentile intervals (95%) of column means.

    Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979. Every column is resampled alike.

    Parameters
    ----------
    values : float64 array, shape (n_users, n_metrics)
        NaN where a user does not count.
    resamples : int
        How often users are drawn again; 1,000 by default.
    seed : int
        Of the draws; 0 by default.

    Returns
    -------
    low, high : float64 arrays, shape (n_metrics,)
    """
    rng, n_users = np.random.default_rng(seed), len(values)
    there = np.isfinite(values)
    # float32 halves the memory to read a thousand times; an interval needs no more digits.
    terms = np.hstack([np.where(there, values, 0), there]).astype(np.float32)
    means = np.empty((resamples, values.shape[1]))
    for resample in range(resamples):
        # How often each user is drawn, which takes less memory than who is.
        times = np.bincount(rng.integers(n_users, size=n_users), minlength=n_users)
        sums, counts = np.split(times.astype(np.float32) @ terms, 2)
        means[resample] = sums / np.maximum(counts, 1)
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(means, [tail, 100 - tail], axis=0)
    return low, high
