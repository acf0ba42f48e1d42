"""What a model was fitted to, as far as it takes to tell whether a test shares rows with it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.dataset import Dataset


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """The rows that a model has learned from.

    Attributes
    ----------
    source : str or None
        The fingerprint of the whole they are rows of; None if that is not known: of a bare matrix, or several wholes.
    bits : uint8 array
        A bit for each row of that whole, in the order of `numpy.packbits`.
    until : datetime64 or None
        When the last of them was; None if some have no time.
    earlier : csr_matrix or None
        Pairs that were learned from before others took their place; None if there are none.
    """

    source: str | None = None
    bits: npt.NDArray[np.uint8] | None = None
    until: np.datetime64 | None = None
    earlier: sp.csr_matrix | None = None

    @classmethod
    def of(cls, data: object) -> "TrainingRows":
        """Take a dataset's rows; a bare matrix has none to tell apart."""
        if not isinstance(data, Dataset):
            return cls()
        rows, times = data.interactions.rows, data.interactions.timestamp
        until = times.max() if times is not None and len(times) else None
        return cls(rows.source, np.packbits(rows.mask()), until)

    def after(self, before: "TrainingRows", old: sp.csr_matrix, new: sp.csr_matrix) -> "TrainingRows":
        """Give what a model has learned from that was fitted to `before` (matrix `old`) and then to this (`new`)."""
        same = self.source is not None and self.source == before.source
        bits = self.bits | before.bits if same and self.bits is not None and before.bits is not None else None
        until = None if self.until is None or before.until is None else max(self.until, before.until)
        earlier = before.earlier
        if not _same_pairs(old, new):
            earlier = _pattern(old) if earlier is None else _pattern(earlier) + _pattern(old)
        return replace(self, source=self.source if same else None, bits=bits, until=until, earlier=earlier)

    def shared(self, test: object, matrix: sp.csr_matrix, known: sp.csr_matrix) -> int:
        """Count what a test shares with the rows learned from.

        Rows of one whole are told apart. Of others, those are shared whose pair was learned from, unless they are known
        to be later than all that was.

        Parameters
        ----------
        test : Dataset or sparse matrix
            As it was given.
        matrix : csr_matrix
            Its pairs.
        known : csr_matrix
            The interactions that the model remembers.

        Returns
        -------
        int
            Rows of a dataset, pairs of a matrix.
        """
        rows = test.interactions.rows if isinstance(test, Dataset) else None
        if rows is not None and rows.source == self.source and self.bits is not None:
            learned = np.unpackbits(self.bits, count=rows.size).view(bool)
            return int(np.count_nonzero(learned if rows.numbers is None else learned[rows.numbers]))
        pairs = np.unique(np.concatenate([_shared(matrix, part) for part in (known, self.earlier) if part is not None]))
        if not isinstance(test, Dataset):
            return len(pairs)
        times = test.interactions.timestamp
        suspect = np.isin(test.interactions.pairs(), pairs)
        if times is not None and self.until is not None:
            suspect &= times <= self.until
        return int(np.count_nonzero(suspect))

    def stored(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Give what an artifact keeps of it: JSON values, and arrays."""
        until = None if self.until is None else int(self.until.astype("datetime64[us]").astype(np.int64))
        arrays: dict[str, npt.NDArray[Any]] = {} if self.bits is None else {"fitted.bits": self.bits}
        if self.earlier is not None:
            arrays |= {f"fitted.{part}": getattr(self.earlier, part) for part in ("indptr", "indices")}
        return {"source": self.source, "until": until}, arrays

    @classmethod
    def restored(
        cls, state: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], shape: tuple[int, int]
    ) -> "TrainingRows":
        """Take what `stored` gave, or nothing, of a model stored before rows were known; `arrays` may hold others."""
        until = None if state.get("until") is None else np.datetime64(state["until"], "us")
        earlier = None
        if "fitted.indptr" in arrays:
            indices = arrays["fitted.indices"]
            ones = np.ones(len(indices), np.float32)
            earlier = sp.csr_matrix((ones, indices, arrays["fitted.indptr"]), shape=shape)
        return cls(state.get("source"), arrays.get("fitted.bits"), until, earlier)


def _pattern(matrix: sp.csr_matrix) -> sp.csr_matrix:
    return sp.csr_matrix((np.ones(matrix.nnz, np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)


def _same_pairs(one: sp.csr_matrix, other: sp.csr_matrix) -> bool:
    return np.array_equal(one.indptr, other.indptr) and np.array_equal(one.indices, other.indices)


def _keys(matrix: sp.csr_matrix, users: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Give the pairs of some users as numbers, ascending, as `Interactions.pairs` does."""
    some = matrix[users]
    return np.repeat(users.astype(np.int64), np.diff(some.indptr)) * matrix.shape[1] + some.indices


def _shared(one: sp.csr_matrix, other: sp.csr_matrix) -> npt.NDArray[np.int64]:
    """Find the pairs that are entries of both: their numbers, ascending."""
    users = np.flatnonzero(np.diff(one.indptr))
    return np.intersect1d(_keys(one, users), _keys(other, users), assume_unique=True)
