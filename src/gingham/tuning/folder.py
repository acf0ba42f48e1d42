"""The folder of a search: its study from the start, the other files once there is a result."""

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from gingham import store
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
        """Check that the folder does not exist, is empty, or is the folder of a search.

        Raises
        ------
        ArtifactError
            If it contains other files, or is not a folder.
        """
        store.require_replaceable(self.path, SUMMARY)

    def create_study(self) -> Path:
        """Create the folder if there is none, and return the path of its study.

        Raises
        ------
        ArtifactError
            If it contains other files, or can't be created.
        """
        self.check_replaceable()
        path = store.resolve(self.path)
        if not (path / SUMMARY).exists():
            with store.replace_directory(path, SUMMARY, _own_files) as folder:
                (folder / SUMMARY).write_text("{}\n", encoding="utf-8")
        return path / STUDY

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
        study = store.resolve(self.path) / STUDY
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


def _own_files(folder: Path) -> set[str]:
    """Return the names of the files of a search; other files in its folder belong to the user."""
    model = {f"{MODEL}/{name}" for name in store.own_files(folder / MODEL)}
    databases = {STUDY, f"{STUDY}-journal", f"{STUDY}-wal", f"{STUDY}-shm"}
    return {SUMMARY, BEST, REPORT, TRIALS, CURVES, *databases, *model}
