"""GraphFilter: low-pass filters of the user-item graph, applied to the user's history."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Annotated, Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from pydantic import Field
from scipy.linalg import eigh

from gingham.arrays import Doubles, Floats, Indices
from gingham.checked import LARGEST, Values, require, stored_array, stored_csr
from gingham.models.linear import LinearModel
from gingham.models.moving import Places
from gingham.scores import DenseScores, by_user
from gingham.store import csr_arrays
from gingham.validation import Check, check_choice, check_integer, check_number, optional

# What a filter multiplies an eigenvalue from 0 to 1 with, besides the eigenvalue itself; 1 at zero.
FILTERS: Mapping[str, Callable[[Doubles, float], Doubles]] = {
    "exponential": lambda values, s: np.exp(-s * values),
    "quadratic": lambda values, s: 1 - s * values,
    "ridge": lambda values, s: 1 / (1 + s * values),
    "plateau": lambda values, s: (
        (1 - np.sign(1 - 2 * values) * np.abs(1 - 2 * values) ** (1 + s)) / (2 * (1 + s) * values)
    ),
}
# The largest default number of eigenvectors.
_COMPONENTS = 512
# The degree of the polynomial that replaces a filter, and the size of coefficients that are left out, relative to the
# largest one. Each further degree costs two sparse products for each block of users.
_DEGREE = 8
_NEGLIGIBLE = 0.005
# Filters of version 0.1 are stored as the factors between the terms of a power series, of at most this degree.
_TERMS = 4
# No entry of a matrix is larger than its largest singular value, which is 1 up to the accuracy of the iterations.
_LARGEST_ENTRY = 2.0
# The number of subspace iterations, and by how many vectors the subspace exceeds `n_components`. Eight iterations gave
# no better lists.
_ITERATIONS = 4
_EXTRA_COMPONENTS = 64
# The number of users whose products with the subspace are computed at a time.
_USERS = 65_536


_Coefficient: TypeAlias = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]


class _StoredFilter(Values):
    """The JSON values of a filter: of this version, or of version 0.1 (`series` alone)."""

    coefficients: Annotated[list[_Coefficient], Field(min_length=1, max_length=_DEGREE + 1)] | None = None
    score_exponent: Annotated[float, Field(ge=0, le=1)] = 0.0
    series: Annotated[list[Annotated[float, Field(ge=-1000, le=0)]], Field(max_length=_TERMS)] | None = None


class GraphFilter(LinearModel):
    """A linear filter of the user-item graph: filtered item co-occurrence plus an ideal low-pass filter.

    Let R be the binary interaction matrix, each entry divided by a power of the number of entries of its user and of
    its item, scaled to a largest singular value of one, and G = R'R the normalised co-occurrence of items. The scores
    of a user with history x are ``x D^-c (h(G) + low_pass V V') D^c``, where V are the leading eigenvectors of G (the
    low frequencies of the graph), D are the items' numbers of users, and c is `score_exponent`.

    The filter h grows with the eigenvalue g like g itself near zero, and less for large eigenvalues, which belong to
    what all users have in common. With s = `sharpening`, it is g exp(-s g) for "exponential", g (1 - s g) for
    "quadratic", g / (1 + s g) for "ridge", and for "plateau" a curve that is flat near g = 1/2, the flatter the larger
    s. With s = 0 they are all the same: h(g) = g, as in GF-CF. "plateau" is the filter of ChebyCF.

    The filter is a polynomial of up to the ninth degree, interpolated at Chebyshev nodes. The eigenvectors come from
    subspace iterations with a fixed start: the same data give the same vectors, the last few of them only
    approximately. The model stores no matrix of items by items. Scores are computed for a few hundred users at a time;
    "quadratic" takes twice as long as no sharpening, the other filters 3 to 9 times.

    Parameters
    ----------
    n_components : int or None
        The number of eigenvectors, at most the number of users and of items. By default (None) 512, or a tenth of the
        number of users or of items if that is less.
    low_pass : float
        The weight of the low-pass filter, at least 0; 0.1 by default.
    sharpening : float
        How much less the filter passes large eigenvalues, at least 0; 2 by default, and 0 for a linear filter.
    user_exponent, item_exponent : float
        The exponents of the normalisation, from 0 to 1; 0.2 and 0.3 by default. With smaller exponents, users (items)
        with many interactions count more.
    filter : {"exponential", "quadratic", "ridge", "plateau"}
        The shape of the filter; "exponential" by default.
    score_exponent : float
        The exponent of the items' numbers of users in the scores, from 0 to 1; 0.2 by default. The larger it is, the
        more popular are the recommended items.

    References
    ----------
    Shen et al., "How Powerful is Graph Convolution for Recommendation?", 2021, https://arxiv.org/abs/2108.07567;
    Choi et al., "Blurring-Sharpening Process Models for Collaborative Filtering", 2023,
    https://arxiv.org/abs/2211.09324; Kim et al., "Graph Spectral Filtering with Chebyshev Interpolation for
    Recommendation", 2025, https://arxiv.org/abs/2505.00552; Halko et al., "Finding Structure with Randomness", 2009,
    https://arxiv.org/abs/0909.4061

    Examples
    --------
    >>> import gingham as gg
    >>> model = gg.GraphFilter(n_components=8).fit(gg.synth.sample_dataset())
    >>> model.recommend(["u07"], k=3)["item_id"].to_list()
    ['i01', 'i14', 'i16']
    """

    kind: ClassVar[str] = "graph-filter"
    panel_cost: ClassVar[float | None] = 4.0
    default_space: ClassVar[Mapping[str, Any]] = {
        "n_components": {"low": 64, "high": 1024, "log": True},
        "low_pass": {"low": 0.003, "high": 1.0, "log": True},
        "filter": ["exponential", "ridge"],
        "sharpening": {"low": 0.5, "high": 16.0, "log": True},
        "user_exponent": {"low": 0.0, "high": 0.6},
        "item_exponent": {"low": 0.1, "high": 0.6},
        "score_exponent": {"low": 0.0, "high": 0.6},
    }
    constraints: ClassVar[Mapping[str, Check]] = {
        "n_components": optional(check_integer),
        "low_pass": partial(check_number, least=0),
        "sharpening": partial(check_number, least=0, most=1000),
        "user_exponent": partial(check_number, least=0, most=1),
        "item_exponent": partial(check_number, least=0, most=1),
        "filter": partial(check_choice, choices=tuple(FILTERS)),
        "score_exponent": partial(check_number, least=0, most=1),
    }
    _added_params = frozenset({"filter", "score_exponent"})

    _graph: sp.csr_matrix
    _scale: Floats
    _into: Floats
    _out: Floats
    _coefficients: list[float]
    _score_exponent: float

    def __init__(
        self,
        n_components: int | None = None,
        low_pass: float = 0.1,
        sharpening: float = 2.0,
        user_exponent: float = 0.2,
        item_exponent: float = 0.3,
        filter: str = "exponential",
        score_exponent: float = 0.2,
    ) -> None:
        self.n_components = n_components
        self.low_pass = low_pass
        self.sharpening = sharpening
        self.user_exponent = user_exponent
        self.item_exponent = item_exponent
        self.filter = filter
        self.score_exponent = score_exponent

    def _fit_history(self, history: sp.csr_matrix, n_threads: int) -> None:
        per_user = np.diff(history.indptr)
        graph = history.copy()
        graph.data /= np.repeat(np.maximum(per_user, 1.0) ** self.user_exponent, per_user)
        graph.data /= _item_scale(history, self.item_exponent)[history.indices]
        n_components = (
            max(1, min(_COMPONENTS, min(graph.shape) // 10)) if self.n_components is None else self.n_components
        )
        vectors, largest = _leading_vectors(graph, n_components, n_threads)
        graph.data /= np.float32(largest)
        self._coefficients = _coefficients(self.filter, float(self.sharpening))
        self._score_exponent, self._scale = float(self.score_exponent), _item_scale(history, self.score_exponent)
        self._graph, self._into = graph, np.ascontiguousarray(vectors.T / self._scale[:, None])
        self._out = np.float32(self.low_pass) * vectors * self._scale

    def _score(self, history: sp.csr_matrix) -> Floats:
        scaled = history.copy()
        scaled.data /= self._scale[history.indices]
        scores = (scaled @ self._graph.T @ self._graph).toarray()
        scores = _filtered(scores, self._graph, self._coefficients) * self._scale
        scores += (history @ self._into) @ self._out
        return np.asarray(scores, np.float32)

    def _weights_between(self, sources: Indices, targets: Indices) -> Doubles:
        if len(np.unique(targets)) >= len(np.unique(sources)):
            return self._weights_of(sources, targets)
        # The filter is symmetric except for the scale of the scores, so the fewer items are filtered.
        ratio = self._scale[targets].astype(np.float64) / self._scale[sources]
        return self._weights_of(targets, sources) * ratio**2

    def _weights_of(self, sources: Indices, targets: Indices) -> Doubles:
        """Return the scores of targets in the lists of users with one item each, the source."""
        weights = np.empty(len(sources))
        for distinct, chosen, places in by_user(sources, DenseScores.block_size):
            ones = np.ones(len(distinct), np.float32)
            alone = sp.csr_matrix((ones, distinct, np.arange(len(distinct) + 1)), shape=(len(distinct), self.n_items))
            weights[chosen] = self._score(alone)[places, targets[chosen]]
        return weights

    def _moved(self, users: Places, items: Places) -> dict[str, Any]:
        """Move the graph of the last fit, in which new users and items have no edges."""
        return {
            "_graph": users.rows(items.columns(self._graph)),
            "_scale": items.array(self._scale, 1),
            "_into": items.array(self._into, 0),
            "_out": np.ascontiguousarray(items.array(self._out.T, 0).T),
        }

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        state = {"coefficients": self._coefficients, "score_exponent": self._score_exponent}
        arrays = {**csr_arrays("graph", self._graph), "scale": self._scale, "into": self._into, "out": self._out}
        return state, arrays

    def _relearn(self, state: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        super()._relearn(state, arrays)
        history, stored = self._history, _StoredFilter.read(state)
        require((stored.coefficients is None) != (stored.series is None), "the filter is stored twice, or not at all")
        if "graph" in arrays:  # until version 0.1, the graph had the entries of the training data
            graph = stored_array(arrays, "graph", "float32", (history.nnz,), least=0, most=_LARGEST_ENTRY)
            self._graph = sp.csr_matrix((graph, history.indices, history.indptr), shape=history.shape)
            self._scale = _item_scale(history, stored.score_exponent)
        else:
            self._graph = stored_csr(arrays, "graph", history.shape, least=0, most=_LARGEST_ENTRY)
            self._scale = stored_array(arrays, "scale", "float32", (self.n_items,), least=1, most=LARGEST)
        self._into = stored_array(arrays, "into", "float32", (self.n_items, None), least=-LARGEST, most=LARGEST)
        shape = (self._into.shape[1], self.n_items)
        self._out = stored_array(arrays, "out", "float32", shape, least=-LARGEST, most=LARGEST)
        self._coefficients = stored.coefficients or _of_series(stored.series or [])
        self._score_exponent = stored.score_exponent


def _item_scale(history: sp.csr_matrix, exponent: float) -> Floats:
    """Return a power of the number of users of each item, of at least one."""
    per_item = np.bincount(history.indices, minlength=history.shape[1])
    return np.asarray(np.maximum(per_item, 1.0) ** exponent, np.float32)


def _coefficients(name: str, sharpening: float) -> list[float]:
    """Return the Chebyshev coefficients, on eigenvalues from 0 to 1, of a filter divided by the eigenvalue."""
    series = np.polynomial.Chebyshev.interpolate(FILTERS[name], _DEGREE, [0, 1], (sharpening,))
    return series.trim(_NEGLIGIBLE * np.abs(series.coef).max()).coef.tolist()


def _of_series(series: list[float]) -> list[float]:
    """Return the Chebyshev coefficients of a power series, given by the factors between its terms."""
    powers = np.polynomial.Polynomial(np.cumprod([1.0, *series]))
    return powers.convert(domain=[0, 1], kind=np.polynomial.Chebyshev).coef.tolist()


def _filtered(rows: Floats, graph: sp.csr_matrix, coefficients: list[float]) -> Floats:
    """Multiply rows of scores by a polynomial of G, by Clenshaw's recurrence."""
    *lower, highest = (np.float32(coefficient) for coefficient in coefficients)
    if not lower:
        return highest * rows
    columns = np.ascontiguousarray(rows.T)
    last, before = highest * columns, np.float32(0)
    for number, coefficient in reversed(list(enumerate(lower))):
        shifted = 2 * (graph.T @ (graph @ last)) - last  # eigenvalues from -1 to 1
        last, before = coefficient * columns + (2 if number else 1) * shifted - before, last
    return np.ascontiguousarray(last.T)


