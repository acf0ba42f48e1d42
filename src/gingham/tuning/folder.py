"""The folder that a search leaves: its study from the start, all else once there is a result."""

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
    """Where a search is kept.

    Attributes
    ----------
    path : Path
        The folder.
    """

    path: Path

    def require_free(self) -> None:
        """Refuse a folder that holds anything else, before the work for it begins.

        Raises
        ------
        ArtifactError
            If it does, or is no folder.
        """
        store.require_replaceable(self.path, SUMMARY)

    def open(self) -> Path:
        """Make the folder, unless a search has begun there; give the place of its study.

        Raises
        ------
        ArtifactError
            If it holds anything else, or can't be made.
        """
        self.require_free()
        place = store.resolve(self.path)
        if not (place / SUMMARY).exists():
            with store.replace_directory(place, SUMMARY) as folder:
                (folder / SUMMARY).write_text("{}\n", encoding="utf-8")
        return place / STUDY

    def write(
        self,
        summary: dict[str, Any],
        recipe: str | None,
        report: str,
        trials: pl.DataFrame,
        curves: pl.DataFrame,
        model: Recommender,
    ) -> None:
        """Put everything in its place at once.

        Raises
        ------
        ArtifactError
            If it can't be written.
        """
        study = store.resolve(self.path) / STUDY
        with store.replace_directory(self.path, SUMMARY) as folder:
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
