"""GraphFilter: low-pass filters of the user-item graph, applied to the user's history."""

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.linalg import eigh

from gingham.arrays import Floats
from gingham.checked import LARGEST, Values, require, stored_array
from gingham.models.linear import LinearModel
from gingham.validation import Check, check_integer, check_number

# The terms of the series that sharpens: as many as one step of the classical Runge-Kutta method has.
_TERMS = 4
# The number of subspace iterations, and by how many vectors the subspace exceeds `n_components`. Eight iterations gave
# no better lists.
_ITERATIONS = 4
_EXTRA_COMPONENTS = 64


class _StoredFilter(Values):
    """The JSON values of a filter."""

    series: list[float]


class GraphFilter(LinearModel):
    """A linear filter of the user-item graph: item co-occurrence plus an ideal low-pass filter.

    Let R be the binary interaction matrix, each entry divided by a power of the number of entries of its user and of
    its item, scaled to a largest singular value of one. The scores are the user's history times R'R (normalised
    co-occurrence), plus `low_pass` times the projection of the history on the leading right singular vectors of R (the
    low frequencies of the graph). With the default exponents and no sharpening this is GF-CF. Sharpening is that of
    BSPM: the scores s follow ds/dt = -s R'R up to the time `sharpening`, which removes what all neighbours have in
    common.

    The singular vectors come from subspace iterations with a fixed start: the same data give the same vectors, the last
    few of them only approximately. The model stores no matrix of items by items. Scores are computed for a few hundred
    users at a time, and take several times as long with sharpening.

    Parameters
    ----------
    n_components : int
        The number of singular vectors; 256 by default, at most the number of users and of items.
    low_pass : float
        The weight of the low-pass filter, at least 0; 0.3 by default.
    sharpening : float
        The end of the sharpening time, at least 0; 0 (default) for no sharpening. The series that approximates it is
        accurate up to about 3.
    user_exponent, item_exponent : float
        The exponents of the normalisation, from 0 to 1; 0.5 by default. With smaller exponents, users (items) with many
        interactions count more.

    References
    ----------
    Shen et al., "How Powerful is Graph Convolution for Recommendation?", 2021, https://arxiv.org/abs/2108.07567;
    Choi et al., "Blurring-Sharpening Process Models for Collaborative Filtering", 2023,
    https://arxiv.org/abs/2211.09324; Halko et al., "Finding Structure with Randomness", 2009,
    https://arxiv.org/abs/0909.4061

    Examples
    --------
    >>> import gingham as gg
    >>> model = gg.GraphFilter(n_components=8).fit(gg.synth.sample_dataset())
    >>> model.recommend(["u07"], k=3)["item_id"].to_list()
    ['i01', 'i00', 'i14']
    """

    kind: ClassVar[str] = "graph-filter"
    default_space: ClassVar[Mapping[str, Any]] = {
        "n_components": {"low": 32, "high": 512, "log": True},
        "low_pass": {"low": 0.0, "high": 1.0},
        "user_exponent": {"low": 0.0, "high": 1.0},
        "item_exponent": {"low": 0.0, "high": 1.0},
    }
    constraints: ClassVar[Mapping[str, Check]] = {
        "n_components": check_integer,
        "low_pass": partial(check_number, least=0),
        "sharpening": partial(check_number, least=0, most=1000),
        "user_exponent": partial(check_number, least=0, most=1),
        "item_exponent": partial(check_number, least=0, most=1),
    }

    _graph: sp.csr_matrix
    _into: Floats
    _out: Floats
    _series: list[float]

    def __init__(
        self,
        n_components: int = 256,
        low_pass: float = 0.3,
        sharpening: float = 0.0,
        user_exponent: float = 0.5,
        item_exponent: float = 0.5,
    ) -> None:
        self.n_components = n_components
        self.low_pass = low_pass
        self.sharpening = sharpening
        self.user_exponent = user_exponent
        self.item_exponent = item_exponent

    def _fit_history(self, history: sp.csr_matrix) -> None:
        per_user, per_item = np.diff(history.indptr), np.bincount(history.indices, minlength=history.shape[1])
        user_scale = np.repeat(np.maximum(per_user, 1.0) ** self.user_exponent, per_user)
        item_scale = np.maximum(per_item, 1.0) ** self.item_exponent
        graph = history.copy()
        graph.data /= user_scale * item_scale[history.indices]
        vectors, largest = _leading_vectors(graph, self.n_components)
        graph.data /= np.float32(largest)
        series = _series(float(self.sharpening))
        into = np.ascontiguousarray(vectors.T / item_scale[:, None], np.float32)
        out = np.ascontiguousarray(vectors * item_scale, np.float32)
        out = np.float32(self.low_pass) * _sharpened(out, graph, series)
        self._graph, self._series, self._into, self._out = graph, series, into, out

    def _score(self, history: sp.csr_matrix) -> Floats:
        co_occurrence = np.asarray((history @ self._graph.T @ self._graph).toarray(), np.float32)
        scores = _sharpened(co_occurrence, self._graph, self._series)
        scores += (history @ self._into) @ self._out
        return scores

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        return {"series": self._series}, {"graph": self._graph.data, "into": self._into, "out": self._out}

    def _relearn(self, state: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        super()._relearn(state, arrays)
        history, series = self._history, _StoredFilter.read(state).series
        require(series == _series(-series[0] if series else 0.0), f"the value series is {series}")
        graph = stored_array(arrays, "graph", "float32", (history.nnz,), least=0, most=LARGEST)
        into = stored_array(arrays, "into", "float32", (self.n_items, None), least=-LARGEST, most=LARGEST)
        self._graph = sp.csr_matrix((graph, history.indices, history.indptr), shape=history.shape)
        self._into, self._out = (
            into,
            stored_array(arrays, "out", "float32", (into.shape[1], self.n_items), least=-LARGEST, most=LARGEST),
        )
        self._series = series


def _series(sharpening: float) -> list[float]:
    """Return one Runge-Kutta step of exp(-sharpening R'R): each term is the one before times -sharpening R'R / n."""
    return [-sharpening / n for n in range(1, _TERMS + 1)] if sharpening else []


def _sharpened(rows: Floats, graph: sp.csr_matrix, series: list[float]) -> Floats:
    """Apply the sharpening filter to rows of scores."""
    total, term = rows, rows
    for factor in series:
        term = np.float32(factor) * (graph.T @ (graph @ np.ascontiguousarray(term.T))).T
        total = total + term
    return np.ascontiguousarray(total)


def _leading_vectors(graph: sp.csr_matrix, n_components: int) -> tuple[Floats, float]:
    """Return the leading right singular vectors as rows, and the largest singular value (one if all are zero)."""
    size = min(graph.shape)
    n_vectors = min(n_components + _EXTRA_COMPONENTS, size)
    transpose = graph.T.tocsr()
    basis = np.random.default_rng(0).standard_normal((graph.shape[1], n_vectors), np.float32)
    for _ in range(_ITERATIONS):
        basis = _orthonormal(transpose @ _orthonormal(graph @ basis))
    squares, vectors = _spectrum(graph @ basis)
    return (basis @ vectors[:, -n_components:]).T, float(np.sqrt(squares.max(initial=0))) or 1.0


def _orthonormal(columns: Floats) -> Floats:
    """Return an orthonormal basis of the column space; from the small Gram matrix, many times as fast as QR."""
    squares, vectors = _spectrum(columns)
    vectors /= np.sqrt(squares)
    return columns @ vectors


def _spectrum(columns: Floats) -> tuple[Floats, Floats]:
    """Return the squared singular values, ascending, and the right singular vectors, without those close to zero."""
    squares, vectors = eigh((columns.T @ columns).astype(np.float64))
    nonzero = squares > 1e-6 * squares.max(initial=0)
    return squares[nonzero].astype(np.float32), vectors[:, nonzero].astype(np.float32)