def _leading_vectors(graph: sp.csr_matrix, n_components: int, n_threads: int) -> tuple[Floats, float]:
    """Return the leading right singular vectors as rows, and the largest singular value (one if all are zero)."""
    n_vectors = min(n_components + _EXTRA_COMPONENTS, *graph.shape)
    basis = np.random.default_rng(0).standard_normal((graph.shape[1], n_vectors), np.float32)
    for _ in range(_ITERATIONS):
        basis = _orthonormal(_co_occurrence_times(graph, basis, n_threads))
    values, vectors = _spectrum(basis.T @ _co_occurrence_times(graph, basis, n_threads))
    return (basis @ vectors[:, -n_components:]).T, float(np.sqrt(values.max(initial=0))) or 1.0


def _co_occurrence_times(graph: sp.csr_matrix, columns: Floats, n_threads: int) -> Floats:
    """Return G times some columns. Blocks of users bound the memory, and each thread has columns of its own."""

    def product(part: Floats) -> Floats:
        total = np.zeros_like(part)
        for block in blocks:
            total += block.T @ (block @ part)
        return total

    blocks = [graph[start : start + _USERS] for start in range(0, graph.shape[0], _USERS)]
    parts = [np.ascontiguousarray(part) for part in np.array_split(columns, n_threads, axis=1)]
    with ThreadPoolExecutor(n_threads) as pool:
        return np.hstack(list(pool.map(product, parts)))


def _orthonormal(columns: Floats) -> Floats:
    """Return an orthonormal basis of the column space; from the small Gram matrix, many times as fast as QR."""
    doubles = columns.astype(np.float64)
    squares, vectors = _spectrum(doubles.T @ doubles)
    vectors /= np.sqrt(squares)
    return columns @ vectors


def _spectrum(matrix: npt.NDArray[Any]) -> tuple[Floats, Floats]:
    """Return the eigenvalues of a symmetric matrix, ascending, and the eigenvectors, without those close to zero."""
    values, vectors = eigh(matrix.astype(np.float64))
    nonzero = values > 1e-10 * values.max(initial=0)
    return values[nonzero].astype(np.float32), vectors[:, nonzero].astype(np.float32)
