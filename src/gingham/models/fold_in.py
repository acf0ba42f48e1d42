"""Fold-in: embeddings of cold users, trained one by one against fixed items."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import scipy.sparse as sp

from gingham.arrays import Csr, Floats, Indices
from gingham.models import plan
from gingham.models.loss import Loss
from gingham.models.side import Side
from gingham.models.training_pairs import Observations, TrainingPairs

# Trains one user on pairs: takes the pairs, the user's parameters and the items'.
TrainUser: TypeAlias = Callable[[TrainingPairs, Side, Side], None]


class _PartlyFixed(Side):
    """A side with rows that stay fixed; an alpha shrinks all rows of a side, so it has none."""

    def native(
        self,
        owners: plan.Owners,
        regularization: float,
        alpha: float,  # noqa: ARG002
    ) -> tuple[Floats, Csr | None, plan.Owners, float, float]:
        return super().native(owners, regularization, 0.0)


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

    A regularization acts on the embedding of the user. An alpha has no effect: it would shrink the fixed rows, too.

    Parameters
    ----------
    train_user : callable
        Trains one user.
    items : Side
        The items' parameters, which stay fixed.
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
    fixed = _PartlyFixed.fixed(items.rows()[:, : size + 1])
    pairs_of_user = _by_user(interactions, weights, loss, seed)

    def embedding(user: int) -> Floats:
        side = _PartlyFixed.cold_user(shared[user])
        pairs = pairs_of_user(user)
        if len(pairs):
            train_user(replace(pairs, pool=pool), side, fixed)
        return side.rows()[0, :size]

    out = np.empty((interactions.shape[0], size), np.float32)
    with ThreadPoolExecutor(n_threads) as executor:
        for user, row in enumerate(executor.map(embedding, range(len(out)))):
            out[user] = row
    return out


def _by_user(
    interactions: sp.csr_matrix, weights: Floats | None, loss: Loss, seed: int
) -> Callable[[int], TrainingPairs]:
    """Return a function that returns the training pairs of one user, which is user 0 there."""
    n_users = interactions.shape[0]
    users = np.repeat(np.arange(n_users, dtype=np.int32), np.diff(interactions.indptr))
    observations = Observations(users, interactions.indices, interactions.data, weights)
    everyone = TrainingPairs.of_observations(observations, interactions, (None, None), weights, loss, seed)
    # Undo the random order, which depends on all users; an epoch has an order of its own.
    order = np.lexsort(everyone.examples[1::-1])
    items = everyone.examples[1][order]
    example_weights, targets = (None if part is None else part[order] for part in everyone.examples[2:])
    begins = np.searchsorted(everyone.examples[0][order], np.arange(n_users + 1))
    indptr, indices, positive_weights = everyone.positives
    # The user's own embedding, and the sum of those of the user's features; see `Side.cold_user`.
    owners = (np.full(2, plan.LANE_OWNED, np.uint8), everyone.owners[1])

    def pairs_of_user(user: int) -> TrainingPairs:
        chosen = slice(begins[user], begins[user + 1])
        n_examples = chosen.stop - chosen.start
        positive = slice(indptr[user], indptr[user + 1])
        return replace(
            everyone,
            examples=(
                np.zeros(n_examples, np.int32),
                items[chosen],
                _part(example_weights, chosen),
                _part(targets, chosen),
            ),
            lanes=np.append(0, np.full(plan.N_LANES, n_examples)),
            owners=owners,
            positives=(indptr[user : user + 2] - indptr[user], indices[positive], _part(positive_weights, positive)),
        )

    return pairs_of_user


def _part(values: Floats | None, entries: slice) -> Floats | None:
    return None if values is None else values[entries]
