from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
import scipy.sparse as sp

from gingham.dataset import Dataset, Ids, Interactions
from gingham.errors import ParameterError
from gingham.models import NextBasket

N_USERS, N_ITEMS = 30, 12
HOUR = np.timedelta64(1, "h")


def shop(seed: int = 0) -> Dataset:
    """Purchases of two months with some returns; the last user has none."""
    rng = np.random.default_rng(seed)
    users, items = rng.integers(0, N_USERS - 1, 250), rng.integers(0, N_ITEMS, 250)
    values = np.where(rng.random(250) < 0.1, -2.5, rng.random(250))
    times = np.datetime64("2024-01-01T00", "us") + rng.integers(0, 60 * 24, 250) * HOUR
    ids = [Ids.from_series(pl.Series(range(size))) for size in (N_USERS, N_ITEMS)]
    return Dataset(*ids, Interactions(users, items, N_USERS, N_ITEMS, values, times))


def decayed(data: Dataset, days: float | None) -> npt.NDArray[np.float64]:
    """Time-decayed counts, computed row by row; pairs with more returns than purchases are zero."""
    rows = data.positives().interactions
    assert rows.timestamp is not None
    total = np.zeros((N_USERS, N_ITEMS))
    for user, item, value, time in zip(rows.user_index, rows.item_index, rows.value, rows.timestamp, strict=True):
        age = (rows.timestamp.max() - time) / HOUR / 24
        total[user, item] += value * (1 if days is None else 0.5 ** (age / days))
    return np.maximum(total, 0)


def twin(
    data: Dataset, days: float | None, smoothing: float, sales_days: float | None, n_neighbours: int, alpha: float
) -> npt.NDArray[np.float64]:
    habits, sales = decayed(data, days), decayed(data, sales_days).sum(axis=0)
    mixed = habits.copy()
    for user in range(N_USERS if n_neighbours else 0):
        norms = np.linalg.norm(habits, axis=1) * np.linalg.norm(habits[user])
        similarity = np.divide(habits @ habits[user], norms, out=np.zeros(N_USERS), where=norms > 0)
        similarity[user] = 0
        near = [other for other in np.argsort(-similarity)[:n_neighbours] if similarity[other] > 0]
        mixed[user] = alpha * habits[user] + (1 - alpha) * (habits[near].mean(axis=0) if near else 0)
    return np.asarray(mixed + smoothing * sales / sales.sum())


def scores_of(model: NextBasket) -> npt.NDArray[np.float32]:
    users, items = np.divmod(np.arange(N_USERS * N_ITEMS), N_ITEMS)
    return model.predict(users, items).reshape(N_USERS, N_ITEMS)


