"""Gingham: a retailer's three tables in, recommendations worth showing out, honest figures on how good they are."""

from importlib.metadata import version

from gingham import errors, metrics, split
from gingham.comparison import Comparison, Fitted, compare
from gingham.config import Recipe
from gingham.dataset import Dataset, FeatureEncoder, Features, Ids, Interactions
from gingham.errors import GinghamError
from gingham.evaluation.evaluation import Evaluation, evaluate
from gingham.models import (
    ALS,
    EASE,
    BuyAgain,
    EarlyStopping,
    GraphFilter,
    HybridMF,
    ItemKNN,
    NextBasket,
    Popularity,
    load,
)
from gingham.pipeline import read_dataset, read_tables, run
from gingham.profiling import Profile, profile
from gingham.ranking import LightGBMRanker, Source, TwoStage
from gingham.tables import CleanSpec, FeatureSpec, Finding, Tables, check, clean
from gingham.tuning import Tuning, tune

__all__ = [
    "ALS",
    "EASE",
    "BuyAgain",
    "CleanSpec",
    "Comparison",
    "Dataset",
    "EarlyStopping",
    "Evaluation",
    "FeatureEncoder",
    "FeatureSpec",
    "Features",
    "Finding",
    "Fitted",
    "GinghamError",
    "GraphFilter",
    "HybridMF",
    "Ids",
    "Interactions",
    "ItemKNN",
    "LightGBMRanker",
    "NextBasket",
    "Popularity",
    "Profile",
    "Recipe",
    "Source",
    "Tables",
    "Tuning",
    "TwoStage",
    "check",
    "clean",
    "compare",
    "errors",
    "evaluate",
    "load",
    "metrics",
    "profile",
    "read_dataset",
    "read_tables",
    "run",
    "split",
    "tune",
]

__version__ = version("gingham")
