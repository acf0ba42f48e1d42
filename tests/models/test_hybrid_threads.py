"""Training gives the same bits on any number of threads."""

from functools import cache
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from gingham.models import HybridMF, plan
from tests.models.samples import LOSSES, SCHEDULES, State, assert_same, groups, state

N_USERS, N_ITEMS, N_PAIRS = 600, 150, 20_000


@cache
def data() -> sp.csr_matrix:
    """Return enough interactions that blocks are large and several threads have work."""
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, N_USERS, N_PAIRS), (N_ITEMS * rng.random(N_PAIRS) ** 2).astype(int)
    values = rng.choice([1, -1], N_PAIRS, p=[0.9, 0.1])
    matrix = sp.csr_matrix((values, pairs), (N_USERS, N_ITEMS), np.float32)
    matrix.data = np.sign(matrix.data)
    return matrix


def sides(has_features: bool) -> dict[str, Any]:
    if not has_features:
        return {}
    return {"user_features": groups(N_USERS, 7), "item_features": groups(N_ITEMS, 5)}


def fitted(n_threads: int, has_features: bool, epochs: int = 2, **params: Any) -> tuple[HybridMF, State, list[float]]:
    model = HybridMF(20, random_state=1, epochs=epochs, **params)
    model.fit(data(), **sides(has_features), num_threads=n_threads)
    return model, state(model), [epoch.loss for epoch in model.history_]


@pytest.mark.parametrize("has_features", [False, True])
def test_blocks_are_large_enough_for_several_threads(has_features: bool) -> None:
    n_positives = int((data() > 0).sum())
    lengths = np.diff(plan.blocks(n_positives, 0, has_features), prepend=0)
    # A thread needs 64 examples of the largest block.
    assert lengths.max() >= 3 * 64


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("has_features", [False, True])
def test_the_number_of_threads_changes_nothing(loss: str, schedule: str, has_features: bool) -> None:
    params = {"loss": loss, "learning_schedule": schedule, "user_alpha": 1e-5, "item_alpha": 1e-6}
    _, expected, losses = fitted(1, has_features, **params)
    for n_threads in (2, 3):
        _, actual, actual_losses = fitted(n_threads, has_features, **params)
        assert_same(actual, expected)
        assert actual_losses == losses


def test_all_threads_are_the_default() -> None:
    assert_same(fitted(0, has_features=True)[1], fitted(1, has_features=True)[1])


@pytest.mark.parametrize("has_features", [False, True])
def test_the_number_of_threads_changes_nothing_without_penalties(has_features: bool) -> None:
    expected = fitted(1, has_features)[1]
    for n_threads in (2, 3):
        assert_same(fitted(n_threads, has_features)[1], expected)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("has_features", [False, True])
def test_two_epochs_are_one_and_another(loss: str, has_features: bool) -> None:
    params = {"loss": loss, "user_alpha": 1e-5, "item_alpha": 1e-6, "regularization": 1e-3}
    _, expected, losses = fitted(2, has_features, **params)
    model, _, _ = fitted(1, has_features, epochs=1, **params)
    model.fit_partial(data(), **sides(has_features), num_threads=2)
    assert_same(state(model), expected)
    assert [epoch.loss for epoch in model.history_] == losses
