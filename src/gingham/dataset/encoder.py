"""From a table's columns to features: fitted once, kept with the model, and used again for whoever comes later."""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import polars as pl
import scipy.sparse as sp

from gingham.dataset.encodings import (
    Bins,
    Calendar,
    Categories,
    Encoding,
    FeatureEntries,
    Parts,
    Scale,
    Words,
    nan_is_null,
)
from gingham.dataset.feature import Feature
from gingham.dataset.features import Features
from gingham.dataset.ids import Ids
from gingham.errors import DataError, TableError
from gingham.tables import FeatureSpec

FeatureFunction: TypeAlias = Callable[[pl.DataFrame], Any]


@dataclass(frozen=True, eq=False)
class FeatureEncoder:
    """How users or items become rows of features.

    Attributes
    ----------
    n_identities : int
        How many users or items it was fitted to. Each has a feature of its own; these come first.
    encodings : tuple of Encoding
        How each column becomes the features that follow.
    extra : tuple of str
        The names of the features that come last, which a function gave. The function itself is not kept: whoever
        encodes others brings these features along.
    normalize : bool
        Whether the absolute weights of each row sum to 1.
    """

    n_identities: int
    encodings: tuple[Encoding, ...]
    extra: tuple[str, ...] = ()
    normalize: bool = False

    @classmethod
    def fit(
        cls, rows: pl.DataFrame, spec: FeatureSpec, table: pl.DataFrame | None = None, extra: tuple[str, ...] = ()
    ) -> "FeatureEncoder":
        """Look at the values there are.

        Parameters
        ----------
        rows : polars.DataFrame
            A row for each user or item, in the order of their indices.
        spec : FeatureSpec
            The columns to use.
        table : polars.DataFrame, optional
            The rows whose distribution bins, scales and ages follow, if these are others; `rows` by default.
        extra : tuple of str
            The names of features that come from elsewhere; none by default.

        Raises
        ------
        TableError
            If a column is missing or has a type that cannot be encoded in the way asked for.
        """
        table = rows if table is None else table
        _require(table, spec.columns)
        return cls(rows.height, tuple(_fitted(rows, spec, table)), extra, spec.normalize)

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """The meaning of the features after the identities."""
        outputs = (Feature(name, kind="output") for name in self.extra)
        return (*(feature for encoding in self.encodings for feature in encoding.features), *outputs)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The features after the identities as texts."""
        return tuple(feature.name for feature in self.features)

    @property
    def n_features(self) -> int:
        """How many features there are, identities included."""
        return self.n_identities + len(self.features)

    def encode(self, rows: pl.DataFrame, extra: Any = None, *, identities: bool = False) -> sp.csr_matrix:
        """Encode rows of a table.

        A category that was not there when the encoder was fitted has the feature of rare ones if there were any, else
        null's; a part like that counts as a rare one or not at all. Numbers and dates beyond those that were there
        are in the first or last bin.

        Parameters
        ----------
        rows : polars.DataFrame
            A row a user or item, known or not; columns that are not used may be there too.
        extra : matrix of float, shape (n, len(self.extra)), optional
            The features that come from elsewhere, dense or sparse; by default nobody has any.
        identities : bool
            Whether the rows are those that the encoder was fitted to, in their order, each with its own feature;
            False by default: nobody has one.

        Returns
        -------
        csr_matrix of float32, shape (n, n_features)

        Raises
        ------
        TableError
            If a column is missing, or has a type or value that cannot be encoded.
        DataError
            If `extra` has another shape or a weight that is not finite, or there are more or fewer identities.
        """
        _require(rows, [encoding.column for encoding in self.encodings])
        if identities and rows.height != self.n_identities:
            raise DataError(f"There are {rows.height:,} rows for {self.n_identities:,} identities; give one row each.")
        blocks, start = [], self.n_identities
        if identities:
            own = np.arange(rows.height)
            blocks.append(FeatureEntries(own, own, np.ones(rows.height)))
        for encoding in self.encodings:
            blocks.append(encoding.entries(rows[encoding.column]).shifted(start))
            start += len(encoding.features)
        if extra is not None:
            given = _matrix(extra, rows.height, len(self.extra), "extra").tocoo()
            blocks.append(FeatureEntries(given.row, given.col, given.data).shifted(start))
        matrix = _joined(blocks, (rows.height, self.n_features))
        return _normalized(matrix) if self.normalize else matrix

    def encode_one(self, values: Mapping[str, Any], extra: Any = None) -> sp.csr_matrix:
        """Encode one user or item that the encoder has not seen.

        Parameters
        ----------
        values : mapping of str to value
            By column; a column that is not there is null.
        extra : array of float, shape (len(self.extra),), optional
            The features that come from elsewhere; by default none.

        Returns
        -------
        csr_matrix of float32, shape (1, n_features)
            No identity has a weight.

        Raises
        ------
        TableError
            If there is no such column, or it does not take such a value.
        DataError
            If `extra` has another shape or a weight that is not finite.
        """
        columns = list(dict.fromkeys(encoding.column for encoding in self.encodings))
        for column in values:
            if column not in columns:
                near = difflib.get_close_matches(str(column), columns, n=3)
                hint = f"did you mean {' or '.join(map(repr, near))}" if near else f"features are made of {columns}"
                raise TableError(f"There is no column {column!r} among those encoded; {hint}.")
        row = pl.DataFrame([_one(column, values.get(column)) for column in columns] or {"": [None]})
        return self.encode(row, None if extra is None else [extra])

    def state(self) -> tuple[dict[str, Any], pl.DataFrame]:
        """Give all that it knows, for storing: JSON values, and the texts that have features as a table."""
        encodings, texts = [], [pl.DataFrame(schema={"encoding": pl.Int32, "text": pl.String})]
        for number, encoding in enumerate(self.encodings):
            stored = {field.name: getattr(encoding, field.name) for field in fields(encoding)}
            if "texts" in stored:
                texts.append(pl.select(encoding=pl.lit(number, pl.Int32), text=stored.pop("texts")))
            encodings.append({"kind": type(encoding).__name__, **stored})
        state = {
            "n_identities": self.n_identities,
            "encodings": encodings,
            "extra": list(self.extra),
            "normalize": self.normalize,
        }
        return state, pl.concat(texts)

    @classmethod
    def of_state(cls, state: Mapping[str, Any], texts: pl.DataFrame) -> "FeatureEncoder":
        """Make the encoder whose `state` this is."""
        encodings = []
        for number, stored in enumerate(state["encodings"]):
            kind = Encoding.kinds[stored["kind"]]
            given = {name: value for name, value in stored.items() if name != "kind"}
            if any(field.name == "texts" for field in fields(kind)):
                given["texts"] = texts.filter(pl.col("encoding") == number)["text"]
            encodings.append(kind(**given))
        return cls(state["n_identities"], tuple(encodings), tuple(state["extra"]), state["normalize"])


def fit_encoder(
    ids: Ids,
    table: pl.DataFrame | None,
    spec: FeatureSpec,
    id_column: str,
    function: FeatureFunction | None = None,
) -> tuple[FeatureEncoder, Features]:
    """Fit an encoder to the rows that a table has for ids, and encode them.

    Parameters
    ----------
    ids, table, spec, id_column
        As for `encode`.
    function : callable, optional
        Makes more features: it takes the table's row for each id, in their order (nulls where there is none), and
        returns a dense or sparse matrix with as many rows.

    Returns
    -------
    FeatureEncoder, Features

    Raises
    ------
    TableError
        If a column is missing or has a type that cannot be encoded in the way asked for.
    DataError
        If what the function returns has another number of rows, or a weight that is not finite.
    """
    known = ids.values.alias(id_column).to_frame()
    columns = [] if table is None else table.columns if function is not None else [id_column, *spec.columns]
    if table is None:
        table, spec = known, FeatureSpec(normalize=spec.normalize)
    _require(table, columns)
    table = table.select(list(dict.fromkeys([id_column, *columns])))
    rows = known.join(table, on=id_column, how="left", maintain_order="left")
    extra: sp.csr_matrix | None = None
    names: tuple[str, ...] = ()
    if function is not None:
        called = getattr(function, "__name__", type(function).__name__)
        extra = _matrix(function(rows), rows.height, None, f"What {called} returned")
        names = tuple(f"{called}[{number}]" for number in range(extra.shape[1]))
    encoder = FeatureEncoder.fit(rows, spec, table, names)
    return encoder, Features(encoder.encode(rows, extra, identities=True), encoder.features)


def encode(ids: Ids, table: pl.DataFrame | None, spec: FeatureSpec, id_column: str) -> Features:
    """Give every id its identity and the features that `spec` makes of its row in a table.

    A value of a categorical column is a feature (``column=value``), as are a part of a multi-valued one and a bin of a
    numeric one (``column∈(a,b]``). Values and parts on fewer rows than ``spec.min_count`` share ``column=other``. A
    scaled number is the weight of ``column``. A date is a weekday (``column:weekday=mon``), a month
    (``column:month=1``) and a bin of its age (``column:age∈(a,b]``). Words are ``column#0``, ``column#1`` and so on.
    Each column has a feature of its own for null (``column=null``): NaN is null, text without any part or word is, and
    so is everything about an id without a row. All weights are 1, but those of scaled numbers and of words: a text's
    sum to 1.

    Parameters
    ----------
    ids : Ids
        The rows, in the order of their indices.
    table : polars.DataFrame or None
        One row an id; may hold others, of which only bins, scales and ages take notice. None: nothing but identities.
    spec : FeatureSpec
        The columns to use.
    id_column : str
        The column of `table` that holds the ids.

    Raises
    ------
    TableError
        If a column is missing or has a type that cannot be encoded in the way asked for.
    """
    return fit_encoder(ids, table, spec, id_column)[1]


def _require(table: pl.DataFrame, columns: Iterable[str]) -> None:
    for column in columns:
        if column not in table.columns:
            raise TableError(f"There is no column {column!r} to make features of; the table has {table.columns}.")


def _fitted(rows: pl.DataFrame, spec: FeatureSpec, table: pl.DataFrame) -> Iterator[Encoding]:
    """Fit each column's encoding: texts to the rows that are encoded, numbers to the whole table."""
    here, there = ({column: nan_is_null(frame[column]) for column in spec.columns} for frame in (rows, table))
    for column in spec.categorical:
        yield Categories.fit(here[column], spec.min_count)
    for column, bins in spec.quantile.items():
        yield Bins.fit(there[column], bins)
    for column in spec.scaled:
        yield Scale.fit(there[column], with_null=column not in spec.quantile)
    for column, separator in spec.multi.items():
        yield Parts.fit(here[column], separator, spec.min_count)
    for column, bins in spec.date.items():
        yield Calendar.fit(there[column], bins)
    for column, buckets in spec.text.items():
        yield Words(column, buckets)


