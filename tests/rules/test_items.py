import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest

from gingham.dataset import Ids
from gingham.errors import TableError
from gingham.rules.items import ItemTable, codes, vectors


def test_rows_are_those_of_the_models_items() -> None:
    items = pd.DataFrame({"item_id": [3, 1, 7], "price": [30.0, 10.0, 70.0], "other": ["a", "b", "c"]})
    table = ItemTable(items, ["price"])
    assert table.of(Ids.from_series([1, 2, 3])).frame.rows() == [(1, 10.0), (None, None), (3, 30.0)]
    assert table.without_row(Ids.from_series([1, 2, 3])).to_list() == [2]


def test_a_table_is_copied_to_other_processes() -> None:
    table = ItemTable(pl.DataFrame({"item_id": ["b", "a"], "price": [2, 1]}), ["price", "item_id"])
    table.of(Ids.from_series(["a"]))
    copied = pickle.loads(pickle.dumps(table))
    assert copied.of(Ids.from_series(["a"])).frame.rows() == [("a", 1)]


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ({"id": [1], "price": [2]}, "The items table has no column 'item_id'"),
        ({"item_id": [1], "prise": [2]}, "has no column 'price'; did you mean 'prise'"),
        ({"item_id": [1, None], "price": [2, 3]}, "has 1 rows without an item_id"),
        ({"item_id": [1, 1], "price": [2, 3]}, "item_id 1 appears more than once"),
    ],
)
def test_wrong_tables_are_refused(items: dict[str, list[int]], message: str) -> None:
    with pytest.raises(TableError, match=message):
        ItemTable(pl.DataFrame(items), ["price"])


def test_ids_of_another_type_are_refused() -> None:
    table = ItemTable(pl.DataFrame({"item_id": ["a"], "price": [1]}), ["price"])
    with pytest.raises(TableError, match=r"No item of the model is in the items table: the model has 1, 2, and .* 'a'"):
        table.of(Ids.from_series([1, 2]))


def test_codes() -> None:
    assert codes(pl.Series(["b", None, "a", "b"])).tolist() == [1, -1, 0, 1]
    assert codes(pl.Series([None, None], dtype=pl.Int64)).tolist() == [-1, -1]


def test_vectors_have_length_one() -> None:
    rows = vectors(pl.Series([[3.0, 4.0], None, [0.0, 0.0]]))
    assert rows is not None
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0, 0], [0, 0]], rtol=1e-6)
    arrays = vectors(pl.Series([[0, 2]], dtype=pl.Array(pl.Int8, 2)))
    assert arrays is not None
    assert arrays.tolist() == [[0, 1]]
    assert vectors(pl.Series(["a"])) is None


@pytest.mark.parametrize("values", [[[1.0], [1.0, 2.0]], [[1.0, None]], [[float("inf")]], [["a"]], [[], []]])
def test_wrong_vectors_are_refused(values: list[list[float]]) -> None:
    with pytest.raises(TableError, match=r"^The column 'v' of the items table has lists .*[.]$"):
        vectors(pl.Series("v", values))
