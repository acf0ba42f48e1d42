"""EASE: a linear autoencoder, fitted in closed form."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.linalg import lapack

from gingham.arrays import Doubles, Floats, Indices
from gingham.checked import LARGEST, require, stored_array, stored_csr
from gingham.dataset import Dataset
from gingham.errors import ParameterError
from gingham.models.contributions import entries_of
from gingham.models.linear import LinearModel
from gingham.models.moving import Places
from gingham.validation import Check, check_integer, check_number, optional

# All weights of the items of `items` (a part of them in artifacts of version 0.1), or the weights of the neighbours of
# each item: rows are items of the history, columns are items to score.
Weights: TypeAlias = Floats | sp.csr_matrix

# The number of neighbours of catalogues with more than `max_items` items, unless it is set.
_NEIGHBOURS = 100
# The number of rows of a square matrix that are mirrored, or counted, at a time.
_ROWS = 1024
_COUNTED_ROWS = 256


class EASE(LinearModel):
    """Embarrassingly shallow autoencoder: item-item weights by ridge regression, in closed form.

    The score of an item is the sum of its weights with the items of the user's history. The weights minimise the
    squared error of predicting a user's binary history from the other items in it, plus an L2 penalty; no item predicts
    itself.

    Up to `max_items` items, all weights come from one inverse of a dense matrix: 4 bytes for each pair of items, and
    twice that during `fit`. With more items, or with `n_neighbours`, each item is predicted from its nearest neighbours
    alone (by cosine), by a small linear system of its own. That is exact for the neighbours and sparse: 8 bytes for
    each item and neighbour, and during `fit` the co-occurrence counts. It is often more accurate, too.

    Parameters
    ----------
    l2 : float
        The L2 penalty on the weights, in units of users: the larger it is, the less rare items count. 100 by default.
    max_items : int
        The largest number of items to fit all weights for; 10,000 by default, which takes 0.8 GB and about a minute on
        one core. Of larger catalogues, the counts of this many items with the most users are a dense matrix during
        `fit`, the others a sparse one.
    n_neighbours : int or None
        The number of neighbours that predict an item. By default (None) all other items up to `max_items`, and 100 in
        larger catalogues. The time grows with its cube, above 200 quickly.

    References
    ----------
    Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", 2019, https://arxiv.org/abs/1905.03375;
    Ning and Karypis, "SLIM: Sparse Linear Methods for Top-N Recommender Systems", 2011 (neighbours as a first step)

    Examples
    --------
    >>> import gingham as gg
    >>> model = gg.EASE(l2=50).fit(gg.synth.sample_dataset())
    >>> model.recommend(["u07"], k=3)["item_id"].to_list()
    ['i00', 'i01', 'i02']
    """

    kind: ClassVar[str] = "ease"
    panel_cost: ClassVar[float | None] = 5.0
    default_space: ClassVar[Mapping[str, Any]] = {
        "l2": {"low": 5.0, "high": 5_000.0, "log": True},
        "n_neighbours": [50, 100, 200],
    }
    constraints: ClassVar[Mapping[str, Check]] = {
        "l2": partial(check_number, above=0),
        "max_items": check_integer,
        "n_neighbours": optional(check_integer),
    }
    _added_params = frozenset({"n_neighbours"})

    _weights: Weights
    _items: Indices

    def __init__(self, l2: float = 100.0, max_items: int = 10_000, n_neighbours: int | None = None) -> None:
        self.l2 = l2
        self.max_items = max_items
        self.n_neighbours = n_neighbours

    def fit_bytes(self, train: Dataset) -> int:
        """Return the size of the dense matrices that `fit` needs, in bytes."""
        return 8 * min(train.n_items, int(self.max_items)) ** 2

    def _fit_history(self, history: sp.csr_matrix, n_threads: int) -> None:
        n_items, n_neighbours = history.shape[1], self.n_neighbours
        if n_neighbours is None and n_items <= self.max_items:
            weights: Weights = _all_weights(history, float(self.l2))
        else:
            n_neighbours = _NEIGHBOURS if n_neighbours is None else int(n_neighbours)
            weights = _neighbour_weights(history, float(self.l2), n_neighbours, int(self.max_items), n_threads)
        self._weights, self._items = weights, np.arange(n_items, dtype=np.int32)

    def _score(self, history: sp.csr_matrix) -> Floats:
        # A sparse product adds in the order of the user's items, so that equal items get equal scores.
        scores = history[:, self._items] @ self._weights
        scores = np.asarray(scores.toarray() if sp.issparse(scores) else scores, np.float32)
        if len(self._items) == self.n_items:
            return scores
        # The popularity scores are below one: all other items rank after those with weights.
        all_scores: Floats = scores.min(axis=1, keepdims=True) - 1 + self._popularity
        all_scores[:, self._items] = scores
        return all_scores

    def _weights_between(self, sources: Indices, targets: Indices) -> Doubles:
        if sp.issparse(self._weights):
            return entries_of(self._weights, sources, targets)
        place = np.full(self.n_items, -1)
        place[self._items] = np.arange(len(self._items))
        row, column = place[sources], place[targets]
        has_weight = (row >= 0) & (column >= 0)
        weights = np.zeros(len(sources))
        weights[has_weight] = self._weights[row[has_weight], column[has_weight]]
        return weights

    def _moved(self, users: Places, items: Places) -> dict[str, Any]:  # noqa: ARG002
        """Move the weights; new items have none."""
        if sp.issparse(self._weights):
            return {
                "_weights": items.rows(items.columns(self._weights)),
                "_items": np.arange(items.size, dtype=np.int32),
            }
        return {"_items": items.indices(self._items)}

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        if sp.issparse(self._weights):
            return {}, {f"near.{part}": getattr(self._weights, part) for part in ("data", "indices", "indptr")}
        return {}, {"weights": self._weights, "items": self._items}

    def _relearn(self, state: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        super()._relearn(state, arrays)
        items = np.arange(self.n_items, dtype=np.int32)
        if "near.data" in arrays:
            weights: Weights = stored_csr(arrays, "near", (self.n_items, self.n_items), least=-LARGEST, most=LARGEST)
            diagonal = weights.diagonal()
        else:
            items = stored_array(arrays, "items", "int32", (None,), least=0, most=self.n_items - 1)
            require((items[1:] > items[:-1]).all(), "the array 'items' does not ascend")
            shape = (len(items), len(items))
            weights = stored_array(arrays, "weights", "float32", shape, least=-LARGEST, most=LARGEST)
            diagonal = np.diagonal(weights)
        require(not diagonal.any(), "the array of weights has an item that predicts itself")
        self._weights, self._items = weights, items


def gigabytes(n_items: int) -> float:
    """Return the memory that a fit of all weights needs.

    Examples
    --------
    >>> gigabytes(10_000)
    0.8
    """
    return 8e-9 * n_items**2


def _too_large(n_items: int, need: str) -> ParameterError:
    return ParameterError(f"EASE of {n_items:,} items needs {need} than is available; use a smaller max_items.")


def _singular(l2: float) -> ParameterError:
    return ParameterError(f"l2={l2!r} is too small: the Gram matrix of the items is singular; use a larger value.")


def _require_finite(weights: Floats, l2: float) -> None:
    if not np.isfinite(weights.sum()):
        raise ParameterError(f"l2={l2!r} is too large: the weights are not finite; use a smaller value.")


def _all_weights(history: sp.csr_matrix, l2: float) -> Floats:
    """Return the weights: the inverse of the regularised Gram matrix, each column divided by minus its diagonal."""
    n_items = history.shape[1]
    if not n_items:
        return np.zeros((0, 0), np.float32)  # LAPACK refuses empty matrices
    try:
        gram = (history.T @ history).toarray(order="F")
        gram[np.diag_indices_from(gram)] += l2
        factor, error = lapack.spotrf(gram, lower=1, overwrite_a=1)
        inverse, inversion_error = (factor, error) if error else lapack.spotri(factor, lower=1, overwrite_c=1)
    except MemoryError:
        raise _too_large(n_items, f"{gigabytes(n_items):.1f} GB of memory, more") from None
    if error or inversion_error:
        raise _singular(l2)
    for start in range(0, n_items, _ROWS):
        stop = start + _ROWS
        square = inverse[start:stop, start:stop]
        square[:] = np.tril(square) + np.tril(square, -1).T
        inverse[start:stop, stop:] = inverse[stop:, start:stop].T
    weights = np.ascontiguousarray(inverse)
    with np.errstate(all="ignore"):
        weights /= -np.diag(weights).copy()
    np.fill_diagonal(weights, 0)
    _require_finite(weights, l2)
    return weights


def _neighbour_weights(
    history: sp.csr_matrix, l2: float, n_neighbours: int, n_dense: int, n_threads: int
) -> sp.csr_matrix:
    """Return sparse weights: each item's ridge regression on its nearest neighbours."""
    n_items = history.shape[1]
    try:
        counts = _Counts.of(history, n_neighbours, n_dense)
        with ThreadPoolExecutor(n_threads) as pool:
            fitted = list(pool.map(partial(counts.weights, l2=l2), range(n_items)))
    except MemoryError:
        raise _too_large(n_items, "more memory") from None
    data = np.concatenate([np.empty(0, np.float32), *fitted])
    _require_finite(data, l2)
    indices = np.concatenate([np.empty(0, np.int32), *(counts.order[near] for near in counts.near)])
    indptr = np.append(0, np.cumsum([len(near) for near in counts.near], dtype=np.int64))
    ranks = np.argsort(counts.order)
    by_target: sp.csr_matrix = sp.csr_matrix((data, indices, indptr), (n_items, n_items))[ranks]
    return by_target.T.tocsr()


