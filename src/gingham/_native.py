"""The native kernel, compiled for the best instruction set that this machine supports."""

from importlib import import_module
from types import ModuleType

_BASELINES = ("_native_v2", "_native_base")


def _load() -> ModuleType:
    for baseline in _BASELINES:
        try:
            module = import_module(f"gingham.{baseline}")
        except ModuleNotFoundError:
            continue
        return import_module(f"gingham._native_{module.best_module()}")
    raise ImportError(f"The native kernel ({' or '.join(_BASELINES)}) is not installed; reinstall gingham.")


_module = _load()

best_module = _module.best_module
padded_width = _module.padded_width
train_epoch = _module.train_epoch
represent = _module.represent
als_solve = _module.als_solve
als_descend = _module.als_descend
als_gram = _module.als_gram
als_rotate = _module.als_rotate
rank_representations = _module.rank_representations
number_keys = _module.number_keys
scan_csv = _module.scan_csv
look_up = _module.look_up
rank_shared = _module.rank_shared
rank_scores = _module.rank_scores
mark_repeats = _module.mark_repeats
sum_products = _module.sum_products
