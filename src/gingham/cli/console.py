"""What commands print: tables on standard output, progress and errors on standard error."""

import sys
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text
from tqdm import tqdm

from gingham.columns import NAME, TYPE
from gingham.evaluate import Evaluation
from gingham.tables import Step
from gingham.tune.tuning import Follower

output = Console()
errors = Console(stderr=True)


class Narrator(Follower):
    """Tells a run's story as it unfolds."""

    def stage(self, name: str) -> AbstractContextManager[object]:
        """Begin a stage, which lasts as long as the block."""
        if name.startswith(("Fitting", "Searching")):
            # These draw progress bars of their own.
            errors.print(f"{name} …", highlight=False)
            return nullcontext()
        if not errors.is_terminal:
            errors.print(f"{name} …", highlight=False)
        return errors.status(f"{name} …")

    def cleaned(self, steps: tuple[Step, ...]) -> None:
        """Hear what cleaning and splitting left, step by step."""
        table = _table("Steps", "step", "rows", "users", "items")
        for step in steps:
            table.add_row(Text(step.name), f"{step.rows:,}", f"{step.users:,}", f"{step.items:,}")
        output.print(table)

    def evaluated(self, evaluations: Mapping[str, Evaluation]) -> None:
        """Hear how good the model (first) and the baselines are."""
        table = _table("How good: mean and its 95% interval", "metric", *evaluations)
        tables = [evaluation.table for evaluation in evaluations.values()]
        for row, metric in enumerate(tables[0]["metric"]):
            cells = [(one["mean"][row], one["low"][row], one["high"][row]) for one in tables]
            best = max((mean for mean, _, _ in cells if mean is not None), default=None)
            table.add_row(metric, *(_interval(*cell, bold=cell[0] == best) for cell in cells))
        output.print()
        table.caption = f"Over the {tables[0]['users'][0]:,} users with purchases in the test part"
        output.print(table)
        output.print(_verdict(evaluations), highlight=False, markup=False)

    def said(self, sentence: str) -> None:
        """Hear what happened in a search."""
        with tqdm.external_write_mode(file=sys.stderr):
            errors.print(sentence, highlight=False, markup=False, soft_wrap=True)


def _verdict(evaluations: Mapping[str, Evaluation]) -> str:
    """Say in a sentence which is best by MAP, and by how much the model differs from it."""
    metric = next(name for name in next(iter(evaluations.values())).table["metric"] if name.startswith("map@"))
    scores = {name: evaluation.to_dict()[metric]["mean"] for name, evaluation in evaluations.items()}
    model, best = next(iter(scores)), max(scores, key=lambda name: scores[name])
    if best == model:
        return f"By {metric}, the model ({model}) is best: {scores[best]:.4f}."
    return f"By {metric}, {best} is best: {scores[best]:.4f}; the model ({model}) reaches {scores[model]:.4f}."


def _interval(mean: float | None, low: float | None, high: float | None, bold: bool) -> Text:
    if mean is None:
        return Text("–")
    return Text(f"{mean:.4f}", style="bold" if bold else "").append(f"\n{low:.4f}–{high:.4f}", style="not bold dim")


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
    table = Table(title=Text(title), title_justify="left", title_style="bold", caption_justify="left")
    text: Iterable[str] = ("step", "metric", NAME, TYPE, "item_id", "similar_item_id")
    for column in columns:
        table.add_column(column, justify="left" if column in text else "right", overflow="fold")
    return table
