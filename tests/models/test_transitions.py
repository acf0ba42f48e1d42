from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gingham.dataset import Dataset, Ids, Interactions
from gingham.errors import ParameterError
from gingham.models import Transitions, transitions

N_USERS, N_ITEMS = 5, 6
Rows = list[tuple[int, int, int]]


def shop(rows: Rows) -> Dataset:
    """Interactions given by user, item and order number."""
    users, items, orders = zip(*rows, strict=True) if rows else ((), (), ())
    interactions = Interactions(users, items, N_USERS, N_ITEMS, order=orders)
    return Dataset(Ids(pl.Series(range(N_USERS))), Ids(pl.Series(range(N_ITEMS))), interactions)


def twin(rows: Rows, model: Transitions) -> npt.NDArray[np.float64]:
    """Scores of all users, pair by pair."""
    counts, frequency = np.zeros((N_ITEMS, N_ITEMS)), np.full(N_ITEMS, float(model.prior))
    profiles = np.zeros((N_USERS, N_ITEMS))
    for user in range(N_USERS):
        orders = sorted({order for one, _, order in rows if one == user})
        events = sorted({(orders.index(order), item) for one, item, order in rows if one == user})
        for step, item in events:
            frequency[item] += 1
            profiles[user, item] += model.history_decay ** (len(orders) - 1 - step)
            for other_step, other in events:
                lag = other_step - step
                if (step, item) == (other_step, other) or abs(lag) > model.max_lag:
                    continue
                side = (1 + model.backward) / 2 if lag == 0 else 1 if lag > 0 else model.backward
                weight = max(abs(lag), 1) ** -model.lag_exponent * len(events) ** -model.length_exponent
                counts[item, other] += side * weight
    counts *= frequency[:, None] ** -model.source_exponent * frequency**-model.target_exponent
    return np.asarray(profiles @ counts)


ROWS = st.lists(st.tuples(st.integers(0, N_USERS - 2), st.integers(0, N_ITEMS - 1), st.integers(1, 5)), max_size=40)
UNIT = st.floats(0, 1)


@settings(max_examples=60, deadline=None)
@given(ROWS, UNIT, UNIT, UNIT, st.floats(0.1, 1), UNIT, st.integers(1, 4))
def test_scores_agree_with_counting_pair_by_pair(
    rows: Rows, lag: float, backward: float, target: float, decay: float, length: float, max_lag: int
) -> None:
    model = Transitions(lag, max_lag, backward, 0.4, target, 2.0, decay, length).fit(shop(rows))
    expected = twin(rows, model)
    scores = np.array([model.predict(user, range(N_ITEMS)) for user in range(N_USERS)])
    positive = expected > 1e-30
    np.testing.assert_allclose(scores[positive], expected[positive], rtol=1e-5)
    assert (scores[expected == 0] < 0).all()


@pytest.mark.parametrize(("cells", "pairs"), [(1, 1), (13, 5)])
def test_blocks_do_not_change_the_counts(cells: int, pairs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    columns = (rng.integers(0, high, 80).tolist() for high in (N_USERS, N_ITEMS, 9))
    data = shop(list(zip(*columns, strict=True)))
    expected = Transitions().fit(data).recommend(k=N_ITEMS)
    monkeypatch.setattr(transitions, "_CELLS", cells)
    monkeypatch.setattr(transitions, "_PAIRS", pairs)
    result = Transitions().fit(data).recommend(k=N_ITEMS)
    assert result.drop("score").equals(expected.drop("score"))
    np.testing.assert_allclose(result["score"], expected["score"], rtol=1e-6)


def test_users_without_history_get_best_sellers() -> None:
    model = Transitions().fit(shop([(0, 3, 1), (1, 3, 1), (2, 3, 1), (0, 1, 2), (1, 1, 2), (0, 5, 3)]))
    assert model.recommend([4], k=3)["item_id"].to_list() == [3, 1, 5]


def test_only_the_nearest_items_are_kept() -> None:
    rows = [(user, item, step) for user in range(4) for step, item in enumerate((0, 1, 2, 3))]
    model = Transitions(n_neighbours=1, backward=0).fit(shop(rows))
    assert np.diff(model._near.indptr).max() == 1
    assert model.recommend_baskets({"x": [0]}, k=1, filter_seen=True)["item_id"].to_list() == [1]


def test_a_basket_is_in_order() -> None:
    rows = [
        (user, item, step)
        for user, pair in enumerate([(0, 1), (0, 1), (2, 3), (2, 3)])
        for step, item in enumerate(pair)
    ]
    model = Transitions(backward=0).fit(shop(rows))
    lists = model.recommend_baskets({"a": [0, 2], "b": [2, 0], "c": []}, k=1)
    assert lists["item_id"].to_list() == [3, 1, 0]


def test_what_is_loaded_recommends_baskets_in_the_same_way(tmp_path: Path) -> None:
    model = Transitions().fit(shop([(0, 3, 1), (0, 1, 2), (1, 3, 1), (1, 2, 2)]))
    model.save(tmp_path / "model")
    baskets = {"x": [3], "y": [1, 2]}
    assert (
        Transitions.load(tmp_path / "model")
        .recommend_baskets(baskets, k=6)
        .equals(model.recommend_baskets(baskets, k=6))
    )


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"lag_exponent": -1}, "lag_exponent must be a finite number of at least 0 and at most 10, not -1"),
        ({"history_decay": 0}, "history_decay must be a finite number above 0 and at most 1, not 0"),
        ({"max_lag": 0}, "max_lag must be a positive integer, not 0"),
    ],
)
def test_wrong_parameters_are_refused(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        Transitions(**params).fit(shop([(0, 1, 1)]))
