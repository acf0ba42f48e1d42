import mmap
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import gingham as gg
from gingham.config import ModelSpec
from gingham.split import Split
from gingham.tuning import job
from gingham.tuning.job import Settings

SETTINGS = Settings(ModelSpec(random_state=3), "map@5", True, 4, 2)  # type: ignore[call-arg]


@pytest.fixture
def splits(recipe: Path) -> list[Split[gg.Dataset]]:
    return list(gg.split.rolling(gg.read_dataset(recipe), "7d", folds=2))


def test_what_is_written_is_read(splits: list[Split[gg.Dataset]], tmp_path: Path) -> None:
    job.write(tmp_path, SETTINGS, splits)
    settings, folds = job.read(tmp_path)
    assert settings == SETTINGS
    assert len(folds) == 2
    for fold, split in zip(folds, splits, strict=True):
        for one, other in ((fold.train, split.train), (fold.validation, split.test)):
            assert (one.matrix() != other.matrix()).nnz == 0
            assert one.interactions.timestamp is not None
            np.testing.assert_array_equal(one.interactions.timestamp, other.interactions.timestamp)
            for features, known in (
                (one.user_features, other.user_features),
                (one.item_features, other.item_features),
            ):
                assert features is not None
                assert known is not None
                assert features.matrix.shape == known.matrix.shape
                assert (features.matrix != known.matrix).nnz == 0


def test_arrays_are_mapped_not_copied(splits: list[Split[gg.Dataset]], tmp_path: Path) -> None:
    def bottom(array: object) -> object:
        while isinstance(array, np.ndarray):
            array = array.base
        return array

    job.write(tmp_path, SETTINGS, splits)
    _, (fold, _) = job.read(tmp_path)
    rows = fold.train.interactions
    assert fold.train.item_features is not None
    for array in (rows.user_index, rows.item_index, rows.value, rows.timestamp, fold.train.item_features.matrix.data):
        assert isinstance(bottom(array), mmap.mmap)


def test_data_without_timestamps_or_features(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = gg.Interactions(rng.integers(0, 9, 80), rng.integers(0, 7, 80), 9, 7)
    users, items = (gg.Ids(pl.Series(np.arange(size))) for size in (9, 7))
    job.write(tmp_path, SETTINGS, [gg.split.random(gg.Dataset(users, items, rows), random_state=1)])
    _, (fold,) = job.read(tmp_path)
    assert fold.train.interactions.timestamp is None
    assert fold.train.user_features is None


def test_the_users_watched_are_some_of_the_validation_s_and_all_of_their_rows(
    splits: list[Split[gg.Dataset]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "WATCHED", 5)
    job.write(tmp_path, SETTINGS, splits)
    _, (fold, _) = job.read(tmp_path)
    users = np.flatnonzero(np.diff(fold.watched.indptr))
    assert len(users) == 5
    assert (fold.watched[users] != splits[0].test.matrix()[users]).nnz == 0
