from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

import gingham as gg
from gingham import store
from gingham.dataset import Dataset, Ids, Interactions
from gingham.evaluation import overlap
from gingham.models import HybridMF, Popularity

N_USERS, N_ITEMS = 6, 5
DAY = np.datetime64("2024-01-01", "us")


def shop(seed: int = 0, rows: int = 60, timed: bool = True) -> Dataset:
    rng = np.random.default_rng(seed)
    times = np.sort(DAY + rng.integers(0, 30, rows) * np.timedelta64(1, "D")) if timed else None
    return Dataset(
        Ids.from_series(pl.Series(range(N_USERS))),
        Ids.from_series(pl.Series(range(N_ITEMS))),
        Interactions(rng.integers(0, N_USERS, rows), rng.integers(0, N_ITEMS, rows), N_USERS, N_ITEMS, timestamp=times),
    )


def select(data: Dataset, rows: Any) -> Dataset:
    return data.with_interactions(data.interactions.take(np.asarray(rows)))


def test_parts_of_a_split_do_not_share_rows_when_purchases_repeat() -> None:
    train, test = gg.split.by_time(shop(), test="10d")
    assert len(np.intersect1d(train.interactions.pairs(), test.interactions.pairs()))
    model = Popularity().fit(train)
    assert overlap(model, test) == 0
    assert overlap(model, train) == len(train.interactions)
    assert overlap(model, shop()) == len(train.interactions)
    assert overlap(Popularity().fit(shop()), test) == len(test.interactions)


@given(st.lists(st.booleans(), min_size=60, max_size=60), st.lists(st.integers(0, 59), max_size=80))
def test_rows_of_one_dataset_are_compared_by_number(fitted: list[bool], tested: list[int]) -> None:
    data = shop()
    model = Popularity().fit(select(data, fitted))
    assert overlap(model, select(data, np.array(tested, int))) == sum(fitted[row] for row in tested)


@given(st.integers(0, 50))
def test_matrices_are_compared_by_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    train, test = (rng.random((N_USERS, N_ITEMS)) < 0.4 for _ in range(2))
    fitted = Popularity().fit(sp.csr_matrix(train, dtype=np.float32))
    assert overlap(fitted, sp.csr_matrix(test, dtype=np.float32)) == (train & test).sum()


def test_a_matrix_and_a_dataset_are_compared_by_pairs() -> None:
    train, test = gg.split.by_time(shop(), test="10d")
    both = (train.matrix() != 0).multiply(test.matrix() != 0)
    assert overlap(Popularity().fit(train), test.matrix()) == both.nnz
    repeated = np.isin(test.interactions.pairs(), train.interactions.pairs()).sum()
    assert overlap(Popularity().fit(train.matrix()), test) == repeated


def test_later_rows_of_another_dataset_are_not_shared() -> None:
    data = shop()
    model = Popularity().fit(select(data, np.arange(30)))
    until = data.interactions.timestamp[29]  # type: ignore[index]
    # The same rows as a dataset of their own, without the first twenty.
    rest = data.interactions
    other = data.with_interactions(
        Interactions(
            rest.user_index[20:],
            rest.item_index[20:],
            N_USERS,
            N_ITEMS,
            timestamp=rest.timestamp[20:],  # type: ignore[index]
        )
    )
    repeated = np.isin(other.interactions.pairs(), rest.pairs()[:30])
    assert overlap(model, other) == (repeated & (other.interactions.timestamp <= until)).sum()
    assert 0 < overlap(model, other) < repeated.sum()
    untimed = other.with_interactions(Interactions(rest.user_index[20:], rest.item_index[20:], N_USERS, N_ITEMS))
    assert overlap(model, untimed) == repeated.sum()


def test_a_stored_model_refuses_its_training_data(tmp_path: Path) -> None:
    data = shop()
    train, test = gg.split.by_time(data, test="10d")
    Popularity().fit(train).save(tmp_path / "model")
    loaded = gg.load(tmp_path / "model")
    assert (overlap(loaded, test), overlap(loaded, shop())) == (0, len(train.interactions))
    assert overlap(loaded, train.matrix()) == train.matrix().nnz
    # One bit per row.
    assert loaded.artifact().arrays["fitted.bits"].nbytes == (len(data.interactions) + 7) // 8


def test_an_artifact_without_rows_is_compared_by_pairs(tmp_path: Path) -> None:
    train, test = gg.split.by_time(shop(), test="10d")
    artifact = Popularity().fit(train).artifact()
    state = {name: value for name, value in artifact.state.items() if name != "fitted"}
    arrays = {name: array for name, array in artifact.arrays.items() if not name.startswith("fitted.")}
    store.write(tmp_path / "model", replace(artifact, state=state, arrays=arrays))
    repeated = np.isin(test.interactions.pairs(), train.interactions.pairs()).sum()
    assert overlap(gg.load(tmp_path / "model"), test) == repeated


def test_rows_of_earlier_training_count_too(tmp_path: Path) -> None:
    data = shop()
    first, second, third = (select(data, np.arange(start, start + 20)) for start in (0, 20, 40))
    model = HybridMF(n_components=2, epochs=1, random_state=1).fit(first, verbose=False)
    model.fit_partial(first, verbose=False).fit_partial(second, verbose=False)
    model.save(tmp_path / "model")
    for one in (model, gg.load(tmp_path / "model")):
        assert [overlap(one, part) for part in (first, second, third)] == [20, 20, 0]
        assert overlap(one, first.matrix()) == first.matrix().nnz
        assert overlap(one, second.matrix()) == second.matrix().nnz
    model.fit_partial(third.matrix(), verbose=False)
    assert overlap(model, first) == 20
    model.fit(third, verbose=False)
    assert [overlap(model, part) for part in (first, second, third)] == [0, 0, 20]


def test_rows_of_a_second_dataset_are_compared_by_pairs() -> None:
    first, other = shop(), shop(seed=1, timed=False)
    model = HybridMF(n_components=2, epochs=1, random_state=1).fit(first, verbose=False)
    model.fit_partial(other, verbose=False)
    assert overlap(model, first) == 60
    assert overlap(model, other) == 60


@pytest.mark.parametrize("data", [shop(), shop().matrix()])
def test_empty_data_shares_no_rows(data: Any) -> None:
    assert overlap(Popularity().fit(data), sp.csr_matrix((N_USERS, N_ITEMS), dtype=np.float32)) == 0
