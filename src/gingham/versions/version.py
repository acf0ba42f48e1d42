"""One version of a run's folder, and what is stored about it."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

import polars as pl
from pydantic import NonNegativeInt

from gingham import store
from gingham.checked import Values
from gingham.errors import ArtifactError, DataError
from gingham.versions.files import MARKER, METRICS, MODEL, VERSION, write_json

Origin: TypeAlias = Literal["run", "update", "forget"]


class _Stored(Values):
    """What the file `VERSION` holds."""

    origin: Origin
    model: str
    metric: str | None
    mean: float | None
    low: float | None
    high: float | None
    users: NonNegativeInt
    items: NonNegativeInt
    passed: bool | None
    sentences: list[str]


@dataclass(frozen=True)
class Version:
    """A version of a run's folder.

    Attributes
    ----------
    name : str
        Its name, a time in UTC; versions of one folder are in the order of their names.
    folder : Path
        The folder with its model, recommendations, metrics, steps and recipe.
    created : datetime
        The time in its name.
    is_current : bool
        Whether it is the version that `gingham recommend` and `gingham.load` read.
    origin : {"run", "update", "forget"}
        What wrote it.
    model : str
        The name of the model.
    metric : str or None
        The main metric of the recipe; None if the run did not store it.
    mean, low, high : float or None
        The metric on the test part, and its 95% interval. An updated version has those of the run that it comes from.
    users, items : int
        The numbers of users and items of the model.
    passed : bool or None
        Whether it passed the gate of its recipe; None without a gate.
    sentences : tuple of str
        What the gate found, one sentence for each check.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from pathlib import Path
    >>> import gingham as gg
    >>> version = gg.versions.Version(
    ...     "2024-05-01T06-00-00Z", Path("run"), datetime(2024, 5, 1, 6, tzinfo=UTC), True, "run", "als", "map@12",
    ...     0.031, 0.029, 0.033, 2469, 4997, None, (),
    ... )
    >>> version.status
    'current'
    """

    name: str
    folder: Path
    created: datetime
    is_current: bool
    origin: Origin
    model: str
    metric: str | None
    mean: float | None
    low: float | None
    high: float | None
    users: int
    items: int
    passed: bool | None
    sentences: tuple[str, ...]

    @property
    def status(self) -> str:
        """What the version is: "current", "refused" by the gate, or neither ("")."""
        return "current" if self.is_current else "refused" if self.passed is False else ""

    def to_dict(self) -> dict[str, Any]:
        """Return the version as JSON values."""
        values = {name: value for name, value in vars(self).items() if name not in ("folder", "created", "sentences")}
        return {
            **values,
            "created": self.created.isoformat(),
            "folder": str(self.folder),
            "sentences": list(self.sentences),
        }


def describe(
    folder: Path, origin: Origin = "run", passed: bool | None = None, sentences: Sequence[str] = ()
) -> dict[str, Any]:
    """Return what is stored about a version, from its files and its gate."""
    sizes = {
        name: pl.scan_parquet(folder / MODEL / f"{name}.parquet", glob=False).select(pl.len()).collect().item()
        for name in ("users", "items")
    }
    return {"origin": origin, **_figures(folder), **sizes, "passed": passed, "sentences": list(sentences)}


def write_description(folder: Path, description: dict[str, Any]) -> None:
    """Write what is stored about a version into its folder."""
    write_json(folder / VERSION, description)


def read_version(folder: Path, name: str, is_current: bool) -> Version:
    """Read what is stored about a version; a run that was stored without versions has only its other files.

    Raises
    ------
    ArtifactError
        If it is not a version, or its description is damaged.
    """
    try:
        file = folder / VERSION
        text = file.read_text(encoding="utf-8") if file.is_file() else json.dumps(describe(folder))
        stored = _Stored.of(json.loads(text)).model_dump()
    except (OSError, ValueError, RecursionError, DataError, pl.exceptions.PolarsError) as error:
        raise ArtifactError(
            f"The version {folder} cannot be read: {str(error).rstrip('.')}; remove its folder, or restore it."
        ) from error
    return Version(name, folder, store.time_of(name), is_current, **{**stored, "sentences": tuple(stored["sentences"])})


def time_of_files(folder: Path) -> datetime:
    """Return when the model in a folder was stored, in UTC, to the second."""
    return datetime.fromtimestamp((folder / MARKER).stat().st_mtime, UTC).replace(microsecond=0)


def _figures(folder: Path) -> dict[str, Any]:
    """Return the model's name, and the main metric with its interval, as the run stored them."""
    figures = {"model": store.kind(folder / MODEL), "metric": None, "mean": None, "low": None, "high": None}
    with suppress(OSError, ValueError, LookupError, TypeError, AttributeError, StopIteration, RecursionError):
        metrics = json.loads((folder / METRICS).read_text(encoding="utf-8"))
        metric, name = metrics["metric"], next(iter(metrics["models"]))
        row = metrics["models"][name]["metrics"][metric]
        figures = {"model": name, "metric": metric, "mean": row["mean"], "low": row["low"], "high": row["high"]}
    return figures
