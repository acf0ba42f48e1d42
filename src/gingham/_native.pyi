from collections.abc import Callable, Hashable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

# Arrays cross as they are: C-contiguous, of exactly these types; the kernel writes into those it is handed to fill.
_Floats: TypeAlias = npt.NDArray[np.float32]
_Ints: TypeAlias = npt.NDArray[np.int32]
_Offsets: TypeAlias = npt.NDArray[np.int64]
# (indptr, indices[, data]): sorted columns within a row.
_Pattern: TypeAlias = tuple[_Offsets, _Ints]
_Csr: TypeAlias = tuple[_Offsets, _Ints, _Floats]
# The same with None for weights of one.
_Positives: TypeAlias = tuple[_Offsets, _Ints, _Floats | None]
# (state, features or None where each entity is its own one feature, owner of each row of state, regularization,
# alpha). A row of state is [parameters | gradients | momentum], each `padded_width` long; parameters are [embedding,
# bias, zeros].
_Side: TypeAlias = tuple[_Floats, _Csr | None, npt.NDArray[np.uint8], float, float]
# (user, item, weight or None for ones, target or None): one entry a training pair; only logistic has targets.
_Examples: TypeAlias = tuple[_Ints, _Ints, _Floats | None, _Floats | None]
# (where the examples of each lane begin, and their number; where each block ends); see lanes.hpp.
_Plan: TypeAlias = tuple[_Offsets, _Offsets]
# Called with the number of steps done; what it raises stops the kernel and comes out of the call.
_Progress: TypeAlias = Callable[[int], object]

def best_module() -> str: ...
def padded_width(n_components: int) -> int: ...
def train_epoch(
    *,
    loss: str,
    schedule: str,
    examples: _Examples,
    positives: _Positives,
    pool: _Ints,
    users: _Side,
    items: _Side,
    item_cache: _Floats | None,
    n_components: int,
    n_items: int,
    learning_rate: float,
    rho: float,
    epsilon: float,
    max_sampled: int,
    k: int,
    n: int,
    seed: int,
    plan: _Plan,
    num_threads: int,
    progress: _Progress | None,
) -> float: ...
def represent(*, features: _Csr, state: _Floats, out: _Floats) -> None: ...
def als_solve(
    *,
    pairs: _Positives,
    fixed: _Floats,
    spectrum: _Floats,
    penalty: _Floats,
    centre: _Floats | None,
    out: _Floats,
    block_size: int,
    num_threads: int,
    progress: _Progress | None,
) -> float: ...
def als_descend(
    *,
    pairs: _Positives,
    fixed: _Floats,
    spectrum: _Floats,
    representations: _Floats,
    target: float,
    out: _Floats,
    num_threads: int,
) -> None: ...
def als_gram(*, rows: _Floats, out: npt.NDArray[np.float64], num_threads: int) -> None: ...
def als_rotate(*, rows: _Floats, axes: _Floats, num_threads: int) -> None: ...
def rank_representations(
    *,
    users: _Floats,
    items: _Floats,
    n_components: int,
    seen: _Pattern | None,
    test: _Pattern | None,
    top_items: _Ints | None,
    top_scores: _Floats | None,
    ranks: _Ints | None,
    mid_ranks: npt.NDArray[np.float64] | None,
    ties: _Ints | None,
    num_threads: int,
    progress: _Progress | None,
) -> None: ...
def number_keys(
    *,
    hashes: npt.NDArray[np.uint64],
    others: npt.NDArray[np.uint64],
    table: npt.NDArray[np.uint64],
    known: int,
    numbers: npt.NDArray[np.uint32],
    firsts: _Offsets,
) -> int: ...

# Returns how many bytes were read; `counts` are those of `CsvSlot` in csv_scan.hpp.
def scan_csv(
    *,
    data: npt.NDArray[np.uint8],
    last: bool,
    separator: str,
    quoting: bool,
    header: str,
    counts: _Offsets,
    copied_separator: str,
    out: npt.NDArray[np.uint8] | None,
) -> int: ...

# `out` holds -1 where a key has no number.
def look_up(*, numbers: dict[Hashable, int], keys: list[Hashable], out: _Ints) -> None: ...

# Lists of items, shape (n_users, k), -1 where one has ended; `out` is of that shape.
def mark_repeats(*, items: _Ints, had: _Pattern, n_items: int, out: npt.NDArray[np.bool_]) -> None: ...
def sum_products(*, items: _Ints, features: _Csr, n_features: int, out: npt.NDArray[np.float64]) -> None: ...
def rank_shared(
    *,
    shared: _Floats,
    own: _Csr,
    seen: _Pattern | None,
    test: _Pattern | None,
    top_items: _Ints | None,
    top_scores: _Floats | None,
    ranks: _Ints | None,
    mid_ranks: npt.NDArray[np.float64] | None,
    ties: _Ints | None,
    num_threads: int,
) -> None: ...
def rank_scores(
    *,
    scores: _Floats,
    seen: _Pattern | None,
    test: _Pattern | None,
    top_items: _Ints | None,
    top_scores: _Floats | None,
    ranks: _Ints | None,
    mid_ranks: npt.NDArray[np.float64] | None,
    ties: _Ints | None,
    num_threads: int,
) -> None: ...
