"""What is known about users or items besides their ids, as a sparse matrix of zeros and ones."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from gingham.dataset.ids import Ids
from gingham.errors import DataError, TableError
from gingham.tables import FeatureSpec

_NULL = "null"


@dataclass(frozen=True, eq=False)
class Features:
    """The features of every user or item.

    Attributes
    ----------
    matrix : csr_matrix of float32, shape (n_rows, n_features)
        The weight of each feature in each row.
    names : tuple of str
        What the last ``len(names)`` features mean. Those before are the rows' identities, one a row in their order,
        and have no names: there are millions.

    Raises
    ------
    DataError
        If a weight is not finite, or there are more names than features.
    """

    matrix: sp.csr_matrix
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.names) > self.n_features:
            raise DataError(f"{len(self.names)} names for {self.n_features} features; give one a feature at most.")
        finite = np.isfinite(self.matrix.data)
        if not finite.all():
            entry = int(np.flatnonzero(~finite)[0])
            row = int(np.searchsorted(self.matrix.indptr, entry, side="right")) - 1
            raise DataError(
                f"Feature {self.matrix.indices[entry]} of row {row} is {self.matrix.data[entry]}; "
                "give finite weights, and leave out what is not known."
            )

    @property
    def n_rows(self) -> int:
        """How many users or items there are."""
        return int(self.matrix.shape[0])

    @property
    def n_features(self) -> int:
        """How many features there are, identities included."""
        return int(self.matrix.shape[1])


@dataclass(frozen=True)
class _Block:
    """The features one column gives: which rows have which, by code."""

    rows: npt.NDArray[np.int64]
    codes: npt.NDArray[np.integer]
    names: list[str]


def encode(ids: Ids, table: pl.DataFrame | None, spec: FeatureSpec, id_column: str) -> Features:
    """Give every id its identity and the features that `spec` makes of its row in a table.

    A value of a categorical column is a feature (``column=value``), as are a part of a multi-valued one and a bin of a
    numeric one (``column∈(a,b]``). Each column has a feature of its own for null (``column=null``): NaN is null, text
    without any part is, and so is everything about an id without a row. All weights are 1.

    Parameters
    ----------
    ids : Ids
        The rows, in the order of their indices.
    table : polars.DataFrame or None
        One row an id; may hold others, of which only the bins take notice. None: nothing but identities.
    spec : FeatureSpec
        The columns to use.
    id_column : str
        The column of `table` that holds the ids.

    Raises
    ------
    TableError
        If a column is missing or has a type that cannot be encoded in the way asked for.
    """
    identity = sp.identity(len(ids), dtype=np.float32, format="csr")
    if table is None or not spec:
        return Features(identity, ())
    missing = [column for column in spec.columns if column not in table.columns]
    if missing:
        raise TableError(f"There is no column {missing[0]!r} to make features of; the table has {table.columns}.")
    columns = table.select(id_column, *(_nan_is_null(table[column]) for column in spec.columns))
    aligned = ids.values.alias(id_column).to_frame().join(columns, on=id_column, how="left", maintain_order="left")
    blocks = [
        *(_categories(aligned[column]) for column in spec.categorical),
        *(_bins(aligned[column], columns[column], bins) for column, bins in spec.quantile.items()),
        *(_parts(aligned[column], separator) for column, separator in spec.multi.items()),
    ]
    matrix = sp.hstack([identity, *(_matrix(block, len(ids)) for block in blocks)], format="csr", dtype=np.float32)
    return Features(matrix, tuple(name for block in blocks for name in block.names))


def _nan_is_null(column: pl.Series) -> pl.Series:
    return column.fill_nan(None) if column.dtype.is_float() else column


def _matrix(block: _Block, n_rows: int) -> sp.csr_matrix:
    ones = np.ones(len(block.rows), np.float32)
    return sp.csr_matrix((ones, (block.rows, block.codes)), shape=(n_rows, len(block.names)))


def _categories(values: pl.Series) -> _Block:
    if values.dtype.is_nested() or values.dtype in (pl.Binary, pl.Object):
        raise TableError(f"Column {values.name!r} is {values.dtype}; a categorical column is text, numbers or dates.")
    return _coded(values.cast(pl.String).fill_null(_NULL), np.arange(len(values)), values.name)


def _parts(values: pl.Series, separator: str) -> _Block:
    if not (values.dtype in (pl.String, pl.Null) or values.dtype.is_integer()):
        raise TableError(f"Column {values.name!r} is {values.dtype}; a multi-valued column is text.")
    part = pl.element().str.strip_chars()
    parts = values.cast(pl.String).str.split(separator).list.eval(part.filter(part != ""))
    some = pl.when(pl.col("part").list.len() > 0).then(pl.col("part"))  # no part at all is null
    table = pl.DataFrame({"row": np.arange(len(values)), "part": parts}).with_columns(some).explode("part")
    table = table.with_columns(pl.col("part").fill_null(_NULL)).unique(maintain_order=True)
    return _coded(table["part"], table["row"].to_numpy(), values.name)


def _coded(texts: pl.Series, rows: npt.NDArray[np.int64], column: str) -> _Block:
    """One feature a distinct text, null's among them, in their order."""
    distinct = Ids.from_series(texts.extend_constant(_NULL, 1))
    return _Block(rows, distinct.index(texts), [f"{column}={text}" for text in distinct.values])


def _bins(values: pl.Series, table: pl.Series, bins: int) -> _Block:
    """One feature a bin of about equally many rows of the table, and null's."""
    if not (values.dtype.is_numeric() or values.dtype == pl.Null):
        raise TableError(f"Column {values.name!r} is {values.dtype}; quantile bins are made of numbers.")
    known = table.drop_nulls().cast(pl.Float64).to_numpy()
    # A border is a value that occurs: the bin (a,b] ends with it. Heavy ties leave fewer borders, never an empty bin.
    shares = np.arange(1, bins) / bins
    borders = np.unique(np.quantile(known, shares, method="inverted_cdf")) if len(known) else np.empty(0)
    borders = borders[borders < known.max(initial=-np.inf)]
    ends = ["-inf", *(f"{border:.12g}" for border in borders), "inf"]
    names = [f"{values.name}∈({low},{high}]" for low, high in pairwise(ends)]
    numbers = values.cast(pl.Float64).fill_null(np.nan).to_numpy()
    codes = np.where(np.isnan(numbers), len(names), np.searchsorted(borders, numbers, side="left"))
    return _Block(np.arange(len(values)), codes, [*names, f"{values.name}={_NULL}"])
