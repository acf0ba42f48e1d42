"""What the users and items tables say: counts by category, measures by category, and what is missing."""

import math
from dataclasses import dataclass

import polars as pl

from gingham.profiling.columns import Described

NOT_KNOWN = "not known"

# At most so many of each are drawn for a table; a merchandiser reads a page, not an atlas.
_NESTINGS, _SINGLES, _MEASURES = 2, 2, 2
_GROUPS = 8
_BINS = 40


@dataclass(frozen=True)
class Counts:
    """How many users or items there are of each value of a category, and how much is bought of or by them.

    Attributes
    ----------
    table, column : str
        The column.
    within : str, optional
        The column whose values it divides further.
    frame : polars.DataFrame
        ``value`` (text) and, if there is one, ``within`` (text); ``number`` of users or items, and their
        ``purchases``. The values of one `within` stand together; the largest come first.
    """

    table: str
    column: str
    within: str | None
    frame: pl.DataFrame


@dataclass(frozen=True)
class Histogram:
    """How a measure of users or items is distributed.

    Attributes
    ----------
    table, column : str
        The column.
    by : str, optional
        The category that splits it.
    width : float
        How wide a bin is.
    median : float
        The middle value.
    frame : polars.DataFrame
        ``low`` (where a bin begins), ``group`` (text; the largest group first) and ``number``. The first and last bins
        also hold the thousandth of all values that lies beyond them.
    """

    table: str
    column: str
    by: str | None
    width: float
    median: float
    frame: pl.DataFrame


def counts(described: Described, purchases: pl.DataFrame) -> tuple[Counts, ...]:
    """Count the rows of a table by its categories: by pairs of which one divides the other, then by single ones.

    Parameters
    ----------
    described : Described
        The table.
    purchases : polars.DataFrame
        Its id column and ``purchases``, for ids with any.
    """
    ids = described.rows.select(described.id_column)
    bought = ids.join(purchases, described.id_column, how="left", maintain_order="left")["purchases"].fill_null(0)
    found: list[Counts] = []
    used: set[str] = set()
    for outer, inner in described.nestings:
        if not {outer, inner} & used and len(found) < _NESTINGS:
            found.append(Counts(described.table, inner, outer, _counted(described.rows, inner, outer, bought)))
            used |= {outer, inner}
    singles = [column for column in described.categories if column not in used][:_SINGLES]
    return *found, *(Counts(described.table, one, None, _counted(described.rows, one, None, bought)) for one in singles)


def _counted(rows: pl.DataFrame, column: str, within: str | None, bought: pl.Series) -> pl.DataFrame:
    keys = {"value": column} | ({} if within is None else {"within": within})
    told = rows.select(_text(source).alias(key) for key, source in keys.items()).with_columns(bought)
    sums = pl.len().cast(pl.Int64).alias("number"), pl.col("purchases").sum().cast(pl.Int64)
    frame = told.group_by(*keys).agg(*sums)
    if within is None:
        return frame.sort("number", "value", descending=[True, False])
    size = pl.col("number").sum().over("within")
    return frame.sort(size, "within", "number", "value", descending=[True, False, True, False])


def histograms(described: Described) -> tuple[Histogram, ...]:
    """Count each measure in bins, split by the table's first categories with few values."""
    few = [column for column in described.categories if described.values[column] < _GROUPS][:_MEASURES]
    splits: list[str | None] = [*few] or [None]
    return tuple(_histogram(described, measure, by) for measure in described.measures[:_MEASURES] for by in splits)


def _histogram(described: Described, column: str, by: str | None) -> Histogram:
    group = pl.lit("") if by is None else _text(by)
    rows = described.rows.select(value=pl.col(column).cast(pl.Float64), group=group)
    rows = rows.filter(pl.col("value").is_finite())
    values = rows["value"]
    low, middle, high = (float(values.quantile(part, "nearest") or 0) for part in (0.001, 0.5, 0.999))
    width = _round_width((high - low) / _BINS, whole=described.is_whole(column))
    start = math.floor(low / width) * width
    bins = max(1, math.ceil((high - start) / width + 1e-9))
    place = ((pl.col("value") - start) / width).floor().clip(0, bins - 1).cast(pl.Int64)
    counted = rows.group_by(place.alias("bin"), "group").agg(pl.len().cast(pl.Int64).alias("number"))
    names = counted.group_by("group").agg(pl.col("number").sum()).sort("number", "group", descending=[True, False])
    every = names.select("group").join(pl.DataFrame({"bin": range(bins)}), how="cross", maintain_order="left_right")
    frame = every.join(counted, ["group", "bin"], how="left", maintain_order="left").select(
        (start + pl.col("bin") * width).alias("low"), "group", pl.col("number").fill_null(0)
    )
    return Histogram(described.table, column, by, width, middle, frame)


def _round_width(width: float, whole: bool) -> float:
    """Choose the round number, 1, 2 or 5 times a power of ten, that is nearest by ratio; whole numbers from 1 up."""
    if width <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(width))
    nearest = min((power * step for step in (1, 2, 5, 10)), key=lambda step: abs(math.log(step / width)))
    return max(1.0, nearest) if whole else nearest


def missing(tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Count what is missing in each column of tables: null, or no number in a column of numbers.

    Returns
    -------
    polars.DataFrame
        ``table``, ``column``, ``missing`` rows, their ``share`` of the table's rows; by falling share in a table.
    """
    schema = {"table": pl.String, "column": pl.String, "missing": pl.Int64, "share": pl.Float64}
    found = []
    for table, rows in tables.items():
        floats = [column for column in rows.columns if rows.schema[column].is_float()]
        nulls = rows.select(pl.all().null_count()).row(0, named=True)
        no_numbers = rows.select(pl.col(floats).is_nan().sum()).row(0, named=True) if floats else {}
        numbers = {column: number + (no_numbers.get(column) or 0) for column, number in nulls.items()}
        most_first = sorted(numbers.items(), key=lambda pair: -pair[1])
        found += [(table, column, number, number / max(1, rows.height)) for column, number in most_first]
    return pl.DataFrame(found, schema=schema, orient="row")


def _text(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.String).fill_null(NOT_KNOWN)
