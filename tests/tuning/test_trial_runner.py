from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gingham as gg
from gingham.config import ModelSpec
from gingham.metrics import compute, rank_test
from gingham.tuning import job
from gingham.tuning.job import Fold, Settings
from gingham.tuning.trial_runner import attempt

PARAMS = {"n_components": 6, "epochs": 7, "learning_rate": 0.1}


def folds_of(recipe: Path, folder: Path, n: int = 1, **settings: Any) -> tuple[Settings, list[Fold]]:
    how = {"model": ModelSpec(random_state=3), "metric": "map@5", "filter_seen": False, "patience": 3, "num_threads": 1}  # type: ignore[call-arg]
    job.write(folder, Settings(**how | settings), gg.split.rolling(gg.read_dataset(recipe), "7d", folds=n))
    return job.read(folder)


def by_hand(fold: Fold, epochs: int, filter_seen: bool = False) -> float:
    model = gg.HybridMF(6, learning_rate=0.1, random_state=3)
    model.fit(fold.train, epochs=epochs, num_threads=1, verbose=False)
    return float(np.mean(compute("map@5", rank_test(model, fold.validation, filter_seen=filter_seen)[0])))


def go(*_: Any) -> bool:
    return True


def test_the_value_is_that_of_the_best_epoch(recipe: Path, tmp_path: Path) -> None:
    settings, (fold,) = folds_of(recipe, tmp_path, patience=100)
    values = [by_hand(fold, epochs) for epochs in range(1, 8)]
    heard: list[tuple[int, float]] = []
    result = attempt(settings, [fold], PARAMS, lambda epoch, value, _: heard.append((epoch, value)) or True)  # type: ignore[func-returns-value]
    assert result is not None
    # The shop has fewer than 500 users, so all of them are watched.
    assert heard == [(epoch, pytest.approx(value)) for epoch, value in enumerate(values, start=1)]
    assert result["value"] == pytest.approx(max(values))
    assert result["epochs"] == int(np.argmax(values)) + 1


def test_patience_ends_a_trial(recipe: Path, tmp_path: Path) -> None:
    settings, (fold,) = folds_of(recipe, tmp_path, patience=1)
    values = [by_hand(fold, epochs) for epochs in range(1, 8)]
    worse = next(epoch for epoch in range(1, 7) if values[epoch] <= max(values[:epoch]))
    heard: list[int] = []
    result = attempt(settings, [fold], PARAMS, lambda epoch, *_: heard.append(epoch) or True)  # type: ignore[func-returns-value]
    assert heard == list(range(1, worse + 2))
    assert result is not None
    assert result["epochs"] == worse


def test_without_patience_the_last_epoch_counts(recipe: Path, tmp_path: Path) -> None:
    settings, (fold,) = folds_of(recipe, tmp_path, patience=0)
    result = attempt(settings, [fold], PARAMS, go)
    assert result is not None
    assert (result["value"], result["epochs"]) == (pytest.approx(by_hand(fold, 7)), 7)


def test_a_listener_ends_a_trial(recipe: Path, tmp_path: Path) -> None:
    settings, folds = folds_of(recipe, tmp_path)
    heard: list[int] = []

    def until_two(epoch: int, *_: float) -> bool:
        heard.append(epoch)
        return epoch < 2

    assert attempt(settings, folds, PARAMS, until_two) is None
    assert heard == [1, 2]


def test_folds_count_alike_and_the_first_is_heard(recipe: Path, tmp_path: Path) -> None:
    settings, folds = folds_of(recipe, tmp_path, n=3, patience=0)
    heard: list[int] = []
    result = attempt(settings, folds, PARAMS, lambda epoch, *_: heard.append(epoch) or True)  # type: ignore[func-returns-value]
    assert result is not None
    assert result["value"] == pytest.approx(np.mean([by_hand(fold, 7) for fold in folds]))
    assert heard == list(range(1, 8))


def test_seen_items_are_left_out_if_asked(recipe: Path, tmp_path: Path) -> None:
    settings, (fold,) = folds_of(recipe, tmp_path, patience=0, filter_seen=True)
    result = attempt(settings, [fold], PARAMS, go)
    assert result is not None
    assert result["value"] == pytest.approx(by_hand(fold, 7, filter_seen=True))
    assert result["value"] != pytest.approx(by_hand(fold, 7))


def test_a_model_without_epochs_is_measured_once(recipe: Path, tmp_path: Path) -> None:
    settings, (fold,) = folds_of(recipe, tmp_path, model=ModelSpec(kind="popularity"))
    heard: list[int] = []
    result = attempt(settings, [fold], {"window": "3d"}, lambda epoch, *_: heard.append(epoch) or True)  # type: ignore[func-returns-value]
    bare = gg.Popularity(window="3d").fit(fold.train)
    assert result is not None
    assert result["value"] == pytest.approx(np.mean(compute("map@5", rank_test(bare, fold.validation)[0])))
    assert result["epochs"] is None
    assert not heard
