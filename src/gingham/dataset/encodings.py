"""The ways in which a column becomes features: each is fitted to a column once, and then encodes any like it."""

import zlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from gingham.dataset.feature import Feature, FeatureKind
from gingham.dataset.ids import Ids
from gingham.errors import TableError

NULL = "null"
_OTHER = "other"
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WORD = r"[\p{L}\p{N}]+"


@dataclass(frozen=True, eq=False)
class FeatureEntries:
    """One column's features of some rows: row ``rows[i]`` has feature ``codes[i]`` with weight ``weights[i]``.

    Several entries of a row for the same feature add up.
    """

    rows: npt.NDArray[np.integer]
    codes: npt.NDArray[np.integer]
    weights: npt.NDArray[np.floating]

    def shifted(self, start: int) -> "FeatureEntries":
        """Let the first feature be `start`."""
        return FeatureEntries(self.rows, self.codes + start, self.weights)


@dataclass(frozen=True, eq=False)
class Encoding(ABC):
    """How one column becomes features."""

    kinds: ClassVar[dict[str, type["Encoding"]]] = {}

    column: str

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.kinds[cls.__name__] = cls

    @cached_property
    def features(self) -> list[Feature]:
        """The meaning of each feature."""
        return self._features()

    @property
    def names(self) -> list[str]:
        """The features as texts."""
        return [feature.name for feature in self.features]

    def entries(self, values: pl.Series) -> FeatureEntries:
        """Encode a column: one value a row; NaN is null.

        Raises
        ------
        TableError
            If the column has a type, or a value, that cannot be encoded so.
        """
        return self._entries(nan_is_null(values))

    @abstractmethod
    def _features(self) -> list[Feature]: ...

    @abstractmethod
    def _entries(self, values: pl.Series) -> FeatureEntries: ...


def nan_is_null(values: pl.Series) -> pl.Series:
    """Take NaN for null."""
    return values.fill_nan(None) if values.dtype.is_float() else values


@dataclass(frozen=True, eq=False)
class _Vocabulary(Encoding):
    """One feature a text that was there, sorted: null's and, if any text was too rare for its own, one for the rest.

    Attributes
    ----------
    texts : polars.Series of String
        The texts, ``null`` and ``other`` among them.
    pooled : bool
        Whether ``other`` stands for the rare ones.
    """

    texts: pl.Series
    pooled: bool

    _kind: ClassVar[FeatureKind]

    def _features(self) -> list[Feature]:
        kinds: dict[str, FeatureKind] = {NULL: "null"}
        if self.pooled:
            kinds[_OTHER] = "other"
        return [Feature(self.column, text, kinds.get(text, self._kind)) for text in self.texts]

    @cached_property
    def _index(self) -> Ids:
        return Ids(self.texts)

    def _codes(self, texts: pl.Series) -> npt.NDArray[np.integer]:
        """Give each text its code; one that was not there is rare, and -1 if there was no other rare one."""
        codes = self._index.find(texts)
        return np.where(codes < 0, self._code(_OTHER), codes) if self.pooled else codes

    def _code(self, text: str) -> int:
        return int(self._index.index([text])[0])


def _vocabulary(texts: pl.Series, min_count: int) -> tuple[pl.Series, bool]:
    """Choose the texts that at least so many rows have, and tell whether there are others."""
    counts = texts.alias("text").drop_nulls().value_counts(name="rows").filter(pl.col("text") != NULL)
    often = counts.filter(pl.col("rows") >= min_count)["text"]
    pooled = len(often) < counts.height
    return pl.concat([often, pl.Series([NULL, *([_OTHER] if pooled else [])])]).unique().sort(), pooled


