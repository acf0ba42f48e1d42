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
from gingham.models import BasketRegression, basket_examples, ridge

N_USERS, N_ITEMS = 6, 7
START = np.datetime64("2024-01-01T12", "us")
Rows = list[tuple[int, int, int]]
Matrix = npt.NDArray[np.float64]


def shop(rows: Rows, timed: bool = True) -> Dataset:
    """Interactions given by user, item and day (or order number)."""
    users, items, days = zip(*rows, strict=True) if rows else ((), (), ())
    when = START + np.array(days, "timedelta64[D]") if timed else None
    interactions = Interactions(users, items, N_USERS, N_ITEMS, timestamp=when, order=None if timed else days)
    return Dataset(Ids(pl.Series(range(N_USERS))), Ids(pl.Series(range(N_ITEMS))), interactions)


def unit(row: Matrix) -> Matrix:
    return row / (np.linalg.norm(row) or 1)


def examples(rows: Rows, half_life: float, training_half_life: float) -> tuple[Matrix, Matrix, Matrix, Matrix]:
    """Inputs, targets, weights and final histories, basket by basket."""
    inputs, targets, weights, final = [], [], [], np.zeros((N_USERS, N_ITEMS))
    last = max((day for _, _, day in rows), default=0)
    for user in range(N_USERS):
        days = sorted({day for one, _, day in rows if one == user})
        baskets = {
            day: np.bincount([item for one, item, at in set(rows) if (one, at) == (user, day)], minlength=N_ITEMS)
            for day in days
        }

        def history(now: int, baskets: dict[int, Any] = baskets) -> Matrix:
            return unit(
                sum((2 ** (-(now - day) / half_life) * baskets[day] for day in baskets if day < now), np.zeros(N_ITEMS))
            )

        for day in days[1:]:
            inputs.append(history(day))
            targets.append(baskets[day])
            weights.append(2 ** (-(last - day) / training_half_life))
        final[user] = history(last + 1)
    shape = (len(inputs), N_ITEMS)
    return np.reshape(inputs, shape), np.reshape(targets, shape), np.array(weights), final


ROWS = st.lists(st.tuples(st.integers(0, N_USERS - 2), st.integers(0, N_ITEMS - 1), st.integers(0, 40)), max_size=60)


@settings(max_examples=50, deadline=None)
@given(ROWS, st.sampled_from([0.5, 4.0, 30.0]))
def test_scores_agree_with_a_dense_regression(rows: Rows, l2: float) -> None:
    model = BasketRegression(l2, half_life="10d", training_half_life="20d").fit(shop(rows))
    inputs, targets, weights, final = examples(rows, 10, 20)
    gram = inputs.T @ (weights[:, None] * inputs)
    solution = np.zeros((N_ITEMS, N_ITEMS))
    if len(inputs):
        penalty = l2 * np.diag(gram).mean() * np.eye(N_ITEMS)
        solution = np.linalg.solve(gram + penalty, inputs.T @ (weights[:, None] * targets))
    shared = model.predict(N_USERS - 1, range(N_ITEMS))  # a user without history
    scores = np.array([model.predict(user, range(N_ITEMS)) for user in range(N_USERS)])
    np.testing.assert_allclose(scores - shared, final @ solution, atol=2e-5)


def random_rows(seed: int = 0, n: int = 120) -> Rows:
    rng = np.random.default_rng(seed)
    return list(zip(*(rng.integers(0, high, n).tolist() for high in (N_USERS - 1, N_ITEMS, 40)), strict=True))


def test_other_items_are_regressed_alone() -> None:
    rows = random_rows()
    model = BasketRegression(2.0, half_life="10d", training_half_life="20d", max_items=3).fit(shop(rows))
    inputs, targets, weights, final = examples(rows, 10, 20)
    gram, right = inputs.T @ (weights[:, None] * inputs), inputs.T @ (weights[:, None] * targets)
    users = np.array([len({user for user, one, _ in rows if one == item}) for item in range(N_ITEMS)])
    exact = np.sort(np.argsort(-users, kind="stable")[:3])
    penalty = 2 * np.diag(gram)[exact].mean()
    expected = right / (np.diag(gram) + penalty)[:, None]
    block = np.ix_(exact, exact)
    expected[block] = np.linalg.solve(gram[block] + penalty * np.eye(3), right[block])
    shared = model.predict(N_USERS - 1, range(N_ITEMS))
    scores = np.array([model.predict(user, range(N_ITEMS)) for user in range(N_USERS)])
    np.testing.assert_allclose(scores - shared, final @ expected, atol=2e-5)


