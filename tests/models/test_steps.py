import logging
from typing import Any

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp

from gingham.dataset import Dataset, Ids, Interactions
from gingham.errors import DataError
from gingham.models.steps import steps_of


def shop(**columns: Any) -> Dataset:
    """Two users: the first bought items 2, 0 and 2 and then item 1, the second item 1."""
    rows = Interactions([0, 1, 0, 0, 0], [1, 1, 2, 0, 2], 2, 3, **columns)
    return Dataset(Ids(pl.Series([0, 1])), Ids(pl.Series([0, 1, 2])), rows)


TIMES = np.array(
    ["2024-05-03T09", "2024-05-01T00", "2024-05-02T08", "2024-05-02T08", "2024-05-02T20"], "datetime64[us]"
)


def test_a_step_is_a_day() -> None:
    steps = steps_of(shop(timestamp=TIMES), "Model", by_day=True)
    assert steps.day is not None
    rows = list(zip(steps.user.tolist(), steps.step.tolist(), steps.item.tolist(), steps.day.tolist(), strict=True))
    assert rows == [(0, 0, 0, 1), (0, 0, 2, 1), (0, 1, 1, 2), (1, 0, 1, 0)]
    assert steps.age().tolist() == steps.back().tolist() == [1, 1, 0, 0]
    assert steps.starts().tolist() == [0, 2, 3]


def test_a_step_is_a_time() -> None:
    steps = steps_of(shop(timestamp=TIMES), "Model", by_day=False)
    assert list(zip(steps.step.tolist(), steps.item.tolist(), strict=True)) == [(0, 0), (0, 2), (1, 2), (2, 1), (0, 1)]
    assert steps.back().tolist() == [2, 2, 1, 0, 0]
    assert steps.age().tolist() == [1, 1, 1, 0, 0]


def test_a_step_is_an_order() -> None:
    steps = steps_of(shop(order=[9, 1, 4, 4, 7]), "Model", by_day=True)
    assert steps.day is None
    assert steps.step.tolist() == [0, 0, 1, 2, 0]
    assert steps.age().tolist() == [2, 2, 1, 0, 0]


def test_rows_of_zero_or_less_are_no_steps() -> None:
    steps = steps_of(shop(order=[9, 1, 4, 4, 7], value=[1, 1, 1, 1, -0.5]), "Model", by_day=True)
    assert steps.step.tolist() == [0, 0, 1, 0]


@pytest.mark.parametrize(("data", "words"), [(shop(), "a dataset"), (sp.csr_matrix((2, 3)), "a matrix")])
def test_data_without_order_are_refused(data: object, words: str) -> None:
    message = f"Model learns from the order of each user's interactions, which {words} without timestamps or order"
    with pytest.raises(DataError, match=message):
        steps_of(data, "Model", by_day=True)  # type: ignore[arg-type]


def test_equal_orders_are_reported(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="gingham"):
        steps_of(shop(order=[3, 3, 3, 3, 3]), "Model", by_day=True)
    assert caplog.messages == [
        "Model: no user has interactions at two different times, so there is no order to learn from."
    ]


def test_no_interactions_have_no_steps() -> None:
    empty = Interactions([], [], 2, 3, timestamp=np.empty(0, "datetime64[us]"))
    steps = steps_of(shop(timestamp=TIMES).with_interactions(empty), "Model", by_day=True)
    assert len(steps.user) == len(steps.age()) == len(steps.starts()) == 0
