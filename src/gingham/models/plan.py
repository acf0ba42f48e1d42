"""How an epoch is cut into lanes and blocks, so that its result does not depend on threads; see docs/design.md."""

import heapq

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

# The number of rows with the largest loads, which are divided one by one.
_N_HEAVY = 1024

# The number of examples in a block: at least, and at most.
_LEAST, _MOST, _MOST_WITH_FEATURES = 8, 2048, 512
# A block has at most one part in so many of the examples before it.
_RAMP = 64
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
    """
    most = _MOST_WITH_FEATURES if has_features else _MOST
    if shrinkage * most > _MOST_SHRINKAGE:
        most = max(_LEAST, int(_MOST_SHRINKAGE / shrinkage))
    ends = [0]
    while ends[-1] < size:
        ends.append(min(size, ends[-1] + min(most, max(_LEAST, (done + ends[-1]) // _RAMP))))
    return np.array(ends[1:], np.int64)


def balanced(loads: Doubles) -> Owners:
    """Divide rows among the owners, so that each has about the same load."""
    owners = np.zeros(len(loads), np.uint8)
    if not len(loads):
        return owners
    heavy = np.argsort(-loads, kind="stable")[:_N_HEAVY]
    heap = [(0.0, owner) for owner in range(N_OWNERS)]
    for row in heavy:
        load, owner = heap[0]
        owners[row] = owner
        heapq.heapreplace(heap, (load + float(loads[row]), owner))
    light = np.ones(len(loads), bool)
    light[heavy] = False
    rest = loads[light]
    taken = np.array([load for load, _ in sorted(heap, key=lambda pair: pair[1])])
    room = np.maximum(loads.sum() / N_OWNERS - taken, 0)
    if rest.sum() > 0 and room.sum() > 0:
        ends = np.cumsum(room) / room.sum() * rest.sum()
        owners[light] = np.minimum(np.searchsorted(ends, np.cumsum(rest)), N_OWNERS - 1)
    return owners


def user_owners(features: sp.csr_matrix | None, starts: Longs, users: Longs) -> Owners:
    """Return the owner of each row of users' state: the lane itself, if its users alone have it."""
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
    """Return the owner of each row of items' state."""
    loads = items + items.mean() if len(items) else items.astype(float)
    if features is not None:
        pattern = sp.csr_matrix((np.ones(features.nnz), features.indices, features.indptr), features.shape)
        loads = pattern.T @ loads
    return balanced(np.asarray(loads, float))
