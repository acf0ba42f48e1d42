"""How an epoch is cut into lanes and blocks, so that its result does not depend on threads; see docs/design.md."""

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham.arrays import Doubles, Longs

Owners = npt.NDArray[np.uint8]

N_LANES = 64
# The groups of rows that lanes share; rows of different owners can be updated at the same time.
N_OWNERS = 16
# The owner of a row that only the users of one lane have.
LANE_OWNED = 255

# The number of examples in a block: at least, and at most.
_LEAST, _MOST, _MOST_WITH_FEATURES = 8, 2048, 512
# A block has at most one part in so many of the examples before it.
_RAMP = 64
# By what part the examples of a block shrink all parameters, at most.
_MOST_SHRINKAGE = 0.25


def lanes(users: Longs) -> Longs:
    """Divide users into contiguous ranges with about equally many examples.

    Parameters
    ----------
    users : int64 array, shape (n_users,)
        The number of examples of each user.

    Returns
    -------
    int64 array, shape (N_LANES + 1,)
        The first user of each lane, and the number of users.
    """
    total = np.cumsum(users)
    size = int(total[-1]) if len(total) else 0
    starts = np.searchsorted(total, size * np.arange(1, N_LANES) // N_LANES, side="left")
    return np.concatenate([[0], np.minimum(starts + 1, len(users)), [len(users)]]).astype(np.int64)


def blocks(size: int, done: int, has_features: bool, shrinkage: float = 0.0) -> Longs:
    """Return where each block of an epoch ends.

    Within a block, the rows that lanes share don't change. Early in training they change fast, so blocks are short.

    Parameters
    ----------
    size : int
        The number of examples of the epoch.
    done : int
        The number of examples of the epochs before.
    has_features : bool
        Whether users or items have features, so that many examples update the same rows.
    shrinkage : float
        By what part an example shrinks all parameters, at most; 0 by default. Parameters shrink at the end of a block,
        so that of a whole block must be small.

    Returns
    -------
    int64 array, shape (n_blocks,)
        Ascending numbers of examples; the last is `size`.
    """
    most = _MOST_WITH_FEATURES if has_features else _MOST
    if shrinkage * most > _MOST_SHRINKAGE:
        most = max(_LEAST, int(_MOST_SHRINKAGE / shrinkage))
    ends = [0]
    while ends[-1] < size:
        ends.append(min(size, ends[-1] + min(most, max(_LEAST, (done + ends[-1]) // _RAMP))))
    return np.array(ends[1:], np.int64)


def balanced(loads: Doubles) -> Owners:
    """Divide rows among the owners, so that each has about the same load.

    Parameters
    ----------
    loads : float64 array, shape (n_rows,)

    Returns
    -------
    uint8 array, shape (n_rows,)
    """
    turns = np.arange(N_OWNERS, dtype=np.uint8)
    owners = np.empty(len(loads), np.uint8)
    # By falling load, forth and back: what an owner gets less in one turn, it gets more in the next.
    owners[np.argsort(-loads, kind="stable")] = np.resize(np.append(turns, turns[::-1]), len(loads))
    return owners


def user_owners(features: sp.csr_matrix | None, starts: Longs, users: Longs) -> Owners:
    """Return the owner of each row of users' state.

    Parameters
    ----------
    features : csr_matrix, shape (n_users, n_features), or None
        The features of users; None if each has only its own.
    starts : int64 array, shape (N_LANES + 1,)
        The first user of each lane, as `lanes` returns them.
    users : int64 array, shape (n_users,)
        The number of examples of each user.

    Returns
    -------
    uint8 array, shape (n_features,) or (n_users,)
        `LANE_OWNED` for a row that only users of one lane have.
    """
    if features is None:
        return np.full(len(users), LANE_OWNED, np.uint8)
    lane_of = np.repeat(np.arange(N_LANES), np.diff(starts))
    columns = sp.csc_matrix(features)
    filled = np.diff(columns.indptr) > 0
    begins, row_lanes = columns.indptr[:-1][filled], lane_of[columns.indices]
    shared, loads = np.zeros(features.shape[1], bool), np.zeros(features.shape[1])
    if columns.nnz:
        shared[filled] = np.minimum.reduceat(row_lanes, begins) != np.maximum.reduceat(row_lanes, begins)
        loads[filled] = np.add.reduceat(users[columns.indices].astype(float), begins)
    return np.where(shared, balanced(np.where(shared, loads, 0)), LANE_OWNED).astype(np.uint8)


def item_owners(features: sp.csr_matrix | None, items: Longs) -> Owners:
    """Return the owner of each row of items' state.

    Parameters
    ----------
    features : csr_matrix, shape (n_items, n_features), or None
        The features of items; None if each has only its own.
    items : int64 array, shape (n_items,)
        The number of examples of each item. Negatives are drawn from all items, so each gets some more.

    Returns
    -------
    uint8 array, shape (n_features,) or (n_items,)
    """
    loads = items + items.mean() if len(items) else items.astype(float)
    if features is not None:
        has = sp.csr_matrix((np.ones(features.nnz), features.indices, features.indptr), features.shape)
        loads = has.T @ loads
    return balanced(np.asarray(loads, float))
