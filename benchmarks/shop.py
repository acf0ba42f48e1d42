"""Seeded data with a real shop's shape, for the side-by-side benchmarks.

92,444 users, 10,962 items, 670,215 training pairs: the size of H&M's tables after the study's cleaning. Items sell by
Zipf's law; every user has a few tastes, every item belongs to one, and some features depend on the taste.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

N_USERS = 92_444
N_ITEMS = 10_962
N_TRAIN = 670_215
N_TEST = 167_554
N_TASTES = 60


@dataclass(frozen=True)
class Shop:
    """A seeded shop: train and test pairs (never the same pair in both) and feature matrices of ones."""

    train: sp.csr_matrix
    test: sp.csr_matrix
    user_features: sp.csr_matrix
    item_features: sp.csr_matrix


def make_shop(
    n_users: int = N_USERS, n_items: int = N_ITEMS, n_train: int = N_TRAIN, n_test: int = N_TEST, seed: int = 7
) -> Shop:
    """Build the shop; the same seed gives the same shop on every machine."""
    rng = np.random.default_rng(seed)
    item_taste = rng.integers(N_TASTES, size=n_items)
    popularity = 1.0 / (rng.permutation(n_items) + 10.0) ** 0.9
    user_tastes = rng.integers(N_TASTES, size=(n_users, 3))
    activity = rng.lognormal(0.0, 0.8, size=n_users)
    pairs = _draw_pairs(rng, n_train + n_test, activity / activity.sum(), user_tastes, item_taste, popularity)
    order = rng.permutation(pairs.size)
    users, items = pairs[order] // n_items, pairs[order] % n_items

    def matrix(part: slice) -> sp.csr_matrix:
        ones = np.ones(users[part].size, dtype=np.float32)
        return sp.csr_matrix((ones, (users[part], items[part])), shape=(n_users, n_items))

    return Shop(
        train=matrix(slice(0, n_train)),
        test=matrix(slice(n_train, None)),
        user_features=_features(rng, user_tastes[:, 0], sizes=(8, 4, 60)),
        item_features=_features(rng, item_taste, sizes=(120, 30, 50, 60, 8, 25, 60, 10, 20, 5)),
    )


def _draw_pairs(
    rng: np.random.Generator,
    n_pairs: int,
    activity: np.ndarray,
    user_tastes: np.ndarray,
    item_taste: np.ndarray,
    popularity: np.ndarray,
) -> np.ndarray:
    """Draw distinct user * n_items + item codes: 7 of 10 from one of the user's tastes, the others from all items."""
    n_items = popularity.size
    everything = popularity / popularity.sum()
    pairs = np.empty(0, dtype=np.int64)
    while pairs.size < n_pairs:
        users = rng.choice(activity.size, size=n_pairs, p=activity)
        items = rng.choice(n_items, size=n_pairs, p=everything)
        tastes = user_tastes[users, rng.integers(user_tastes.shape[1], size=n_pairs)]
        by_taste = rng.random(n_pairs) < 0.7
        for taste in range(N_TASTES):
            rows = np.flatnonzero(by_taste & (tastes == taste))
            members = np.flatnonzero(item_taste == taste)
            weights = popularity[members] / popularity[members].sum()
            items[rows] = rng.choice(members, size=rows.size, p=weights)
        pairs = np.unique(np.concatenate([pairs, users * n_items + items]))
    return rng.permutation(pairs)[:n_pairs]


def _features(rng: np.random.Generator, taste: np.ndarray, sizes: tuple[int, ...]) -> sp.csr_matrix:
    """Identity plus one categorical feature per size; even-numbered ones follow the taste, the others are noise."""
    n_rows = taste.size
    columns, offset = [np.arange(n_rows)], n_rows
    for position, size in enumerate(sizes):
        values = rng.integers(size, size=n_rows)
        if position % 2 == 0:
            values = np.where(rng.random(n_rows) < 0.8, taste % size, values)
        columns.append(offset + values)
        offset += size
    indices = np.stack(columns, axis=1).ravel()
    indptr = np.arange(n_rows + 1) * len(columns)
    return sp.csr_matrix((np.ones(indices.size, dtype=np.float32), indices, indptr), shape=(n_rows, offset))