@dataclass(frozen=True, eq=False)
class Categories(_Vocabulary):
    """One feature a distinct value; `number` is the type of a column of numbers, of which 1 and 1.0 are one value."""

    number: str | None

    _kind = "category"

    @classmethod
    def fit(cls, values: pl.Series, min_count: int) -> Self:
        """Take the values that are there."""
        number = "Int64" if values.dtype.is_integer() else str(values.dtype) if values.dtype.is_float() else None
        return cls(values.name, *_vocabulary(_texts(values, number), min_count), number)

    def _entries(self, values: pl.Series) -> FeatureEntries:
        codes = self._codes(_texts(values, self.number).fill_null(NULL))
        return _one_each(np.where(codes < 0, self._code(NULL), codes))


def _texts(values: pl.Series, number: str | None) -> pl.Series:
    """Write values as text; numbers as those of the type `number` are written, unless it cannot hold them."""
    if values.dtype.is_nested() or values.dtype in (pl.Binary, pl.Duration, pl.Object):
        raise TableError(f"Column {values.name!r} is {values.dtype}; a categorical column is text, numbers or dates.")
    texts = values.cast(pl.String)
    if number is None or not values.dtype.is_numeric():
        return texts
    typed = values.cast(getattr(pl, number), strict=False)
    same = typed.cast(values.dtype, strict=False) == values
    return typed.cast(pl.String).zip_with(same.fill_null(False), texts)


@dataclass(frozen=True, eq=False)
class Parts(_Vocabulary):
    """One feature a distinct part of a text; a part counts once a row, and a row without any is null."""

    separator: str

    _kind = "part"

    @classmethod
    def fit(cls, values: pl.Series, separator: str, min_count: int) -> Self:
        """Take the parts that are there."""
        return cls(values.name, *_vocabulary(_split(values, separator)["part"], min_count), separator)

    def _entries(self, values: pl.Series) -> FeatureEntries:
        table = _split(values, self.separator)
        codes = self._codes(table["part"])
        rows, codes = table["row"].to_numpy()[codes >= 0], codes[codes >= 0]
        nobody = np.flatnonzero(np.bincount(rows, minlength=len(values)) == 0)
        rows = np.concatenate([rows, nobody])
        codes = np.concatenate([codes, np.full(len(nobody), self._code(NULL))])
        # Several rare parts of a row are one feature.
        rows, codes = np.divmod(np.unique(rows * len(self.texts) + codes), len(self.texts))
        return FeatureEntries(rows, codes, np.ones(len(rows)))


def _split(values: pl.Series, separator: str) -> pl.DataFrame:
    """List each row's distinct parts."""
    if not (values.dtype in (pl.String, pl.Null) or values.dtype.is_integer()):
        raise TableError(f"Column {values.name!r} is {values.dtype}; a multi-valued column is text.")
    parts = values.cast(pl.String).str.split(separator)
    table = pl.DataFrame({"row": np.arange(len(values)), "part": parts}).explode("part")
    return table.with_columns(pl.col("part").str.strip_chars()).filter(pl.col("part") != "").unique(maintain_order=True)


@dataclass(frozen=True, eq=False)
class Bins(Encoding):
    """One feature a bin of numbers; a border is the last number of its bin."""

    borders: list[float]

    @classmethod
    def fit(cls, values: pl.Series, bins: int) -> Self:
        """Choose borders between which there are about equally many values."""
        known = _numbers(values, "quantile bins are made of numbers")
        known = known[~np.isnan(known)]
        # A border is a value that occurs. Heavy ties leave fewer borders, never an empty bin.
        shares = np.arange(1, bins) / bins
        borders = np.unique(np.quantile(known, shares, method="inverted_cdf")) if len(known) else np.empty(0)
        return cls(values.name, borders[(borders < known.max(initial=-np.inf)) & (borders > -np.inf)].tolist())

    def _features(self) -> list[Feature]:
        bins = [Feature(self.column, label, "bin") for label in _intervals(self.borders)]
        return [*bins, _null(self.column)]

    def _entries(self, values: pl.Series) -> FeatureEntries:
        numbers = _numbers(values, "quantile bins are made of numbers")
        places = np.searchsorted(self.borders, numbers, side="left")
        return _one_each(np.where(np.isnan(numbers), len(self.borders) + 1, places))


