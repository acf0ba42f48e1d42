"""What commands print: tables on standard output, progress and errors on standard error."""

import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from textwrap import fill

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text
from tqdm import tqdm

from gingham.columns import NAME, TYPE
from gingham.comparison.comparison import Comparison
from gingham.tables import Step

# The width of a table's first column and of each model's, with its frame.
_METRIC, _MODEL = 19, 15

output = Console()
errors = Console(stderr=True)


class ConsoleProgress:
    """A `Progress` that prints on the console."""

    def stage(self, name: str) -> AbstractContextManager[object]:
        """Show the name of a stage for as long as it lasts."""
        if name.startswith(("Fitting", "Searching")):
            # These draw progress bars of their own.
            errors.print(f"{name} …", highlight=False, markup=False)
            return nullcontext()
        if not errors.is_terminal:
            errors.print(f"{name} …", highlight=False, markup=False)
        return errors.status(Text(f"{name} …"))

    def message(self, text: str) -> None:
        """Print a message without damaging a progress bar."""
        with tqdm.external_write_mode(file=sys.stderr):
            errors.print(text, highlight=False, markup=False, soft_wrap=True)

    def result(self, result: object) -> None:
        """Print the steps of cleaning or a comparison."""
        if isinstance(result, Comparison):
            output.print()
            show_comparison(result)
        elif isinstance(result, tuple):
            output.print(_steps(result))


def show_comparison(comparison: Comparison) -> None:
    """Print how good models are and what they cost: as many side by side as the terminal has room for."""
    names = [*comparison.models, *comparison.baselines]
    room = max(1, (output.width - _METRIC) // _MODEL)
    for start in range(0, len(names), room):
        if start:
            output.print()
        output.print(_metrics(comparison, names[start : start + room]))
    output.print(
        f"{comparison.legend}\n",
        style="dim italic",
        highlight=False,
        markup=False,
    )
    output.print(_costs(comparison))
    for sentence in comparison.sentences:
        output.print(sentence, highlight=False, markup=False)


def _steps(steps: tuple[Step, ...]) -> Table:
    table = _table("Steps", "step", "rows", "users", "items")
    for step in steps:
        table.add_row(Text(step.name), f"{step.rows:,}", f"{step.users:,}", f"{step.items:,}")
    return table


def _metrics(comparison: Comparison, names: list[str]) -> Table:
    found = comparison.table.rows_by_key(["model", "metric"], named=True, unique=True)
    marks = comparison.marks
    best: dict[str, float] = dict(comparison.table.group_by("metric").agg(pl.col("mean").max()).iter_rows())
    # Names are wrapped at hyphens, which Rich would not do.
    table = _table("How good: mean and its 95% interval", "metric", *(fill(name, _MODEL - 3) for name in names))
    for metric in comparison.metrics:
        cells = []
        for name in names:
            row = found[name, metric]
            style = "bold" if row["mean"] == best[metric] else ""
            if row["mean"] is None:
                cells.append(Text("–"))
                continue
            cell = Text(f"{row['mean']:.4f} {marks.get((name, metric), ' ')}", style=style)
            cells.append(cell.append(f"\n{_short(row['low'])}–{_short(row['high'])}", style="not bold dim"))
        table.add_row(metric, *cells)
    return table


def _short(share: float) -> str:
    """Write a number from 0 to 1 in five letters: with intervals of these, 80 columns have room for four models."""
    return f"{share:.4f}".removeprefix("0")[:5]


def _costs(comparison: Comparison) -> Table:
    table = _table("What it takes", "model", "seconds to fit", "to recommend", "peak MB", "coverage")
    for row in comparison.costs.iter_rows(named=True):
        peak = "–" if row["peak_mb"] is None else f"{row['peak_mb']:,.0f}"
        seconds = (f"{row[name]:,.2f}" for name in ("fit_seconds", "recommend_seconds"))
        table.add_row(Text(row["model"]), *seconds, peak, f"{row['coverage']:.2%}")
    return table


def show_items(title: str, rows: pl.DataFrame, id_column: str, labels: pl.DataFrame | None) -> None:
    """Print ranked items with their scores, and with names and types where they are known."""
    told = [] if labels is None else [label for label in (NAME, TYPE) if label in labels.columns]
    if labels is not None:
        rows = rows.join(labels.rename({labels.columns[0]: id_column}), on=id_column, how="left", maintain_order="left")
    table = _table(title, "rank", id_column, *told, "score")
    for row in rows.iter_rows(named=True):
        names = (Text("" if row[label] is None else row[label]) for label in told)
        table.add_row(str(row["rank"]), Text(str(row[id_column])), *names, f"{row['score']:.3f}")
    output.print()
    output.print(table)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=Text(title), title_justify="left", title_style="bold")
    text: Iterable[str] = ("step", "metric", "model", NAME, TYPE, "item_id", "similar_item_id")
    for column in columns:
        table.add_column(Text(column), justify="left" if column in text else "right", overflow="fold")
    return table
