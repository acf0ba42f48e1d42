"""GraphFilter: what a user had, spread along the graph of who had what; no training."""

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.linalg import eigh

from gingham.arrays import Floats
from gingham.models.linear import LinearModel
from gingham.validation import check_integer, check_number

# The terms of the series that sharpens: as many as one step of the classical Runge-Kutta method has.
_TERMS = 4
# How often a subspace is iterated, and how much larger it is than asked for. With 8 times, lists are no better.
_ITERATIONS = 4
_SPARE = 64


class GraphFilter(LinearModel):
    """A linear filter of the graph of users and items: near items, and the graph's broad lines.

    With R the matrix of who had what, each entry over a power of its user's and of its item's number of entries, a row
    of scores is what the user had times R'R (items that were had together), plus `low_pass` times its part in the
    leading singular vectors of R. With the exponents' defaults and no sharpening this is GF-CF; with sharpening it is
    BSPM: scores then lose what is common to all neighbours, by the solution of ds/dt = -s R'R at the time `sharpening`.
    R is scaled so that its largest singular value is one.

    The singular vectors are found by iterating a subspace from a fixed start: the same data give the same vectors, the
    last of them roughly. Nothing of the size of items by items is kept. Scoring takes some hundred users at a time, and
    several times as long with sharpening.

    Parameters
    ----------
    n_components : int
        How many singular vectors; 256 by default, and at most as many as there are users or items.
    low_pass : float
        How much their part counts; 0.3 by default.
    sharpening : float
        How long scores are sharpened; 0 (default) for not at all. The series behind it is good up to about 3.
    user_exponent, item_exponent : float
        The powers, from 0 to 1; 0.5 each by default. With less, users (items) with many entries count for more.

    References
    ----------
    Shen et al., "How Powerful is Graph Convolution for Recommendation?", 2021, https://arxiv.org/abs/2108.07567;
    Choi et al., "Blurring-Sharpening Process Models for Collaborative Filtering", 2023,
    https://arxiv.org/abs/2211.09324; Halko et al., "Finding Structure with Randomness", 2009,
    https://arxiv.org/abs/0909.4061
    """

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

    def validate(self) -> None:
        """Check the parameters; `fit` does so first.

        Raises
        ------
        ParameterError
            If one is out of its range.
        """
        check_integer("n_components", self.n_components, 1)
        for name in ("low_pass", "sharpening"):
            check_number(name, getattr(self, name), least=0)
        for name in ("user_exponent", "item_exponent"):
            check_number(name, getattr(self, name), least=0, most=1)

    def _learn(self, had: sp.csr_matrix) -> None:
        per_user, per_item = np.diff(had.indptr), np.bincount(had.indices, minlength=had.shape[1])
        item_scale = np.maximum(per_item, 1.0) ** self.item_exponent
        graph = had.copy()
        graph.data /= np.repeat(np.maximum(per_user, 1.0) ** self.user_exponent, per_user) * item_scale[had.indices]
        vectors, largest = _leading(graph, self.n_components)
        graph.data /= np.float32(largest)
        # One step of exp(-sharpening R'R) as Runge and Kutta's: each term is the one before times -sharpening R'R / n.
        self._series = [-float(self.sharpening) / n for n in range(1, _TERMS + 1)] if self.sharpening else []
        self._graph = graph
        self._into = np.ascontiguousarray(vectors.T / item_scale[:, None], np.float32)
        out = np.ascontiguousarray(vectors * item_scale, np.float32)
        self._out = np.float32(self.low_pass) * self._sharpened(out)

    def _score(self, had: sp.csr_matrix) -> Floats:
        near = np.asarray((had @ self._graph.T @ self._graph).toarray(), np.float32)
        scores: Floats = self._sharpened(near)
        scores += (had @ self._into) @ self._out
        return scores

    def _sharpened(self, rows: Floats) -> Floats:
        total, term = rows, rows
        for factor in self._series:
            term = np.float32(factor) * (self._graph.T @ (self._graph @ np.ascontiguousarray(term.T))).T
            total = total + term
        return np.ascontiguousarray(total)

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        return {"series": self._series}, {"graph": self._graph.data, "into": self._into, "out": self._out}

    def _relearn(self, state: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> None:
        super()._relearn(state, arrays)
        had = self._had
        self._graph = sp.csr_matrix((arrays["graph"], had.indices, had.indptr), shape=had.shape)
        self._into, self._out, self._series = arrays["into"], arrays["out"], list(state["series"])


def _leading(graph: sp.csr_matrix, n_components: int) -> tuple[Floats, float]:
    """Find the leading right singular vectors, a row each, and the largest singular value (one, if all are zero)."""
    size = min(graph.shape)
    turned = graph.T.tocsr()
    basis = np.random.default_rng(0).standard_normal((graph.shape[1], min(n_components + _SPARE, size)), np.float32)
    for _ in range(_ITERATIONS):
        basis = _orthonormal(turned @ _orthonormal(graph @ basis))
    squares, mixes = _spectrum(graph @ basis)
    return (basis @ mixes[:, -n_components:]).T, float(np.sqrt(squares.max(initial=0))) or 1.0


def _orthonormal(columns: Floats) -> Floats:
    """Give an orthonormal basis of what columns span; by their small products, which is many times as fast as QR."""
    squares, mixes = _spectrum(columns)
    mixes /= np.sqrt(squares)
    return columns @ mixes


def _spectrum(columns: Floats) -> tuple[Floats, Floats]:
    """Find the squares of the singular values of columns, least first, and right vectors; without those about zero."""
    squares, mixes = eigh((columns.T @ columns).astype(np.float64))
    kept = squares > 1e-6 * squares.max(initial=0)
    return squares[kept].astype(np.float32), mixes[:, kept].astype(np.float32)
