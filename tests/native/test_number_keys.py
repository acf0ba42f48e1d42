from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gingham import _native

pytestmark = pytest.mark.usefixtures("kernel")


def number(keys: list[tuple[int, int]], table: Any, n_keys: int) -> tuple[int, list[int], list[int]]:
    hashes, others = (np.array([key[part] for key in keys], np.uint64) for part in (0, 1))
    numbers, firsts = np.empty(len(keys), np.uint32), np.full(len(keys), -7)
    total = _native.number_keys(hashes=hashes, others=others, table=table, known=n_keys, numbers=numbers, firsts=firsts)
    return total, numbers.tolist(), firsts[: total - n_keys].tolist()


# Few hashes, some with the same last bits: keys that share one of the two hashes, or a slot, must stay distinct.
KEY = st.tuples(st.sampled_from([0, 1, 63, 64, 2**64 - 1]), st.integers(0, 3))


@given(batches=st.lists(st.lists(KEY, max_size=12), max_size=4))
def test_keys_are_numbered_in_order_of_first_occurrence(batches: list[list[tuple[int, int]]]) -> None:
    table, numbers = np.zeros((64, 3), np.uint64), dict[tuple[int, int], int]()
    for keys in batches:
        before = len(numbers)
        expected = [numbers.setdefault(key, len(numbers)) for key in keys]
        firsts = [expected.index(code) for code in range(before, len(numbers))]
        assert number(keys, table, before) == (len(numbers), expected, firsts)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"others": np.zeros(2, np.uint64)}, "as long as hashes"),
        ({"firsts": np.zeros(4, np.int64)}, "as long as hashes"),
        ({"table": np.zeros((8, 2), np.uint64)}, "three columns"),
        ({"table": np.zeros((6, 3), np.uint64)}, "power of two"),
        ({"table": np.zeros((0, 3), np.uint64)}, "power of two"),
        ({"known": 5}, "too small"),
        ({"known": -1}, "too small"),
    ],
)
def test_invalid_arguments_are_refused(change: dict[str, Any], words: str) -> None:
    valid: dict[str, Any] = {
        "hashes": np.arange(3, dtype=np.uint64),
        "others": np.zeros(3, np.uint64),
        "table": np.zeros((8, 3), np.uint64),
        "known": 0,
        "numbers": np.empty(3, np.uint32),
        "firsts": np.empty(3, np.int64),
    }
    assert _native.number_keys(**valid) == 3
    with pytest.raises(ValueError, match=words):
        _native.number_keys(**{**valid, **change})
