from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gingham as gg
from gingham.config import ModelSpec
from gingham.metrics import compute, rank_test
from gingham.tuning.job import Fold, Settings, read_job, write_job
from gingham.tuning.trial_runner import run_trial

PARAMS = {"n_components": 6, "epochs": 7, "learning_rate": 0.1}


def folds_of(recipe: Path, folder: Path, n: int = 1, **settings: Any) -> tuple[Settings, list[Fold]]:
    defaults = {
        "model": ModelSpec(random_state=3),  # type: ignore[call-arg]
        "metric": "map@5",
        "filter_seen": False,
        "patience": 3,
        "num_threads": 1,
    }
    write_job(folder, Settings(**defaults | settings), gg.split.rolling(gg.read_dataset(recipe), "7d", folds=n))
    return read_job(folder)


def expected_value(fold: Fold, epochs: int, filter_seen: bool = False) -> float:
    model = gg.HybridMF(6, learning_rate=0.1, epochs=epochs, random_state=3)
    model.fit(fold.train, num_threads=1, verbose=False)
    return float(np.mean(compute("map@5", rank_test(model, fold.validation, filter_seen=filter_seen)[0])))


def always_continue(*_: Any) -> bool:
    return True


def test_the_value_is_that_of_the_best_epoch(recipe: Path, tmp_path: Path) -> None:
    settings, (fold,) = folds_of(recipe, tmp_path, patience=100)
    values = [expected_value(fold, epochs) for epochs in range(1, 8)]
    reports: list[tuple[int, float]] = []
    result = run_trial(settings, [fold], PARAMS, lambda epoch, value, *_: reports.append((epoch, value)) or True)  # type: ignore[func-returns-value]
    assert result is not None
    # The shop has fewer than 500 users, so all of them are monitored.
    assert reports == [(epoch, pytest.approx(value)) for epoch, value in enumerate(values, start=1)]
    assert result["value"] == pytest.approx(max(values))
    assert result["epochs"] == int(np.argmax(values)) + 1


def test_patience_ends_a_trial(recipe: Path, tmp_path: Path) -> None:
    settings, (fold,) = folds_of(recipe, tmp_path, patience=1)
    values = [expected_value(fold, epochs) for epochs in range(1, 8)]
    first_decline = next(epoch for epoch in range(1, 7) if values[epoch] <= max(values[:epoch]))
    reports: list[int] = []
    result = run_trial(settings, [fold], PARAMS, lambda epoch, *_: reports.append(epoch) or True)  # type: ignore[func-returns-value]
    assert reports == list(range(1, first_decline + 2))
    assert result is not None
    assert result["epochs"] == first_decline


def test_without_patience_the_last_epoch_counts(recipe: Path, tmp_path: Path) -> None:
    settings, (fold,) = folds_of(recipe, tmp_path, patience=0)
    result = run_trial(settings, [fold], PARAMS, always_continue)
    assert result is not None
    assert (result["value"], result["epochs"]) == (pytest.approx(expected_value(fold, 7)), 7)


def test_the_model_as_given_is_trained_for_all_of_its_epochs(recipe: Path, tmp_path: Path) -> None:
    settings, (fold,) = folds_of(recipe, tmp_path, patience=1)
    result = run_trial(settings, [fold], PARAMS, always_continue, as_given=True)
    assert result is not None
    assert (result["value"], result["epochs"]) == (pytest.approx(expected_value(fold, 7)), 7)


def test_a_trial_is_pruned(recipe: Path, tmp_path: Path) -> None:
    settings, folds = folds_of(recipe, tmp_path)
    reports: list[int] = []

    def continue_once(epoch: int, *_: float) -> bool:
        reports.append(epoch)
        return epoch < 2

    assert run_trial(settings, folds, PARAMS, continue_once) is None
    assert reports == [1, 2]


def test_the_value_is_the_mean_over_folds_and_epochs_of_the_first_are_reported(recipe: Path, tmp_path: Path) -> None:
    settings, folds = folds_of(recipe, tmp_path, n=3, patience=0)
    reports: list[int] = []
    result = run_trial(settings, folds, PARAMS, lambda epoch, *_: reports.append(epoch) or True)  # type: ignore[func-returns-value]
    assert result is not None
    assert result["value"] == pytest.approx(np.mean([expected_value(fold, 7) for fold in folds]))
    assert reports == list(range(1, 8))


def test_seen_items_are_filtered(recipe: Path, tmp_path: Path) -> None:
    settings, (fold,) = folds_of(recipe, tmp_path, patience=0, filter_seen=True)
    result = run_trial(settings, [fold], PARAMS, always_continue)
    assert result is not None
    assert result["value"] == pytest.approx(expected_value(fold, 7, filter_seen=True))
    assert result["value"] != pytest.approx(expected_value(fold, 7))


def test_a_model_without_epochs_is_measured_once(recipe: Path, tmp_path: Path) -> None:
    settings, (fold,) = folds_of(recipe, tmp_path, model=ModelSpec(kind="popularity"))
    reports: list[int] = []
    result = run_trial(settings, [fold], {"window": "3d"}, lambda epoch, *_: reports.append(epoch) or True)  # type: ignore[func-returns-value]
    model = gg.Popularity(window="3d").fit(fold.train)
    assert result is not None
    assert result["value"] == pytest.approx(np.mean(compute("map@5", rank_test(model, fold.validation)[0])))
    assert result["epochs"] is None
    assert not reports
