"""The files of a version, which are also those of a run's folder that was written without versions."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from gingham import store

RECOMMENDATIONS = "recommendations.parquet"
METRICS = "metrics.json"
STEPS = "steps.json"
RECIPE = "recipe.toml"
# The columns of the items table that the recipe's rules use.
RULES = "rules.parquet"
SELECTION = "selection.html"
MODEL = "model"
# The model that was evaluated, if that of `MODEL` was fitted to the test part, too.
TRAIN_MODEL = "train-model"
VERSION = "version.json"
MARKER = f"{MODEL}/{store.MANIFEST}"


def own_files(folder: Path) -> set[str]:
    """Return the names of the files of a run; other files in its folder belong to the user."""
    model = {f"{MODEL}/{name}" for name in store.own_files(folder / MODEL)}
    return {RECOMMENDATIONS, METRICS, STEPS, RECIPE, RULES, SELECTION, *model}


def write_json(file: Path, content: Any) -> None:
    """Write JSON values to a file."""
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def link(source: Path, target: Path) -> None:
    """Link a file to another place, or copy it where the file system has no links; nothing if it is missing."""
    if not source.is_file():
        return
    target.parent.mkdir(exist_ok=True)
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target)
