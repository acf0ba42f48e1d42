"""Consecutive integers for distinct texts, assigned while a table is read."""

import numpy as np
import numpy.typing as npt
import polars as pl

from gingham import _native
from gingham.arrays import Longs

# The hash table grows when it is fuller than this.
_MAX_LOAD = 0.75
_INITIAL_SLOTS = 1 << 12


class Numbering:
    """Assigns the numbers 0, 1, 2, ... to distinct texts in the order of their first occurrence.

    Two 64-bit hashes identify a text. Among a hundred million texts, the probability that any two have equal hashes is
    1 in 10^22. Comparing the texts themselves would cost a cache miss for each row.
    """

    def __init__(self) -> None:
        # One slot a row: two hashes, and the number plus one; 0 marks an empty slot.
        self._table = np.zeros((_INITIAL_SLOTS, 3), np.uint64)
        self._batches = [pl.Series(dtype=pl.String)]
        self._n_texts = 0

    def __len__(self) -> int:
        return self._n_texts

    def add(self, texts: pl.Series) -> pl.Series:
        """Return the number of each text, as UInt32; new texts get the next numbers.

        Parameters
        ----------
        texts : polars.Series
            String, without nulls.
        """
        self._reserve(len(texts))
        hashes, second_hashes = (texts.hash(seed).to_numpy() for seed in (1, 2))
        numbers, firsts = np.empty(len(texts), np.uint32), np.empty(len(texts), np.int64)
        n_before = self._n_texts
        self._n_texts = self._assign(hashes, second_hashes, numbers, firsts)
        # Appending an empty text copies the few new texts; a view of them would keep the whole batch in memory.
        self._batches.append(texts.gather(firsts[: self._n_texts - n_before]) + "")
        return pl.Series(numbers)

    def texts(self) -> pl.Series:
        """Return the distinct texts in the order of their numbers."""
        return pl.concat(self._batches)

    def _reserve(self, n_more: int) -> None:
        """Enlarge the hash table so that `n_more` new texts fit."""
        n_slots = len(self._table)
        while self._n_texts + n_more > _MAX_LOAD * n_slots:
            n_slots *= 2
        if n_slots > len(self._table):
            keys = self._table[self._table[:, 2] > 0]
            keys = keys[np.argsort(keys[:, 2])]
            self._table, self._n_texts = np.zeros((n_slots, 3), np.uint64), 0
            hashes, second_hashes = (np.ascontiguousarray(keys[:, column]) for column in (0, 1))
            numbers, firsts = np.empty(len(keys), np.uint32), np.empty(len(keys), np.int64)
            self._n_texts = self._assign(hashes, second_hashes, numbers, firsts)

    def _assign(
        self,
        hashes: npt.NDArray[np.uint64],
        second_hashes: npt.NDArray[np.uint64],
        numbers: npt.NDArray[np.uint32],
        firsts: Longs,
    ) -> int:
        """Fill `numbers` and the positions of new texts, and return how many texts have a number now."""
        return _native.number_keys(
            hashes=hashes,
            others=second_hashes,
            table=self._table,
            known=self._n_texts,
            numbers=numbers,
            firsts=firsts,
        )
