from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from gingham import _native

from .problem import Floats, native_csr

pytestmark = pytest.mark.usefixtures("kernel")

Doubles = npt.NDArray[np.float64]
# The size of a block of components is a multiple of this.
ALIGNMENT = 16


class Problem:
    """Rows of pairs, fixed representations and the centres of the penalty."""

    def __init__(
        self, seed: int, n_rows: int, n_columns: int, size: int, density: float = 0.3, centred: bool = True
    ) -> None:
        rng = np.random.default_rng(seed)
        mask = rng.random((n_rows, n_columns)) < density
        self.weights = np.where(mask, rng.choice([0.5, 1, 3], mask.shape), 0)
        self.size = size
        self.fixed = padded(rng.normal(size=(n_columns, size)))
        self.spectrum = (rng.random(size) * 4).astype(np.float32)
        self.penalty = rng.uniform(0.05, 2, n_rows).astype(np.float32)
        self.centre = padded(rng.normal(size=(n_rows, size))) if centred else None
        self.start = padded(rng.normal(size=(n_rows, size)))

    @property
    def pairs(self) -> Any:
        return native_csr(sp.csr_matrix(self.weights, dtype=np.float32))

    def solve(self, block_size: int = 128, num_threads: int = 1, progress: Any = None) -> tuple[Floats, float]:
        out = self.start.copy()
        loss = _native.als_solve(
            pairs=self.pairs,
            fixed=self.fixed,
            spectrum=self.spectrum,
            penalty=self.penalty,
            centre=self.centre,
            out=out,
            block_size=block_size,
            num_threads=num_threads,
            progress=progress,
        )
        return out, loss

    def exact(self, block_size: int = 128) -> Doubles:
        """Solve the normal equations in float64, block by block of components if a row has many pairs."""
        rows = np.zeros((len(self.penalty), self.size))
        for row, weights in enumerate(self.weights):
            columns = self.fixed[:, : self.size].astype(np.float64)
            penalty = float(self.penalty[row])
            centre = np.zeros(self.size) if self.centre is None else self.centre[row, : self.size].astype(np.float64)
            matrix = (columns.T * weights) @ columns + np.diag(self.spectrum + penalty)
            right = columns.T @ weights + penalty * centre
            if np.count_nonzero(weights) <= block_size:
                rows[row] = np.linalg.solve(matrix, right)
                continue
            width = -(-block_size // ALIGNMENT) * ALIGNMENT
            rows[row] = self.start[row, : self.size]
            for first in range(0, self.size, width):
                block = slice(first, first + width)
                residual = right[block] - matrix[block] @ rows[row]
                rows[row, block] += np.linalg.solve(matrix[block, block], residual)
        return rows

    def loss(self, rows: Doubles) -> float:
        errors = 1 - rows @ self.fixed[:, : self.size].astype(np.float64).T
        return float((self.weights * errors**2).sum() + (rows**2 @ self.spectrum).sum())


def padded(values: Doubles) -> Floats:
    out = np.zeros((len(values), _native.padded_width(values.shape[1])), np.float32)
    out[:, : values.shape[1]] = values
    return out


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    n_rows=st.integers(0, 30),
    n_columns=st.integers(1, 150),
    size=st.integers(1, 90),
    density=st.sampled_from([0.0, 0.05, 0.4, 1.0]),
    centred=st.booleans(),
    block_size=st.sampled_from([1, 16, 40, 200]),
)
def test_rows_solve_the_normal_equations(
    seed: int, n_rows: int, n_columns: int, size: int, density: float, centred: bool, block_size: int
) -> None:
    problem = Problem(seed, n_rows, n_columns, size, density, centred)
    rows, loss = problem.solve(block_size)
    exact = problem.exact(block_size)
    np.testing.assert_allclose(rows[:, :size], exact, rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(loss, problem.loss(rows[:, :size].astype(np.float64)), rtol=2e-3, atol=2e-3)
    assert not rows[:, size:].any()


def test_large_systems_are_solved_exactly() -> None:
    problem = Problem(1, 5, 700, 300, density=0.9)
    rows, _ = problem.solve(block_size=300)
    np.testing.assert_allclose(rows[:, :300], problem.exact(10_000), atol=1e-3)


def test_repeated_block_updates_converge_to_the_solution() -> None:
    problem = Problem(2, 8, 200, 48)
    for _ in range(300):
        problem.start, _ = problem.solve(block_size=16)
    np.testing.assert_allclose(problem.start[:, :48], problem.exact(1000), atol=1e-3)


def test_infinite_penalty_returns_the_centre() -> None:
    problem = Problem(3, 20, 30, 20)
    problem.penalty[::2] = np.inf
    rows, loss = problem.solve()
    assert problem.centre is not None
    np.testing.assert_array_equal(rows[::2], problem.centre[::2])
    np.testing.assert_allclose(loss, problem.loss(rows[:, :20].astype(np.float64)), rtol=1e-4)
    problem.centre = None
    np.testing.assert_array_equal(problem.solve()[0][::2], 0)


@pytest.mark.parametrize("block_size", [16, 128])
def test_non_finite_values_do_not_spread_to_other_rows(block_size: int) -> None:
    problem = Problem(6, 60, 60, 50, density=0.5)
    problem.weights[:, 0] = 0
    problem.weights[::3, 0] = 1
    problem.fixed[0, :50] = 1
    finite, _ = problem.solve(block_size)
    problem.fixed[0, :50] = np.nan
    rows, _ = problem.solve(block_size)
    affected = problem.weights[:, 0] > 0
    assert np.isnan(rows[affected, :50]).any(axis=1).all()
    np.testing.assert_array_equal(rows[~affected], finite[~affected])


@pytest.mark.parametrize("block_size", [16, 128])
def test_results_do_not_depend_on_the_number_of_threads(block_size: int) -> None:
    problem = Problem(4, 200, 90, 50)
    rows, loss = problem.solve(block_size)
    for num_threads in (2, 5):
        other_rows, other_loss = problem.solve(block_size, num_threads)
        np.testing.assert_array_equal(other_rows, rows)
        assert other_loss == loss


def test_progress_counts_pairs_and_its_exceptions_are_raised() -> None:
    problem = Problem(5, 1200, 400, 100, density=0.8)
    calls: list[int] = []
    problem.solve(progress=calls.append)
    assert calls == sorted(calls)
    assert calls[-1] == len(problem.pairs[1])

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        problem.solve(progress=stop)


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), target=st.sampled_from([0.0, 1.0]), size=st.integers(1, 40))
def test_gradient_of_the_loss(seed: int, target: float, size: int) -> None:
    problem = Problem(seed, 12, 25, size)
    out = np.full_like(problem.start, np.nan)
    out[:, size:] = 0
    _native.als_descend(
        pairs=problem.pairs,
        fixed=problem.fixed,
        spectrum=problem.spectrum,
        representations=problem.start,
        target=target,
        out=out,
        num_threads=2,
    )
    rows, columns = (part[:, :size].astype(np.float64) for part in (problem.start, problem.fixed))
    errors = problem.weights * (target - rows @ columns.T)
    np.testing.assert_allclose(out[:, :size], errors @ columns - problem.spectrum * rows, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("n_rows", [0, 1, 7, 500, 40_000])
@pytest.mark.parametrize("size", [1, 17, 40])
def test_gram_matrix(n_rows: int, size: int) -> None:
    rows = padded(np.random.default_rng(n_rows).normal(size=(n_rows, size)))
    exact = rows[:, :size].T.astype(np.float64) @ rows[:, :size].astype(np.float64)
    for num_threads in (1, 3):
        out = np.full((size, size), np.nan)
        _native.als_gram(rows=rows, out=out, num_threads=num_threads)
        np.testing.assert_allclose(out, exact, rtol=1e-4, atol=1e-5 * max(1, n_rows))
        np.testing.assert_array_equal(out, out.T)


@pytest.mark.parametrize("n_rows", [0, 1, 13, 200])
@pytest.mark.parametrize("size", [1, 15, 33, 64])
def test_rows_are_rotated_to_the_axes(n_rows: int, size: int) -> None:
    rng = np.random.default_rng(size)
    rows, axes = padded(rng.normal(size=(n_rows, size))), rng.normal(size=(size, size)).astype(np.float32)
    exact = rows[:, :size].astype(np.float64) @ axes.T.astype(np.float64)
    rotated = rows.copy()
    _native.als_rotate(rows=rotated, axes=axes, num_threads=2)
    np.testing.assert_allclose(rotated[:, :size], exact, atol=1e-4)
    assert not rotated[:, size:].any()


def valid_arguments() -> dict[str, Any]:
    problem = Problem(0, 3, 4, 5)
    return {
        "pairs": problem.pairs,
        "fixed": problem.fixed,
        "spectrum": problem.spectrum,
        "penalty": problem.penalty,
        "centre": None,
        "out": problem.start,
        "block_size": 8,
        "num_threads": 1,
        "progress": None,
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"num_threads": 0}, "num_threads"),
        ({"block_size": 0}, "block_size"),
        ({"fixed": np.zeros((2, 16), np.float32)}, "a column index is out of range"),
        ({"spectrum": np.zeros(17, np.float32)}, "n_components columns"),
        ({"spectrum": np.zeros(0, np.float32)}, "n_components columns"),
        ({"penalty": np.ones(2, np.float32)}, "penalty must have a value"),
        ({"out": np.zeros((2, 16), np.float32)}, "a row for each row of pairs"),
        ({"centre": np.zeros((4, 16), np.float32)}, "a row for each row of pairs"),
        (
            {"pairs": (np.array([0, 1, 1, 1]), np.array([0], np.int32), np.ones(2, np.float32))},
            "must all have a weight",
        ),
    ],
)
def test_invalid_arguments_are_refused(change: dict[str, Any], words: str) -> None:
    _native.als_solve(**valid_arguments())
    with pytest.raises(ValueError, match=words):
        _native.als_solve(**{**valid_arguments(), **change})


def test_axes_and_gram_matrices_of_wrong_shape_are_refused() -> None:
    rows = np.zeros((2, 16), np.float32)
    with pytest.raises(ValueError, match=r"\(n_components, n_components\)"):
        _native.als_rotate(rows=rows, axes=np.zeros((3, 4), np.float32), num_threads=1)
    with pytest.raises(ValueError, match=r"\(n_components, n_components\)"):
        _native.als_gram(rows=rows, out=np.zeros((17, 17)), num_threads=1)
