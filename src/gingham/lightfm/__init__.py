"""A drop-in replacement for LightFM: replace ``lightfm`` by ``gingham.lightfm`` in imports.

The public names, arguments and attributes are those of LightFM 1.17; training and ranking use Gingham's engine.
"""

from gingham.lightfm import cross_validation, data, datasets, evaluation
from gingham.lightfm.model import LightFM

__all__ = ["LightFM", "__version__", "cross_validation", "data", "datasets", "evaluation"]

# The version of LightFM whose behaviour this package follows; programs that check it expect LightFM's version.
__version__ = "1.17"
