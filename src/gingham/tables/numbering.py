"""Text as whole numbers, while it is being read."""

import numpy as np
import numpy.typing as npt
import polars as pl

from gingham import _native

# The table of keys is at most this full.
_LOAD = 0.75
_SLOTS = 1 << 12


class Numbering:
    """Numbers texts from 0 on, in the order in which they first come.

    Two hashes of 64 bits tell texts apart: among a hundred million of them, the odds that any two share both are 1 in
    10^22. Comparing the texts themselves would wait for memory at each row.
    """

    def __init__(self) -> None:
        self._table = np.zeros((_SLOTS, 3), np.uint64)
        self._new = [pl.Series(dtype=pl.String)]
        self._n_known = 0

    def __len__(self) -> int:
        return self._n_known

    def add(self, texts: pl.Series) -> pl.Series:
        """Give each of some texts, none of them null, its number: UInt32."""
        self._make_room(len(texts))
        hashes, others = (texts.hash(seed).to_numpy() for seed in (1, 2))
        numbers, firsts = np.empty(len(texts), np.uint32), np.empty(len(texts), np.int64)
        before = self._n_known
        self._n_known = self._number(hashes, others, numbers, firsts)
        # Appending nothing writes the few new texts anew; views of them would keep all of the batch in memory.
        self._new.append(texts.gather(firsts[: self._n_known - before]) + "")
        return pl.Series(numbers)

    def texts(self) -> pl.Series:
        """Give the texts, in the order of their numbers."""
        return pl.concat(self._new)

    def _make_room(self, more: int) -> None:
        slots = len(self._table)
        while self._n_known + more > _LOAD * slots:
            slots *= 2
        if slots > len(self._table):
            keys = self._table[self._table[:, 2] > 0]
            keys = keys[np.argsort(keys[:, 2])]
            self._table, self._n_known = np.zeros((slots, 3), np.uint64), 0
            hashes, others = (np.ascontiguousarray(keys[:, column]) for column in (0, 1))
            self._n_known = self._number(hashes, others, np.empty(len(keys), np.uint32), np.empty(len(keys), np.int64))

    def _number(
        self,
        hashes: npt.NDArray[np.uint64],
        others: npt.NDArray[np.uint64],
        numbers: npt.NDArray[np.uint32],
        firsts: npt.NDArray[np.int64],
    ) -> int:
        return _native.number_keys(
            hashes=hashes, others=others, table=self._table, known=self._n_known, numbers=numbers, firsts=firsts
        )
