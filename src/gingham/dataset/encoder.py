"""Encoders from the columns of a table to features: fitted once, stored with the model, and used for new rows later."""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import polars as pl
import scipy.sparse as sp
from pydantic import NonNegativeInt

from gingham.checked import Values, require
from gingham.dataset.encodings import Encoding, FeatureEntries, nan_to_null
from gingham.dataset.feature import Feature
from gingham.dataset.features import Features
from gingham.dataset.ids import Ids
from gingham.dataset.weights import joined, normalized, weight_matrix
from gingham.errors import DataError, TableError
from gingham.forks import require_threads
from gingham.frames import to_frame
from gingham.tables import FeatureSpec
from gingham.validation import check_bool, check_type

FeatureFunction: TypeAlias = Callable[[pl.DataFrame], Any]

# The columns of the table of texts that an artifact stores.
_TEXTS = {"encoding": pl.Int32, "text": pl.String}


# The number of recent values whose entries are kept.
_KEPT = 4096


class _StoredEncoder(Values):
    """The JSON values of an encoder."""

    n_identities: NonNegativeInt
    encodings: list[dict[str, Any]]
    extra: list[str]
    normalize: bool


@dataclass(frozen=True, eq=False)
class FeatureEncoder:
    """An encoder of users or items as rows of features.

    Attributes
    ----------
    n_identities : int
        The number of users or items to which it was fitted. Each has a feature of its own; these features come first.
    encodings : tuple of Encoding
        The encodings of the columns, in the order of the features that follow.
    extra : tuple of str
        The names of the last features, which a function returned. The function itself is not stored: pass these
        features along when you encode other rows.
    normalize : bool
        Whether the absolute weights of each row sum to 1.

    Examples
    --------
    >>> import gingham as gg
    >>> encoder = gg.synth.sample_dataset().user_encoder
    >>> encoder.names[:3]
    ('age_group=18-24', 'age_group=25-34', 'age_group=35-44')
    >>> encoder.encode_one({"age_group": "25-34"}).indices - encoder.n_identities
    array([1], dtype=int32)
    """

    n_identities: int
    encodings: tuple[Encoding, ...]
    extra: tuple[str, ...] = ()
    normalize: bool = False

    @classmethod
    def fit(
        cls, rows: pl.DataFrame, spec: FeatureSpec, table: pl.DataFrame | None = None, extra: tuple[str, ...] = ()
    ) -> "FeatureEncoder":
        """Fit an encoder to the rows of a table.

        Parameters
        ----------
        rows : polars.DataFrame
            One row per user or item, in the order of their indices.
        spec : FeatureSpec
            The columns to use.
        table : polars.DataFrame, optional
            The rows from which bins, scales and ages are computed; `rows` by default.
        extra : tuple of str
            The names of features that a function returned; none by default.

        Raises
        ------
        TableError
            If a column is missing or cannot be encoded in this way.
        """
        check_type("spec", spec, FeatureSpec, "a gingham.FeatureSpec")
        rows = to_frame(rows, "table of rows").collect()
        table = rows if table is None else to_frame(table, "table").collect()
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
        """The number of features, including identities."""
        return self.n_identities + len(self.features)

    def encode(self, rows: Any, extra: Any = None, *, identities: bool = False) -> sp.csr_matrix:
        """Encode rows of a table.

        An unknown category has the feature of rare categories, or that of null if there were no rare ones. An unknown
        part counts as a rare part, or not at all if there were none. Numbers and dates out of the range of the table
        are in the first or last bin.

        Parameters
        ----------
        rows : data frame
            One row per user or item, known or new, of pandas, Polars or another library; other columns are ignored.
        extra : matrix of float, shape (n, len(self.extra)), optional
            The features that a function returned, dense or sparse; by default their weights are 0.
        identities : bool
            Whether the rows are those to which the encoder was fitted, in the same order, and get their identity
            features; False by default.

        Returns
        -------
        csr_matrix of float32, shape (n, n_features)

        Raises
        ------
        TableError
            If a column is missing, or has a type or value that cannot be encoded.
        DataError
            If `extra` has another shape or a weight that is not finite, or the number of identities is another one.
        """
        require_threads("Encoding features")
        check_bool("identities", identities)
        rows = to_frame(rows, "table of rows").collect()
        _require(rows, [encoding.column for encoding in self.encodings])
        if identities and rows.height != self.n_identities:
            raise DataError(f"There are {rows.height:,} rows for {self.n_identities:,} identities; pass one row each.")
        blocks, start = [], self.n_identities
        if identities:
            own = np.arange(rows.height)
            blocks.append(FeatureEntries(own, own, np.ones(rows.height)))
        for encoding in self.encodings:
            blocks.append(encoding.entries(rows[encoding.column]).shifted(start))
            start += len(encoding.features)
        return self._matrix_of(blocks, rows.height, extra)

    def _matrix_of(self, blocks: list[FeatureEntries], n_rows: int, extra: Any) -> sp.csr_matrix:
        """Return the entries of the columns, and the features that a function returned, as a matrix."""
        if extra is not None:
            weights = weight_matrix(extra, n_rows, len(self.extra), "extra").tocoo()
            start = self.n_features - len(self.extra)
            blocks = [*blocks, FeatureEntries(weights.row, weights.col, weights.data).shifted(start)]
        joined_blocks = joined(blocks, (n_rows, self.n_features))
        return normalized(joined_blocks) if self.normalize else joined_blocks

    def encode_one(self, values: Mapping[str, Any], extra: Any = None) -> sp.csr_matrix:
        """Encode one new user or item.

        Parameters
        ----------
        values : mapping of str to value
            The value of each column; missing columns are null.
        extra : array of float, shape (len(self.extra),), optional
            The features that a function returned; by default their weights are 0.

        Returns
        -------
        csr_matrix of float32, shape (1, n_features)
            Without an identity feature.

        Raises
        ------
        TableError
            If a column is unknown, or its value cannot be encoded.
        DataError
            If `extra` has another shape or a weight that is not finite.
        """
        require_threads("Encoding features")
        if hasattr(values, "to_dict"):  # a row of pandas
            values = values.to_dict()
        check_type("values", values, Mapping, "a mapping of columns to values, such as {'age': 30}")
        columns = list(dict.fromkeys(encoding.column for encoding in self.encodings))
        for column in values:
            if column not in columns:
                near = difflib.get_close_matches(str(column), columns, n=3)
                hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"use one of {columns}."
                raise TableError(f"The features have no column {column!r}; {hint}")
        blocks, start = [], self.n_identities
        for number, encoding in enumerate(self.encodings):
            blocks.append(self._entries_of(number, values.get(encoding.column)).shifted(start))
            start += len(encoding.features)
        return self._matrix_of(blocks, 1, None if extra is None else [extra])

    def _entries_of(self, number: int, value: Any) -> FeatureEntries:
        """Encode one value of a column; the entries of recent values are kept, because requests repeat them."""
        key, encoding = (number, type(value), value), self.encodings[number]
        if not isinstance(value, str | int | float | None):
            return encoding.entries(_one(encoding.column, value))
        if key not in self._recent:
            if len(self._recent) >= _KEPT:
                self._recent.clear()
            self._recent[key] = encoding.entries(_one(encoding.column, value))
        return self._recent[key]

    @cached_property
    def _recent(self) -> dict[tuple[int, type, Any], FeatureEntries]:
        return {}

    def state(self) -> tuple[dict[str, Any], pl.DataFrame]:
        """Return what an artifact stores of the encoder: JSON values, and a table of the texts that have features."""
        encodings, texts = [], [pl.DataFrame(schema=_TEXTS)]
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
    def of_state(cls, state: Any, texts: pl.DataFrame) -> "FeatureEncoder":
        """Build the encoder whose `state` this is.

        Raises
        ------
        DataError
            If the values are not those of an encoder.
        """
        stored = _StoredEncoder.of(state, "encoder")
        require(texts.schema == _TEXTS, f"the texts of an encoder have the columns {dict(texts.schema)}")
        encodings, n_texts = [], 0
        for number, values in enumerate(stored.encodings):
            own = texts.filter(pl.col("encoding") == number)["text"]
            encoding = Encoding.restored(values, own)
            encodings.append(encoding)
            n_texts += len(own) if hasattr(encoding, "texts") else 0
        require(n_texts == texts.height, "the texts of an encoder have rows that belong to no encoding")
        return cls(stored.n_identities, tuple(encodings), tuple(stored.extra), stored.normalize)


