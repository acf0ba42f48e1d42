"""Users whom a model has never met: trained alone, while all else stays as it is."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import scipy.sparse as sp

from gingham.arrays import Floats, Indices
from gingham.models.side import Side
from gingham.models.training_pairs import Entries, Training

# Takes what to train on, a side for the user and one for the items; trains the user.
Train: TypeAlias = Callable[[Training, Side, Side], None]


def fold_in(
    train: Train,
    items: Side,
    shared: Floats,
    had: sp.csr_matrix,
    weights: Floats | None,
    *,
    pool: Indices,
    loss: str,
    seed: int,
    n_threads: int,
) -> Floats:
    """Train users one by one, so that nobody's embedding depends on who else is there.

    Parameters
    ----------
    train : callable
        Trains one of them.
    items : Side
        What a model has learned about items.
    shared : float32 array, shape (n, n_components)
        What it has learned about features that each of the users has.
    had : csr_matrix of float32, shape (n, n_items)
        What they had.
    weights : float32 array
        What each entry of `had` weighs; None for ones.
    pool : int32 array
        The items that "bpr" draws from.
    loss : str
        One of HybridMF's.
    seed : int
        What the order of training depends on.
    n_threads : int
        How many users are trained at the same time.

    Returns
    -------
    float32 array, shape (n, n_components)
    """
    size = items.n_components
    fixed = Side.fixed(items.rows()[:, : size + 1])

    def trained(user: int) -> Floats:
        entries = slice(had.indptr[user], had.indptr[user + 1])
        weighed = None if weights is None else weights[entries]
        mine = had[[user]]
        given = Entries(np.zeros(mine.nnz, np.int32), mine.indices, mine.data, weighed)
        training = replace(Training.of_entries(given, mine, weighed, loss, seed), pool=pool)
        side = Side.newcomer(shared[user])
        if len(training):
            train(training, side, fixed)
        return side.rows()[0, :size]

    out = np.empty((had.shape[0], size), np.float32)
    with ThreadPoolExecutor(n_threads) as workers:
        for user, row in enumerate(workers.map(trained, range(len(out)))):
            out[user] = row
    return out
