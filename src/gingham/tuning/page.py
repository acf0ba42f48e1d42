"""The page and the notebook view of a search: its best trials, its course, and the parameters that mattered."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from gingham.comparison import Comparison
from gingham.comparison.page import every_metric, meanings
from gingham.config.space import Exponential, Range, Space
from gingham.report import Page, Section, Table, charts, notebook_html, searches
from gingham.report.charts import SHARE, Axis
from gingham.selection.page import NOTE, sections
from gingham.tuning.trials import parameter_columns

if TYPE_CHECKING:
    from gingham.tuning.result import Tuning

_NOTE = (
    "The best value on the validation part is the maximum over many trials, so expect a lower value on other data. The "
    "test, which took no part in the search, shows how much lower. The importance of a parameter is its share in the "
    "differences between complete trials (PED-ANOVA). It does not cover values that were not tried."
)
# The number of trials in the table.
_TABLE_TRIALS = 15
# The number of trials in the charts of epochs; with more, the lines could not be told apart.
_CHART_TRIALS = 60


def page(tuning: "Tuning", space: Space, title: str) -> Page:
    """Build the page of a search, or of the choice of a model."""
    if tuning.selection is None:
        note, parts = _NOTE, [_best, _test, _history, _importances, _parallel, _curves, _meanings]
    else:
        note, parts = NOTE, [_panel, _test, _meanings]
    content = [section for part in parts for section in part(tuning, space)]
    return Page(title, _summary(tuning), content, note)


def notebook_view(tuning: "Tuning") -> str:
    """Return the HTML that a notebook shows: a summary, the best trials, and the importance of parameters."""
    tables = [_best_table(tuning)]
    if tuning.importances:
        shares = [(name, f"{share:.0%}") for name, share in tuning.importances.items()]
        tables.append(Table(("parameter", "share in the differences"), shares))
    return notebook_html(_summary(tuning), tables)


def format_params(params: Mapping[str, Any]) -> str:
    """Return parameters and their values as text."""
    return ", ".join(f"{name} = {_format(value)}" for name, value in params.items())


def gain(tuning: "Tuning") -> str:
    """Return how much better the best trial is than the model as it was given, as the end of a sentence."""
    first = tuning.given_value
    if not first:
        return ""
    if tuning.best_value <= first:
        return ", the value of the given parameters, which no trial improved"
    return f", {tuning.best_value / first - 1:.1%} above the given parameters ({first:.4f})"


def _format(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)


def _complete(tuning: "Tuning") -> pl.DataFrame:
    return tuning.trials.filter(pl.col("state") == "complete")


def _summary(tuning: "Tuning") -> list[str]:
    counts = dict(tuning.trials["state"].value_counts().iter_rows())
    states = ", ".join(f"{counts[state]:,} {state}" for state in ("complete", "pruned", "failed") if state in counts)
    n_trials = tuning.trials.height
    test = [] if tuning.comparison is None else _verdicts(tuning.comparison)
    if tuning.selection is not None:
        return [*tuning.selection.sentences, *test]
    return [
        f"The best trial reached {tuning.metric} {tuning.best_value:.4f} on the validation part{gain(tuning)}.",
        f"Its parameters: {format_params(tuning.best_params)}.",
        f"{n_trials:,} {'trial' if n_trials == 1 else 'trials'}: {states}.",
        *test,
    ]


def _verdicts(comparison: Comparison) -> list[str]:
    return [*(f"The test was scored once. {sentence}" for sentence in comparison.sentences), *comparison.advice]


def _meanings(tuning: "Tuning", _: Space) -> Iterator[Section]:
    names = [] if tuning.comparison is None else tuning.comparison.metrics
    yield meanings(dict.fromkeys([tuning.metric, *names]))


def _panel(tuning: "Tuning", _: Space) -> Iterator[Section]:
    assert tuning.selection is not None
    yield from sections(tuning.selection)


def _best(tuning: "Tuning", _: Space) -> Iterator[Section]:
    text = "The parameters of the best trials, the best first"
    if "epochs" in tuning.trials.columns:
        text += "; epochs is the best number of epochs"
    yield Section("The best trials", f"{text}.", _best_table(tuning), wide=True)


def _best_table(tuning: "Tuning") -> Table:
    best = _complete(tuning).sort("value", descending=True).head(_TABLE_TRIALS)
    names = parameter_columns(best)
    rows = [
        (
            str(row["trial"]),
            f"{row['value']:.4f}",
            *(_format(row["best_epoch" if name == "epochs" else name]) for name in names),
        )
        for row in best.iter_rows(named=True)
    ]
    return Table(("trial", tuning.metric, *names), rows)


def _test(tuning: "Tuning", _: Space) -> Iterator[Section]:
    if tuning.comparison is not None:
        text = "The model with the best parameters, fitted to all training data, and the baselines."
        yield Section("On the test", text, every_metric(tuning.comparison), wide=True)


def _history(tuning: "Tuning", _: Space) -> Iterator[Section]:
    complete = _complete(tuning)
    chart = searches.history(complete["trial"].to_list(), complete["value"].to_list(), Axis(tuning.metric, ".3~g"))
    yield Section("Trial by trial", "The value of each complete trial, and the best value so far.", chart)


def _importances(tuning: "Tuning", _: Space) -> Iterator[Section]:
    if len(tuning.importances) > 1:
        names, shares = list(tuning.importances), {"": list(tuning.importances.values())}
        chart = charts.grouped_bars(names, shares, Axis("share in the differences", SHARE), horizontal=True)
        text = f"{names[0]} explains the largest share of the differences between complete trials."
        yield Section("The importance of parameters", text, chart)


def _parallel(tuning: "Tuning", space: Space) -> Iterator[Section]:
    complete = _complete(tuning)
    names = [name for name in space if name in complete.columns and complete[name].n_unique() > 1]
    if complete.height > 1 and names:
        columns = {name: complete[name].to_list() for name in names}
        logarithmic = [name for name in names if _is_log(space[name])]
        chart = searches.parallel(columns, logarithmic, complete["value"].to_list())
        text = "Each line is a complete trial; the best fifth are orange. Point at a line to see its values."
        yield Section("All parameters of all trials", text, chart, wide=True)


def _is_log(distribution: Any) -> bool:
    return isinstance(distribution, Exponential) or (isinstance(distribution, Range) and distribution.log)


def _curves(tuning: "Tuning", _: Space) -> Iterator[Section]:
    if tuning.curves.is_empty():
        return
    best = tuning.trials.sort("value", descending=True, nulls_last=True)["trial"][0]
    latest = reversed(tuning.curves["trial"].unique().sort().to_list())
    trials = [best, *(trial for trial in latest if trial != best)][:_CHART_TRIALS]
    curves = {trial: tuning.curves.filter(pl.col("trial") == trial) for trial in trials}
    for column, heading, axis, text in (
        (
            "value",
            "After each epoch",
            tuning.metric,
            "For at most 500 users of the validation part; one line per trial, that of the best trial orange.",
        ),
        (
            "loss",
            "The loss",
            "mean loss",
            "Values of different loss functions can't be compared. The line of the best trial is orange.",
        ),
    ):
        lines = {
            f"trial {trial}": (curve["epoch"].to_list(), curve[column].to_list()) for trial, curve in curves.items()
        }
        chart = searches.curves(lines, f"trial {best}", Axis("epoch", ",d"), Axis(axis, ".3~g"), log=column == "loss")
        yield Section(heading, text, chart)
