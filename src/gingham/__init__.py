"""Recommender systems for retail: read a shop's tables, fit models, evaluate them with confidence intervals."""

import lazy_loader as _lazy_loader

# `__init__.pyi` lists the public names. Each is imported when it is first used, so that `import gingham` is quick.
__getattr__, __dir__, __all__ = _lazy_loader.attach_stub(__name__, __file__)

__version__ = "0.1.0"