@dataclass(frozen=True, eq=False)
class Scale(Encoding):
    """One feature, the number in standard deviations from the mean; `with_null`: and one for null."""

    mean: float
    deviation: float
    with_null: bool

    @classmethod
    def fit(cls, values: pl.Series, with_null: bool) -> Self:
        """Take the mean and standard deviation; where all values are equal, they are 0 from the mean."""
        known = _numbers(values, "scaled values are numbers")
        known = known[~np.isnan(known)]
        with np.errstate(over="ignore", invalid="ignore"):
            mean, deviation = (float(known.mean()), float(known.std())) if len(known) else (0.0, 0.0)
        if not np.isfinite([mean, deviation]).all():
            raise TableError(
                f"Column {values.name!r} holds numbers up to {np.abs(known).max():g}, which have no standard "
                "deviation; make quantile bins of them, or leave the largest out."
            )
        return cls(values.name, mean, deviation or 1.0, with_null)

    def _features(self) -> list[Feature]:
        number = Feature(self.column, kind="number")
        return [number, _null(self.column)] if self.with_null else [number]

    def _entries(self, values: pl.Series) -> FeatureEntries:
        numbers = _numbers(values, "scaled values are numbers")
        unknown = np.isnan(numbers)
        scaled = (numbers - self.mean) / self.deviation
        far = np.flatnonzero(np.abs(scaled) > np.finfo(np.float32).max)
        if len(far):
            raise TableError(
                f"Column {values.name!r} holds {numbers[far[0]]:g}, which is too far from the mean {self.mean:g}; "
                "make quantile bins of it, or leave it out."
            )
        kept = np.flatnonzero(~unknown | self.with_null)
        return FeatureEntries(kept, unknown[kept].astype(np.int64), np.where(unknown, 1, scaled)[kept])


def _numbers(values: pl.Series, rule: str) -> npt.NDArray[np.float64]:
    """Give numbers, NaN for null."""
    if not (values.dtype.is_numeric() or values.dtype == pl.Null):
        raise TableError(f"Column {values.name!r} is {values.dtype}; {rule}.")
    return values.cast(pl.Float64).fill_null(np.nan).to_numpy()


@dataclass(frozen=True, eq=False)
class Calendar(Encoding):
    """One feature a day of the week, a month, and a bin of the age in days on the day `latest`.

    What is later than `latest`, as of an item that came since, has an age below 0, and the youngest's bin.
    """

    latest: str | None
    borders: list[float]

    @classmethod
    def fit(cls, values: pl.Series, bins: int) -> Self:
        """Take the latest day for the day on which ages are told."""
        days = _days(values)
        latest: Any = days.max()
        ages = Bins.fit(_ages(days, latest), bins)
        return cls(values.name, None if latest is None else latest.isoformat(), ages.borders)

    def _features(self) -> list[Feature]:
        return [
            *(Feature(self.column, day, "weekday") for day in _WEEKDAYS),
            *(Feature(self.column, str(month), "month") for month in range(1, 13)),
            *(Feature(self.column, label, "age") for label in _intervals(self.borders)),
            _null(self.column),
        ]

    def _entries(self, values: pl.Series) -> FeatureEntries:
        days = _days(values)
        known, unknown = np.flatnonzero(days.is_not_null().to_numpy()), np.flatnonzero(days.is_null().to_numpy())
        there = days.drop_nulls()
        latest = None if self.latest is None else date.fromisoformat(self.latest)
        ages = Bins(self.column, self.borders).entries(_ages(there, latest)).codes
        weekdays, months = (part.cast(pl.Int64).to_numpy() for part in (there.dt.weekday(), there.dt.month()))
        start = len(_WEEKDAYS) + 12
        codes = [weekdays - 1, len(_WEEKDAYS) - 1 + months, start + ages]
        codes.append(np.full(len(unknown), start + len(self.borders) + 1))
        rows = np.concatenate([known, known, known, unknown])
        return FeatureEntries(rows, np.concatenate(codes), np.ones(len(rows)))


