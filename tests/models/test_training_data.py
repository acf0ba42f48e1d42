from datetime import timedelta

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
from polars.testing import assert_frame_equal

import gingham as gg
from gingham.dataset import Dataset, Ids, Interactions
from gingham.errors import DataError
from gingham.models.training_data import TrainingData
from gingham.store import Artifact

DAYS = np.array(["2024-01-01", "2024-01-03", "2024-01-03"], "datetime64[us]")


def small(timestamp: object = DAYS) -> Dataset:
    ids = Ids(pl.Series([10, 20]))
    rows = Interactions([0, 0, 1], [1, 1, 0], 2, 2, value=[2, 1, -3], timestamp=timestamp)  # type: ignore[arg-type]
    return Dataset(ids, ids, rows)


def restored(data: TrainingData) -> TrainingData:
    state, arrays, tables = data.stored()
    return TrainingData.restored(Artifact("Model", {}, state, arrays, tables))


def test_a_matrix_has_numbers_as_ids() -> None:
    data = TrainingData.of(sp.coo_matrix(([1.0, 2.0], ([0, 0], [1, 1])), shape=(2, 3)))
    assert data.matrix.toarray().tolist() == [[0, 3, 0], [0, 0, 0]]
    assert (data.user_ids.values.to_list(), data.item_ids.values.to_list()) == ([0, 1], [0, 1, 2])
    assert data.rows.source is None


@pytest.mark.parametrize("data", [None, [[1]], sp.csr_matrix([[np.inf]])])
def test_invalid_data(data: object) -> None:
    with pytest.raises(DataError, match="interactions"):
        TrainingData.of(data)  # type: ignore[arg-type]


def test_purchases_are_positive_and_weighted_by_age() -> None:
    dataset = small()
    data = TrainingData.of(dataset)
    dataset = dataset.positives()
    assert data.purchases(dataset, None).toarray().tolist() == [[0, 3], [0, 0]]
    # The first row is two days older than the last one.
    assert data.purchases(dataset, timedelta(days=2)).toarray().tolist() == [[0, 2], [0, 0]]
    assert data.purchases(dataset, 1.0).toarray()[0, 1] == pytest.approx(2 / 3 + 1)
    assert data.purchases(dataset, None).nnz == data.matrix.nnz == 1
    assert data.matrix.toarray().tolist() == [[0, 3], [0, 0]]


def test_ages_do_not_matter_without_timestamps() -> None:
    dataset = small(timestamp=None)
    data = TrainingData.of(dataset)
    assert data.purchases(dataset, timedelta(days=1)).toarray().tolist() == [[0, 3], [0, 0]]
    matrix = dataset.matrix()
    assert TrainingData.of(matrix).purchases(matrix, 1.0).toarray().tolist() == [[0, 3], [0, 0]]


def test_a_stored_copy_is_equal() -> None:
    data = TrainingData.of(gg.synth.sample_dataset())
    copy = restored(data)
    assert (copy.matrix != data.matrix).nnz == 0
    assert copy.user_ids.values.equals(data.user_ids.values)
    assert copy.item_labels is not None
    assert data.item_labels is not None
    assert_frame_equal(copy.item_labels, data.item_labels)
    assert copy.user_encoder is not None
    assert data.user_encoder is not None
    assert copy.user_encoder.features == data.user_encoder.features
    assert copy.rows.source == data.rows.source


def test_a_stored_copy_without_labels_and_encoders() -> None:
    copy = restored(TrainingData.of(small()))
    assert copy.item_labels is None
    assert copy.user_encoder is None
    assert copy.item_encoder is None


def test_a_test_has_the_same_users_and_items() -> None:
    data = TrainingData.of(small())
    assert (data.test_matrix(small()) != small().matrix()).nnz == 0
    assert data.test_matrix(sp.csr_matrix((2, 2))).shape == (2, 2)
    with pytest.raises(DataError, match=r"test has shape \(2, 3\)"):
        data.test_matrix(sp.csr_matrix((2, 3)))
    others = Dataset(Ids(pl.Series([10, 30])), Ids(pl.Series([10, 20])), small().interactions)
    with pytest.raises(DataError, match="user 30 is unknown"):
        data.test_matrix(others)
