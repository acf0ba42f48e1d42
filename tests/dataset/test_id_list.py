from collections.abc import Iterable
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from gingham.dataset.id_list import id_lists, id_series
from gingham.errors import DataError, ParameterError


def fresh_generator() -> Iterable[int]:
    yield from (5, 7)


@pytest.mark.parametrize(
    "ids",
    [
        [5, 7],
        (5, 7),
        {7, 5},
        frozenset({5, 7}),
        {5: "a", 7: "b"}.keys(),
        range(5, 8, 2),
        np.array([5, 7], np.uint8),
        np.array([5, 7], object),
        np.array([5.0, 7.0]),
        [np.int32(5), 7],
        pl.Series([5, 7], dtype=pl.Int16),
        pl.Series([5.0, 7.0]),
        pd.Series([5, 7], index=[3, 1]),
        pd.Series([5.0, 7.0], dtype="Float64"),
        pd.Index([5, 7]),
        pd.DataFrame({"user_id": [5, 7], "age": [30, 40]}),
        pl.LazyFrame({"item_id": [5, 7]}),
        pa.table({"any": [5, 7]}),
        pa.array([5, 7]),
        pa.chunked_array([[5], [7]]),
    ],
    ids=lambda ids: type(ids).__name__,
)
def test_containers_of_integers(ids: Any) -> None:
    assert id_series(ids).to_list() == [5, 7]


@pytest.mark.parametrize(
    "ids",
    [
        ["ann", "bob"],
        {"bob", "ann"},
        np.array(["ann", "bob"]),
        np.array(["ann", "bob"], object),
        pl.Series(["ann", "bob"], dtype=pl.Categorical),
        pd.Series(["ann", "bob"]),
        pd.Series(["ann", "bob"], dtype=object),
        pd.Series(["ann", "bob"], dtype="category"),
        pd.Index(["ann", "bob"]),
        pa.array(["ann", "bob"]),
    ],
    ids=lambda ids: type(ids).__name__,
)
def test_containers_of_text(ids: Any) -> None:
    assert id_series(ids).cast(pl.String).to_list() == ["ann", "bob"]


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (pd.Series(["ann", None]), ["ann", None]),
        (pd.Series(["ann", None], dtype=object), ["ann", None]),
        (pd.Series([5, None]), [5, None]),
        (pd.Series([5, None], dtype="Int64"), [5, None]),
        (pd.Index(["ann", None]), ["ann", None]),
    ],
)
def test_missing_values_of_pandas_are_null(ids: Any, expected: list[Any]) -> None:
    assert id_series(ids).to_list() == expected


def test_lists_by_user_come_from_a_mapping_or_a_frame() -> None:
    frame = pd.DataFrame({"user_id": [7.0, 5.0, 7.0], "item_id": ["tea", "milk", "jam"]})
    lists = {user: list(items) for user, items in id_lists(frame, "baskets").items()}
    assert lists == {7: ["tea", "jam"], 5: ["milk"]}
    assert id_lists(lists, "baskets") is lists
    with pytest.raises(
        DataError, match="data frame of baskets has the columns 'user_id'; it needs user_id and item_id"
    ):
        id_lists(frame[["user_id"]], "baskets")
    with pytest.raises(ParameterError, match="baskets must be a mapping of users to lists of item ids"):
        id_lists([1], "baskets")


def test_a_generator_is_read_once() -> None:
    assert id_series(fresh_generator()).to_list() == [5, 7]


def test_a_uuid_is_text() -> None:
    one = UUID(int=7)
    assert id_series(one).to_list() == id_series([one]).to_list() == [str(one)]


@pytest.mark.parametrize("one", [5, 5.0, np.int64(5), np.float64(5), np.array(5), "ann", np.str_("ann"), ""])
def test_one_id(one: Any) -> None:
    assert id_series(one).to_list() == [one]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (None, "None is not an id or a list of ids; pass an id, or a list of ids"),
        (True, "True is not an id"),
        (1.5, "Ids are Float64"),
        (1j, "1j is not an id|Ids are|one type"),
        (b"x", "b'x' is not an id"),
        ({"a": 1}, "{'a': 1} is not an id"),
        (object, "is not an id"),
        (np.zeros((2, 2), int), "have 2 dimensions .a ndarray."),
        (pl.DataFrame({"a": [1], "b": [2]}), "data frame of ids has the columns 'a', 'b'; pass the column"),
        (pd.DataFrame({"user_id": [1], "item_id": [2]}), "data frame of ids has the columns .*; pass the column"),
        ([1, "a"], "do not have one type: they are int and str"),
        ([10**40], "do not have one type: one is"),
        ([[1], [2]], "List"),
        ([0.5], "Ids are Float64"),
        ([True], "Ids are Boolean"),
        ([object()], "Object|do not have one type"),
    ],
)
def test_what_is_no_list_of_ids(wrong: Any, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        id_series(wrong)
    assert str(caught.value).endswith(".")
