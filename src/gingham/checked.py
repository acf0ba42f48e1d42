"""Stored values, checked as they are read, because an artifact may be damaged or crafted to do harm.

Everything here raises a `DataError` that names the value and what is wrong with it. Loading turns it into an
`ArtifactError` with the path.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Self, TypeVar

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from pydantic import BaseModel, ConfigDict, ValidationError

from gingham.errors import DataError

T = TypeVar("T")

# SciPy chooses one of these for the indices of a matrix.
INDEX_TYPES = ("int32", "int64")
# Microseconds since 1970 of the years 1 and 9999, between which Python has dates.
TIMES = (-62_135_596_800_000_000, 253_402_300_799_999_999)

# Sums of products of numbers up to this one are finite in float32. Models refuse larger interactions, so none of their
# counts, weights and similarities is larger, and no total of an item over all users is larger than the other.
LARGEST = 1e15
LARGEST_TOTAL = LARGEST * 2**31


class Contents(Mapping[str, T]):
    """The stored values of one sort by name, which know those that were read.

    Parameters
    ----------
    what : str
        The sort, for messages: "array", for example.
    values : mapping of str to value
        The values.

    Examples
    --------
    >>> arrays = Contents("array", {"sales": 1, "models.0.sales": 2})
    >>> arrays["sales"], arrays.within("models.0")["sales"]
    (1, 2)
    >>> arrays.require_all_read()
    """

    def __init__(self, what: str, values: Mapping[str, T]) -> None:
        self._what, self._values = what, values
        self._prefix, self._read = "", set[str]()

    def __getitem__(self, name: str) -> T:
        value = self._values[self._prefix + name]
        self._read.add(self._prefix + name)
        return value

    def __iter__(self) -> Iterator[str]:
        return (name.removeprefix(self._prefix) for name in self._values if name.startswith(self._prefix))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def within(self, prefix: str) -> "Contents[T]":
        """Return the values whose names start with a prefix and a dot, by the rest of their names."""
        part = Contents(self._what, self._values)
        part._prefix, part._read = f"{self._prefix}{prefix}.", self._read
        return part

    def require_all_read(self) -> None:
        """Check that every value was read.

        Raises
        ------
        DataError
            If one was not, so that it is not clear what it is for.
        """
        unread = sorted(set(self._values) - self._read)
        if unread:
            raise DataError(f"the {self._what} {unread[0]!r} is not part of such a model")


class Values(BaseModel):
    """A base class of JSON values whose names, types and ranges are known.

    Examples
    --------
    >>> class Point(Values):
    ...     x: float
    ...     y: float = 0.0
    >>> Point.read({"x": 1.5, "other": 3})
    Point(x=1.5, y=0.0)
    >>> Point.read({"x": "1.5"})
    Traceback (most recent call last):
        ...
    gingham.errors.DataError: the value x is '1.5': input should be a valid number
    """

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """Read the fields of this class from values that may have others too.

        Raises
        ------
        DataError
            If a value is missing, or has another type or range.
        """
        return cls.of({name: values[name] for name in cls.model_fields if name in values})

    @classmethod
    def of(cls, values: Any, where: str = "") -> Self:
        """Read the fields of this class from values that have no others; `where` is their place, for messages.

        Raises
        ------
        DataError
            If a value is missing or unknown, or has another type or range.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            name = ".".join(map(str, ([where] if where else []) + list(problem["loc"])))
            message = problem["msg"][:1].lower() + problem["msg"][1:]
            value = repr(problem["input"])
            shown = value if len(value) <= 60 else f"{value[:57]}..."
            raise DataError(f"the value {name} is {shown}: {message}") from None


