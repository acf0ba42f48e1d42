"""Nothing that happens at or after a moment may change what was known before it."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

import gingham as gg
from gingham.ranking.candidates import Source
from gingham.ranking.examples import Examples, Stage
from gingham.ranking.snapshot import Snapshot, times
from tests.ranking.conftest import MOMENT, WEEK

SOURCES = [
    Source(gg.NextBasket()),
    Source(gg.Popularity()),
    Source(gg.ItemKNN(5)),
    Source(gg.HybridMF(4, random_state=1), fit={"epochs": 2}),
]


def altered(dataset: gg.Dataset) -> gg.Dataset:
    """The same shop with another future: other items, users, values, prices and times from the moment on."""
    rows, late = dataset.interactions, times(dataset) >= MOMENT
    rng, n = np.random.default_rng(9), int((times(dataset) >= MOMENT).sum())
    assert 0 < n < len(rows)
    users, items, values, when = (
        column.copy() for column in (rows.user_index, rows.item_index, rows.value, times(dataset))
    )
    assert rows.price is not None
    price = rows.price.copy()
    users[late], items[late] = rng.permutation(users[late]), (items[late] + 3) % rows.n_items
    values[late], price[late] = 7, 99
    when[late] = MOMENT + rng.integers(0, 7, n) * np.timedelta64(1, "D")
    return dataset.with_interactions(
        gg.Interactions(users, items, rows.n_users, rows.n_items, values, when, price=price)
    )


def known(dataset: gg.Dataset) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Everybody's candidates as of the moment, and their features."""
    stage = Stage.fitted(Snapshot.of(dataset, MOMENT, WEEK), SOURCES, [4] * len(SOURCES))
    pairs = stage.candidates.of(np.arange(dataset.n_users, dtype=np.int32))
    return pairs.items, stage.features.of(pairs)


def differs(dataset: gg.Dataset) -> bool:
    """Whether another future makes other candidates or features."""
    before, after = known(dataset), known(altered(dataset))
    return any(
        one.shape != other.shape or not np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
        for one, other in zip(before, after, strict=True)
    )


def test_the_future_changes_no_candidate_and_no_feature(dataset: gg.Dataset) -> None:
    assert not differs(dataset)


def test_a_planted_leak_is_found(dataset: gg.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot that sees the first day of the period it is to foretell."""

    def leaky(dataset: gg.Dataset, moment: np.datetime64, period: object) -> Snapshot:
        rows = dataset.interactions
        seen = times(dataset) < moment + np.timedelta64(1, "D")
        return Snapshot(dataset.with_interactions(rows.take(seen)), moment, WEEK)

    monkeypatch.setattr(Snapshot, "of", leaky)
    assert differs(dataset)


def test_a_leak_through_a_single_source_is_found(dataset: gg.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for future in (dataset, altered(dataset)):
        monkeypatch.setattr(Source, "fitted", lambda self, _, all_of=future: type(self.model)().fit(all_of))
        found.append(known(dataset)[1])
    assert found[0].shape != found[1].shape or not np.array_equal(*found, equal_nan=True)


def test_labels_are_what_the_future_says(dataset: gg.Dataset) -> None:
    stage = Stage.fitted(Snapshot.of(dataset, MOMENT, WEEK), SOURCES[:2], [6, 6])
    examples = Examples.of(stage, dataset, 1000, np.random.default_rng(0))
    pairs, rows, when = stage.candidates.of(examples.users), dataset.interactions, times(dataset)
    bought = {
        (user, item)
        for user, item, value, time in zip(rows.user_index, rows.item_index, rows.value, when, strict=True)
        if MOMENT <= time < MOMENT + np.timedelta64(7, "D") and value > 0
    }
    assert examples.bought.tolist() == [pair in bought for pair in zip(pairs.user, pairs.items, strict=True)]
    np.testing.assert_array_equal(examples.sizes, np.bincount(pairs.place))
    starts = np.cumsum(examples.sizes) - examples.sizes
    hits = np.add.reduceat(examples.bought.astype(int), starts)
    assert (hits > 0).all()
    assert (hits < examples.sizes).all()
    other = Examples.of(stage, altered(dataset), 1000, np.random.default_rng(0))
    assert other.bought.tolist() != examples.bought.tolist()


def test_a_sample_of_users_will_do(dataset: gg.Dataset) -> None:
    stage = Stage.fitted(Snapshot.of(dataset, MOMENT, WEEK), SOURCES[:2], [6, 6])
    few = Examples.of(stage, dataset, 5, np.random.default_rng(0))
    assert 0 < len(few.users) <= 5
    assert len(few.features) == len(few.bought) == few.sizes.sum()


def test_a_snapshot_keeps_time_out(dataset: gg.Dataset) -> None:
    snapshot = Snapshot.of(dataset, MOMENT, WEEK)
    assert times(snapshot.dataset).max() < MOMENT
    assert snapshot.purchases.age.min() > 0
    whole = Snapshot.latest(dataset, WEEK)
    assert len(whole.dataset.interactions) == len(dataset.interactions)
    assert whole.moment == np.datetime64("2024-03-01", "us")
    assert replace(whole, moment=MOMENT).days == 7
