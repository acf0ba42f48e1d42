"""Models side by side: the same train and test, the simple baselines beside them, and a plain verdict."""

from gingham.comparison.comparison import Comparison
from gingham.comparison.measured import Fitted, Fitting, Measured
from gingham.comparison.side_by_side import BASELINES, baselines, compare

__all__ = ["BASELINES", "Comparison", "Fitted", "Fitting", "Measured", "baselines", "compare"]