def stored_array(
    arrays: Mapping[str, npt.NDArray[Any]],
    name: str,
    dtype: str | tuple[str, ...],
    shape: tuple[int | None, ...],
    *,
    least: float | None = None,
    most: float | None = None,
    allow_nan: bool = False,
) -> npt.NDArray[Any]:
    """Return an array of a known type and shape; its numbers are finite.

    Parameters
    ----------
    arrays : mapping of str to array
        The arrays by name.
    name : str
        The name.
    dtype : str or tuple of str
        The type, or those that are allowed.
    shape : tuple of int or None
        The shape; None for any length.
    least, most : float, optional
        The bounds of the numbers; none by default.
    allow_nan : bool
        Whether a number may be NaN; False by default.

    Raises
    ------
    DataError
        If there is no such array.

    Examples
    --------
    >>> stored_array({"sales": np.ones(3, np.float32)}, "sales", "float32", (4,))
    Traceback (most recent call last):
        ...
    gingham.errors.DataError: the array 'sales' has shape (3,), not (4,)
    """
    if name not in arrays:
        raise DataError(f"the array {name!r} is missing")
    values, dtypes = arrays[name], (dtype,) if isinstance(dtype, str) else dtype
    if str(values.dtype) not in dtypes:
        raise DataError(f"the array {name!r} is {values.dtype}, not {' or '.join(dtypes)}")
    if len(values.shape) != len(shape) or any(
        size not in (None, given) for size, given in zip(shape, values.shape, strict=True)
    ):
        expected = str(shape).replace("None", "any")
        raise DataError(f"the array {name!r} has shape {values.shape}, not {expected}")
    if values.size:
        # The minimum of numbers and NaN is NaN, and a comparison with NaN is false.
        low, high = (np.nanmin(values), np.nanmax(values)) if allow_nan else (values.min(), values.max())
        nothing = allow_nan and np.isnan(low)
        if not nothing and not (-np.inf < low and high < np.inf):
            raise DataError(f"the array {name!r} holds a number that is not finite")
        if not nothing and ((least is not None and low < least) or (most is not None and high > most)):
            wrong = low if least is not None and low < least else high
            bounds = [f"at least {least}"] * (least is not None) + [f"at most {most}"] * (most is not None)
            raise DataError(f"the array {name!r} holds {wrong}, and numbers must be {' and '.join(bounds)}")
    return values


def stored_csr(
    arrays: Mapping[str, npt.NDArray[Any]],
    name: str,
    shape: tuple[int, int],
    *,
    least: float | None = None,
    most: float | None = None,
    ascending: bool = True,
) -> sp.csr_matrix:
    """Return a sparse matrix of float32 from its arrays ``NAME.data``, ``NAME.indices`` and ``NAME.indptr``.

    Parameters
    ----------
    arrays : mapping of str to array
        The arrays by name.
    name : str
        The name of the matrix.
    shape : tuple of int
        The shape.
    least, most : float, optional
        The bounds of the values; none by default.
    ascending : bool
        Whether the columns of a row must ascend, each at most once; True by default.

    Raises
    ------
    DataError
        If the arrays are not such a matrix.

    Examples
    --------
    >>> matrix = sp.csr_matrix(np.eye(2, dtype=np.float32))
    >>> arrays = {f"near.{part}": getattr(matrix, part) for part in ("data", "indices", "indptr")}
    >>> stored_csr(arrays, "near", (2, 2)).nnz
    2
    >>> stored_csr(arrays, "near", (2, 1))
    Traceback (most recent call last):
        ...
    gingham.errors.DataError: the array 'near.indices' holds 1, and numbers must be at least 0 and at most 0
    """
    indptr, indices = stored_pattern(arrays, name, shape, ascending=ascending)
    data = stored_array(arrays, f"{name}.data", "float32", (len(indices),), least=least, most=most)
    return sp.csr_matrix((data, indices, indptr), shape=shape)


def stored_pattern(
    arrays: Mapping[str, npt.NDArray[Any]], name: str, shape: tuple[int, int], *, ascending: bool = True
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the arrays ``NAME.indptr`` and ``NAME.indices`` of a sparse matrix, as `stored_csr` does.

    Raises
    ------
    DataError
        If they are not the pattern of a matrix of this shape.
    """
    n_rows, n_columns = shape
    indices = stored_array(arrays, f"{name}.indices", INDEX_TYPES, (None,), least=0, most=n_columns - 1)
    indptr = stored_array(arrays, f"{name}.indptr", INDEX_TYPES, (n_rows + 1,))
    if indptr[0] != 0 or indptr[-1] != len(indices) or (indptr[1:] < indptr[:-1]).any():
        raise DataError(f"the array '{name}.indptr' does not ascend from 0 to {len(indices)}, the number of entries")
    if ascending and len(indices):
        rises = np.append(indices[1:] > indices[:-1], True)
        ends = indptr[1:]
        rises[ends[ends > 0] - 1] = True  # the next row may start anywhere
        if not rises.all():
            raise DataError(f"the array '{name}.indices' does not ascend within each row")
    return indptr, indices


def require(condition: Any, problem: str) -> None:
    """Check what no type or range can express.

    Raises
    ------
    DataError
        If the condition is not true; its message is `problem`.

    Examples
    --------
    >>> require(1 < 2, "the parts do not fit together")
    """
    if not condition:
        raise DataError(problem)
