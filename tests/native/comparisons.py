"""What the tests of training compare: a small problem, and a model with its twin or with an earlier copy of itself."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from . import problem
from .problem import Model
from .twin import Twin

LOSSES = tuple(Twin.LOSSES)
USERS, ITEMS = 12, 20
POSITIVES = problem.random_positives(USERS, ITEMS)
REGULARIZATION = (1 / 32, 1 / 64)
ALPHAS = (1 / 32, 1 / 64)


@dataclass(frozen=True)
class Tolerance:
    """Relative tolerance, and absolute tolerances of parameters, squared gradients and squared updates."""

    relative: float
    absolute: tuple[float, float, float]


# The kernel's square roots have a relative error of 5e-6, and adadelta amplifies differences of its first steps.
AFTER_ONE = Tolerance(1e-4, (1e-5, 1e-9, 1e-11))
AFTER_MANY = Tolerance(3e-4, (1e-4, 1e-5, 1e-8))


def assert_same(model: Model, twin: Twin, tolerance: Tolerance) -> None:
    assert twin.closest > 1e-5, "a comparison of scores depends on rounding: choose another seed"
    for name, side, other in (("users", model.users, twin.users), ("items", model.items, twin.items)):
        for part, values in enumerate(model.parts(side)):
            np.testing.assert_allclose(
                values,
                other.state[:, part],
                rtol=tolerance.relative,
                atol=tolerance.absolute[part],
                err_msg=f"{name}, part {part}",
            )


def altered(matrix: sp.csr_matrix, **parts: Any) -> Any:
    """Return an object like a matrix, with arrays that SciPy would reject."""
    whole = {"indptr": matrix.indptr, "indices": matrix.indices, "data": matrix.data, "shape": matrix.shape}
    return SimpleNamespace(**{**whole, **parts})


def about(loss: float) -> Any:
    return pytest.approx(loss, rel=1e-4, abs=1e-5)


def assert_unchanged(model: Model, before: Model) -> None:
    for side, old in zip(model.sides, before.sides, strict=True):
        np.testing.assert_array_equal(side.state, old.state)
