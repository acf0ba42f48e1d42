from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from gingham.errors import DataError, ParameterError
from gingham.models import EarlyStopping, Epoch, Popularity

# Three users had items 0 to 2; the order of sales is 0, 1, 2, 3.
TRAIN = sp.csr_matrix(np.array([[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0]]))


def model() -> Popularity:
    return Popularity().fit(TRAIN)


def validation(*items: int) -> sp.csr_matrix:
    """One item each for the first users."""
    return sp.csr_matrix((np.ones(len(items)), (range(len(items)), items)), (3, 4))


def epoch(number: int = 1) -> Epoch:
    return Epoch(number, loss=1.0, seconds=1.0)


@pytest.mark.parametrize(
    ("items", "metric", "filter_seen", "value"),
    [
        # Ranks 4, 1 and 2 of four; there are three others each.
        ((3, 0, 1), "reciprocal_rank", False, (1 / 4 + 1 + 1 / 2) / 3),
        ((3, 0, 1), "hit_rate@2", False, 2 / 3),
        ((3, 0, 1), "auc", False, (0 + 1 + 2 / 3) / 3),
        # Users without a test item are not asked.
        ((3,), "reciprocal_rank", False, 1 / 4),
        # Without what was seen the first user is left with item 3 alone, the second's item is no candidate, the
        # third's is the best of three.
        ((3, 0, 1), "reciprocal_rank", True, (1 + 0 + 1) / 3),
        # Nothing is ordered for the first two.
        ((3, 0, 1), "auc", True, 1),
    ],
)
def test_the_mean_over_users_is_noted(items: Any, metric: str, filter_seen: bool, value: float) -> None:
    stopping, now = EarlyStopping(validation(*items), metric, filter_seen=filter_seen), epoch(5)
    assert stopping.improved(model(), now)
    assert now.metrics == {metric: pytest.approx(value)}
    assert isinstance(now.metrics[metric], float)
    assert (stopping.best_epoch, stopping.best_value) == (5, now.metrics[metric])


def test_only_more_is_an_improvement() -> None:
    stopping = EarlyStopping(validation(3), "reciprocal_rank")
    assert stopping.improved(model(), epoch(1))
    assert not stopping.improved(model(), epoch(2))
    stopping.validation = validation(2)
    assert stopping.improved(model(), epoch(3))
    stopping.validation = validation(3)
    assert not stopping.improved(model(), epoch(4))
    assert (stopping.best_epoch, stopping.best_value) == (3, 1 / 3)


def test_patience_is_counted_from_the_best_epoch() -> None:
    stopping = EarlyStopping(validation(3), "reciprocal_rank", patience=2)
    assert (stopping.best_epoch, stopping.best_value) == (0, -np.inf)
    stopping.improved(model(), epoch(4))
    assert [stopping.exhausted(epoch(number)) for number in (4, 5, 6, 7)] == [False, False, True, True]


def test_a_start_forgets() -> None:
    stopping = EarlyStopping(validation(0), "reciprocal_rank")
    stopping.improved(model(), epoch(1))
    stopping.start()
    assert (stopping.best_epoch, stopping.best_value) == (0, -np.inf)
    stopping.validation = validation(3)
    assert stopping.improved(model(), epoch(1))


@pytest.mark.parametrize("patience", [0, -1])
def test_patience_is_at_least_one(patience: int) -> None:
    with pytest.raises(ParameterError, match=f"patience={patience}"):
        EarlyStopping(validation(0), patience=patience).start()


@pytest.mark.parametrize(
    ("given", "filter_seen", "words"),
    [
        (sp.csr_matrix((3, 4)), False, "no interactions"),
        (sp.csr_matrix((3, 5)), False, r"shape \(3, 5\)"),
        (np.ones((3, 4)), False, "ndarray"),
    ],
)
def test_wrong_validation_data_is_refused(given: Any, filter_seen: bool, words: str) -> None:
    with pytest.raises(DataError, match=words):
        EarlyStopping(given, "auc", filter_seen=filter_seen).improved(model(), epoch())


def test_a_metric_that_measures_nothing_is_an_error() -> None:
    # All that is to be recommended was seen: no user has anything to order.
    with pytest.raises(DataError):
        EarlyStopping(validation(0, 0, 0), "auc", filter_seen=True).improved(model(), epoch())


def test_an_unknown_metric_is_named() -> None:
    with pytest.raises(ParameterError, match="'precisoin@3'"):
        EarlyStopping(validation(0), "precisoin@3").improved(model(), epoch())
