"""Call every function of the kernel with each of its arguments replaced by something else; run as a script.

A crash ends the process, so the test that runs this reads its exit code and the last line. Every call either returns or
raises one of `ERRORS`.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from gingham import _native

ERRORS = (TypeError, ValueError, OverflowError)
USERS, ITEMS, SIZE = 4, 6, 3
WIDTH = _native.padded_width(SIZE)
# This is allowed, and takes gigabytes.
EXPENSIVE = {("n_features", 2**31 - 1)}
INTEGERS = (-(2**70), -(2**63), -(2**31), -1, 0, 1, 7, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**70)


def floats(*shape: int) -> Any:
    return np.linspace(0.1, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape)


def rows(n_rows: int, n_columns: int, parts: int = 2) -> tuple[Any, ...]:
    """Return sparse rows of two entries each: (indptr, indices[, data])."""
    indices = np.stack([np.arange(n_rows) % (n_columns - 1), np.full(n_rows, n_columns - 1)], axis=1)
    arrays = (np.arange(n_rows + 1) * 2, indices.ravel().astype(np.int32), floats(2 * n_rows))
    return arrays[:parts]


def ranking() -> dict[str, Any]:
    n_test = 2 * USERS
    return {
        "seen": rows(USERS, ITEMS),
        "test": rows(USERS, ITEMS),
        "top_items": np.zeros((USERS, 2), np.int32),
        "top_scores": floats(USERS, 2),
        "ranks": np.zeros(n_test, np.int32),
        "mid_ranks": np.zeros(n_test),
        "ties": np.zeros(n_test, np.int32),
        "num_threads": 2,
    }


def calls() -> dict[str, dict[str, Any]]:
    """Return valid arguments of every function."""
    state = floats(USERS, 2 * WIDTH), floats(ITEMS, 2 * WIDTH)
    examples = (np.arange(USERS, dtype=np.int32), np.arange(USERS, dtype=np.int32), floats(USERS), floats(USERS))
    regression = {"pairs": rows(USERS, ITEMS, 3), "fixed": floats(ITEMS, WIDTH), "spectrum": floats(SIZE)}
    return {
        "padded_width": {"n_components": SIZE},
        "train_epoch": {
            "loss": "warp",
            "schedule": "adagrad",
            "examples": examples,
            "positives": rows(USERS, ITEMS, 3),
            "pool": np.arange(ITEMS, dtype=np.int32),
            "users": (state[0], None, np.full(USERS, 255, np.uint8), 0.01, 0.02),
            "items": (state[1], rows(ITEMS, ITEMS, 3), np.arange(ITEMS, dtype=np.uint8), 0.03, 0.04),
            "item_cache": floats(ITEMS, WIDTH),
            "n_components": SIZE,
            "n_items": ITEMS,
            "learning_rate": 0.05,
            "rho": 0.9,
            "epsilon": 1e-6,
            "max_sampled": 3,
            "k": 1,
            "n": 2,
            "seed": 1,
            "plan": (np.minimum(np.arange(65), USERS), np.array([1, USERS])),
            "num_threads": 2,
            "progress": None,
        },
        "represent": {"features": rows(USERS, ITEMS, 3), "state": floats(ITEMS, WIDTH), "out": floats(USERS, WIDTH)},
        "rank_representations": {
            "users": floats(USERS, WIDTH),
            "items": floats(ITEMS, WIDTH),
            "n_components": SIZE,
            "progress": None,
            **ranking(),
        },
        "rank_scores": {"scores": floats(USERS, ITEMS), **ranking()},
        "rank_shared": {"shared": floats(ITEMS), "own": rows(USERS, ITEMS, 3), **ranking()},
        "number_keys": {
            "hashes": np.arange(4, dtype=np.uint64),
            "others": np.arange(4, dtype=np.uint64),
            "table": np.zeros((8, 3), np.uint64),
            "known": 0,
            "numbers": np.zeros(4, np.uint32),
            "firsts": np.zeros(4, np.int64),
        },
        "look_up": {"numbers": {"a": 1, "b": 2}, "keys": ["a", "c"], "out": np.zeros(2, np.int32)},
        "mark_repeats": {
            "items": np.zeros((USERS, 2), np.int32),
            "had": rows(USERS, ITEMS),
            "n_items": ITEMS,
            "out": np.zeros((USERS, 2), bool),
        },
        "sum_products": {
            "items": np.zeros((USERS, 2), np.int32),
            "features": rows(ITEMS, 5, 3),
            "n_features": 5,
            "out": np.zeros((USERS, 2)),
        },
        "als_solve": {
            **regression,
            "penalty": floats(USERS),
            "centre": floats(USERS, WIDTH),
            "out": floats(USERS, WIDTH),
            "block_size": 2,
            "num_threads": 2,
            "progress": None,
        },
        "als_descend": {
            **regression,
            "representations": floats(USERS, WIDTH),
            "target": 1.0,
            "out": floats(USERS, WIDTH),
            "num_threads": 2,
        },
        "scan_csv": {
            "data": np.frombuffer(b'a,b\n"x",y"\n', np.uint8),
            "last": True,
            "separator": ",",
            "quoting": True,
            "header": "a,b",
            "counts": np.zeros(21, np.int64),
            "copied_separator": ",",
            "out": np.zeros(64, np.uint8),
        },
        "als_gram": {"rows": floats(ITEMS, WIDTH), "out": np.zeros((SIZE, SIZE)), "num_threads": 2},
        "als_rotate": {"rows": floats(ITEMS, WIDTH), "axes": floats(SIZE, SIZE), "num_threads": 2},
    }


def replacements(value: Any) -> Iterator[Any]:
    """Yield what is put in the place of a value, at any depth of a tuple."""
    yield None
    yield "text"
    yield object()
    if isinstance(value, tuple):
        for place, part in enumerate(value):
            for other in replacements(part):
                yield (*value[:place], other, *value[place + 1 :])
        yield value[:-1]
        yield (*value, None)
    elif isinstance(value, np.ndarray):
        yield from (value[:0], value[:-1], value[:, :1] if value.ndim == 2 else value[::2], value.astype(np.float64))
        yield np.concatenate([value, value])
        yield np.zeros_like(value)
        if value.dtype.kind in "iu":
            yield from (np.full_like(value, np.iinfo(value.dtype).max), np.full_like(value, np.iinfo(value.dtype).min))
            yield value[::-1].copy()
        elif value.dtype.kind == "f":
            yield from (np.full_like(value, number) for number in (np.nan, np.inf, -np.inf, 3e38))
    elif isinstance(value, int | float):
        yield from INTEGERS
        yield from (1.5, float("nan"), float("inf"), True)
    elif isinstance(value, dict):
        yield from ({}, {"a": 2**31}, {"a": -(2**70)}, {"a": "x"}, {"a": 1.5})
    elif isinstance(value, list):
        yield from ([], [[]], ["a"] * 3, [{}, "a"])


def main() -> None:
    counts = {"returned": 0, "refused": 0}
    losses: list[dict[str, Any]] = [{"loss": loss} for loss in ("warp-kos", "bpr", "logistic")]
    for name, changes in [*((name, {}) for name in calls()), *(("train_epoch", change) for change in losses)]:
        function = getattr(_native, name)
        function(**calls()[name] | changes)
        for argument, value in calls()[name].items():
            for other in replacements(value):
                if type(other) is int and (argument, other) in EXPENSIVE:
                    continue
                try:
                    function(**calls()[name] | changes | {argument: other})
                except ERRORS:
                    counts["refused"] += 1
                else:
                    counts["returned"] += 1
    print("returned", counts["returned"], "refused", counts["refused"])


if __name__ == "__main__":
    main()
