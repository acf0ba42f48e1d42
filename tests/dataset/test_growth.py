"""Datasets that grow and shrink, compared with datasets that were built from all rows at once."""

import itertools
from datetime import datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gingham as gg
from gingham.errors import DataError, TableError, UnknownIdError

USERS = pl.DataFrame({"user_id": ["ann", "bob", "cat", "dan"], "club": ["gold", None, "gold", "blue"]})
ITEMS = pl.DataFrame(
    {"item_id": [3, 5, 8, 9], "colour": ["red", "blue", "red", None], "name": ["tea", "milk", "jam", "rye"]}
)
ROWS = pl.DataFrame(
    {
        "user_id": ["bob", "dan", "bob", "ann", "cat", "dan"],
        "item_id": [5, 9, 5, 3, 8, 3],
        "timestamp": [datetime(2024, 1, day) for day in (3, 1, 4, 2, 6, 5)],
        "price": [1.0, 2.0, 1.0, 4.0, 3.0, 4.5],
    }
)
SPECS = {"user_features": gg.FeatureSpec(categorical=["club"]), "item_features": gg.FeatureSpec(categorical=["colour"])}


def tables(rows: pl.DataFrame, users: pl.DataFrame = USERS, items: pl.DataFrame = ITEMS) -> gg.Tables:
    return gg.Tables(rows, users, items, item_name="name", **SPECS)


def plain(rows: pl.DataFrame) -> gg.Dataset:
    return gg.Dataset.from_tables(gg.Tables(rows))


def content(dataset: gg.Dataset) -> dict[str, object]:
    """Return everything in a dataset by id instead of by index, in the order of the rows."""
    rows = dataset.interactions
    assert rows.timestamp is not None
    features: dict[str, object] = {}
    for what in ("user", "item"):
        of_side, ids = getattr(dataset, f"{what}_features"), getattr(dataset, f"{what}_ids")
        if of_side is not None:
            assert of_side.n_identities == len(ids)
            identities = of_side.matrix[:, : len(ids)].toarray()
            np.testing.assert_array_equal(identities != 0, np.eye(len(ids), dtype=bool))
            weights = of_side.without_identities().toarray()
            features[what] = {
                key: {name: weight for name, weight in zip(of_side.names, row, strict=True) if weight}
                for key, row in zip(ids.values, weights.tolist(), strict=True)
            }
    return {
        "users": dataset.user_ids.values.to_list(),
        "items": dataset.item_ids.values.to_list(),
        "rows": list(
            zip(
                dataset.user_ids.ids(rows.user_index).to_list(),
                dataset.item_ids.ids(rows.item_index).to_list(),
                rows.value.tolist(),
                rows.timestamp.tolist(),
                strict=True,
            )
        ),
        "labels": None if dataset.item_labels is None else dataset.item_labels.to_dicts(),
        "features": features,
    }


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(1, ROWS.height - 1), max_size=3))
def test_any_cut_gives_the_same_rows(cuts: list[int]) -> None:
    places = [0, *sorted(set(cuts)), ROWS.height]
    parts = [ROWS[start:stop] for start, stop in itertools.pairwise(places)]
    grown = plain(parts[0])
    for part in parts[1:]:
        grown = grown.extended(plain(part))
    assert content(grown) == content(plain(ROWS))
    assert grown.digest() == plain(ROWS).digest()


def test_new_users_and_items_have_the_features_of_their_rows() -> None:
    first = gg.Dataset.from_tables(tables(ROWS[:4], USERS[[0, 1, 3]], ITEMS[[0, 1, 3]]))
    grown = first.extended(plain(ROWS[4:]), USERS[2:3], ITEMS[2:3])
    whole = gg.Dataset.from_tables(tables(ROWS))
    assert content(grown) == content(whole)
    assert grown.user_encoder is not None
    assert whole.user_encoder is not None
    assert grown.user_encoder.names == whole.user_encoder.names


def test_a_new_user_without_a_row_has_nulls() -> None:
    grown = gg.Dataset.from_tables(tables(ROWS)).extended(plain(ROWS[:1].with_columns(user_id=pl.lit("eve"))))
    assert content(grown)["features"]["user"]["eve"] == {"club=null": 1.0}  # type: ignore[index]


