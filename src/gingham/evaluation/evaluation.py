"""`evaluate`: metrics of a model on a test part, with confidence intervals, for all users and by segment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from gingham.arrays import positive_entries
from gingham.columns import USER_ID
from gingham.dataset import Dataset
from gingham.errors import DataError, ParameterError
from gingham.evaluation.bootstrap import summarize
from gingham.evaluation.segments import By, Splitter, build_splitter
from gingham.forks import require_threads
from gingham.metrics import OF_LISTS, Lists, TestRanks, compute, names, rank_test
from gingham.models import Recommender
from gingham.models.training_data import Data
from gingham.report import Table, notebook_html
from gingham.validation import check_bool, check_integer, check_k, shown


@dataclass(frozen=True, repr=False)
class Evaluation:
    """The result of `evaluate`.

    Attributes
    ----------
    table : polars.DataFrame
        One row per metric: ``metric``, ``mean``, ``low`` and ``high`` (the 95% interval of the mean), ``users`` (the
        number of users in the mean). Null if a metric is not defined for any user.
    per_user : polars.DataFrame
        One row per user with test items: ``user_id`` and a column for each metric; NaN where it is not defined.
    lists : polars.DataFrame
        ``metric`` and ``value`` of the metrics of all lists together, such as coverage.
    segments : polars.DataFrame or None
        ``segment``, ``value`` and the columns of `table`, for each segment of `by`; None without `by`.
    overlap : int
        The number of test rows that the model was fitted to; 0 unless `allow_overlap` was True.

    Examples
    --------
    >>> import gingham as gg
    >>> train, test = gg.split.by_time(gg.synth.sample_dataset(), test="7d")
    >>> evaluation = gg.evaluate(gg.BuyAgain().fit(train), test, k=5)
    >>> evaluation.to_dict()["map@5"]["users"] == evaluation.per_user.height
    True
    """

    table: pl.DataFrame
    per_user: pl.DataFrame
    lists: pl.DataFrame
    segments: pl.DataFrame | None = None
    overlap: int = 0

    def __repr__(self) -> str:
        frames = [frame for frame in (self.table, self.lists, self.segments) if frame is not None]
        # Polars leaves most rows out by default.
        with pl.Config(tbl_rows=-1, tbl_hide_dataframe_shape=True, tbl_hide_column_data_types=True):
            return "\n".join([*([self.warning] if self.warning else []), *map(str, frames)])

    def _repr_html_(self) -> str:
        header = ("metric", "mean", "95% interval", "users")
        rows = [(metric, *_cells(*interval), f"{users:,}") for metric, *interval, users in self.table.iter_rows()]
        lists = [(metric, f"{value:.4f}") for metric, value in self.lists.iter_rows()]
        tables = [Table(header, rows), Table(("of all lists", "value"), lists)]
        if self.segments is not None:
            segments = [
                (segment, value, metric, *_cells(*interval), f"{users:,}")
                for segment, value, metric, *interval, users in self.segments.iter_rows()
            ]
            tables.append(Table(("segment", "value", *header), segments, texts=3))
        return notebook_html([self.warning] if self.warning else [], tables)

    @property
    def warning(self) -> str:
        """A warning if the metrics are too high because of overlap; otherwise empty."""
        if not self.overlap:
            return ""
        return f"The model was fitted to {self.overlap:,} rows of this test, so its metrics are too high."

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return the table as JSON values: metric to mean, low, high and users."""
        return {row.pop("metric"): row for row in self.table.to_dicts()}