def _one(column: str, value: Any) -> pl.Series:
    try:
        return pl.Series(column, [value])
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
        raise TableError(f"Column {column!r} cannot be {value!r}: {error}; give text, a number or a date.") from error


def _matrix(given: Any, n_rows: int, n_columns: int | None, what: str) -> sp.csr_matrix:
    """Take a dense or sparse matrix of finite weights, and of the shape it should have."""
    try:
        numbers: Any = given if sp.issparse(given) else np.asarray(given)
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and refused below
            numbers = numbers.astype(np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(f"{what} is no matrix of numbers: {error}; give one row each.") from error
    shape = numbers.shape
    if len(shape) != 2 or shape[0] != n_rows or n_columns not in (None, shape[1]):
        wanted = f"{n_rows:,} rows" if n_columns is None else f"shape {(n_rows, n_columns)}"
        raise DataError(f"{what} has shape {shape}; give a matrix of {wanted}.")
    matrix: sp.csr_matrix = sp.csr_matrix(numbers)
    finite = np.isfinite(matrix.data)
    if not finite.all():
        entry = int(np.flatnonzero(~finite)[0])
        row = int(np.searchsorted(matrix.indptr, entry, side="right")) - 1
        raise DataError(
            f"{what} holds {matrix.data[entry]} in row {row}, column {matrix.indices[entry]}; give finite weights."
        )
    return matrix


def _joined(blocks: list[FeatureEntries], shape: tuple[int, int]) -> sp.csr_matrix:
    nothing = FeatureEntries(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    parts = [(block.rows, block.codes, block.weights.astype(np.float32)) for block in (nothing, *blocks)]
    rows, columns, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
    matrix: sp.csr_matrix = sp.csr_matrix((weights, (rows, columns)), shape=shape)
    matrix.sort_indices()
    return matrix


def _normalized(matrix: sp.csr_matrix) -> sp.csr_matrix:
    sums = np.asarray(abs(matrix).sum(axis=1)).ravel()
    weights = matrix.data / np.repeat(np.where(sums > 0, sums, 1), np.diff(matrix.indptr))
    return sp.csr_matrix((weights.astype(np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)
