"""Splits at random: by (user, item) pair or by user."""

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias, get_args, overload

import numpy as np
import scipy.sparse as sp

from gingham.arrays import Longs, Matrix, valid
from gingham.dataset import Dataset
from gingham.errors import DataError
from gingham.randomness import RandomState, generator
from gingham.split._parts import Split, occurring, split_rows
from gingham.validation import check_choice, check_integer, check_number

By: TypeAlias = Literal["pair", "user"]


@overload
def random(data: Dataset, test: float = ..., random_state: RandomState = ..., by: By = ...) -> Split[Dataset]: ...
@overload
def random(data: Matrix, test: float = ..., random_state: RandomState = ..., by: By = ...) -> Split[sp.csr_matrix]: ...
def random(data: Dataset | Matrix, test: float = 0.2, random_state: RandomState = None, by: By = "pair") -> Split[Any]:
    """Split distinct (user, item) pairs, or users, at random; train and test share none of them.

    Parameters
    ----------
    data : Dataset or SciPy sparse matrix
        The entries of a matrix are split, including explicit zeros; duplicates are summed first.
    test : float
        The share of the pairs or users in the test part, between 0 and 1; 0.2 by default.
    random_state : int, Generator, RandomState or None
        The seed or source of randomness. None (default) gives another split at every call.
    by : {"pair", "user"}
        Whether pairs (default) or users are drawn. A user's rows are all in one part; users without rows are not drawn.

    Returns
    -------
    Split of Dataset or csr_matrix

    Raises
    ------
    ParameterError
        If `test` is not between 0 and 1, `by` is not one of the two, or `random_state` is not a source of randomness.
    DataError
        If one part is empty.

    Examples
    --------
    >>> import gingham as gg
    >>> train, test = gg.split.random(gg.synth.sample_dataset(), 0.2, random_state=1)
    >>> len(train.interactions), len(test.interactions)
    (794, 206)
    """
    check_share("test", test)
    check_choice("by", by, get_args(By))
    data, numbers = _numbered_pairs(data) if by == "pair" else _numbered_users(data)
    n = int(numbers.max(initial=-1)) + 1
    in_test = np.zeros(n, bool)
    in_test[generator(random_state).permutation(n)[: round(test * n)]] = True
    return split_rows(data, in_test[numbers], f"test={test}")


@overload
def k_fold(data: Dataset, k: int = ..., random_state: RandomState = ...) -> Iterator[Split[Dataset]]: ...
@overload
def k_fold(data: Matrix, k: int = ..., random_state: RandomState = ...) -> Iterator[Split[sp.csr_matrix]]: ...
def k_fold(data: Dataset | Matrix, k: int = 5, random_state: RandomState = None) -> Iterator[Split[Any]]:
    """Split distinct (user, item) pairs into `k` random folds, and yield a split for each fold as the test part.

    Parameters
    ----------
    data, random_state
        As for `random`.
    k : int
        The number of folds, at least 2; 5 by default. Their numbers of pairs differ by at most one.

    Yields
    ------
    Split of Dataset or csr_matrix
        Each pair is in one of the test parts.

    Raises
    ------
    ParameterError
        If `k` is less than 2, or `random_state` is not a source of randomness.
    DataError
        If there are fewer pairs than folds.

    Examples
    --------
    >>> import gingham as gg
    >>> dataset = gg.synth.sample_dataset()
    >>> [len(test.interactions) for train, test in gg.split.k_fold(dataset, 3, random_state=1)]
    [300, 364, 336]
    """
    check_integer("k", k, 2)
    data, pairs = _numbered_pairs(data)
    n_pairs = int(pairs.max(initial=-1)) + 1
    if n_pairs < k:
        raise DataError(f"k={k} is more than the {n_pairs} pairs to split; use a smaller k.")
    folds = generator(random_state).permutation(np.arange(n_pairs) % k)[pairs]
    # An inner generator, so that invalid parameters raise at the call, not at the first fold.
    return (split_rows(data, folds == fold, f"k={k}") for fold in range(k))


def check_share(name: str, value: object) -> None:
    """Check that a value is a number between 0 and 1."""
    check_number(name, value, above=0, below=1)


def _numbered_pairs(data: Any) -> tuple[Dataset | sp.csr_matrix, Longs]:
    """Return the data, a matrix with its duplicates summed, and the number of each row's distinct pair."""
    if isinstance(data, Dataset):
        return data, np.unique(data.interactions.pairs(), return_inverse=True)[1]
    matrix = _summed(data)
    return matrix, np.arange(matrix.nnz)


def _numbered_users(data: Any) -> tuple[Dataset | sp.csr_matrix, Longs]:
    """Return the data, a matrix with its duplicates summed, and the number of each row's user among those with rows."""
    data = data if isinstance(data, Dataset) else _summed(data)
    users = data.interactions.user_index if isinstance(data, Dataset) else data.tocoo().row
    return data, (np.cumsum(occurring(data, 0)) - 1)[users]


def _summed(data: Any) -> sp.csr_matrix:
    matrix: sp.csr_matrix = sp.csr_matrix(valid(data, "data"), copy=True)
    matrix.sum_duplicates()
    return matrix
