"""What is known about purchases and sales, compared with loops over the transactions."""

from datetime import datetime

import numpy as np
import polars as pl
import pytest

import gingham as gg
from gingham.models.facts import Facts
from gingham.models.training_data import TrainingData

DATA = gg.synth.sample_dataset()
ALL = np.arange(50, dtype=np.int32)
PAIRS = tuple(grid.ravel().astype(np.int32) for grid in np.mgrid[:50, :20])


def facts_of(data: gg.Dataset) -> Facts:
    return Facts.of(TrainingData.of(data), ALL)


def returned(data: gg.Dataset) -> gg.Dataset:
    """Return the data in which every purchase of item 3 came back, and a few interactions count nothing."""
    rows = data.interactions
    values = np.where(np.arange(len(rows)) % 9 == 0, 0, 1).astype(np.float32)
    values[rows.item_index == 3] = -1
    return data.with_interactions(
        gg.Interactions(rows.user_index, rows.item_index, rows.n_users, rows.n_items, values, rows.timestamp)
    )


@pytest.mark.parametrize("data", [DATA, returned(DATA)], ids=["purchases", "returns"])
def test_purchases_are_counted_by_day(data: gg.Dataset) -> None:
    rows, facts = data.interactions, facts_of(data)
    days: dict[tuple[int, int], set[str]] = {}
    last: dict[tuple[int, int], datetime] = {}
    assert rows.timestamp is not None
    for user, item, value, when in zip(
        rows.user_index, rows.item_index, rows.value, rows.timestamp.tolist(), strict=True
    ):
        if value > 0:
            days.setdefault((user, item), set()).add(f"{when:%Y-%m-%d}")
            last[user, item] = max(last.get((user, item), when), when)
    pairs = list(zip(*PAIRS, strict=True))
    assert facts.times(*PAIRS).tolist() == [len(days.get(pair, ())) for pair in pairs]
    assert facts.last(*PAIRS).tolist() == [last.get(pair) for pair in pairs]
    assert facts.today == rows.timestamp.max().item()


def test_without_times_purchases_are_counted() -> None:
    rows = DATA.interactions
    data = DATA.with_interactions(gg.Interactions(rows.user_index, rows.item_index, rows.n_users, rows.n_items))
    facts = facts_of(data)
    np.testing.assert_array_equal(facts.times(*PAIRS), data.matrix().toarray().ravel())
    assert np.isnat(facts.last(*PAIRS)).all()
    assert facts.today is None
    assert not facts.best_sellers_of_week.any()


def test_a_matrix_counts_by_its_values() -> None:
    matrix = DATA.matrix()
    np.testing.assert_array_equal(Facts.of(TrainingData.of(matrix), ALL).times(*PAIRS), matrix.toarray().ravel())
    matrix.data += 0.5
    times = Facts.of(TrainingData.of(matrix), ALL).times(*PAIRS)
    np.testing.assert_array_equal(times, np.where(matrix.toarray().ravel() > 0, -1, 0))


def test_best_sellers_are_a_fifth_of_the_sold_items() -> None:
    rows, facts = DATA.interactions, facts_of(DATA)
    n_users = np.array([len(set(rows.user_index[rows.item_index == item])) for item in range(20)])
    assert facts.best_sellers.sum() >= 4
    assert n_users[facts.best_sellers].min() > n_users[~facts.best_sellers].max()
    assert rows.timestamp is not None
    recent = rows.timestamp > rows.timestamp.max() - np.timedelta64(7, "D")
    sales = np.bincount(rows.item_index[recent], minlength=20)
    assert sales[facts.best_sellers_of_week].min() > sales[~facts.best_sellers_of_week].max()


def test_names_are_labels_or_ids() -> None:
    assert DATA.item_labels is not None
    names = DATA.item_labels["name"].to_list()
    assert facts_of(DATA).names(np.array([3, 0, 3], np.int32)) == [names[3], names[0], names[3]]
    labels = DATA.item_labels.with_columns(name=pl.when(pl.col("item_id") != "i00").then("name"))
    some = gg.Dataset(DATA.user_ids, DATA.item_ids, DATA.interactions, item_labels=labels)
    assert facts_of(some).names(np.array([3, 0], np.int32)) == [names[3], "i00"]
    assert Facts.of(TrainingData.of(DATA.matrix()), ALL).names(np.array([3], np.int32)) == ["3"]


def test_the_value_of_a_users_feature_is_its_label() -> None:
    assert DATA.user_features is not None
    codes = DATA.user_features.categories()["age_group"]
    causes = pl.Series(["segment", "user feature", "user feature", "item feature", "segment", "base"])
    details = pl.Series(["age_group", "age_group", "height", "type", None, None])
    labels = facts_of(DATA).labels(causes, details, np.arange(6, dtype=np.int32))
    assert labels == [codes.labels[codes.of_row[0]], codes.labels[codes.of_row[1]], None, None, None, None]


def test_an_item_alike_is_the_last_one_of_the_same_category() -> None:
    assert DATA.item_features is not None
    kind, facts = DATA.item_features.categories()["type"].of_row, facts_of(DATA)
    matrix = DATA.matrix().toarray()
    causes, details = (pl.repeat(text, 1000, eager=True) for text in ("item feature", "type"))
    alike = facts.alike(causes, details, *PAIRS)
    last = facts.last(*PAIRS).reshape(50, 20)
    for user, item, other in zip(*PAIRS, alike, strict=True):
        same = [each for each in range(20) if matrix[user, each] and kind[each] == kind[item] and each != item]
        assert other == (max(same, key=lambda each: last[user, each]) if same else -1)
    assert (facts.alike(causes.replace("item feature", "segment"), details, *PAIRS) == -1).all()
