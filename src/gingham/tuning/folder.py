"""The folder of a search: its study from the start, the other files once there is a result."""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from gingham import store
from gingham.errors import ArtifactError
from gingham.models import Recommender

SUMMARY = "tuning.json"
STUDY = "study.db"
BEST = "best.toml"
REPORT = "report.html"
TRIALS = "trials.parquet"
CURVES = "curves.parquet"
MODEL = "model"


@dataclass(frozen=True)
class Folder:
    """The folder of a search.

    Attributes
    ----------
    path : Path
        The folder's path.
    """

    path: Path

    def check_replaceable(self) -> None:
        """Check that the folder does not exist, is empty, or is the folder of a search that has ended.

        Raises
        ------
        ArtifactError
            If it contains other files, is not a folder, or another search writes to it.
        """
        store.require_replaceable(self.path, SUMMARY)
        _close(self._lock())

    @contextmanager
    def open_study(self) -> Iterator[Path]:
        """Create the folder if there is none, and yield the path of its study; no other search can open it meanwhile.

        Raises
        ------
        ArtifactError
            If it contains other files, can't be created, or another search writes to it.
        """
        self.check_replaceable()
        try:
            _restore(self.path)
            self.path.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:
            raise self._not_written(error) from error
        handle = self._lock()
        try:
            self._mark()
            yield self.path / STUDY
        finally:
            _close(handle)

    def _lock(self) -> int | None:
        """Lock the folder; return None if there is none, or no locks in its file system."""
        try:
            return store.lock(store.resolve(self.path))
        except BlockingIOError:
            raise ArtifactError(
                f"Another search is writing to {self.path}; wait until it has ended, or choose another folder."
            ) from None
        except (OSError, ValueError):  # ValueError: an invalid path
            return None

    def _mark(self) -> None:
        """Create the file by which the folder of a search is recognised."""
        try:
            with suppress(FileExistsError), (self.path / SUMMARY).open("x", encoding="utf-8") as file:
                file.write("{}\n")
        except OSError as error:
            raise self._not_written(error) from error

    def _not_written(self, error: Exception) -> ArtifactError:
        return ArtifactError(f"{self.path} cannot be written: {store.reason(error)}; choose another path.")

    def write(
        self,
        summary: dict[str, Any],
        recipe: str | None,
        report: str,
        trials: pl.DataFrame,
        curves: pl.DataFrame,
        model: Recommender,
    ) -> None:
        """Write all files at once, and keep the study.

        Raises
        ------
        ArtifactError
            If the folder can't be written.
        """
        study = self.path / STUDY
        with store.replace_directory(self.path, SUMMARY, _own_files) as folder:
            if study.exists():
                with closing(sqlite3.connect(study)) as old, closing(sqlite3.connect(folder / STUDY)) as new:
                    old.backup(new)
            (folder / SUMMARY).write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
            if recipe is not None:
                (folder / BEST).write_text(recipe, encoding="utf-8")
            (folder / REPORT).write_text(report, encoding="utf-8")
            trials.write_parquet(folder / TRIALS)
            curves.write_parquet(folder / CURVES)
            (folder / MODEL).mkdir()
            store.write_into(folder / MODEL, model.artifact())


def _restore(path: Path) -> None:
    """Restore the name of a folder if a process was killed while it replaced the folder."""
    current = store.resolve(path)
    if current != path:
        current.rename(path)


def _close(handle: int | None) -> None:
    if handle is not None:
        os.close(handle)


def _own_files(folder: Path) -> set[str]:
    """Return the names of the files of a search; other files in its folder belong to the user."""
    model = {f"{MODEL}/{name}" for name in store.own_files(folder / MODEL)}
    databases = {STUDY, f"{STUDY}-journal", f"{STUDY}-wal", f"{STUDY}-shm"}
    return {SUMMARY, BEST, REPORT, TRIALS, CURVES, *databases, *model}
