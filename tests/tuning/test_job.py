import mmap
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import gingham as gg
from gingham.config import ModelSpec
from gingham.split import Split
from gingham.tuning import job
from gingham.tuning.job import Settings, read_job, write_job

SETTINGS = Settings(ModelSpec(random_state=3), "map@5", True, 4, 2)  # type: ignore[call-arg]


@pytest.fixture
def splits(recipe: Path) -> list[Split[gg.Dataset]]:
    return list(gg.split.rolling(gg.read_dataset(recipe), "7d", folds=2))


def test_a_job_is_read_as_it_was_written(splits: list[Split[gg.Dataset]], tmp_path: Path) -> None:
    write_job(tmp_path, SETTINGS, splits)
    settings, folds = read_job(tmp_path)
    assert settings == SETTINGS
    assert len(folds) == 2
    for fold, split in zip(folds, splits, strict=True):
        for one, other in ((fold.train, split.train), (fold.validation, split.test)):
            assert (one.matrix() != other.matrix()).nnz == 0
            assert one.interactions.timestamp is not None
            np.testing.assert_array_equal(one.interactions.timestamp, other.interactions.timestamp)
            for features, expected in (
                (one.user_features, other.user_features),
                (one.item_features, other.item_features),
            ):
                assert features is not None
                assert expected is not None
                assert features.matrix.shape == expected.matrix.shape
                assert (features.matrix != expected.matrix).nnz == 0


def test_arrays_are_mapped_into_memory(splits: list[Split[gg.Dataset]], tmp_path: Path) -> None:
    def owner(array: object) -> object:
        while isinstance(array, np.ndarray):
            array = array.base
        return array

    write_job(tmp_path, SETTINGS, splits)
    _, (fold, _) = read_job(tmp_path)
    rows = fold.train.interactions
    assert fold.train.item_features is not None
    for array in (rows.user_index, rows.item_index, rows.value, rows.timestamp, fold.train.item_features.matrix.data):
        assert isinstance(owner(array), mmap.mmap)


def test_data_without_timestamps_or_features(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = gg.Interactions(rng.integers(0, 9, 80), rng.integers(0, 7, 80), 9, 7)
    users, items = (gg.Ids(pl.Series(np.arange(size))) for size in (9, 7))
    write_job(tmp_path, SETTINGS, [gg.split.random(gg.Dataset(users, items, rows), random_state=1)])
    _, (fold,) = read_job(tmp_path)
    assert fold.train.interactions.timestamp is None
    assert fold.train.user_features is None


def test_monitored_users_are_some_of_the_validation_users_with_all_their_rows(
    splits: list[Split[gg.Dataset]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "MONITORED_USERS", 5)
    write_job(tmp_path, SETTINGS, splits)
    _, (fold, _) = read_job(tmp_path)
    users = np.flatnonzero(np.diff(fold.monitored.indptr))
    assert len(users) == 5
    assert (fold.monitored[users] != splits[0].test.matrix()[users]).nnz == 0
