"""What worker processes try parameters on: a folder of arrays, which all of them map into memory and none copies."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp

from gingham.config import ModelSpec
from gingham.dataset import Dataset, Features, Ids, Interactions
from gingham.errors import DataError
from gingham.split import Split

# After each epoch, the metric is that of so many of the validation part's users: enough to see where training goes, few
# enough to cost a twentieth of an epoch.
WATCHED = 500

_SETTINGS = "job.json"
_COLUMNS = ("user_index", "item_index", "value", "timestamp", "price")
_PARTS = ("indptr", "indices", "data", "shape")


@dataclass(frozen=True)
class Settings:
    """How trials are made and measured.

    Attributes
    ----------
    model : ModelSpec
        What holds for every trial.
    metric : str
        What is maximised.
    filter_seen : bool
        Whether items that a user has in the train part are no candidates.
    patience : int
        After how many epochs without improvement a trial ends; 0 for never.
    num_threads : int
        How many threads a trial uses.
    """

    model: ModelSpec
    metric: str
    filter_seen: bool
    patience: int
    num_threads: int


@dataclass(frozen=True, eq=False)
class Fold:
    """What one model is fitted to and measured on.

    Attributes
    ----------
    train, validation : Dataset
        The two parts.
    watched : csr_matrix, shape (n_users, n_items)
        The rows of `validation` that are measured after each epoch.
    """

    train: Dataset
    validation: Dataset
    watched: sp.csr_matrix


def write(folder: Path, settings: Settings, splits: Iterable[Split[Dataset]]) -> None:
    """Fill a folder that `read` understands.

    Raises
    ------
    DataError
        If there is nothing to measure on.
    """
    folds, train = 0, None
    for folds, (train, validation) in enumerate(splits, start=1):
        for name, part in (("train", train), ("validation", validation)):
            for column in _COLUMNS:
                _save(folder, f"{folds}.{name}.{column}", getattr(part.interactions, column))
        _save_matrix(folder, f"{folds}.watched", _watched(validation.matrix()))
    if train is None:
        raise DataError("There is no validation part to measure on; give at least one.")
    # Users, items and their features are the same in all folds.
    names: dict[str, tuple[str, ...]] = {}
    for side, features in (("users", train.user_features), ("items", train.item_features)):
        if features is not None:
            _save_matrix(folder, side, features.matrix)
            names[side] = features.names
    shape = train.n_users, train.n_items
    model = settings.model.model_dump(mode="json")
    told = {**asdict(settings), "model": model, "folds": folds, "shape": shape, "names": names}
    (folder / _SETTINGS).write_text(json.dumps(told), encoding="utf-8")


def read(folder: Path) -> tuple[Settings, list[Fold]]:
    """Map a job's arrays into memory."""
    told = json.loads((folder / _SETTINGS).read_text(encoding="utf-8"))
    folds, (n_users, n_items), names = told.pop("folds"), told.pop("shape"), told.pop("names")
    of_users, of_items = (_features(folder, side, names) for side in ("users", "items"))
    users, items = (Ids(pl.Series(np.arange(size))) for size in (n_users, n_items))

    def part(name: str) -> Dataset:
        columns = {column: _load(folder, f"{name}.{column}") for column in _COLUMNS}
        return Dataset(users, items, Interactions(n_users=n_users, n_items=n_items, **columns), of_users, of_items)

    def fold(number: int) -> Fold:
        watched = _matrix(folder, f"{number}.watched")
        assert watched is not None
        return Fold(part(f"{number}.train"), part(f"{number}.validation"), watched)

    settings = Settings(**{**told, "model": ModelSpec.model_validate(told["model"])})
    return settings, [fold(number) for number in range(1, folds + 1)]


def _watched(validation: sp.csr_matrix) -> sp.csr_matrix:
    """Keep the rows of some users, always the same ones."""
    users = np.flatnonzero(np.diff(validation.indptr))
    chosen = np.random.default_rng(0).permutation(users)[:WATCHED]
    kept = np.zeros(validation.shape[0], bool)
    kept[chosen] = True
    entries = validation.tocoo()
    rows = kept[entries.row]
    return sp.csr_matrix((entries.data[rows], (entries.row[rows], entries.col[rows])), shape=validation.shape)


def _matrix(folder: Path, name: str) -> sp.csr_matrix | None:
    indptr, indices, data, shape = (_load(folder, f"{name}.{part}") for part in _PARTS)
    return None if indptr is None else sp.csr_matrix((data, indices, indptr), shape=tuple(shape))


def _features(folder: Path, side: str, names: Mapping[str, Sequence[str]]) -> Features | None:
    matrix = _matrix(folder, side)
    return None if matrix is None else Features(matrix, tuple(names[side]))


def _save_matrix(folder: Path, name: str, matrix: sp.csr_matrix) -> None:
    for part in _PARTS:
        _save(folder, f"{name}.{part}", getattr(matrix, part))


def _save(folder: Path, name: str, array: Any) -> None:
    if array is not None:
        np.save(folder / f"{name}.npy", array)


def _load(folder: Path, name: str) -> Any:
    file = folder / f"{name}.npy"
    return np.load(file, mmap_mode="r") if file.exists() else None
