from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp

from gingham.dataset import Dataset, FeatureEncoder, Features, Ids, Interactions
from gingham.errors import DataError, ParameterError, TableError
from gingham.tables import CleanSpec, FeatureSpec, Tables, clean

TRANSACTIONS = pl.DataFrame(
    {
        "user_id": ["b", "a", "b", "b"],
        "item_id": [30, 10, 30, 20],
        "timestamp": [date(2019, 1, 1), date(2019, 1, 2), date(2019, 1, 3), date(2020, 1, 1)],
    }
)
USERS = pl.DataFrame({"user_id": ["z", "b", "a"], "age": [20, 30, None]})
ITEMS = pl.DataFrame({"item_id": [40, 30, 20, 10], "prod": ["never", "hat", "cap", None], "kind": ["x", "y", "x", "x"]})

EYE = sp.identity(3, dtype=np.float32, format="csr")


def test_transactions_alone_are_enough() -> None:
    dataset = Dataset.from_tables(Tables(TRANSACTIONS))
    assert dataset.user_ids.values.to_list() == ["a", "b"]
    assert dataset.item_ids.values.to_list() == [10, 20, 30]
    assert dataset.matrix().toarray().tolist() == [[1, 0, 0], [0, 1, 2]]
    assert dataset.matrix("last").toarray().tolist() == [[1, 0, 0], [0, 1, 1]]
    assert dataset.interactions.user_index.tolist() == [1, 0, 1, 1]
    assert dataset.interactions.timestamp is not None
    assert dataset.interactions.timestamp.dtype == np.dtype("datetime64[us]")
    assert dataset.interactions.timestamp[3] == np.datetime64("2020-01-01")
    assert dataset.user_features is None
    assert dataset.item_features is None
    assert dataset.item_labels is None
    assert repr(dataset) == "Dataset(2 users x 3 items, 4 interactions)"


def test_all_items_of_the_table_are_candidates_if_asked_for() -> None:
    sold = TRANSACTIONS.with_columns(pl.col("item_id").replace(20, 50))  # 50 is not in the items table
    tables = Tables(sold, items=ITEMS, item_features=FeatureSpec(categorical=["kind"]), item_name="prod")
    dataset = Dataset.from_tables(tables, candidates="all")
    assert dataset.item_ids.values.to_list() == [10, 20, 30, 40, 50]
    assert dataset.matrix().toarray().tolist() == [[1, 0, 0, 0, 0], [0, 0, 2, 0, 1]]
    assert dataset.item_features is not None
    assert dataset.item_features.names == ("kind=null", "kind=x", "kind=y")
    named = dataset.item_features.without_identities().toarray().tolist()
    assert named == [[0, 1, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]]
    assert dataset.item_labels is not None
    assert dataset.item_labels["name"].to_list() == [None, "cap", "hat", "never", None]
    assert dataset.candidates == "all"
    train = dataset.with_interactions(dataset.interactions.take(np.array([0])))
    assert (train.candidates, train.n_items) == ("all", 5)


def test_without_a_table_of_items_all_are_those_sold() -> None:
    dataset = Dataset.from_tables(Tables(TRANSACTIONS), candidates="all")
    assert dataset.item_ids.values.to_list() == [10, 20, 30]


def test_candidates_are_sold_or_all() -> None:
    with pytest.raises(ParameterError, match="candidates must be one of 'sold', 'all', not 'every'"):
        Dataset.from_tables(Tables(TRANSACTIONS), candidates="every")  # type: ignore[arg-type]


def test_the_candidates_are_a_part_of_the_digest() -> None:
    sold = Dataset.from_tables(Tables(TRANSACTIONS))
    state, arrays = (everything := replace(sold, candidates="all")).arrays()
    assert "candidates" not in sold.arrays()[0]
    assert Dataset.from_arrays(state, arrays).candidates == "all"
    assert everything.digest() != sold.digest()


