"""Statistics of the users and items tables: counts by category, distributions of measures, and missing values."""

import math
from dataclasses import dataclass

import polars as pl

from gingham.profiling.columns import N_SHOWN, ProfiledTable
from gingham.profiling.ranges import in_natural_order

UNKNOWN = "unknown"

# Limits per table, so that the page stays short.
_MAX_HIERARCHIES, _MAX_CATEGORIES, _MAX_LONG, _MAX_MEASURES, _MAX_SPLITS = 2, 2, 2, 2, 2
_MAX_GROUPS = 8  # a measure is split by categories with fewer values
_BINS = 40
# Larger numbers measure nothing, and the ends of their bins could be infinite.
_LARGEST = 1e300


@dataclass(frozen=True)
class Counts:
    """The number of users or items per value of a category, and their transactions.

    Attributes
    ----------
    table, column : str
        The table and the category.
    within : str, optional
        The outer category, if each value of `column` belongs to one of its values.
    frame : polars.DataFrame
        ``value`` (text) and, with an outer category, ``within`` (text); the ``number`` of users or items, and
        ``purchases``, the number of their transactions. Largest first; values of one outer value are adjacent. Ranges
        of numbers, such as "15-24K", are in their natural order.
    is_ordered : bool
        Whether the values are in their natural order.
    rest : str, optional
        The value, such as "23 other values", that stands for all but the 15 most frequent values of a column with many.
    """

    table: str
    column: str
    within: str | None
    frame: pl.DataFrame
    is_ordered: bool = False
    rest: str | None = None


@dataclass(frozen=True)
class Histogram:
    """The distribution of a measure of users or items.

    Attributes
    ----------
    table, column : str
        The table and the measure.
    by : str, optional
        The category that splits the counts.
    width : float
        The width of a bin.
    median : float
        The median of the measure.
    frame : polars.DataFrame
        ``low`` (lower end of the bin), ``group`` (text; the largest group first) and ``number``. The bins span the 0.1%
        to 99.9% quantiles; values outside are counted in the first and last bin.
    """

    table: str
    column: str
    by: str | None
    width: float
    median: float
    frame: pl.DataFrame


def counts(table: ProfiledTable, purchases: pl.DataFrame) -> tuple[Counts, ...]:
    """Count the rows of a table by its categories: by hierarchies, by single ones, and by those with many values.

    Parameters
    ----------
    table : ProfiledTable
        The table.
    purchases : polars.DataFrame
        The id column and ``purchases``, the number of transactions; ids without transactions may be missing.
    """
    ids = table.rows.select(table.id_column)
    per_row = ids.join(purchases, table.id_column, how="left", maintain_order="left")["purchases"].fill_null(0)
    hierarchies: list[Counts] = []
    used: set[str] = set()
    for outer, inner in table.hierarchies:
        if not {outer, inner} & used and len(hierarchies) < _MAX_HIERARCHIES:
            hierarchies.append(Counts(table.table, inner, outer, _count_values(table.rows, inner, outer, per_row)))
            used |= {outer, inner}
    singles = [column for column in table.categories if column not in used][:_MAX_CATEGORIES]
    long = [_of_long(table, column, per_row) for column in table.long_categories[:_MAX_LONG]]
    return *hierarchies, *(_of_single(table, column, per_row) for column in singles), *long


def _of_single(table: ProfiledTable, column: str, per_row: pl.Series) -> Counts:
    frame = _count_values(table.rows, column, None, per_row)
    ordered = in_natural_order(frame["value"])
    if ordered is None:
        return Counts(table.table, column, None, frame)
    frame = pl.DataFrame({"value": ordered}).join(frame, "value", how="left", maintain_order="left")
    return Counts(table.table, column, None, frame, is_ordered=True)


def _of_long(table: ProfiledTable, column: str, per_row: pl.Series) -> Counts:
    frame = _count_values(table.rows, column, None, per_row)
    top, others = frame.head(N_SHOWN), frame.slice(N_SHOWN)
    rest = f"{others.height:,} other values"
    sums = others.select(pl.lit(rest).alias("value"), pl.col("number", "purchases").sum()).head(1)
    return Counts(table.table, column, None, pl.concat([top, sums]), rest=rest)


