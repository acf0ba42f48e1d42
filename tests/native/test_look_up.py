from collections.abc import Hashable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gingham import _native

KEYS = st.one_of(st.text(max_size=3), st.integers(-5, 5), st.tuples(st.integers(0, 3), st.text(max_size=1)))


@given(st.lists(KEYS, max_size=200), st.lists(KEYS, max_size=200))
def test_look_up_equals_dict_get(entries: list[Hashable], keys: list[Hashable]) -> None:
    numbers = {key: 7 * number for number, key in enumerate(entries)}
    out = np.empty(len(keys), np.int32)
    _native.look_up(numbers=numbers, keys=keys, out=out)
    assert out.tolist() == [numbers.get(key, -1) for key in keys]


def test_unhashable_keys_raise_type_error() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        _native.look_up(numbers={}, keys=[[1]], out=np.empty(1, np.int32))


def test_out_must_be_as_long_as_keys() -> None:
    with pytest.raises(ValueError, match="out must be as long as keys"):
        _native.look_up(numbers={}, keys=["a"], out=np.empty(2, np.int32))
