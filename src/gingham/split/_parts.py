"""The two parts of a split."""

from functools import cached_property
from typing import Any, Generic, Literal, Self, TypeVar

import numpy as np
import scipy.sparse as sp

from gingham.arrays import Bools, Indices, check_matrix
from gingham.dataset import Dataset
from gingham.errors import DataError

Part = TypeVar("Part", bound=Dataset | sp.csr_matrix)


class Split(tuple[Part, Part], Generic[Part]):
    """The train and test part of a dataset or a matrix, which share no row; unpacks as ``train, test = split``.

    Each part of a dataset has all users, items and features, and its rows keep their values, timestamps and prices.
    Each part of a matrix has the shape of the matrix.

    Attributes
    ----------
    train, test : Dataset or csr_matrix
        The part to fit a model to, and the part to evaluate it on.
    cold_users, cold_items : int32 array
        The indices, ascending, of the users (items) that have rows in test and none in train.

    Examples
    --------
    >>> import gingham as gg
    >>> split = gg.split.by_time(gg.synth.sample_dataset(), "7d")
    >>> split.test
    Dataset(50 users x 20 items, 122 interactions, 5 user features, 5 item features)
    >>> len(split.cold_users)
    0
    """

    def __new__(cls, train: Part, test: Part) -> Self:
        """Create a split from its parts."""
        for name, part in (("train", train), ("test", test)):
            if not isinstance(part, Dataset):
                check_matrix(name, part)
        if isinstance(train, Dataset) != isinstance(test, Dataset):
            raise DataError("train and test are a dataset and a matrix; pass two datasets, or two matrices.")
        return super().__new__(cls, (train, test))

    def __repr__(self) -> str:
        return f"Split(train={self.train!r}, test={self.test!r})"

    def __getnewargs__(self) -> tuple[Part, Part]:
        return self[0], self[1]

    @property
    def train(self) -> Part:
        """The part to fit a model to."""
        return self[0]

    @property
    def test(self) -> Part:
        """The part to evaluate a model on."""
        return self[1]

    @cached_property
    def cold_users(self) -> Indices:
        """The indices of the users that are in test and not in train, ascending."""
        return self._cold(0)

    @cached_property
    def cold_items(self) -> Indices:
        """The indices of the items that are in test and not in train, ascending."""
        return self._cold(1)

    def _cold(self, axis: Literal[0, 1]) -> Indices:
        in_train, in_test = (occurring(part, axis) for part in self)
        return np.flatnonzero(in_test & ~in_train).astype(np.int32)


def occurring(part: Dataset | sp.csr_matrix, axis: Literal[0, 1]) -> Bools:
    """Return whether each user (axis 0) or item (axis 1) has a row or entry."""
    if isinstance(part, Dataset):
        size = (part.n_users, part.n_items)[axis]
        index = (part.interactions.user_index, part.interactions.item_index)[axis]
    else:
        entries = part.tocoo()
        size, index = part.shape[axis], (entries.row, entries.col)[axis]
    occurs = np.zeros(size, bool)
    occurs[index] = True
    return occurs


def split_rows(data: Dataset | sp.csr_matrix, in_test: Bools, arguments: str) -> Split[Any]:
    """Split by a mask of the rows; `arguments` is for the error message if one part is empty."""
    n_test = int(in_test.sum())
    if n_test in (0, len(in_test)):
        part = "test" if not n_test else "train"
        raise DataError(
            f"The {part} part of {len(in_test):,} interactions is empty with {arguments}; choose another split."
        )
    return Split(select(data, ~in_test), select(data, in_test))


def select(data: Dataset | sp.csr_matrix, rows: Bools) -> Any:
    """Return a dataset with some of its interactions, or a matrix with some of its entries."""
    if isinstance(data, Dataset):
        return data.with_interactions(data.interactions.take(rows))
    entries = data.tocoo()
    selected = (entries.data[rows], (entries.row[rows], entries.col[rows]))
    return sp.csr_matrix(selected, shape=data.shape, dtype=data.dtype)
