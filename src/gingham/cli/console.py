"""What commands print: tables on standard output, progress and errors on standard error."""

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from textwrap import fill
from typing import Any

import polars as pl
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text
from tqdm import tqdm

from gingham.columns import ITEM_ID, NAME, RANK, REASON, SCORE, SIMILAR_ITEM_ID, TYPE
from gingham.comparison import Comparison
from gingham.comparison.comparison import MARKS
from gingham.selection import Selection
from gingham.tables import Step
from gingham.versions import Version
from gingham.visible import visible

# The control characters that lay out our own text.
_LAYOUT = "\n\t"
# The width of the first column and of a model's column, with borders.
_METRIC_WIDTH, _MODEL_WIDTH = 19, 15
# Stages that draw progress bars, next to which a spinner cannot be shown.
_STAGES_WITH_BARS = ("Fitting", "Searching")
# The columns of `Selection.table` that are shown, and how.
_SELECTION_COLUMNS = {
    "model": "{model}",
    "mean": "{mean:.4f}",
    "difference": "{difference:+.4f} {verdict}",
    "low": "{low:+.4f} to {high:+.4f}",
    "seconds": "{seconds:,.1f}",
}
_TEXT_COLUMNS = (
    "rule",
    "step",
    "metric",
    "model",
    "version",
    "by",
    "status",
    NAME,
    TYPE,
    ITEM_ID,
    SIMILAR_ITEM_ID,
    REASON,
)


