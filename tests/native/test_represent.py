import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from gingham import _native

from .problem import Floats, native_csr

pytestmark = pytest.mark.usefixtures("kernel")


def represent(features: sp.csr_matrix, state: Floats, width: int) -> Floats:
    # Previous values of the array must not matter.
    out = np.full((features.shape[0], width), np.nan, np.float32)
    _native.represent(features=native_csr(features), state=state, out=out)
    return out


@st.composite
def problems(draw: st.DrawFn) -> tuple[sp.csr_matrix, Floats, int]:
    """Draw rows of features, a state of one to three parts, and the width of a part."""
    n_rows, n_features = draw(st.integers(0, 20)), draw(st.integers(0, 20))
    width, parts = 8 * draw(st.integers(1, 16)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows = rng.normal(size=(n_rows, n_features)) * (rng.random((n_rows, n_features)) < draw(st.floats(0, 1)))
    return (
        sp.csr_matrix(rows, dtype=np.float32),
        rng.normal(size=(n_features, parts * width)).astype(np.float32),
        width,
    )


@given(problems())
def test_representations_are_weighted_sums_of_parameters(example: tuple[sp.csr_matrix, Floats, int]) -> None:
    features, state, width = example
    exact = features.astype(np.float64) @ state[:, :width].astype(np.float64)
    np.testing.assert_allclose(represent(features, state, width), exact, rtol=1e-5, atol=1e-5)


def test_representations_without_features_are_zero() -> None:
    features = sp.csr_matrix((3, 2), dtype=np.float32)
    np.testing.assert_array_equal(represent(features, np.ones((2, 16), np.float32), 16), np.zeros((3, 16)))


def test_a_single_feature_of_weight_one_is_copied() -> None:
    state = np.random.default_rng(0).normal(size=(50, 64)).astype(np.float32)
    np.testing.assert_array_equal(represent(sp.eye(50, format="csr"), state, 32), state[:, :32])


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((2, 16), "a row for each row of features"),
        ((4, 16), "a row for each row of features"),
        ((3, 48), "a row for each row of features"),
        ((3, 17), "a positive multiple of 8"),
    ],
)
def test_out_of_wrong_shape_is_refused(shape: tuple[int, int], words: str) -> None:
    features = native_csr(sp.csr_matrix(np.ones((3, 2), np.float32)))
    with pytest.raises(ValueError, match=words):
        _native.represent(features=features, state=np.zeros((2, 32), np.float32), out=np.empty(shape, np.float32))
