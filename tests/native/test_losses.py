from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from . import problem
from .comparisons import ALPHAS, ITEMS, LOSSES, POSITIVES, REGULARIZATION, USERS, altered, assert_unchanged
from .problem import SCHEDULES, Floats, Settings

RANKING = tuple(loss for loss in LOSSES if loss != "logistic")


# Negatives -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_features", [False, True], ids=["identity", "features"])
@pytest.mark.parametrize("loss", RANKING)
def test_users_with_every_item_as_positive_change_nothing(loss: str, with_features: bool) -> None:
    model = problem.model(Settings(loss), USERS, ITEMS, with_features, 0, REGULARIZATION, ALPHAS)
    before = model.copy()
    assert model.train(problem.pairs(problem.random_positives(USERS, ITEMS, density=1), 500), num_threads=2) == 0
    assert_unchanged(model, before)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("n_items", [1, 2, 3, 4])
@pytest.mark.parametrize("loss", LOSSES)
def test_parameters_stay_finite_with_tiny_catalogues(loss: str, n_items: int, schedule: str) -> None:
    for with_features in (False, True):
        model = problem.model(Settings(loss, schedule, max_sampled=20, k=5, n=10), USERS, n_items, with_features)
        pairs = problem.pairs(problem.random_positives(USERS, n_items), 50)
        for epoch in range(200):
            assert np.isfinite(model.train(pairs, seed=epoch))
        assert all(np.isfinite(side.state).all() for side in model.sides)


@pytest.mark.parametrize("loss", RANKING)
def test_positives_are_never_used_as_negatives(loss: str) -> None:
    # Item 0 has such a high score that every user who draws it trains on it. It is half of the pool, so it is drawn.
    model = problem.model(Settings(loss), USERS, ITEMS)
    model.biases(model.items)[0] = 100
    dense = problem.random_positives(USERS, ITEMS).toarray()
    dense[:, 0] = 0
    without_item = sp.csr_matrix(dense)
    dense[:, 0] = 1
    with_item = sp.csr_matrix(dense)
    pairs = problem.pairs(without_item, 500)
    pairs = replace(pairs, pool=np.r_[pairs.pool, np.zeros(len(pairs.pool), np.int32)])
    other = model.copy()
    # A step raises the bias of its positive and lowers that of its negative.
    model.train(replace(pairs, positives=with_item))
    assert model.biases(model.items)[0] >= 100
    other.train(pairs)
    assert other.biases(other.items)[0] < 100


# Weights -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("loss", LOSSES)
def test_examples_of_weight_zero_change_no_parameters(loss: str, schedule: str) -> None:
    model = problem.model(Settings(loss, schedule), USERS, ITEMS, with_features=True)
    before = model.copy()
    positives = problem.random_positives(USERS, ITEMS)
    positives.data[:] = 0
    assert model.train(problem.pairs(positives, 200, weighted=True)) == 0
    if schedule == "adagrad":
        assert_unchanged(model, before)
    else:  # adadelta's memory decays with every step
        for side, old in zip(model.sides, before.sides, strict=True):
            np.testing.assert_array_equal(model.parts(side)[0], before.parts(old)[0])


@pytest.mark.parametrize("loss", LOSSES)
def test_weights_scale_the_loss_and_the_gradient(loss: str) -> None:
    positives = problem.random_positives(USERS, ITEMS)
    pairs = problem.pairs(positives, 1, weighted=True)

    def trained(weight: float) -> tuple[float, Floats]:
        model = problem.model(Settings(loss), USERS, ITEMS)
        before = model.copy()
        scaled = replace(pairs, weight=pairs.weight * np.float32(weight), positives=positives * np.float32(weight))
        total = model.train(scaled, seed=1)
        # Adagrad's memory grows by the square of the gradient.
        return total, model.parts(model.items)[1] - before.parts(before.items)[1]

    one, growth = trained(1)
    assert one > 0
    for weight in (0.25, 3):
        loss_then, growth_then = trained(weight)
        assert loss_then == pytest.approx(weight * one, rel=1e-5)
        np.testing.assert_allclose(growth_then, weight**2 * growth, rtol=1e-5, atol=1e-5)
    if loss.startswith("warp"):  # the gradient is at most ten
        assert trained(1000)[0] == trained(10_000)[0] < 100 * one


@pytest.mark.parametrize("loss", LOSSES)
def test_missing_weights_are_ones(loss: str) -> None:
    model, pairs = problem.model(Settings(loss), USERS, ITEMS), problem.pairs(POSITIVES)
    other = model.copy()
    ones = replace(pairs, weight=np.ones(len(pairs), np.float32))
    assert model.train(replace(pairs, positives=altered(POSITIVES, data=None))) == other.train(ones)
    assert_unchanged(model, other)