class SafeConsole(Console):
    """A console on which control characters in data are shown as escapes and do not reach the terminal."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Convert a string to text; Rich alone would remove some control characters and keep others."""
        return super().render_str(visible(text, _LAYOUT), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Render anything, including text that was not built by `cell`."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text, _LAYOUT), segment.style)

    def on_broken_pipe(self) -> None:
        """Print nothing more once the reader, such as `head`, has ended; the command still writes its files."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


output = SafeConsole(highlight=False, markup=False)
errors = SafeConsole(stderr=True, highlight=False, markup=False)


def cell(value: object, style: str = "") -> Text:
    """Return a value as the text of a table's cell, on one line."""
    return Text(visible(str(value)), style)


class ConsoleProgress:
    """A `Progress` that prints on the console."""

    def stage(self, name: str) -> AbstractContextManager[object]:
        """Show the name of a stage for as long as it lasts."""
        if name.startswith(_STAGES_WITH_BARS):
            errors.print(f"{name} …")
            return nullcontext()
        if not errors.is_terminal:
            errors.print(f"{name} …")
        return errors.status(cell(f"{name} …"))

    def message(self, text: str) -> None:
        """Print a message without damaging a progress bar."""
        with tqdm.external_write_mode(file=sys.stderr):
            errors.print(text, soft_wrap=True)

    def result(self, result: object) -> None:
        """Print the steps of cleaning or a comparison."""
        if isinstance(result, Comparison):
            output.print()
            print_comparison(result)
        elif isinstance(result, Selection):
            print_selection(result)
        elif isinstance(result, tuple):
            output.print(_steps(result))


def print_text(text: str) -> None:
    """Print a text on standard output; the terminal wraps long lines, so that paths can be copied."""
    output.print(text, soft_wrap=True)


def print_comparison(comparison: Comparison) -> None:
    """Print the metrics and costs of a comparison, with as many models next to each other as the terminal fits."""
    names = [*comparison.models, *comparison.baselines]
    n_columns = max(1, (output.width - _METRIC_WIDTH) // _MODEL_WIDTH)
    for start in range(0, len(names), n_columns):
        if start:
            output.print()
        output.print(_metrics(comparison, names[start : start + n_columns]))
    output.print(f"{comparison.legend}\n", style="dim italic")
    output.print(_costs(comparison))
    if comparison.candidates is not None:
        output.print()
        output.print(_candidates(comparison.candidates))
    if comparison.rules is not None:
        output.print()
        output.print(_rules(comparison, comparison.rules))
    for sentence in (*comparison.sentences, *comparison.advice):
        output.print(sentence)


def print_selection(selection: Selection) -> None:
    """Print the panel of models, and which one was chosen and why."""
    comparison = selection.comparison
    columns = ("model", comparison.metric, "difference", "95% interval", "seconds")
    table = _table("Models on the validation part", *columns)
    for row in selection.table.iter_rows(named=True):
        texts = ["" if row[name] is None else form.format(**row) for name, form in _SELECTION_COLUMNS.items()]
        if row["mean"] is None:
            texts[1] = row["status"]
        table.add_row(*texts, style="bold" if row["model"] == selection.chosen else "")
    output.print()
    output.print(table)
    output.print(f"{selection.legend}\n", style="dim italic")
    for sentence in selection.sentences:
        output.print(sentence)


def _steps(steps: tuple[Step, ...]) -> Table:
    table = _table("Steps", "step", "rows", "users", "items")
    for step in steps:
        table.add_row(cell(step.name), *(_number(number) for number in (step.rows, step.users, step.items)))
    return table


def _number(number: int | None) -> str:
    return "–" if number is None else f"{number:,}"


def _metrics(comparison: Comparison, names: list[str]) -> Table:
    rows = comparison.table.rows_by_key(["model", "metric"], named=True, unique=True)
    marks = comparison.marks
    best: dict[str, float] = dict(comparison.table.group_by("metric").agg(pl.col("mean").max()).iter_rows())
    # `fill` wraps names at hyphens; Rich does not.
    table = _table("Metrics: mean and 95% interval", "metric", *(fill(name, _MODEL_WIDTH - 3) for name in names))
    for metric in comparison.metrics:
        cells = []
        for name in names:
            row = rows[name, metric]
            style = "bold" if row["mean"] == best[metric] else ""
            if row["mean"] is None:
                cells.append(Text("–"))
                continue
            cell = Text(f"{row['mean']:.4f} {marks.get((name, metric), ' ')}", style=style)
            cells.append(cell.append(f"\n{_short(row['low'])}–{_short(row['high'])}", style="not bold dim"))
        table.add_row(metric, *cells)
    return table


def _short(share: float) -> str:
    """Format a number from 0 to 1 with at most five characters, so that 80 columns fit four models."""
    return f"{share:.4f}".removeprefix("0")[:5]


def _costs(comparison: Comparison) -> Table:
    table = _table("Cost", "model", "fit (s)", "recommend (s)", "peak (MB)", "coverage")
    for row in comparison.costs.iter_rows(named=True):
        peak = "–" if row["peak_mb"] is None else f"{row['peak_mb']:,.0f}"
        seconds = (f"{row[name]:,.2f}" for name in ("fit_seconds", "recommend_seconds"))
        table.add_row(cell(row["model"]), *seconds, peak, f"{row['coverage']:.2%}")
    return table


def _candidates(rows: pl.DataFrame) -> Table:
    table = _table("Test items among the candidates", "model", "source", "candidates", "recall", "alone")
    for model, source, n, recall, only in rows.iter_rows():
        alone = "–" if only is None else f"{only:.2%}"
        table.add_row(cell(model), cell(source), f"{n:.1f}", f"{recall:.2%}", alone)
    return table


def _rules(comparison: Comparison, rules: pl.DataFrame) -> Table:
    """Show what rules cost or bring by the comparison's metric, where it is one of lists, and by revenue."""
    shown = comparison.rule_metrics
    table = _table("Effect of rules on recommended lists", "model", "rule", "metric", "without", "with", "difference")
    for row in rules.filter(pl.col("metric").is_in(shown)).iter_rows(named=True):
        difference = f"{row['difference']:+.4f} {MARKS[row['verdict']]}\n{row['low']:+.4f} to {row['high']:+.4f}"
        numbers = f"{row['without']:.4f}", f"{row['with']:.4f}", difference
        table.add_row(cell(row["model"]), cell(row["rule"]), row["metric"], *numbers)
    return table


def print_items(title: str, rows: pl.DataFrame, id_column: str, labels: pl.DataFrame | None) -> None:
    """Print ranked items with their scores and reasons, and with names and types where the items table has them."""
    names = [] if labels is None else [name for name in (NAME, TYPE) if name in labels.columns]
    if labels is not None:
        rows = rows.join(labels.rename({labels.columns[0]: id_column}), on=id_column, how="left", maintain_order="left")
    reasons = [REASON] if REASON in rows.columns else []
    table = _table(title, RANK, id_column, *names, SCORE, *reasons)
    for row in rows.iter_rows(named=True):
        texts = (cell("" if row[name] is None else row[name]) for name in names)
        sentences = (cell(row[name]) for name in reasons)
        table.add_row(str(row[RANK]), cell(row[id_column]), *texts, f"{row[SCORE]:.3f}", *sentences)
    output.print()
    output.print(table)


def print_versions(title: str, versions: tuple[Version, ...]) -> None:
    """Print the versions of a run's folder, and for those that a gate refused the reasons."""
    table = _table(title, "version", "metric", "users", "items", "by", "status")
    for one in versions:
        figure = "–" if one.mean is None else f"{one.metric} {one.mean:.4f}"
        interval = "" if one.low is None or one.high is None else f"{_short(one.low)}–{_short(one.high)}"
        columns = ((one.name, one.model), (figure, interval))
        cells = (cell(first).append(f"\n{visible(second)}", style="not bold dim") for first, second in columns)
        style = "bold" if one.is_current else ""
        table.add_row(*cells, f"{one.users:,}", f"{one.items:,}", one.origin, one.status, style=style)
    output.print()
    output.print(table)
    for one in versions:
        if one.passed is False:
            output.print(f"The gate refused {one.name}: {' '.join(one.sentences)}")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=cell(title), title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(
            Text(visible(column, _LAYOUT)), justify="left" if column in _TEXT_COLUMNS else "right", overflow="fold"
        )
    return table