@pytest.mark.parametrize("spec", [CleanSpec(items="kind = 'x'"), CleanSpec(k_core=2)])
def test_filters_of_items_apply_to_those_without_sales(spec: CleanSpec) -> None:
    """A condition is for all items; a k-core removes an item with too few users, not one without transactions."""
    rows = pl.DataFrame({"user_id": [1, 1, 2, 2, 3], "item_id": [10, 30, 10, 30, 20]})
    items = ITEMS if spec.items is None else ITEMS.with_columns(kind=pl.Series(["x", "y", "y", "x"]))
    if spec.items is not None:
        rows = rows.with_columns(pl.col("item_id").replace(30, 10))
    dataset = Dataset.from_tables(clean(Tables(rows, items=items), spec), candidates="all")
    assert dataset.item_ids.values.to_list() == ([10, 40] if spec.items is not None else [10, 30, 40])


def test_users_are_those_of_both_tables_and_items_those_sold() -> None:
    tables = Tables(
        TRANSACTIONS,
        USERS,
        ITEMS,
        user_features=FeatureSpec(quantile={"age": 2}),
        item_features=FeatureSpec(categorical=["kind"]),
        item_name="prod",
        item_type="kind",
    )
    dataset = Dataset.from_tables(clean(tables, CleanSpec(end=date(2020, 1, 1))))
    assert dataset.user_ids.values.to_list() == ["a", "b", "z"]
    assert dataset.item_ids.values.to_list() == [10, 30]
    assert dataset.item_labels is not None
    assert dataset.item_labels.to_dict(as_series=False) == {
        "item_id": [10, 30],
        "name": [None, "hat"],
        "type": ["x", "y"],
    }
    assert dataset.user_features is not None
    assert dataset.user_features.names == ("age∈(-inf,20]", "age∈(20,inf]", "age=null")
    assert dataset.user_features.matrix[:, 3:].toarray().tolist() == [[0, 0, 1], [0, 1, 0], [1, 0, 0]]
    assert dataset.item_features is not None
    assert dataset.item_features.names == ("kind=null", "kind=x", "kind=y")
    assert repr(dataset) == "Dataset(3 users x 2 items, 3 interactions, 3 user features, 3 item features)"


def test_users_outside_the_window_are_included_without_a_users_table() -> None:
    tables = clean(Tables(TRANSACTIONS), CleanSpec(start=date(2020, 1, 1)))
    dataset = Dataset.from_tables(tables)
    assert dataset.user_ids.values.to_list() == ["a", "b"]
    assert dataset.matrix().toarray().tolist() == [[0], [1]]


def test_no_timestamps() -> None:
    assert Dataset.from_tables(Tables(TRANSACTIONS.drop("timestamp"))).interactions.timestamp is None


def test_rows_of_tables_that_were_not_cleaned_are_checked() -> None:
    with pytest.raises(TableError, match="user_id 'z' appears twice"):
        Dataset.from_tables(Tables(TRANSACTIONS, pl.concat([USERS, USERS.head(1)])))


def test_with_other_interactions() -> None:
    dataset = Dataset.from_tables(Tables(TRANSACTIONS, USERS))
    part = dataset.with_interactions(dataset.interactions.take(np.array([0])))
    assert len(part.interactions) == 1
    assert part.user_ids is dataset.user_ids
    assert part.n_users == 3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"user_ids": Ids.from_series(pl.Series([1]))}, "user_ids has 1 rows, but the interactions have 2"),
        (
            {"item_features": Features(EYE, ())},
            "item_features has 3 rows, but the interactions have 2",
        ),
        ({"user_encoder": FeatureEncoder(3, ())}, "user_encoder has 3 rows, but the interactions have 2"),
        ({"item_labels": pl.DataFrame({"item_id": [1]})}, "item_labels has 1 rows"),
        ({"interactions": Interactions([0], [0], 2, 1)}, "item_ids has 2 rows, but the interactions have 1"),
    ],
)
def test_parts_of_different_shapes(changes: Any, words: str) -> None:
    two = Ids.from_series(pl.Series([1, 2]))
    parts = {"user_ids": two, "item_ids": two, "interactions": Interactions([0], [0], 2, 2)}
    with pytest.raises(DataError, match=words):
        Dataset(**parts | changes)
