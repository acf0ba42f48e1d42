"""A drop-in replacement for LightFM: replace ``lightfm`` by ``gingham.lightfm`` in imports.

Public names, modules, arguments and attributes are those of LightFM 1.17; training and ranking use Gingham's engine.
"""

from gingham.lightfm import cross_validation, data, datasets, evaluation
from gingham.lightfm.lightfm import LightFM
from gingham.lightfm.version import __version__

__all__ = ["LightFM", "__version__", "cross_validation", "data", "datasets", "evaluation"]
