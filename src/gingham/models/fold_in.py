"""Fold-in: embeddings of cold users, trained one by one against fixed items."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import scipy.sparse as sp

from gingham.arrays import Floats, Indices
from gingham.models.loss import Loss
from gingham.models.side import Side
from gingham.models.training_pairs import Observations, TrainingPairs

# Trains one user on pairs: takes the pairs, the user's parameters and the items'.
TrainUser: TypeAlias = Callable[[TrainingPairs, Side, Side], None]


def fold_in(
    train_user: TrainUser,
    items: Side,
    shared: Floats,
    interactions: sp.csr_matrix,
    weights: Floats | None,
    *,
    pool: Indices,
    loss: Loss,
    seed: int,
    n_threads: int,
) -> Floats:
    """Train cold users one by one, so that no embedding depends on the other users.

    Parameters
    ----------
    train_user : callable
        Trains one user.
    items : Side
        The items' parameters, which adagrad does not change: see `Side.fixed`.
    shared : float32 array, shape (n, n_components)
        The sum of the embeddings of the features that each user has.
    interactions : csr_matrix of float32, shape (n, n_items)
    weights : float32 array or None
        The weight of each entry of `interactions`; None if all are 1.
    pool : int32 array
        The items that "bpr" samples negatives from.
    loss : Loss
    seed : int
        Determines the order of the examples.
    n_threads : int
        The number of users that are trained at the same time.

    Returns
    -------
    float32 array, shape (n, n_components)
    """
    size = items.n_components

    def embedding(user: int) -> Floats:
        entries = slice(interactions.indptr[user], interactions.indptr[user + 1])
        own_weights = None if weights is None else weights[entries]
        row = interactions[[user]]
        observations = Observations(np.zeros(row.nnz, np.int32), row.indices, row.data, own_weights)
        side = Side.cold_user(shared[user])
        features = (side.features, None)
        pairs = TrainingPairs.of_observations(observations, row, features, own_weights, loss, seed)
        if len(pairs):
            train_user(replace(pairs, pool=pool), side, items)
        return side.rows()[0, :size]

    out = np.empty((interactions.shape[0], size), np.float32)
    if min(n_threads, len(out)) <= 1:  # starting a thread takes longer than many a fold-in
        for user in range(len(out)):
            out[user] = embedding(user)
        return out
    with ThreadPoolExecutor(n_threads) as executor:
        for user, row in enumerate(executor.map(embedding, range(len(out)))):
            out[user] = row
    return out