def test_changed_features_replace_the_earlier_ones() -> None:
    changed = pl.DataFrame({"user_id": ["bob"], "club": ["blue"]})
    grown = gg.Dataset.from_tables(tables(ROWS)).extended(users=changed)
    assert content(grown)["features"]["user"]["bob"] == {"club=blue": 1.0}  # type: ignore[index]
    assert content(grown)["rows"] == content(gg.Dataset.from_tables(tables(ROWS)))["rows"]


def test_an_unknown_category_is_as_in_the_encoder() -> None:
    new = pl.DataFrame({"user_id": ["eve"], "club": ["silver"]})
    grown = gg.Dataset.from_tables(tables(ROWS)).extended(users=new)
    assert content(grown)["features"]["user"]["eve"] == {"club=null": 1.0}  # type: ignore[index]


def test_labels_of_new_and_changed_items() -> None:
    new = pl.DataFrame({"item_id": [4, 5], "colour": ["red", "red"], "name": ["oat", "oat milk"]})
    grown = gg.Dataset.from_tables(tables(ROWS), candidates="all").extended(items=new)
    assert grown.item_labels is not None
    assert grown.item_labels["name"].to_list() == ["tea", "oat", "oat milk", "jam", "rye"]


def test_unsold_items_are_added_only_where_they_are_candidates() -> None:
    new = pl.DataFrame({"item_id": [4], "colour": ["red"], "name": ["oat"]})
    sold, everything = (gg.Dataset.from_tables(tables(ROWS), candidates=kind) for kind in ("sold", "all"))
    assert (sold.extended(items=new).n_items, everything.extended(items=new).n_items) == (4, 5)


@pytest.mark.parametrize("user", ["ann", "bob", "cat", "dan"])
def test_without_a_user(user: str) -> None:
    rest = gg.Dataset.from_tables(
        tables(ROWS.filter(pl.col("user_id") != user), USERS.filter(pl.col("user_id") != user))
    )
    shrunk = gg.Dataset.from_tables(tables(ROWS)).without_users(user)
    assert content(shrunk)["rows"] == content(rest)["rows"]
    assert content(shrunk)["items"] == content(rest)["items"]
    assert content(shrunk)["users"] == content(rest)["users"]


def test_items_stay_if_they_should() -> None:
    dataset = gg.Dataset.from_tables(tables(ROWS))
    assert dataset.without_users("cat").n_items == 3
    assert dataset.without_users("cat", keep_items=True).n_items == 4


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (ROWS.drop("timestamp"), "no column 'timestamp'"),
        (ROWS.drop("price"), "no column 'price'"),
        (ROWS.with_columns(item_id=pl.lit("tea")), "item ids are text, such as 'tea', but the model's are integers"),
    ],
)
def test_other_columns_and_types_are_errors(rows: pl.DataFrame, message: str) -> None:
    with pytest.raises(DataError, match=message):
        plain(ROWS).extended(plain(rows))


def test_a_column_that_the_training_data_lack_is_an_error() -> None:
    with pytest.raises(DataError, match="has a column 'price', which the training transactions lack"):
        plain(ROWS.drop("price")).extended(plain(ROWS))


@pytest.mark.parametrize(
    ("users", "message"),
    [
        (pl.DataFrame({"club": ["gold"]}), "has no column 'user_id'"),
        (pl.DataFrame({"user_id": ["eve"]}), "has no column 'club'"),
        (pl.DataFrame({"user_id": ["eve", "eve"], "club": ["gold", "blue"]}), "is not unique"),
        (pl.DataFrame({"user_id": ["eve", None], "club": ["gold", "blue"]}), "is missing in some rows"),
    ],
)
def test_wrong_tables_of_users(users: pl.DataFrame, message: str) -> None:
    with pytest.raises(TableError, match=message):
        gg.Dataset.from_tables(tables(ROWS)).extended(users=users)


def test_unknown_users_are_not_forgotten_silently() -> None:
    with pytest.raises(UnknownIdError, match="1 unknown user id: 'eve'"):
        plain(ROWS).without_users(["eve", "ann"])