def _days(values: pl.Series) -> pl.Series:
    """Give the day of each date, time or ISO 8601 text; of a time with a zone, the day in UTC."""
    if isinstance(values.dtype, pl.Datetime):
        return (values if values.dtype.time_zone is None else values.dt.convert_time_zone("UTC")).dt.date()
    if values.dtype in (pl.Date, pl.Null):
        return values.cast(pl.Date)
    if values.dtype != pl.String:
        raise TableError(f"Column {values.name!r} is {values.dtype}; give dates, times or ISO 8601 text.")
    days = values.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
    wrong = values.filter(days.is_null() & values.is_not_null())
    if len(wrong):
        raise TableError(
            f"Column {values.name!r} holds {wrong[0]!r}, which is not an ISO 8601 date; write it as 2019-01-31."
        )
    return days


def _ages(days: pl.Series, latest: date | None) -> pl.Series:
    """Count the days until the latest; where none was ever known, all are 0 days old."""
    if latest is None:
        return pl.select(pl.when(days.is_not_null()).then(0)).to_series()
    return (pl.Series([latest]) - days).dt.total_days()


@dataclass(frozen=True, eq=False)
class Words(Encoding):
    """Words, and pairs of neighbouring ones, spread over `buckets` features by their CRC-32.

    A text's distinct words and pairs share a weight of 1, so that a long text weighs no more than a short one.
    """

    buckets: int

    def _features(self) -> list[Feature]:
        buckets = [Feature(self.column, str(bucket), "words") for bucket in range(self.buckets)]
        return [*buckets, _null(self.column)]

    def _entries(self, values: pl.Series) -> FeatureEntries:
        if values.dtype not in (pl.String, pl.Null):
            raise TableError(f"Column {values.name!r} is {values.dtype}; words are made of text.")
        grams = _grams(values)
        distinct = grams["gram"].unique()
        buckets = np.array([zlib.crc32(gram.encode()) % self.buckets for gram in distinct], np.int64)
        rows = grams["row"].to_numpy()
        sizes = np.bincount(rows, minlength=len(values))
        nobody = np.flatnonzero(sizes == 0)
        return FeatureEntries(
            np.concatenate([rows, nobody]),
            np.concatenate(
                [
                    buckets[grams["gram"].cast(pl.Enum(distinct)).to_physical().to_numpy()],
                    np.full(len(nobody), self.buckets),
                ]
            ),
            np.concatenate([1 / sizes[rows], np.ones(len(nobody))]),
        )


def _grams(values: pl.Series) -> pl.DataFrame:
    """List each row's distinct words and pairs of neighbouring words."""
    words = values.cast(pl.String).str.to_lowercase().str.extract_all(_WORD)
    table = pl.DataFrame({"row": np.arange(len(values)), "gram": words}).explode("gram").drop_nulls()
    following = table.select(pl.all().shift(-1).name.prefix("next_"))
    pairs = pl.concat([table, following], how="horizontal").filter(pl.col("row") == pl.col("next_row"))
    pairs = pairs.select("row", pl.col("gram") + " " + pl.col("next_gram"))
    return pl.concat([table, pairs]).unique(maintain_order=True)


def _null(column: str) -> Feature:
    return Feature(column, NULL, "null")


def _intervals(borders: list[float]) -> list[str]:
    """Write the bins between borders as texts."""
    ends = ["-inf", *(f"{border:.12g}" for border in borders), "inf"]
    return [f"({low},{high}]" for low, high in pairwise(ends)]


def _one_each(codes: npt.NDArray[np.integer]) -> FeatureEntries:
    """Give each row one feature."""
    return FeatureEntries(np.arange(len(codes)), codes, np.ones(len(codes)))
