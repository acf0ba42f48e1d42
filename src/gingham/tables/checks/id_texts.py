"""Ids that are not what they seem: what exports and spreadsheets make of ids, and ids that stand for many."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from gingham.columns import ITEM_ID
from gingham.tables.finding import N_ROWS, UNTIDY, Severity, is_untidy

# Words that exports write where an id is missing, in lower case.
_NULL_WORDS = ("null", "none", "nan", "na", "n/a", "#n/a", "<na>", "nil", "undefined", r"\n", "-", "--", "?")
_POINT_ZERO = r"\.0+$"
_SCIENTIFIC = r"^[+-]?\d+(?:[.,]\d+)?[eE]\+?\d+$"
_ZEROS = r"^0+(\d+)$"
_SUSPICIOUS = "|".join(
    [r"^\s", r"\s$", _SCIENTIFIC, rf"^\d+{_POINT_ZERO}", rf"(?i)^(?:{'|'.join(map(re.escape, _NULL_WORDS))})?$"]
)
# A shop's best seller sells about ten times as often as the tenth (by Zipf's law); "guest" buys hundreds of times as
# often as the tenth customer. A larger share of all rows, and multiple of the tenth largest, is absurd.
_ABSURD_SHARE, _ABSURD_MULTIPLE, _TENTH = 0.05, 20, 10
# Whether all prices of an item are equal; a column of the counts of items.
HAS_ONE_PRICE = "gingham_one_price"
# An item that was sold this often usually has more than one price if other items do.
_OFTEN = 50
# Ids without digits are hinted at if at most this share of the items have one.
_FEW = 0.1


@dataclass(frozen=True)
class OddIds:
    """Ids with the same problem.

    Attributes
    ----------
    severity : {"error", "warning", "note"}
        How bad it is.
    what : str
        What is wrong, and the remedy.
    counts : polars.DataFrame
        The ids, and in how many rows each occurs (`N_ROWS`).
    """

    severity: Severity
    what: str
    counts: pl.DataFrame

    @property
    def n_rows(self) -> int:
        """The number of rows with any of the ids."""
        return int(self.counts[N_ROWS].sum())


def odd_ids(counts: pl.DataFrame, id_column: str, table: str) -> Iterator[OddIds]:
    """Find the ids of a table that are probably not what they should be.

    Parameters
    ----------
    counts : polars.DataFrame
        The distinct ids, and in how many rows each occurs (`N_ROWS`).
    id_column : str
        The column of the ids.
    table : str
        The name of the table.
    """
    if counts.schema[id_column] == pl.String:
        yield from _odd_texts(counts, id_column, table)
        yield from _similar_texts(counts, id_column)
        if id_column == ITEM_ID:
            yield from _without_digits(counts, table)
    if HAS_ONE_PRICE in counts.columns:
        yield from _with_one_price(counts)
    yield from _absurd_shares(counts, id_column)


def _odd_texts(counts: pl.DataFrame, id_column: str, table: str) -> Iterator[OddIds]:
    ids = pl.col(id_column)
    kinds = (
        (is_untidy(ids), UNTIDY),
        (
            ids.str.to_lowercase().is_in(_NULL_WORDS),
            f"ids that look like a missing value; add these words to null_values in [{table}], or correct them",
        ),
        (
            ids.str.contains(_SCIENTIFIC),
            "numbers in scientific notation, which several ids may have become; export the column as text",
        ),
        (ids.str.contains(rf"^\d+{_POINT_ZERO}"), "whole numbers that end in .0; export them without it"),
    )
    # One pass over many ids finds the few that any kind may match.
    suspects = counts.filter(ids.str.contains(_SUSPICIOUS))
    for condition, what in kinds:
        matches = suspects.filter(condition)
        if matches.height and what.startswith("whole"):
            bare = matches[id_column].str.replace(_POINT_ZERO, "").implode()
            both = counts.select(ids.is_in(bare).sum()).item()
            what += f" ({both:,} of them occur without it, too)" if both else ""
        if matches.height:
            yield OddIds("warning", what, matches)


def _similar_texts(counts: pl.DataFrame, id_column: str) -> Iterator[OddIds]:
    """Find ids that differ in nothing that matters."""
    ids = pl.col(id_column)
    entity = id_column.removesuffix("_id")
    has_both_cases = counts.select(ids.str.contains(r"\p{Lu}").any() & ids.str.contains(r"\p{Ll}").any()).item()
    has_zeros = counts.select(ids.str.contains(_ZEROS).any()).item()
    for is_possible, change, difference in (
        (has_both_cases, ids.str.to_lowercase(), "upper and lower case"),
        (has_zeros, ids.str.replace(_ZEROS, "${1}"), "leading zeros"),
    ):
        if is_possible and counts.select(change.hash().n_unique()).item() < counts.height:
            what = f"ids that differ only in {difference}; use one spelling unless each is another {entity}"
            yield OddIds("warning", what, counts.filter(change.is_duplicated()))


def _absurd_shares(counts: pl.DataFrame, id_column: str) -> Iterator[OddIds]:
    """Find the user or item that an absurd share of all rows belong to."""
    rows = counts[N_ROWS].to_numpy()
    if len(rows) < _TENTH:
        return
    tenth, total = np.partition(rows, -_TENTH)[-_TENTH], rows.sum()
    matches = counts.filter((rows >= _ABSURD_SHARE * total) & (rows >= _ABSURD_MULTIPLE * tenth))
    if matches.height:
        share = float(matches[N_ROWS].to_numpy().sum() / total)
        entity = id_column.removesuffix("_id")
        subject = f"1 {entity} has" if matches.height == 1 else f"{matches.height} {entity}s have"
        remedy = f"remove these rows in [clean] if no single {entity} is behind this id"
        yield OddIds("warning", f"{subject} {share:.0%} of all rows; {remedy}", matches)


def _without_digits(counts: pl.DataFrame, table: str) -> Iterator[OddIds]:
    """Find items such as postage and bank charges among articles with numbers."""
    matches = counts.filter(~pl.col(ITEM_ID).str.contains(r"\d"))
    if table == "transactions" and 0 < matches.height <= _FEW * counts.height:
        what = (
            "ids without digits among ids that have digits; if these are not products (postage, charges, vouchers), "
            'remove them with transactions = "..." in [clean]'
        )
        yield OddIds("note", what, matches)


def _with_one_price(counts: pl.DataFrame) -> Iterator[OddIds]:
    """Find items such as vouchers and fees, whose price never changes, among articles whose price does."""
    often = counts.filter(pl.col(N_ROWS) >= _OFTEN)
    matches = often.filter(pl.col(HAS_ONE_PRICE))
    if 0 < matches.height <= _FEW * often.height:
        what = (
            f"items sold at least {_OFTEN} times at a single price, while other prices vary; if these are not "
            'products (fees, vouchers, gift cards), remove them with transactions = "..." in [clean]'
        )
        yield OddIds("note", what, matches)