def evaluate(
    model: Recommender,
    test: Data,
    k: int | Sequence[int] = 12,
    by: By | Sequence[By] | None = None,
    filter_seen: bool = False,
    allow_overlap: bool = False,
    num_threads: int = 0,
) -> Evaluation:
    """Evaluate a fitted model on test data.

    Test items are those with a value above zero; users without test items are left out. The formula of each metric is
    in its docstring in `gingham.metrics`.

    Parameters
    ----------
    model : Recommender
        A fitted model.
    test : Dataset or sparse matrix, shape (n_users, n_items)
        The test data, with the users and items of the data the model was fitted to.
    k : int or sequence of int
        The number of recommendations that count; 12 by default. Several values take little more time than one.
    by : str, data frame, mapping or a sequence of these, optional
        The attributes for `Evaluation.segments`; none by default.

        - ``"history"``: the number of items in a user's history in the training data, in bands; 0 for a new user.
        - ``"new users"``: whether that number is 0.
        - ``"cold items"``: whether a test item has interactions in the training data. A user's other test items then
          count as items that the user did not choose.
        - The name of a column from which the test dataset's user features were made, by value or by bin.
        - A data frame, or a mapping of columns, with ``user_id`` and other columns: numbers with more than eight values
          are cut into four bands; of texts the eight most frequent are shown, the others as "other".
    filter_seen : bool
        Whether to leave out the items of a user's history in the training data; False by default.
    allow_overlap : bool
        Whether to evaluate a model that was fitted to rows of the test; False by default: this is an error. The result
        then has a warning. A later purchase of the same item is a different row if train and test are parts of one
        dataset; see `gingham.evaluation.overlap`.
    num_threads : int
        0 (default) for all cores. The result does not depend on it.

    Returns
    -------
    Evaluation
        Precision, recall, F1, NDCG, MAP and hit rate at each `k`, reciprocal rank and AUC; of the lists, coverage, Gini
        coefficient, novelty, diversity (if the test is a dataset with item features) and the shares of repeats and cold
        items. The intervals are percentiles of 1,000 bootstrap resamples of the users, with a fixed seed.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    DataError
        If the test is empty, has other users or items than the model, or shares rows with the training data.
    ParameterError
        If `model` is not a model, `k` is out of range, or `by` does not name attributes of the users.

    Examples
    --------
    >>> import gingham as gg
    >>> train, test = gg.split.by_time(gg.synth.sample_dataset(), test="7d")
    >>> evaluation = gg.evaluate(gg.BuyAgain().fit(train), test, k=5, by="history")
    >>> evaluation.table.columns
    ['metric', 'mean', 'low', 'high', 'users']
    >>> evaluation.table["metric"].to_list()[:4]
    ['precision@5', 'recall@5', 'f1@5', 'ndcg@5']
    >>> evaluation.lists["metric"].to_list()[:3]
    ['coverage@5', 'gini@5', 'novelty@5']
    """
    require_threads("Evaluating a model")
    if not isinstance(model, Recommender):
        raise ParameterError(f"model must be a fitted model such as gg.Popularity().fit(train), not {shown(model)}.")
    check_bool("allow_overlap", allow_overlap)
    ks = sizes(k)
    for size in ks:
        check_k(size, model.n_items)
    training_data, n_shared = model.training_data_, overlap(model, test)
    if n_shared and not allow_overlap:
        raise DataError(_refusal(test, n_shared))
    split = None if by is None else build_splitter(by, training_data, test)
    ranks, ranking = rank_test(model, test, max(ks), filter_seen, num_threads)
    if not len(ranks.users):
        raise DataError("The test part has no interactions with a value above zero; choose another split.")
    values = per_user(ranks, ks)
    lists = Lists.of(ranking.items, ranks.users, training_data.matrix, _item_features(test))
    users = pl.DataFrame({USER_ID: training_data.user_ids.ids(ranks.users)})
    return Evaluation(
        _summary(values),
        users.with_columns(pl.DataFrame(values)),
        pl.DataFrame(list(of_lists(lists, ks).items()), schema=["metric", "value"], orient="row"),
        None if split is None else _segments(split, ranks, values, ks),
        n_shared,
    )


def overlap(model: Recommender, test: Data) -> int:
    """Return the number of test rows that the model was fitted to, of those that count as test items.

    Parts of one dataset know their rows, so a later purchase of the same item doesn't count. Where the test is a matrix
    or part of another dataset, its pairs of user and item are compared with those of the training data; rows that are
    later than all training data don't count.

    Parameters
    ----------
    model : Recommender
        A fitted model.
    test : Dataset or sparse matrix, shape (n_users, n_items)
        The test data, with the users and items of the data the model was fitted to.

    Returns
    -------
    int
        Rows of a dataset, pairs of a matrix.

    Raises
    ------
    NotFittedError, DataError
        If the model is not fitted, or the test has other users or items.

    Examples
    --------
    >>> import gingham as gg
    >>> from gingham.evaluation import overlap
    >>> train, test = gg.split.by_time(gg.synth.sample_dataset(), test="7d")
    >>> model = gg.BuyAgain().fit(train)
    >>> overlap(model, test), overlap(model, train) == len(train.interactions)
    (0, True)
    """
    training_data = model.training_data_
    return training_data.rows.shared(test, positive_entries(model.test_matrix(test)), training_data.matrix)


def per_user(ranks: TestRanks, ks: Sequence[int]) -> dict[str, npt.NDArray[np.float64]]:
    """Compute every metric, at each of `ks` where it depends on k: name to one value per user."""
    return {name: compute(name, ranks) for name in names(ks)}


