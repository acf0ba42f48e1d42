"""The job of worker processes: settings and data in a folder, whose arrays all workers map into memory."""

import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gingham import store
from gingham.arrays import positive_entries
from gingham.config import ModelSpec
from gingham.dataset import Dataset, Interactions
from gingham.errors import ArtifactError, DataError
from gingham.split import Split, SplitSpec

# After each epoch the metric is computed for at most this number of validation users. They are enough to see the
# learning curve, and cost a twentieth of an epoch.
MONITORED_USERS = 500

_SETTINGS = "job.json"
_CSR = ("data", "indices", "indptr")


@dataclass(frozen=True)
class Settings:
    """How trials are fitted and measured.

    Attributes
    ----------
    model : ModelSpec
        The model, with the parameters that all trials share.
    metric : str
        The metric to maximise.
    filter_seen : bool
        Whether items of the train part are left out of the ranking.
    patience : int
        The number of epochs without improvement after which a trial ends; 0 for never.
    num_threads : int
        The number of threads of a trial.
    validation : SplitSpec
        How early stopping of a candidate model splits off validation data where the recipe does not say so; by default
        the last 7 days.
    modules : list of str
        Modules outside Gingham that define the model's classes; workers import them. None by default.
    """

    model: ModelSpec
    metric: str
    filter_seen: bool
    patience: int
    num_threads: int
    validation: SplitSpec = field(default_factory=SplitSpec)
    modules: list[str] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Fold:
    """The data that one model is fitted to and measured on.

    Attributes
    ----------
    train, validation : Dataset
        The two parts.
    monitored : csr_matrix, shape (n_users, n_items)
        The rows of `validation` that are used after each epoch.
    """

    train: Dataset
    validation: Dataset
    monitored: sp.csr_matrix


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a new folder in the system's folder for temporary files; folders of killed searches are removed.

    Raises
    ------
    ArtifactError
        If the folder can't be created.
    """
    with ExitStack() as stack:
        with _require_space():
            folder = stack.enter_context(store.temporary_folder(Path(tempfile.gettempdir()), "gingham-tune-"))
        yield folder


@contextmanager
def _require_space() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ArtifactError(
            f"Temporary files cannot be written: {store.reason(error)}; set TMPDIR to a folder with enough space."
        ) from error


def write_job(folder: Path, settings: Settings, splits: Iterable[Split[Dataset]]) -> None:
    """Write a job into a folder.

    Raises
    ------
    DataError
        If there are no splits.
    ArtifactError
        If the folder can't be written.
    """
    with _require_space():
        _write_job(folder, settings, splits)


def _write_job(folder: Path, settings: Settings, splits: Iterable[Split[Dataset]]) -> None:
    n_folds, state = 0, None
    for n_folds, (train, validation) in enumerate(splits, start=1):
        # Users, items and their features are the same in all parts, so they are stored once.
        if state is None:
            state, arrays = train.arrays()
        else:
            arrays = train.interactions.arrays()
        monitored = _monitored(positive_entries(validation.matrix()))
        _save(folder / f"{n_folds}.train", arrays)
        _save(folder / f"{n_folds}.validation", validation.interactions.arrays())
        _save(folder / f"{n_folds}.monitored", {name: getattr(monitored, name) for name in _CSR})
    if state is None:
        raise DataError("The search has no validation part; use at least one fold.")
    content = {
        **asdict(settings),
        "model": settings.model.model_dump(mode="json"),
        "validation": settings.validation.model_dump(mode="json"),
        "sys_path": sys.path,
        "n_folds": n_folds,
        "dataset": state,
    }
    (folder / _SETTINGS).write_text(json.dumps(content), encoding="utf-8")


def read_job(folder: Path) -> tuple[Settings, list[Fold]]:
    """Read a job; its arrays are mapped into memory.

    Returns
    -------
    settings : Settings
    folds : list of Fold
    """
    import_model_modules(folder)
    content = _content(folder)
    state, n_folds, _ = content.pop("dataset"), content.pop("n_folds"), content.pop("sys_path")
    base = Dataset.from_arrays(state, _load(folder / "1.train"))

    def part(name: str) -> Dataset:
        return base.with_interactions(Interactions.from_arrays(_load(folder / name), base.n_users, base.n_items))

    def monitored(name: str) -> sp.csr_matrix:
        arrays = _load(folder / name)
        return sp.csr_matrix(tuple(arrays[part] for part in _CSR), shape=(base.n_users, base.n_items))

    folds = [
        Fold(
            base if number == 1 else part(f"{number}.train"),
            part(f"{number}.validation"),
            monitored(f"{number}.monitored"),
        )
        for number in range(1, n_folds + 1)
    ]
    specs = {
        "model": ModelSpec.model_validate(content["model"]),
        "validation": SplitSpec.model_validate(content["validation"]),
    }
    return Settings(**{**content, **specs}), folds


def import_model_modules(folder: Path) -> None:
    """Import the modules that define the job's model, found as in the process that wrote the job."""
    content = _content(folder)
    sys.path[:] = content["sys_path"]
    for module in content["modules"]:
        import_module(module)


def _content(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / _SETTINGS).read_text(encoding="utf-8")))


def _monitored(validation: sp.csr_matrix) -> sp.csr_matrix:
    """Return a matrix with the rows of at most `MONITORED_USERS` users, the same ones for the same data."""
    users = np.flatnonzero(np.diff(validation.indptr))
    selected = np.zeros(validation.shape[0], bool)
    selected[np.random.default_rng(0).permutation(users)[:MONITORED_USERS]] = True
    entries = validation.tocoo()
    rows = selected[entries.row]
    return sp.csr_matrix((entries.data[rows], (entries.row[rows], entries.col[rows])), shape=validation.shape)


def _save(folder: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    folder.mkdir()
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)


def _load(folder: Path) -> dict[str, npt.NDArray[Any]]:
    return {file.stem: np.load(file, mmap_mode="r") for file in sorted(folder.glob("*.npy"))}