def _largest(values: Floats, n: int) -> Indices:
    """Return the positions of the `n` largest values above zero, ascending; of equal values, the first ones."""
    least = np.partition(values, -n)[-n] if len(values) > n else np.float32(0)
    positions = np.flatnonzero((values >= least) & (values > 0))
    return np.sort(positions[np.argsort(-values[positions], kind="stable")[:n]])


@dataclass(frozen=True)
class _Counts:
    """How many users pairs of items share; items are numbered by descending number of users.

    Attributes
    ----------
    order : int32 array, shape (n_items,)
        The index of each item in the catalogue.
    near : list of int32 array
        The neighbours of each item, ascending.
    shared : list of float32 array
        The users that an item shares with each of its neighbours.
    dense : float32 array, shape (n_dense, n_dense)
        The counts of the items with the most users.
    sparse : csr_matrix of float32, shape (n_items - n_dense, n_items)
        Those of the other items with all items.
    """

    order: Indices
    near: list[Indices]
    shared: list[Floats]
    dense: Floats
    sparse: sp.csr_matrix

    @classmethod
    def of(cls, history: sp.csr_matrix, n_neighbours: int, n_dense: int) -> "_Counts":
        """Count block by block, and choose each item's neighbours by cosine."""
        n_items = history.shape[1]
        n_users = np.bincount(history.indices, minlength=n_items)
        order = np.argsort(-n_users, kind="stable").astype(np.int32)
        by_user = history[:, order]
        by_item = by_user.T.tocsr()
        root = np.sqrt(np.maximum(n_users[order], 1)).astype(np.float32)
        near, shared, rows = list[Indices](), list[Floats](), [sp.csr_matrix(np.empty((0, n_items), np.float32))]
        n_dense = min(n_dense, n_items)
        dense = np.empty((n_dense, n_dense), np.float32)
        for start in range(0, n_items, _COUNTED_ROWS):
            block = (by_item[start : start + _COUNTED_ROWS] @ by_user).tocsr()
            block.sort_indices()
            for row, (first, last) in enumerate(zip(block.indptr[:-1], block.indptr[1:], strict=True)):
                items, counts = block.indices[first:last], block.data[first:last]
                chosen = _largest(np.where(items == start + row, 0, counts / root[items]), n_neighbours)
                near.append(items[chosen])
                shared.append(counts[chosen])
            n_rows = min(max(n_dense - start, 0), block.shape[0])
            dense[start : start + n_rows] = block[:n_rows, :n_dense].toarray()
            rows.append(block[n_rows:])
        return cls(order, near, shared, dense, sp.vstack(rows, "csr"))

    def weights(self, item: int, l2: float) -> Floats:
        """Solve the linear system of one item."""
        near = self.near[item]
        if not len(near):
            return np.empty(0, np.float32)  # LAPACK refuses empty matrices
        n_dense = int(np.searchsorted(near, len(self.dense)))
        gram = np.empty((len(near), len(near)), np.float32, order="F")
        gram[:n_dense, :n_dense] = self.dense[np.ix_(near[:n_dense], near[:n_dense])]
        rows = self.sparse[near[n_dense:] - len(self.dense)]
        places = np.full(len(self.order), -1, np.int32)
        places[near] = np.arange(len(near))
        columns = places[rows.indices]
        matches = columns >= 0
        gram[n_dense:] = 0
        places_of_rows = np.repeat(np.arange(n_dense, len(near)), np.diff(rows.indptr))
        gram[places_of_rows[matches], columns[matches]] = rows.data[matches]
        gram[:n_dense, n_dense:] = gram[n_dense:, :n_dense].T
        gram[np.diag_indices_from(gram)] += l2
        _, weights, error = lapack.sposv(gram, self.shared[item], lower=1, overwrite_a=1)
        if error:
            raise _singular(l2)
        return np.asarray(weights, np.float32)
