import json
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from gingham.dataset import Dataset, Feature, Features, Interactions
from gingham.errors import DataError
from gingham.tables import FeatureSpec, Tables


def shop(**changes: Any) -> Dataset:
    """A dataset of three users and two items with everything that a model can use."""
    sales = pl.DataFrame(
        {
            "user_id": ["a", "b", "c", "a"],
            "item_id": [7, 8, 8, 7],
            "timestamp": pl.Series(["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"]).str.to_datetime(),
            "quantity": [1, 2, 3, 1],
            "price": [9.5, None, 3.0, 9.0],
        }
    )
    users = pl.DataFrame({"user_id": ["a", "b", "c"], "club": ["in", "out", None]})
    items = pl.DataFrame({"item_id": [7, 8], "kind": ["hat", "cap"], "size": [1.0, 2.0]})
    dataset = Dataset.from_tables(
        Tables(
            sales,
            users,
            items,
            user_features=FeatureSpec(categorical=["club"]),
            item_features=FeatureSpec(categorical=["kind"], quantile={"size": 2}),
        )
    )
    return replace(dataset, **changes)


def with_rows(**changes: Any) -> Dataset:
    return shop(interactions=replace(shop().interactions, **changes))


def test_a_dataset_can_be_built_from_its_arrays() -> None:
    dataset = shop()
    state, arrays = dataset.arrays()
    copy = Dataset.from_arrays(json.loads(json.dumps(state)), arrays, dataset.user_ids, dataset.item_ids)
    assert copy.digest() == dataset.digest()
    assert copy.user_ids is dataset.user_ids
    for name, column in dataset.interactions.arrays().items():
        np.testing.assert_array_equal(copy.interactions.arrays()[name], column)
    assert copy.interactions.timestamp is not None
    assert copy.interactions.timestamp.dtype == np.dtype("datetime64[us]")
    assert copy.item_features is not None
    assert dataset.item_features is not None
    assert copy.item_features.definitions == dataset.item_features.definitions
    assert (copy.item_features.matrix != dataset.item_features.matrix).nnz == 0


def test_ids_are_numbers_by_default() -> None:
    copy = Dataset.from_arrays(*shop().arrays())
    assert copy.user_ids.values.to_list() == [0, 1, 2]
    assert copy.item_ids.values.to_list() == [0, 1]


def test_without_features_timestamps_and_prices() -> None:
    rows = Interactions([0, 1], [1, 0], 2, 2)
    dataset = Dataset(*(Dataset.from_arrays({"n_users": 2, "n_items": 2}, rows.arrays()).user_ids,) * 2, rows)
    state, arrays = dataset.arrays()
    assert state == {"n_users": 2, "n_items": 2}
    assert set(arrays) == {"user_index", "item_index", "value"}
    assert Dataset.from_arrays(state, arrays).digest() == dataset.digest()


def test_the_digest_is_that_of_equal_data() -> None:
    assert shop().digest() == shop().digest()
    # The types of a matrix's indices and the external ids do not matter.
    features = shop().item_features
    assert features is not None
    matrix = features.matrix.copy()
    matrix.indices, matrix.indptr = matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64)
    assert shop(item_features=Features(matrix, features.definitions)).digest() == shop().digest()
    assert Dataset.from_arrays(*shop().arrays()).digest() == shop().digest()


PRICES = np.array([9.5, np.nan, 3.0, 9.25], np.float32)
TIMES = np.array(["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04T00:00:01"], "datetime64[us]")


@pytest.mark.parametrize(
    "other",
    [
        with_rows(price=PRICES),
        with_rows(price=None),
        with_rows(value=np.array([1, 2, 3, 2], np.float32)),
        with_rows(timestamp=TIMES),
        with_rows(timestamp=None),
        with_rows(user_index=np.array([0, 1, 2, 1], np.int32)),
        with_rows(item_index=np.array([0, 1, 1, 1], np.int32)),
        shop(user_features=None),
        shop(item_features=None),
    ],
)
def test_the_digest_covers_everything_that_a_model_can_use(other: Dataset) -> None:
    assert other.digest() != shop().digest()


@pytest.mark.parametrize(
    "change", [Feature("sort", "cap"), Feature("kind", "cup"), Feature("kind", "cap", "part")], ids=str
)
def test_the_digest_covers_the_columns_and_labels_of_features(change: Feature) -> None:
    features = shop().item_features
    assert features is not None
    assert features.definitions[0] == Feature("kind", "cap")
    other = Features(features.matrix, [change, *features.definitions[1:]])
    assert shop(item_features=other).digest() != shop().digest()


def test_arrays_that_do_not_fit_together() -> None:
    state, arrays = shop().arrays()
    with pytest.raises(DataError, match="'user_index' holds 2"):
        Dataset.from_arrays({**state, "n_users": 2}, arrays)
    with pytest.raises(DataError, match=r"features\.indices' holds"):
        Dataset.from_arrays(state, {**arrays, "item_features.indices": arrays["item_features.indices"] + 90})