def of_lists(lists: Lists, ks: Sequence[int]) -> dict[str, float]:
    """Compute every metric of the lists at each of `ks`, by name, without those that are not defined."""
    values = {f"{name}@{k}": metric(lists, k) for name, metric in OF_LISTS.items() for k in ks}
    return {name: value for name, value in values.items() if not np.isnan(value)}


def differences(one: Evaluation, other: Evaluation) -> pl.DataFrame:
    """Compute the paired differences of two evaluations on the same test.

    Parameters
    ----------
    one, other : Evaluation
        Evaluations of two models on the same users.

    Returns
    -------
    polars.DataFrame
        One row per metric that both have: ``metric``, ``mean`` (of the differences `one` - `other`), ``low`` and
        ``high`` (its 95% interval by a paired bootstrap), ``users`` (the number of users who count for both).

    Raises
    ------
    DataError
        If the evaluations have different users.

    Examples
    --------
    >>> import gingham as gg
    >>> from gingham.evaluation import differences
    >>> train, test = gg.split.by_time(gg.synth.sample_dataset(), test="7d")
    >>> buy_again, best_sellers = (gg.evaluate(model.fit(train), test) for model in (gg.BuyAgain(), gg.Popularity()))
    >>> differences(buy_again, best_sellers).columns
    ['metric', 'mean', 'low', 'high', 'users']
    """
    if not one.per_user[USER_ID].equals(other.per_user[USER_ID]):
        raise DataError(
            f"The evaluations have different users ({one.per_user.height:,} and {other.per_user.height:,}); evaluate "
            "both models on the same test."
        )
    shared = [name for name in one.table["metric"] if name in other.per_user.columns]
    return _summary({name: (one.per_user[name] - other.per_user[name]).to_numpy() for name in shared})


def sizes(k: int | Sequence[int]) -> list[int]:
    """Return the values of `k` in ascending order, without duplicates.

    Raises
    ------
    ParameterError
        If it is neither a positive integer nor a sequence of these.

    Examples
    --------
    >>> from gingham.evaluation import sizes
    >>> sizes([12, 5, 5])
    [5, 12]
    """
    values: Any = np.atleast_1d(k) if isinstance(k, np.ndarray) else k
    ks = list(values) if isinstance(values, Sequence | np.ndarray) and not isinstance(k, str | bytes) else [values]
    if not ks:
        raise ParameterError(f"k must be a positive integer or a sequence such as [1, 5, 12], not {shown(k)}.")
    for size in ks:
        check_integer("k", size, 1)
    return sorted(set(map(int, ks)))


def _cells(mean: float | None, low: float | None, high: float | None) -> tuple[str, str]:
    """Format a mean and its interval, with dashes if they are not defined."""
    return ("–", "–") if mean is None else (f"{mean:.4f}", f"{low:.4f}–{high:.4f}")


def _refusal(test: Any, n_shared: int) -> str:
    if isinstance(test, Dataset):
        return (
            f"The model was fitted to {n_shared:,} of the {len(test.interactions):,} rows of the test, so its metrics "
            "would be too high; fit it to the train part of a split, or use allow_overlap=True."
        )
    return (
        f"The model was fitted to {n_shared:,} of the {test.nnz:,} pairs of the test, so its metrics would be too "
        "high; use the parts of a split dataset, where repeat purchases are separate rows, or use allow_overlap=True."
    )


def _item_features(test: Data) -> sp.csr_matrix | None:
    """Return the features that items can share, without their identities."""
    features = test.item_features if isinstance(test, Dataset) else None
    return features.without_identities() if features is not None and features.definitions else None


def _summary(values: Mapping[str, npt.NDArray[np.float64]]) -> pl.DataFrame:
    summary = summarize(np.column_stack(list(values.values())))
    return pl.DataFrame({"metric": list(values), **vars(summary)}).fill_nan(None)


def _segments(
    split: Splitter,
    ranks: TestRanks,
    values: Mapping[str, npt.NDArray[np.float64]],
    ks: Sequence[int],
) -> pl.DataFrame | None:
    tables = []
    for segment in split(ranks):
        if segment.items is None:
            metrics = {name: value[segment.users] for name, value in values.items()}
        else:
            metrics = per_user(ranks.only(segment.items), ks)
        labels = (pl.lit(segment.name).alias("segment"), pl.lit(segment.value).alias("value"))
        tables.append(_summary(metrics).select(*labels, pl.all()))
    return pl.concat(tables) if tables else None