def fit_encoder(
    ids: Ids,
    table: pl.DataFrame | None,
    spec: FeatureSpec,
    id_column: str,
    function: FeatureFunction | None = None,
) -> tuple[FeatureEncoder, Features]:
    """Fit an encoder to the rows of the given ids in a table, and encode these rows.

    Parameters
    ----------
    ids, table, spec, id_column
        As for `encode`.
    function : callable, optional
        A function that returns more features: it is called with the table's row for each id, in the order of the ids
        (nulls for an id without a row), and returns a dense or sparse matrix with as many rows.

    Returns
    -------
    FeatureEncoder, Features

    Raises
    ------
    TableError
        If a column is missing or cannot be encoded in this way.
    DataError
        If the function returns another number of rows, or a weight that is not finite.
    """
    index = ids.values.alias(id_column).to_frame()
    columns = [] if table is None else table.columns if function is not None else [id_column, *spec.columns]
    if table is None:
        table, spec = index, FeatureSpec(normalize=spec.normalize)
    _require(table, columns)
    table = table.select(list(dict.fromkeys([id_column, *columns])))
    rows = index.join(table, on=id_column, how="left", maintain_order="left")
    extra: sp.csr_matrix | None = None
    names: tuple[str, ...] = ()
    if function is not None:
        name = getattr(function, "__name__", type(function).__name__)
        extra = weight_matrix(function(rows), rows.height, None, f"The result of {name}")
        names = tuple(f"{name}[{number}]" for number in range(extra.shape[1]))
    encoder = FeatureEncoder.fit(rows, spec, table, names)
    return encoder, Features(encoder.encode(rows, extra, identities=True), encoder.features)


