"""How good a model is on a test part: metrics with confidence intervals, for all and for some."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from gingham.columns import USER_ID
from gingham.dataset import Dataset
from gingham.errors import DataError, ParameterError
from gingham.evaluation.bootstrap import summarize
from gingham.evaluation.segments import By, Splitter, segments
from gingham.metrics import OF_LISTS, Lists, TestRanks, compute, names, rank_test
from gingham.models import Recommender
from gingham.models.training_data import Data
from gingham.report import Table, notebook_html
from gingham.validation import check_integer, check_k


@dataclass(frozen=True, repr=False)
class Evaluation:
    """What `evaluate` measured.

    Attributes
    ----------
    table : polars.DataFrame
        A row a metric: ``metric``, ``mean``, ``low`` and ``high`` (the 95% interval of the mean), ``users`` (how many
        the mean is over). Null where no user counts.
    per_user : polars.DataFrame
        ``user_id`` and a column a metric, a row for each user who has test items; NaN where a user does not count.
    lists : polars.DataFrame
        ``metric`` and ``value``: what the lists of these users are like, taken together.
    segments : polars.DataFrame or None
        ``segment``, ``value`` and the columns of `table`, for each group that `by` asked for; None without `by`.
    overlap : int
        How many rows of the test the model was fitted to: 0, unless that was allowed.
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
        rows = [(metric, *_written(*interval), f"{users:,}") for metric, *interval, users in self.table.iter_rows()]
        lists = [(metric, f"{value:.4f}") for metric, value in self.lists.iter_rows()]
        tables = [Table(header, rows), Table(("of all lists", "value"), lists)]
        if self.segments is not None:
            apart = [
                (segment, value, metric, *_written(*interval), f"{users:,}")
                for segment, value, metric, *interval, users in self.segments.iter_rows()
            ]
            tables.append(Table(("segment", "value", *header), apart, texts=3))
        return notebook_html([self.warning] if self.warning else [], tables)

    @property
    def warning(self) -> str:
        """What to know before believing these figures; empty if there is nothing."""
        if not self.overlap:
            return ""
        return f"Overlap was allowed: the model was fitted to {self.overlap:,} rows of this test, which flatter it."

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Give the table as JSON values: metric to mean, low, high and users."""
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
    """Measure a model on test data that it was not fitted to.

    Users without test items don't count. What each metric divides by is in its docstring in `gingham.metrics`.

    Parameters
    ----------
    model : Recommender
        Fitted.
    test : Dataset or sparse matrix, shape (n_users, n_items)
        What should have been recommended; with the users and items of the data the model was fitted to.
    k : int or sequence of int
        How many of the first recommendations count; 12 by default. Several cost little more than one.
    by : str, data frame, mapping or a sequence of these, optional
        What to tell users apart by, for `Evaluation.segments`; by default nothing.

        - ``"history"``: how many items a user had in what the model was fitted to, in bands; 0 is a new user.
        - ``"new users"``: whether that is 0.
        - ``"cold items"``: test items by whether anyone had them in what the model was fitted to. A user's other test
          items are then items like any other.
        - The name of a column that the test dataset's users have features of, by value or by bin.
        - A data frame, or a mapping of columns, with ``user_id`` and others: numbers are put in four bands if they have
          more than eight values, of text the eight most frequent values are kept.
    filter_seen : bool
        Whether items that a user had in the data the model was fitted to are no candidates; False by default.
    allow_overlap : bool
        Whether to measure also where the model was fitted to rows of the test, and to say so in the result; False by
        default: that is refused. A purchase of the same item at another time is another row, if both are parts of a
        dataset; see `gingham.evaluation.overlap`.
    num_threads : int
        0 (default) for all cores. The result does not depend on it.

    Returns
    -------
    Evaluation
        Precision, recall, F1, NDCG, MAP and hit rate at each `k`, reciprocal rank and AUC; of the lists, coverage, Gini
        coefficient, novelty, diversity (if the test is a dataset whose items have features), share of repeats and of
        cold items. The intervals are percentiles of 1,000 bootstrap resamples of the users, always the same ones.

    Raises
    ------
    NotFittedError, DataError, ParameterError
        If the model is not fitted, the test is empty, of other users and items, or shares rows with what the model was
        fitted to, `model` is no model, `k` is out of range, or `by` is nothing that users are known by.
    """
    if not isinstance(model, Recommender):
        raise ParameterError(f"model is {model!r}; give a fitted model, such as gg.Popularity().fit(train).")
    ks = sizes(k)
    for one in ks:
        check_k(one, model.n_items)
    training_data, n_shared = model.training_data_, overlap(model, test)
    if n_shared and not allow_overlap:
        raise DataError(_refusal(test, n_shared))
    split = None if by is None else segments(by, training_data, test)
    ranks, ranking = rank_test(model, test, max(ks), filter_seen, num_threads)
    if not len(ranks.users):
        raise DataError("The test part has no interactions, so there is nothing to measure; choose another split.")
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
    """Return the number of test rows that the model was fitted to.

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
    """
    training_data = model.training_data_
    return training_data.rows.shared(test, model.test_matrix(test), training_data.matrix)


def per_user(ranks: TestRanks, ks: Sequence[int]) -> dict[str, npt.NDArray[np.float64]]:
    """Compute every metric, at each `k` where it depends on that: name to a value a user."""
    return {name: compute(name, ranks) for name in names(ks)}


def of_lists(lists: Lists, ks: Sequence[int]) -> dict[str, float]:
    """Compute every metric of the list set at each `k`, by name; without those that have nothing to look at."""
    values = {f"{name}@{k}": metric(lists, k) for name, metric in OF_LISTS.items() for k in ks}
    return {name: value for name, value in values.items() if not np.isnan(value)}


def differences(one: Evaluation, other: Evaluation) -> pl.DataFrame:
    """Compare two evaluations on the same test, user by user.

    Parameters
    ----------
    one, other : Evaluation
        Of two models, on the same users.

    Returns
    -------
    polars.DataFrame
        A row a metric that both have: ``metric``, ``mean`` (of `one` less `other`), ``low`` and ``high`` (the 95%
        interval of that, by a paired bootstrap: both are resampled alike), ``users`` (who count for both).

    Raises
    ------
    DataError
        If the users are others.
    """
    if not one.per_user[USER_ID].equals(other.per_user[USER_ID]):
        raise DataError(
            f"The evaluations are of other users ({one.per_user.height:,} and {other.per_user.height:,}); evaluate "
            "both models on one test."
        )
    both = [name for name in one.table["metric"] if name in other.per_user.columns]
    return _summary({name: (one.per_user[name] - other.per_user[name]).to_numpy() for name in both})


def sizes(k: int | Sequence[int]) -> list[int]:
    """Give what `evaluate` takes for `k` as rising numbers.

    Raises
    ------
    ParameterError
        If it is neither a whole number from 1 on nor several.
    """
    ks = [k] if isinstance(k, int | np.integer) or not isinstance(k, Sequence | np.ndarray) else list(k)
    if not ks or isinstance(k, str):
        raise ParameterError(f"k={k!r} is no number of recommendations; give one, or several such as [1, 5, 12].")
    for one in ks:
        check_integer("k", one, 1)
    return sorted(set(map(int, ks)))


def _written(mean: float | None, low: float | None, high: float | None) -> tuple[str, str]:
    """Write a mean and its interval; nothing for what no user counts for."""
    return ("–", "–") if mean is None else (f"{mean:.4f}", f"{low:.4f}–{high:.4f}")


def _refusal(test: Any, n_shared: int) -> str:
    if isinstance(test, Dataset):
        return (
            f"The model was fitted to {n_shared:,} of the {len(test.interactions):,} rows of the test, which would "
            "flatter it; fit it to the train part of a split, or insist with allow_overlap=True."
        )
    return (
        f"The model was fitted to {n_shared:,} of the {test.nnz:,} pairs of the test, which would flatter it; give "
        "parts of a split dataset, which know a repeat purchase from the same one, or insist with allow_overlap=True."
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
            some = {name: value[segment.users] for name, value in values.items()}
        else:
            some = per_user(ranks.only(segment.items), ks)
        told = (pl.lit(segment.name).alias("segment"), pl.lit(segment.value).alias("value"))
        tables.append(_summary(some).select(*told, pl.all()))
    return pl.concat(tables) if tables else None
