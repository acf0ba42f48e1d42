"""The choice of a model as a page of tables."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gingham.report import Page, Section, Table

if TYPE_CHECKING:
    from gingham.selection.selection import Selection

NOTE = (
    "The models have their default parameters. They were fitted to the train part without the validation part, and "
    "measured on the validation part. The chosen model was then fitted to the whole train part. The 95% intervals of "
    "the differences come from 1,000 bootstrap resamples of the users."
)


def page(selection: "Selection", title: str) -> Page:
    """Build the page."""
    return Page(title, selection.sentences, list(sections(selection)), NOTE)


def sections(selection: "Selection") -> Iterator[Section]:
    """Yield the sections of the page: the panel."""
    reference = selection.comparison.reference
    header = ("model", "status", selection.comparison.metric, f"compared with {reference}", "95% interval", "seconds")
    rows = [
        (
            row["model"],
            row["status"] if row["reason"] is None else f"{row['status']}: {row['reason']}",
            _number(row["mean"], ".4f"),
            " ".join(filter(None, (_number(row["difference"], "+.4f"), row["verdict"]))),
            "" if row["low"] is None else f"{row['low']:+.4f} to {row['high']:+.4f}",
            _number(row["seconds"], ".1f"),
        )
        for row in selection.table.iter_rows(named=True)
    ]
    sentence = f"{selection.chosen} was chosen from these models, the best first. {selection.legend}"
    yield Section("The panel", sentence, Table(header, rows, texts=2), wide=True)


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
