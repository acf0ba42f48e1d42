"""What is read from artifacts is checked: types, shapes, ranges, and that nothing is left over."""

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from gingham.checked import Contents, Values, require, stored_array, stored_csr
from gingham.errors import DataError

MATRIX = sp.csr_matrix(np.array([[0, 1, 2], [0, 0, 0], [3, 0, 4]], np.float32))
PARTS = {f"near.{part}": getattr(MATRIX, part) for part in ("data", "indices", "indptr")}


class Point(Values):
    x: float
    y: int = 0


def test_a_matrix_is_read_as_it_is() -> None:
    assert (stored_csr(PARTS, "near", (3, 3)) != MATRIX).nnz == 0
    empty = sp.csr_matrix((2, 0), dtype=np.float32)
    parts = {f"e.{part}": getattr(empty, part) for part in ("data", "indices", "indptr")}
    assert stored_csr(parts, "e", (2, 0)).shape == (2, 0)


@pytest.mark.parametrize(
    ("part", "values", "words"),
    [
        ("indptr", [0, 2, 2, 5], "does not ascend from 0 to 4"),
        ("indptr", [1, 2, 2, 4], "does not ascend"),
        ("indptr", [0, 3, 2, 4], "does not ascend"),
        ("indptr", [0, -1, 2, 4], "does not ascend"),
        ("indptr", [0, 2, 4], r"has shape \(3,\), not \(4,\)"),
        ("indptr", [], r"has shape \(0,\)"),
        ("indices", [1, 3, 0, 2], "holds 3, and numbers must be at least 0 and at most 2"),
        ("indices", [-1, 2, 0, 2], "holds -1"),
        ("indices", [2, 1, 0, 2], "does not ascend within each row"),
        ("indices", [1, 1, 0, 2], "does not ascend within each row"),
        ("indices", [1, 2, 0], "does not ascend from 0 to 3"),
        ("data", [1, 2, 3], r"has shape \(3,\), not \(4,\)"),
        ("data", [1, np.nan, 3, 4], "not finite"),
        ("data", [1, 2, 3, np.inf], "not finite"),
        ("data", [1, 2, 3, -1], "holds -1.0, and numbers must be at least 0"),
    ],
)
def test_a_wrong_matrix_is_refused(part: str, values: list[float], words: str) -> None:
    changed = PARTS | {f"near.{part}": np.array(values, PARTS[f"near.{part}"].dtype)}
    with pytest.raises(DataError, match=f"the array 'near.*{words}"):
        stored_csr(changed, "near", (3, 3), least=0)


def test_other_types_and_missing_arrays_are_refused() -> None:
    for dtype in (np.float64, np.float16, np.int32, np.uint8, bool):
        with pytest.raises(DataError, match=f"the array 'a' is {np.dtype(dtype)}, not float32"):
            stored_array({"a": np.ones(2, dtype)}, "a", "float32", (2,))
    with pytest.raises(DataError, match="the array 'b' is missing"):
        stored_array({}, "b", "float32", (2,))
    with pytest.raises(DataError, match=r"has shape \(2, 1\), not \(2,\)"):
        stored_array({"a": np.ones((2, 1), np.float32)}, "a", "float32", (2,))


def test_nan_may_be_allowed_and_infinity_is_not() -> None:
    price = np.array([np.nan, 1], np.float32)
    assert stored_array({"price": price}, "price", "float32", (2,), allow_nan=True) is price
    with pytest.raises(DataError, match="not finite"):
        stored_array({"price": np.array([np.nan, np.inf])}, "price", "float64", (2,), allow_nan=True)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "the value x is {}: field required"),
        ({"x": "1"}, "the value x is '1': input should be a valid number"),
        ({"x": True}, "the value x is True"),
        ({"x": float("nan")}, "the value x is nan: input should be a finite number"),
        ({"x": 1.5, "y": 1.0}, "the value y is 1.0"),
        ({"x": 1.5, "z": 0}, "the value z is 0: extra inputs are not permitted"),
        (["x"], "the value"),
        (None, "the value"),
    ],
)
def test_values_of_another_type_are_refused(values: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        Point.of(values)


def test_contents_know_what_was_not_read() -> None:
    contents = Contents("array", {"a": 1, "b.c": 2, "b.d": 3})
    assert dict(contents.within("b")) == {"c": 2, "d": 3}
    with pytest.raises(DataError, match="the array 'a' is not part of such a model"):
        contents.require_all_read()
    assert contents.get("a") == 1
    assert contents.get("e") is None
    contents.require_all_read()
    with pytest.raises(DataError, match="one is not two"):
        require(1 == 2, "one is not two")
