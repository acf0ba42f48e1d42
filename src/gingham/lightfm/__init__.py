"""LightFM's public names over Gingham's engine: replace ``lightfm`` by ``gingham.lightfm`` in imports."""

from gingham.lightfm import cross_validation, data, datasets, evaluation
from gingham.lightfm.model import LightFM

__all__ = ["LightFM", "__version__", "cross_validation", "data", "datasets", "evaluation"]

# Whose behaviour this is; programs that look expect LightFM's number, not Gingham's.
__version__ = "1.17"
