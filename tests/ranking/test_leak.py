"""What happens at or after a moment must not change candidates and features as of that moment."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

import gingham as gg
from gingham.ranking.candidates import CandidateSource
from gingham.ranking.examples import Examples, Labels, Stage
from gingham.ranking.snapshot import Snapshot, times
from tests.ranking.conftest import MOMENT, WEEK

SOURCES = [
    CandidateSource(gg.NextBasket()),
    CandidateSource(gg.Popularity()),
    CandidateSource(gg.ItemKNN(5)),
    CandidateSource(gg.HybridMF(4, epochs=2, random_state=1)),
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


def candidates_and_features(dataset: gg.Dataset) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """The candidates of all users as of the moment, and their features."""
    stage = Stage.fit(Snapshot.before(dataset, MOMENT, WEEK), SOURCES, [4] * len(SOURCES), 1)
    pairs = stage.candidates.pairs(np.arange(dataset.n_users, dtype=np.int32))
    return pairs.items, stage.features.values(pairs)


def differs(dataset: gg.Dataset) -> bool:
    """Whether another future gives other candidates or features."""
    before, after = candidates_and_features(dataset), candidates_and_features(altered(dataset))
    return any(
        one.shape != other.shape or not np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
        for one, other in zip(before, after, strict=True)
    )


def test_the_future_does_not_change_candidates_and_features(dataset: gg.Dataset) -> None:
    assert not differs(dataset)


def test_a_planted_leak_is_found(dataset: gg.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot that includes the first day of the period to predict."""

    def leaky(dataset: gg.Dataset, moment: np.datetime64, period: object) -> Snapshot:
        rows = dataset.interactions
        seen = times(dataset) < moment + np.timedelta64(1, "D")
        return Snapshot(dataset.with_interactions(rows.take(seen)), moment, WEEK)

    monkeypatch.setattr(Snapshot, "before", leaky)
    assert differs(dataset)


def test_a_leak_through_a_single_source_is_found(dataset: gg.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    features = []
    for future in (dataset, altered(dataset)):
        monkeypatch.setattr(CandidateSource, "fit", lambda self, *_, data=future: type(self.model)().fit(data))
        features.append(candidates_and_features(dataset)[1])
    assert features[0].shape != features[1].shape or not np.array_equal(*features, equal_nan=True)


def test_labels_are_the_purchases_of_the_period(dataset: gg.Dataset) -> None:
    stage = Stage.fit(Snapshot.before(dataset, MOMENT, WEEK), SOURCES[:2], [6, 6], 1)
    examples = Examples.of(stage, Labels.of(dataset, MOMENT, WEEK, 1000, np.random.default_rng(0)))
    pairs, rows, when = stage.candidates.pairs(examples.users), dataset.interactions, times(dataset)
    bought = {
        (user, item)
        for user, item, value, time in zip(rows.user_index, rows.item_index, rows.value, when, strict=True)
        if MOMENT <= time < MOMENT + np.timedelta64(7, "D") and value > 0
    }
    assert examples.bought.tolist() == [pair in bought for pair in zip(pairs.user, pairs.items, strict=True)]
    np.testing.assert_array_equal(examples.sizes, np.bincount(pairs.position))
    starts = np.cumsum(examples.sizes) - examples.sizes
    hits = np.add.reduceat(examples.bought.astype(int), starts)
    assert (hits > 0).all()
    assert (hits < examples.sizes).all()
    other = Examples.of(stage, Labels.of(altered(dataset), MOMENT, WEEK, 1000, np.random.default_rng(0)))
    assert other.bought.tolist() != examples.bought.tolist()


def test_users_are_sampled(dataset: gg.Dataset) -> None:
    stage = Stage.fit(Snapshot.before(dataset, MOMENT, WEEK), SOURCES[:2], [6, 6], 1)
    few = Examples.of(stage, Labels.of(dataset, MOMENT, WEEK, 5, np.random.default_rng(0)))
    assert 0 < len(few.users) <= 5
    assert len(few.features) == len(few.bought) == few.sizes.sum()


def test_a_snapshot_has_only_earlier_interactions(dataset: gg.Dataset) -> None:
    snapshot = Snapshot.before(dataset, MOMENT, WEEK)
    assert times(snapshot.dataset).max() < MOMENT
    assert snapshot.purchases.age.min() > 0
    whole = Snapshot.latest(dataset, WEEK)
    assert len(whole.dataset.interactions) == len(dataset.interactions)
    assert whole.moment == np.datetime64("2024-03-01", "us")
    assert replace(whole, moment=MOMENT).days == 7