def test_blocks_and_threads_do_not_change_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    data = shop(random_rows())
    expected = BasketRegression(max_items=5).fit(data, num_threads=1).recommend(k=N_ITEMS)
    monkeypatch.setattr(ridge, "_CELLS", 9)
    for num_threads in (1, 3):
        assert BasketRegression(max_items=5).fit(data, num_threads=num_threads).recommend(k=N_ITEMS).equals(expected)


@pytest.mark.parametrize("max_items", [4, 100])
def test_scores_for_a_few_users_are_those_of_a_fit(max_items: int) -> None:
    data, model = shop(random_rows()), BasketRegression(2.0, half_life="10d", max_items=max_items)
    fitted = model.copy().fit(data)
    for users in ([], [2], [0, 1, 3], range(N_USERS)):
        few = model.copy().fit_to_score(np.array(users, np.int32), data, 1)
        for user in users:
            expected, scores = (one.predict(user, range(N_ITEMS)) for one in (fitted, few))
            np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-7)


def test_the_oldest_baskets_are_left_out_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    # The histories before days 1, 2 and 3 of two users have 1, 2 and 3 entries each.
    rows = [(user, item, item) for user in range(2) for item in range(4)]
    monkeypatch.setattr(basket_examples, "_ENTRIES", 10)
    weights = BasketRegression(half_life=None).fit(shop(rows))._ridge.weights
    assert np.argwhere(weights).tolist() == [[2, 3]]


def test_users_without_history_get_recent_best_sellers() -> None:
    rows = [(0, 3, 0), (1, 3, 0), (2, 3, 0), (0, 1, 38), (1, 1, 38), (2, 5, 40)]
    model = BasketRegression().fit(shop(rows))
    assert model.recommend([N_USERS - 1], k=3)["item_id"].to_list() == [1, 5, 3]


def test_order_numbers_decay_by_steps() -> None:
    rows = [(0, 0, 1), (0, 1, 5), (0, 2, 9), (1, 0, 1), (1, 1, 2), (1, 2, 3)]
    model = BasketRegression(step_decay=0.5).fit(shop(rows, timed=False))
    history = np.array([0.25, 0.5, 1]) / np.linalg.norm([0.25, 0.5, 1])
    np.testing.assert_allclose(model._history[:2].toarray()[:, :3], [history, history], rtol=1e-6)
    folded = model.recommend_baskets({"x": [0, 1, 2]}, k=N_ITEMS)
    known = model.recommend([0], k=N_ITEMS)
    assert folded.drop("user_id").equals(known.drop("user_id"))


def test_a_basket_has_no_order_where_there_are_days() -> None:
    model = BasketRegression().fit(shop(random_rows()))
    lists = model.recommend_baskets({"a": [2, 0], "b": [0, 2, 0]}, k=N_ITEMS)
    first, second = (lists.filter(pl.col("user_id") == user).drop("user_id") for user in ("a", "b"))
    assert first.equals(second)


@pytest.mark.parametrize("timed", [True, False])
def test_what_is_loaded_recommends_baskets_in_the_same_way(timed: bool, tmp_path: Path) -> None:
    model = BasketRegression(max_items=4).fit(shop(random_rows(), timed))
    model.save(tmp_path / "model")
    baskets = {"x": [3], "y": [1, 2]}
    assert (
        BasketRegression.load(tmp_path / "model")
        .recommend_baskets(baskets, k=7)
        .equals(model.recommend_baskets(baskets, k=7))
    )


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"l2": 0}, "l2 must be a finite number above 0 .*, not 0"),
        ({"half_life": "soon"}, "half_life: 'soon' is not a duration"),
        ({"step_decay": 1.5}, "step_decay must be a finite number above 0 and at most 1, not 1.5"),
        ({"max_items": 0}, "max_items must be a positive integer, not 0"),
    ],
)
def test_wrong_parameters_are_refused(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        BasketRegression(**params).fit(shop([(0, 1, 1)]))