def _count_values(rows: pl.DataFrame, column: str, within: str | None, purchases: pl.Series) -> pl.DataFrame:
    keys = {"value": column} | ({} if within is None else {"within": within})
    values = rows.select(_text(source).alias(key) for key, source in keys.items()).with_columns(purchases)
    sums = pl.len().cast(pl.Int64).alias("number"), pl.col("purchases").sum().cast(pl.Int64)
    frame = values.group_by(*keys).agg(*sums)
    if within is None:
        return frame.sort("number", "value", descending=[True, False])
    size = pl.col("number").sum().over("within")
    return frame.sort(size, "within", "number", "value", descending=[True, False, True, False])


def histograms(table: ProfiledTable) -> tuple[Histogram, ...]:
    """Count each measure in bins, split by the first categories of the table that have few values."""
    categories = [column for column in table.categories if table.n_values[column] < _MAX_GROUPS]
    splits: list[str | None] = [*categories[:_MAX_SPLITS]] or [None]
    every = (_histogram(table, measure, by) for measure in table.measures[:_MAX_MEASURES] for by in splits)
    return tuple(histogram for histogram in every if histogram.frame.height)


def _histogram(table: ProfiledTable, column: str, by: str | None) -> Histogram:
    group = pl.lit("") if by is None else _text(by)
    rows = table.rows.select(value=pl.col(column).cast(pl.Float64), group=group)
    rows = rows.filter(pl.col("value").abs() <= _LARGEST)
    values = rows["value"]
    low, median, high = (float(values.quantile(part, "nearest") or 0) for part in (0.001, 0.5, 0.999))
    width = _round_width((high - low) / _BINS, integer=table.is_integer(column))
    start = math.floor(low / width) * width
    n_bins = max(1, math.ceil((high - start) / width + 1e-9))
    bin_ = ((pl.col("value") - start) / width).floor().clip(0, n_bins - 1).cast(pl.Int64)
    binned = rows.group_by(bin_.alias("bin"), "group").agg(pl.len().cast(pl.Int64).alias("number"))
    groups = binned.group_by("group").agg(pl.col("number").sum()).sort("number", "group", descending=[True, False])
    every = groups.select("group").join(pl.DataFrame({"bin": range(n_bins)}), how="cross", maintain_order="left_right")
    frame = every.join(binned, ["group", "bin"], how="left", maintain_order="left").select(
        (start + pl.col("bin") * width).alias("low"), "group", pl.col("number").fill_null(0)
    )
    return Histogram(table.table, column, by, width, median, frame)


def _round_width(width: float, integer: bool) -> float:
    """Return the closest 1, 2 or 5 times a power of ten, by ratio; at least 1 for integers."""
    if width <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(width))
    nearest = min((power * step for step in (1, 2, 5, 10)), key=lambda step: abs(math.log(step / width)))
    return max(1.0, nearest) if integer else nearest


def missing(tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Count the missing values, null or NaN, in each column of each table.

    Returns
    -------
    polars.DataFrame
        ``table``, ``column``, the number of ``missing`` values and their ``share`` of the rows; most missing values
        first within each table.
    """
    schema = {"table": pl.String, "column": pl.String, "missing": pl.Int64, "share": pl.Float64}
    entries: list[tuple[str, str, int, float]] = []
    for table, rows in tables.items():
        floats = [column for column in rows.columns if rows.schema[column].is_float()]
        nulls = rows.select(pl.all().null_count()).row(0, named=True)
        nans = rows.select(pl.col(floats).is_nan().sum()).row(0, named=True) if floats else {}
        numbers = {column: number + (nans.get(column) or 0) for column, number in nulls.items()}
        most_first = sorted(numbers.items(), key=lambda pair: -pair[1])
        entries += [(table, column, number, number / max(1, rows.height)) for column, number in most_first]
    return pl.DataFrame(entries, schema=schema, orient="row")


def _text(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.String).fill_null(UNKNOWN)
