"""What worker processes try parameters on: a folder of arrays, which all of them map into memory and none copies."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from gingham.config import ModelSpec
from gingham.dataset import Dataset, Interactions
from gingham.errors import DataError
from gingham.split import Split

# After each epoch, the metric is that of so many of the validation part's users: enough to see where training goes, few
# enough to cost a twentieth of an epoch.
WATCHED = 500

_SETTINGS = "job.json"
_SHARED = "dataset."
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
            _save_all(folder, f"{folds}.{name}.", part.interactions.arrays())
        watched = _watched(validation.matrix())
        _save_all(folder, f"{folds}.watched.", {part: getattr(watched, part) for part in _PARTS})
    if train is None:
        raise DataError("There is no validation part to measure on; give at least one.")
    # Users, items and their features are the same in all folds.
    state, arrays = train.with_interactions(Interactions([], [], train.n_users, train.n_items)).arrays()
    _save_all(folder, _SHARED, arrays)
    model = settings.model.model_dump(mode="json")
    told = {**asdict(settings), "model": model, "folds": folds, "dataset": state}
    (folder / _SETTINGS).write_text(json.dumps(told), encoding="utf-8")


def read(folder: Path) -> tuple[Settings, list[Fold]]:
    """Map a job's arrays into memory."""
    told = json.loads((folder / _SETTINGS).read_text(encoding="utf-8"))
    folds, shared = told.pop("folds"), Dataset.from_arrays(told.pop("dataset"), _load_all(folder, _SHARED))

    def part(name: str) -> Dataset:
        arrays = _load_all(folder, f"{name}.")
        return shared.with_interactions(Interactions.from_arrays(arrays, shared.n_users, shared.n_items))

    def fold(number: int) -> Fold:
        watched = _matrix(folder, f"{number}.watched")
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


def _matrix(folder: Path, name: str) -> sp.csr_matrix:
    parts = _load_all(folder, f"{name}.")
    return sp.csr_matrix((parts["data"], parts["indices"], parts["indptr"]), shape=tuple(parts["shape"]))


def _save_all(folder: Path, prefix: str, arrays: Mapping[str, Any]) -> None:
    for name, array in arrays.items():
        np.save(folder / f"{prefix}{name}.npy", array)


def _load_all(folder: Path, prefix: str) -> dict[str, Any]:
    """Map the arrays whose names begin with `prefix` into memory."""
    files = (file for file in folder.glob("*.npy") if file.name.startswith(prefix))
    return {file.stem.removeprefix(prefix): np.load(file, mmap_mode="r") for file in files}
