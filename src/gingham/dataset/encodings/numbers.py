"""Encodings of numbers: quantile bins, and standardized values."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
import polars as pl

from gingham.arrays import Doubles
from gingham.checked import require
from gingham.dataset.encodings.encoding import Encoding, FeatureEntries, null_feature, one_per_row
from gingham.dataset.feature import Feature
from gingham.errors import TableError
from gingham.tables import FeatureSpec


@dataclass(frozen=True, eq=False)
class Bins(Encoding):
    """One feature per bin of numbers, and one for null.

    Attributes
    ----------
    borders : list of float
        The largest number of each bin except the last one, ascending.
    """

    key = "quantile"

    borders: list[float]

    @classmethod
    def from_spec(cls, option: Any, rows: pl.Series, table: pl.Series, spec: FeatureSpec) -> Self:  # noqa: ARG003
        """Fit to the whole table; `option` is the number of bins."""
        return cls.fit(table, option)

    @classmethod
    def fit(cls, values: pl.Series, bins: int) -> Self:
        """Choose borders so that the bins hold about equally many values."""
        numbers = _numbers(values, "binned")
        numbers = numbers[~np.isnan(numbers)]
        # A border is a value that occurs. Many equal values give fewer borders, never an empty bin.
        shares = np.arange(1, bins) / bins
        borders = np.unique(np.quantile(numbers, shares, method="inverted_cdf")) if len(numbers) else np.empty(0)
        return cls(values.name, borders[(borders < numbers.max(initial=-np.inf)) & (borders > -np.inf)].tolist())

    def check(self) -> None:
        """Check that the borders ascend.

        Raises
        ------
        DataError
            If they do not.
        """
        ascend = all(low < high for low, high in pairwise(self.borders))
        require(ascend, f"the borders of column {self.column!r} do not ascend")

    def _features(self) -> list[Feature]:
        bins = [Feature(self.column, label, "bin") for label in intervals(self.borders)]
        return [*bins, null_feature(self.column)]

    def _entries(self, values: pl.Series) -> FeatureEntries:
        numbers = _numbers(values, "binned")
        places = np.searchsorted(self.borders, numbers, side="left")
        return one_per_row(np.where(np.isnan(numbers), len(self.borders) + 1, places))


def intervals(borders: list[float]) -> list[str]:
    """Return the label of each bin, such as "(20,30]"."""
    ends = ["-inf", *(f"{border:.12g}" for border in borders), "inf"]
    return [f"({low},{high}]" for low, high in pairwise(ends)]


@dataclass(frozen=True, eq=False)
class Scale(Encoding):
    """One feature whose weight is the number in standard deviations from the mean.

    Attributes
    ----------
    mean, deviation : float
        The mean and standard deviation of the table.
    with_null : bool
        Whether there is also a feature for null.
    """

    key = "scaled"

    mean: float
    deviation: float
    with_null: bool

    @classmethod
    def from_spec(cls, option: Any, rows: pl.Series, table: pl.Series, spec: FeatureSpec) -> Self:  # noqa: ARG003
        """Fit to the whole table; the bins of the same column already have a feature for null."""
        return cls.fit(table, with_null=table.name not in spec.quantile)

    @classmethod
    def fit(cls, values: pl.Series, with_null: bool) -> Self:
        """Compute the mean and standard deviation; if all values are equal, their weight is 0."""
        numbers = _numbers(values, "scaled")
        numbers = numbers[~np.isnan(numbers)]
        with np.errstate(over="ignore", invalid="ignore"):
            mean, deviation = (float(numbers.mean()), float(numbers.std())) if len(numbers) else (0.0, 0.0)
        if not np.isfinite([mean, deviation]).all():
            raise TableError(
                f"Column {values.name!r} holds numbers up to {np.abs(numbers).max():g}, whose standard deviation is "
                "not finite; use quantile bins, or leave out the largest numbers."
            )
        if len(numbers) and numbers.min() == numbers.max():
            # The sum of equal numbers is rounded, so their mean and deviation are not exactly the number and 0.
            mean, deviation = float(numbers[0]), 0.0
        return cls(values.name, mean, deviation or 1.0, with_null)

    def check(self) -> None:
        """Check that the standard deviation is above zero.

        Raises
        ------
        DataError
            If it is not.
        """
        require(self.deviation > 0, f"the deviation of column {self.column!r} is {self.deviation}")

    def _features(self) -> list[Feature]:
        number = Feature(self.column, kind="number")
        return [number, null_feature(self.column)] if self.with_null else [number]

    def _entries(self, values: pl.Series) -> FeatureEntries:
        numbers = _numbers(values, "scaled")
        is_null = np.isnan(numbers)
        scaled = (numbers - self.mean) / self.deviation
        too_far = np.flatnonzero(np.abs(scaled) > np.finfo(np.float32).max)
        if len(too_far):
            raise TableError(
                f"Column {values.name!r} holds {numbers[too_far[0]]:g}, which is too far from the mean {self.mean:g}; "
                "use quantile bins, or leave it out."
            )
        rows = np.flatnonzero(~is_null | self.with_null)
        return FeatureEntries(rows, is_null[rows].astype(np.int64), np.where(is_null, 1, scaled)[rows])


def _numbers(values: pl.Series, what: str) -> Doubles:
    """Return numbers, NaN for null."""
    if not (values.dtype.is_numeric() or values.dtype == pl.Null):
        raise TableError(f"Column {values.name!r} is {values.dtype}, which cannot be {what}; use numbers.")
    return values.cast(pl.Float64).fill_null(np.nan).to_numpy()