@pytest.mark.parametrize("half_life", [None, "10d"])
@pytest.mark.parametrize("sales_half_life", [None, "3d"])
@pytest.mark.parametrize(("n_neighbours", "alpha"), [(0, 0.7), (3, 0.6), (3, 0), (3, 1), (50, 0.5)])
def test_scores_are_habits_and_smoothed_sales(
    half_life: str | None, sales_half_life: str | None, n_neighbours: int, alpha: float
) -> None:
    data = shop()
    model = NextBasket(half_life, 4.5, sales_half_life, n_neighbours, alpha, loyalty=0).fit(data, num_threads=1)
    days, sales_days = (None if length is None else float(length[:-1]) for length in (half_life, sales_half_life))
    expected = twin(data, days, 4.5, sales_days, n_neighbours, alpha)
    np.testing.assert_allclose(scores_of(model), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("power", [0.5, 1, 1.5])
def test_sales_decay_by_a_power_of_their_days(power: float) -> None:
    """`sales_decay` replaces the half-life of sales, and does not change habits."""
    data = shop(2)
    rows = data.positives().interactions
    assert rows.timestamp is not None
    days = (rows.timestamp.max() - rows.timestamp) / np.timedelta64(1, "D")
    sales = np.zeros((N_USERS, N_ITEMS))
    np.add.at(sales, (rows.user_index, rows.item_index), rows.value / (1 + days) ** power)
    sales = np.maximum(sales, 0).sum(axis=0)
    model = NextBasket(None, 4.5, "3d", sales_decay=power, loyalty=0).fit(data)
    expected = decayed(data, None) + 4.5 * sales / sales.sum()
    np.testing.assert_allclose(scores_of(model), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("power", [0.4, 1])
@pytest.mark.parametrize("half_life", [None, "10d"])
def test_loyalty_weights_habits_by_repurchase_rates(power: float, half_life: str | None) -> None:
    data = shop(3)
    rows = data.positives().interactions
    assert rows.timestamp is not None
    days: dict[tuple[int, int], set[np.datetime64]] = {}
    for user, item, value, time in zip(rows.user_index, rows.item_index, rows.value, rows.timestamp, strict=True):
        if value > 0:
            days.setdefault((int(user), int(item)), set()).add(time.astype("datetime64[D]"))
    n_purchases, n_repeated = np.zeros(N_ITEMS), np.zeros(N_ITEMS)
    for (_, item), each in days.items():
        n_purchases[item] += len(each)
        n_repeated[item] += len(each) - 1
    rates = (n_repeated + 20 * n_repeated.sum() / n_purchases.sum()) / (n_purchases + 20)
    habits = decayed(data, None if half_life is None else 10)
    weighted = habits * rates**power
    sales = decayed(data, 7).sum(axis=0)
    expected = weighted * habits.sum() / weighted.sum() + 4.5 * sales / sales.sum()
    model = NextBasket(half_life, smoothing=4.5, loyalty=power).fit(data)
    np.testing.assert_allclose(scores_of(model), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("timed", [False, True])
def test_loyalty_has_no_effect_without_repurchases(timed: bool) -> None:
    """Three users bought one item each; without timestamps, repurchases are unknown."""
    ids = [Ids.from_series(pl.Series(range(3))) for _ in range(2)]
    times = np.full(3, "2024-01-01", "datetime64[us]") if timed else None
    rows = Interactions([0, 1, 2], [0, 1, 2], 3, 3, [1, 2, 3] if timed else [5, 2, 3], times)
    data = Dataset(*ids, rows)
    pairs = np.divmod(np.arange(9), 3)
    np.testing.assert_array_equal(
        NextBasket(loyalty=0.5).fit(data).predict(*pairs), NextBasket(loyalty=0).fit(data).predict(*pairs)
    )


def test_lists_are_in_the_order_of_scores() -> None:
    data = shop(1)
    expected = twin(data, 180, 100, 7, 0, 0)
    table = NextBasket(loyalty=0).fit(data).recommend(k=N_ITEMS)
    lists = table["item_id"].to_numpy().reshape(N_USERS, N_ITEMS)
    np.testing.assert_array_equal(lists, np.argsort(-expected, axis=1, kind="stable"))


def test_without_smoothing_only_habits_count() -> None:
    model = NextBasket(smoothing=0).fit(sp.csr_matrix(np.array([[0, 2, 1], [9, 0, 0], [0, 0, 0]])))
    assert model.recommend([0, 2], k=3)["item_id"].to_list() == [1, 2, 0, 0, 1, 2]


@pytest.mark.parametrize("matrix", [sp.csr_matrix((3, 4)), sp.csr_matrix([[-1.0, 0], [0, -2]])])
@pytest.mark.parametrize("n_neighbours", [0, 2])
def test_data_without_sales_give_complete_lists(matrix: sp.csr_matrix, n_neighbours: int) -> None:
    table = NextBasket(n_neighbours=n_neighbours).fit(matrix).recommend(k=matrix.shape[1])
    assert table["rank"].to_list() == list(range(1, matrix.shape[1] + 1)) * matrix.shape[0]
    assert (table["score"] == 0).all()


def test_alpha_set_after_fit_is_used_by_the_next_fit() -> None:
    model = NextBasket(n_neighbours=3).fit(shop())
    before = model.recommend(k=5)
    assert model.set_params(alpha=0.1).recommend(k=5).equals(before)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"half_life": 7}, "half_life must be a duration such as .*, not 7"),
        ({"sales_half_life": "7 moons"}, "sales_half_life: '7 moons' is not a duration"),
        ({"sales_decay": 0}, "sales_decay must be a finite number .*, not 0"),
        ({"smoothing": -1}, "smoothing must be a finite number .*, not -1"),
        ({"n_neighbours": -1}, "n_neighbours must be an integer of at least 0, not -1"),
        ({"loyalty": -0.1}, "loyalty must be a finite number .*, not -0.1"),
        ({"alpha": 1.01}, "alpha must be a finite number .*, not 1.01"),
    ],
)
def test_wrong_parameters_are_refused(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        NextBasket(**params).fit(shop())
