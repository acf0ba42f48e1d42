"""Comparison of models with each other and with simple baselines, on the same train and test parts."""

from gingham.comparison.comparison import Comparison
from gingham.comparison.measured import FitFunction, Measured
from gingham.comparison.side_by_side import BASELINES, baselines, compare

__all__ = ["BASELINES", "Comparison", "FitFunction", "Measured", "baselines", "compare"]
