"""The search as a page: what was found, how, and what made the difference."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from gingham.comparison.page import every_metric
from gingham.config.space import Exponential, Range, Space
from gingham.report import Page, Section, Table, charts, notebook_html, searches
from gingham.report.charts import SHARE, Axis
from gingham.tuning.trials import parameters as columns_of

if TYPE_CHECKING:
    from gingham.tuning.result import Tuning

_NOTE = (
    "The best value on the validation part is the best of many tries, so expect less of other data: the test, which no "
    "trial saw, says how much. The importance of a parameter is its share in the differences between complete trials "
    "(PED-ANOVA); it says nothing about values that were not tried."
)
_SHOWN = 15
# How many trials have a line of their own; more would be a blot.
_LINES = 60


def page(found: "Tuning", space: Space, title: str) -> Page:
    """Draw what a search found."""
    parts = (_best, _test, _history, _importances, _parallel, _curves)
    return Page(title, _lead(found), [section for part in parts for section in part(found, space)], _NOTE)


def for_notebook(found: "Tuning") -> str:
    """Write what a notebook shows: what is best, the best trials, and what mattered."""
    shares = [(name, f"{share:.0%}") for name, share in found.importances.items()]
    tables = [_best_table(found)]
    return notebook_html(
        _lead(found), [*tables, Table(("parameter", "share in the differences"), shares)] if shares else tables
    )


def parameters(params: Mapping[str, Any]) -> str:
    """Write parameters and their values for people."""
    return ", ".join(f"{name} = {_written(value)}" for name, value in params.items())


def _written(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)


def _lead(found: "Tuning") -> list[str]:
    counts = dict(found.trials["state"].value_counts().iter_rows())
    tried = ", ".join(f"{counts[state]:,} {state}" for state in ("complete", "pruned", "failed") if state in counts)
    lead = [
        f"The best trial reached {found.metric} {found.best_value:.4f} on the validation part.",
        f"Its parameters: {parameters(found.best_params)}.",
        f"{found.trials.height:,} trials were made: {tried}.",
    ]
    said = () if found.comparison is None else found.comparison.sentences
    return [*lead, *(f"The test was scored once. {sentence}" for sentence in said)]


def _best(found: "Tuning", _: Space) -> Iterator[Section]:
    of_epochs = "; epochs is after how many a trial was best" if "epochs" in found.trials.columns else ""
    yield Section("The best trials", f"What they tried, the best first{of_epochs}.", _best_table(found), wide=True)


def _best_table(found: "Tuning") -> Table:
    best = found.trials.filter(pl.col("state") == "complete").sort("value", descending=True).head(_SHOWN)
    names = columns_of(best)
    columns = ("trial", found.metric, *names)
    rows = [
        (
            str(row["trial"]),
            f"{row['value']:.4f}",
            *(_written(row["best_epoch" if name == "epochs" else name]) for name in names),
        )
        for row in best.iter_rows(named=True)
    ]
    return Table(columns, rows)


def _test(found: "Tuning", _: Space) -> Iterator[Section]:
    if found.comparison is not None:
        said = "The model with the best parameters, fitted to all of train, and the baselines."
        yield Section("On the test", said, every_metric(found.comparison), wide=True)


def _history(found: "Tuning", _: Space) -> Iterator[Section]:
    done = found.trials.filter(pl.col("state") == "complete")
    chart = searches.history(done["trial"].to_list(), done["value"].to_list(), Axis(found.metric, ".3~g"))
    yield Section("Trial after trial", "What each complete trial reached, and the best so far.", chart)


def _importances(found: "Tuning", _: Space) -> Iterator[Section]:
    if len(found.importances) > 1:
        names, shares = list(found.importances), {"": list(found.importances.values())}
        chart = charts.grouped_bars(names, shares, Axis("share in the differences", SHARE), horizontal=True)
        said = f"{names[0]} made the greatest difference between complete trials."
        yield Section("What mattered", said, chart)


def _parallel(found: "Tuning", space: Space) -> Iterator[Section]:
    done = found.trials.filter(pl.col("state") == "complete")
    names = [name for name in space if name in done.columns and done[name].n_unique() > 1]
    if done.height > 1 and names:
        columns = {name: done[name].to_list() for name in names}
        logarithmic = [name for name in names if _is_log(space[name])]
        chart = searches.parallel(columns, logarithmic, done["value"].to_list())
        said = "Each line is a complete trial; the best fifth are orange. Point at one to see its values."
        yield Section("All parameters of all trials", said, chart, wide=True)


def _is_log(distribution: Any) -> bool:
    return isinstance(distribution, Exponential) or (isinstance(distribution, Range) and distribution.log)


def _curves(found: "Tuning", _: Space) -> Iterator[Section]:
    if found.curves.is_empty():
        return
    best = found.trials.sort("value", descending=True, nulls_last=True)["trial"][0]
    trials = [best, *(trial for trial in reversed(found.curves["trial"].unique().sort().to_list()) if trial != best)]
    shown = {trial: found.curves.filter(pl.col("trial") == trial) for trial in trials[:_LINES]}
    for column, heading, axis, said in (
        (
            "value",
            "After each epoch",
            found.metric,
            "Of up to 500 users of the validation part; a line a trial, the best trial's in orange.",
        ),
        ("loss", "The loss", "mean loss", "Losses of different kinds can't be compared; the best trial's is orange."),
    ):
        lines = {
            f"trial {trial}": (curve["epoch"].to_list(), curve[column].to_list()) for trial, curve in shown.items()
        }
        chart = searches.curves(lines, f"trial {best}", Axis("epoch", ",d"), Axis(axis, ".3~g"), log=column == "loss")
        yield Section(heading, said, chart)
