from collections.abc import Iterator
from importlib import import_module

import pytest

from gingham import _native

# Instruction sets in ascending order; a machine runs its best and all below.
_X86 = ("v2", "v3", "v4")
_BEST = _native.best_module()
_FUNCTIONS = (
    "train_epoch",
    "represent",
    "rank_representations",
    "number_keys",
    "rank_shared",
    "rank_scores",
    "mark_repeats",
    "sum_products",
    "als_solve",
    "als_descend",
    "als_gram",
    "als_rotate",
)
RUNNABLE = _X86[: _X86.index(_BEST) + 1] if _BEST in _X86 else (_BEST,)


@pytest.fixture(params=RUNNABLE, scope="module")
def kernel(request: pytest.FixtureRequest) -> Iterator[str]:
    """Replace the kernel by each of the modules that this machine can run: they differ in tiles and rounding."""
    module = import_module(f"gingham._native_{request.param}")
    with pytest.MonkeyPatch.context() as patch:
        for name in _FUNCTIONS:
            patch.setattr(_native, name, getattr(module, name))
        yield request.param