def encode(ids: Ids, table: pl.DataFrame | None, spec: FeatureSpec, id_column: str) -> Features:
    """Encode every id as its identity and the features of its row in a table.

    A value of a categorical column is a feature (``column=value``), and so are a part of a multi-valued text and a bin
    of numbers (``column∈(a,b]``). Values and parts that fewer rows than ``spec.min_count`` have share
    ``column=other``. A scaled number is the weight of ``column``. A date has a weekday (``column:weekday=mon``), a
    month (``column:month=1``) and a bin of its age (``column:age∈(a,b]``). Words are ``column#0``, ``column#1`` and so
    on. Each column has a feature for null (``column=null``), which also stands for NaN, for a text without parts or
    words, and for an id without a row. All weights are 1, except those of scaled numbers and of words, which sum to 1
    per text.

    Parameters
    ----------
    ids : Ids
        The ids, in the order of their indices.
    table : polars.DataFrame or None
        One row per id. Rows of other ids only count for bins, scales and ages. None for identities only.
    spec : FeatureSpec
        The columns to use.
    id_column : str
        The column of `table` with the ids.

    Raises
    ------
    TableError
        If a column is missing or cannot be encoded in this way.

    Examples
    --------
    >>> import polars as pl
    >>> from gingham.dataset import Ids, encode
    >>> from gingham.tables import FeatureSpec
    >>> table = pl.DataFrame({"item_id": [1, 2], "colour": ["red", None]})
    >>> features = encode(Ids.from_series(table["item_id"]), table, FeatureSpec(categorical=["colour"]), "item_id")
    >>> features.names
    ('colour=null', 'colour=red')
    >>> features.without_identities().toarray()
    array([[0., 1.],
           [1., 0.]], dtype=float32)
    """
    return fit_encoder(ids, table, spec, id_column)[1]


def _require(table: pl.DataFrame, columns: Iterable[str]) -> None:
    check_type("The table", table, pl.DataFrame, "a polars.DataFrame")
    for column in columns:
        if column not in table.columns:
            raise TableError(f"The table has no column {column!r} to encode; it has {table.columns}.")


def _fitted(rows: pl.DataFrame, spec: FeatureSpec, table: pl.DataFrame) -> Iterator[Encoding]:
    """Yield the encoding of each column, in the order of the specification."""
    values, whole = ({column: nan_to_null(frame[column]) for column in spec.columns} for frame in (rows, table))
    for key, column, option in spec.encodings():
        yield Encoding.keys[key].from_spec(option, values[column], whole[column], spec)


def _one(column: str, value: Any) -> pl.Series:
    try:
        return pl.Series(column, [value])
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
        raise TableError(f"Column {column!r} cannot be {value!r}: {error}; use text, a number or a date.") from error
