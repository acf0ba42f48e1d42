from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gingham import _native

pytestmark = pytest.mark.usefixtures("kernel")


def number(keys: list[tuple[int, int]], table: Any, known: int) -> tuple[int, list[int], list[int]]:
    hashes, others = (np.array([key[part] for key in keys], np.uint64) for part in (0, 1))
    numbers, firsts = np.empty(len(keys), np.uint32), np.full(len(keys), -7)
    now = _native.number_keys(hashes=hashes, others=others, table=table, known=known, numbers=numbers, firsts=firsts)
    return now, numbers.tolist(), firsts[: now - known].tolist()


# Few hashes, and ones that end alike: keys that share one of the two, or a slot, are still told apart.
KEY = st.tuples(st.sampled_from([0, 1, 63, 64, 2**64 - 1]), st.integers(0, 3))


@given(batches=st.lists(st.lists(KEY, max_size=12), max_size=4))
def test_keys_are_numbered_in_the_order_in_which_they_come(batches: list[list[tuple[int, int]]]) -> None:
    table, known = np.zeros((64, 3), np.uint64), dict[tuple[int, int], int]()
    for keys in batches:
        before = len(known)
        expected = [known.setdefault(key, len(known)) for key in keys]
        firsts = [expected.index(code) for code in range(before, len(known))]
        assert number(keys, table, before) == (len(known), expected, firsts)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"others": np.zeros(2, np.uint64)}, "as long as hashes"),
        ({"firsts": np.zeros(4, np.int64)}, "as long as hashes"),
        ({"table": np.zeros((8, 2), np.uint64)}, "three columns"),
        ({"table": np.zeros((6, 3), np.uint64)}, "power of two"),
        ({"table": np.zeros((0, 3), np.uint64)}, "power of two"),
        ({"known": 5}, "no room"),
        ({"known": -1}, "no room"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], words: str) -> None:
    good: dict[str, Any] = {
        "hashes": np.arange(3, dtype=np.uint64),
        "others": np.zeros(3, np.uint64),
        "table": np.zeros((8, 3), np.uint64),
        "known": 0,
        "numbers": np.empty(3, np.uint32),
        "firsts": np.empty(3, np.int64),
    }
    assert _native.number_keys(**good) == 3
    with pytest.raises(ValueError, match=words):
        _native.number_keys(**{**good, **change})
