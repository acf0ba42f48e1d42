import numpy as np
import pytest
import scipy.sparse as sp

import gingham as gg
from gingham.arrays import canonical, pattern
from gingham.errors import DataError


def test_pattern_returns_some_rows() -> None:
    matrix = sp.csr_matrix(np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 1, 1]]))
    for copy in (
        matrix,
        sp.csr_matrix((matrix.data, matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64))),
    ):
        for start, stop, rows in ((0, None, matrix), (2, 4, matrix[2:4]), (1, 2, matrix[1:2]), (3, 3, matrix[3:3])):
            indptr, indices = pattern(copy, start, stop)
            assert (indptr.dtype, indices.dtype) == (np.int64, np.int32)
            assert indptr.tolist() == rows.indptr.tolist()
            assert indices.tolist() == rows.indices.tolist()


# Matrices that are not valid ------------------------------------------------------------------------------------------


def broken(form: str, part: str, value: int) -> sp.spmatrix:
    matrix = sp.random(9, 7, 0.4, "csr", np.float32, np.random.default_rng(0)).asformat(form)
    if form == "lil":
        matrix.rows[2], matrix.data[2] = [1, value], [1.0, 2.0]
    else:
        getattr(matrix, part)[1] = value
    return matrix


@pytest.mark.parametrize(
    ("form", "part"),
    [(form, part) for form in ("csr", "csc", "bsr") for part in ("indices", "indptr")]
    + [("coo", "row"), ("coo", "col"), ("lil", "rows")],
)
@pytest.mark.parametrize("value", [-1, 10**6])
def test_indices_that_are_out_of_range_are_refused(form: str, part: str, value: int) -> None:
    matrix = broken(form, part, value)
    with pytest.raises(DataError, match=r"interactions is not a valid \w+ matrix: .*; build it anew\."):
        canonical(matrix, "interactions")
    with pytest.raises(DataError, match="interactions is not a valid"):
        gg.ItemKNN(3).fit(matrix)
    with pytest.raises(DataError, match="matrix is not a valid"):
        gg.Features(matrix)
    with pytest.raises(DataError, match="data is not a valid"):
        gg.split.random(matrix, test=0.5, random_state=1)


def test_a_matrix_whose_indices_were_changed_is_sorted_again() -> None:
    matrix = sp.csr_matrix(np.array([[1, 2, 0], [0, 0, 3]], np.float32))
    assert matrix.has_canonical_format  # SciPy remembers it
    matrix.indices[:2] = [1, 0]
    assert canonical(matrix, "x").toarray().tolist() == [[2, 1, 0], [0, 0, 3]]


def test_arrays_that_are_longer_than_needed_stay_as_they_are() -> None:
    matrix = sp.csr_matrix(np.eye(3, dtype=np.float32))
    matrix.indices, matrix.data = np.append(matrix.indices, 99).astype(np.int32), np.append(matrix.data, 5)
    assert canonical(matrix, "x").toarray().tolist() == np.eye(3).tolist()
    assert len(matrix.indices) == 4


@pytest.mark.parametrize("shape", [(3, 2**31), (2**31, 3), (2**40, 2**40)])
def test_more_columns_than_the_kernel_can_number_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(DataError, match="use at most 2,147,483,647 rows and columns"):
        canonical(sp.coo_matrix(shape, dtype=np.float32), "x")


def test_read_only_arrays_and_long_indices_are_allowed() -> None:
    matrix = sp.csr_matrix(np.eye(3, dtype=np.float32))
    matrix.indices, matrix.indptr = matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64)
    for part in (matrix.data, matrix.indices, matrix.indptr):
        part.flags.writeable = False
    assert gg.Popularity().fit(matrix).recommend([0], k=1)["item_id"].to_list() == [0]
    with pytest.raises(DataError, match="complex128; pass real numbers"):
        canonical(matrix.astype(complex), "x")


@pytest.mark.parametrize(("name", "remedy"), [("test", "matrix or a Dataset, such as"), ("item_features", r"matrix\.")])
def test_a_message_proposes_what_the_argument_takes(name: str, remedy: str) -> None:
    with pytest.raises(DataError, match=f"{name} is a list; pass a SciPy sparse {remedy}"):
        canonical([[1, 0]], name)
