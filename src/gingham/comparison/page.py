"""A comparison as a page of charts and tables, each with an explanation."""

from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import TYPE_CHECKING

import polars as pl

from gingham.evaluation.bootstrap import FEWEST
from gingham.evaluation.segments import COLD_ITEMS, HISTORY
from gingham.metrics import meaning
from gingham.report import Page, Section, Table, charts, notebook_html
from gingham.report.charts import SHARE, Axis, Chart, Interval

if TYPE_CHECKING:
    from gingham.comparison.comparison import Comparison

_NOTE = (
    "Whiskers are 95% confidence intervals: percentiles of 1,000 bootstrap resamples of the test users. Differences "
    "are paired by user, so a difference can be clear even if the intervals of the two means overlap. One interval in "
    "twenty does not contain the true value: the more models and metrics are compared, the more likely it is that one "
    "looks better by chance. Peak memory is the increase of the process's resident memory while the model was fitted "
    "and evaluated."
)
_LOSSES = "The mean loss of the examples of each epoch. Values of different loss functions cannot be compared."
_UNKNOWN = "unknown"
_SEGMENTS = {
    HISTORY: "the number of different items in the user's history in the train part",
    COLD_ITEMS: "whether the test item has transactions in the train part",
}


def page(comparison: "Comparison", title: str) -> Page:
    """Build the page."""
    parts = (
        _metric,
        _segments,
        _differences,
        _coverage,
        _costs,
        _rules,
        _candidates,
        _curves,
        _examples,
        _metrics,
        _lists,
        _meanings,
    )
    lead = (*comparison.sentences, *comparison.advice)
    return Page(title, lead, [section for part in parts for section in part(comparison)], _NOTE)


def for_notebook(comparison: "Comparison") -> str:
    """Return HTML for a notebook: the metrics of all models, their costs, and the verdicts."""
    results = comparison.table.rows_by_key(["model", "metric"], named=True, unique=True)
    marks = comparison.marks
    names = list(comparison.measured)

    def cell(name: str, metric: str) -> str:
        row = results[name, metric]
        if row["mean"] is None:
            return "–"
        # The reference has no mark, but a space of the same width.
        mark = marks.get((name, metric), "\u2007")
        return f"{row['mean']:.4f} ({row['low']:.3f}–{row['high']:.3f}) {mark}"

    rows = [(metric, *(cell(name, metric) for name in names)) for metric in comparison.metrics]
    (costs,) = _costs(comparison)
    tables = [section.content for section in (costs, *_rules(comparison)) if isinstance(section.content, Table)]
    return notebook_html([*comparison.sentences, comparison.legend], [Table(("metric", *names), rows), *tables])


def _metric(comparison: "Comparison") -> Iterator[Section]:
    metric = comparison.metric
    rows = comparison.table.filter(metric=metric).sort("mean", descending=True, maintain_order=True)
    labels, users = rows["model"].to_list(), rows["users"][0]
    intervals: list[Interval] = list(rows.select("mean", "low", "high").iter_rows())
    groups = {
        kind: [interval if name in names else None for name, interval in zip(labels, intervals, strict=True)]
        for kind, names in (("models", comparison.models), ("baselines", comparison.baselines))
        if names
    }
    chart = charts.dots(labels, groups, Axis(metric), side_by_side=False)
    sentence = f"{labels[0]} has the highest mean: {rows['mean'][0]:.4f}, over {users:,} users of the test."
    yield Section(f"Accuracy: {metric}", sentence, chart, wide=True)


def _differences(comparison: "Comparison") -> Iterator[Section]:
    """Draw the difference of each model from the reference for each metric, in percent of the reference."""
    means = dict(comparison.table.filter(model=comparison.reference).select("metric", "mean").iter_rows())
    metrics = [metric for metric in comparison.metrics if (means[metric] or 0) > 0]
    groups: dict[str, list[Interval | None]] = {}
    for name in comparison.models or comparison.baselines:
        rows = comparison.differences.filter(model=name).rows_by_key("metric", named=True, unique=True)
        if rows:
            ends = ([rows[metric][end] for end in ("difference", "low", "high")] for metric in metrics)
            groups[name] = [
                (middle / mean, low / mean, high / mean)
                for (middle, low, high), mean in zip(ends, (means[metric] for metric in metrics), strict=True)
            ]
    if not (metrics and groups):
        return
    axis = Axis(f"difference from {comparison.reference}", SHARE)
    sentence = (
        f"The difference of each model from {comparison.reference}, in percent; an interval that includes zero means "
        "no clear difference."
    )
    yield Section(f"Compared with {comparison.reference}", sentence, charts.dots(metrics, groups, axis), wide=True)


def _segments(comparison: "Comparison") -> Iterator[Section]:
    if comparison.segments is None:
        return
    rows = comparison.segments.filter(pl.col("users") >= FEWEST, metric=comparison.metric)
    for (segment,), part in rows.group_by("segment", maintain_order=True):
        values = part["value"].unique(maintain_order=True).to_list()
        groups: dict[str, list[Interval | None]] = {}
        for (model,), own in part.group_by("model", maintain_order=True):
            intervals = {value: interval for value, *interval in own.select("value", "mean", "low", "high").iter_rows()}
            groups[str(model)] = [tuple(intervals[value]) if value in intervals else None for value in values]
        users = dict(part.filter(model=comparison.reference).select("value", "users").iter_rows())
        labels = [f"{value} ({users.get(value, 0):,} users)" for value in values]
        chart = charts.dots(labels, groups, Axis(comparison.metric))
        sentence = (
            f"The metric by {_SEGMENTS.get(str(segment), str(segment))}. Groups of few users have wide intervals; "
            f"groups of fewer than {FEWEST} users are not shown."
        )
        yield Section(f"{comparison.metric} by {segment}", sentence, chart, wide=True)


def _coverage(comparison: "Comparison") -> Iterator[Section]:
    means = dict(comparison.table.filter(metric=comparison.metric).select("model", "mean").iter_rows())
    places = {name: (share, means[name]) for name, share in comparison.costs.select("model", "coverage").iter_rows()}
    chart = charts.points(places, Axis("share of the catalogue recommended", SHARE), Axis(comparison.metric))
    sentence = "Models further up are more accurate; models further right recommend more of the catalogue."
    yield Section("Coverage and accuracy", sentence, chart)


def _rules(comparison: "Comparison") -> Iterator[Section]:
    """Show what rules cost or bring."""
    if comparison.rules is None:
        return
    rows = [
        (
            row["model"],
            row["rule"],
            row["metric"],
            row["verdict"],
            f"{row['without']:.4f}",
            f"{row['with']:.4f}",
            f"{row['difference']:+.4f}",
            f"{row['low']:+.4f} to {row['high']:+.4f}",
        )
        for row in comparison.rules.filter(pl.col("metric").is_in(comparison.rule_metrics)).iter_rows(named=True)
    ]
    header = ("model", "rule", "metric", "verdict", "without", "with", "difference", "95% interval")
    sentence = (
        "The lists of each model under each rule alone and under all of them, compared with its lists without rules, "
        "paired by user. Revenue is the sum of the prices that a user paid in the test part for items of the list."
    )
    yield Section("Effect of rules", sentence, Table(header, rows, texts=4), wide=True)


def _costs(comparison: "Comparison") -> Iterator[Section]:
    rows = [
        (
            row["model"],
            f"{row['fit_seconds']:.2f}",
            f"{row['recommend_seconds']:.2f}",
            _UNKNOWN if row["peak_mb"] is None else f"{row['peak_mb']:,.0f}",
            f"{row['coverage']:.2%}",
        )
        for row in comparison.costs.iter_rows(named=True)
    ]
    header = ("model", "seconds to fit", "seconds to recommend", "peak memory, MB", "coverage")
    sentence = "Time and memory to fit each model and to recommend to all users of the test."
    yield Section("Costs", sentence, Table(header, rows))


def _candidates(comparison: "Comparison") -> Iterator[Section]:
    if comparison.candidates is None:
        return
    header = ("model", "candidates from", "candidates a user", "recall", "found by it alone")
    rows = [
        (model, source, f"{n:.1f}", f"{recall:.2%}", "–" if only is None else f"{only:.2%}")
        for model, source, n, recall, only in comparison.candidates.iter_rows()
    ]
    sentence = (
        "The share of a test user's items that are candidates, on average. A ranker cannot recommend other items, so "
        "the recall of all candidates limits the recall of the model."
    )
    yield Section("Candidates", sentence, Table(header, rows, texts=2))


def _curves(comparison: "Comparison") -> Iterator[Section]:
    curves = {name: one.curve for name, one in comparison.measured.items() if one.curve is not None}
    for metric in dict.fromkeys(column for curve in curves.values() for column in curve.columns):
        if metric in ("epoch", "seconds"):
            continue
        measured = {name: curve for name, curve in curves.items() if metric in curve.columns}
        heading = "Training loss" if metric == "loss" else f"Validation: {metric}"
        sentence = _LOSSES if metric == "loss" else _best_epochs(measured, metric)
        yield Section(heading, sentence, _curve(measured, metric))


def _curve(curves: dict[str, pl.DataFrame], metric: str) -> Chart:
    epochs = sorted({epoch for curve in curves.values() for epoch in curve["epoch"]})
    lines = {}
    for name, curve in curves.items():
        values = dict(curve.select("epoch", metric).iter_rows())
        lines[name] = [values.get(epoch) for epoch in epochs]
    return charts.line(epochs, lines, Axis(metric), x_title="epoch")


def _best_epochs(curves: dict[str, pl.DataFrame], metric: str) -> str:
    best = []
    for name, curve in curves.items():
        rows = curve.sort(metric, descending=True, nulls_last=True, maintain_order=True)
        best.append(f"{name} reached its best value in epoch {rows['epoch'][0]} ({rows[metric][0]:.4f})")
    return f"The metric on validation data after each epoch: {'; '.join(best)}."


def _examples(comparison: "Comparison") -> Iterator[Section]:
    """Show the lists of the model with the highest mean next to the histories of three users."""
    rows = comparison.table.filter(metric=comparison.metric).sort("mean", descending=True, maintain_order=True)
    names = [name for name in rows["model"] if name in comparison.models] or rows["model"].to_list()
    for number, example in enumerate(comparison.measured[names[0]].examples, start=1):
        marked = (
            f"{item} ✓" if bought else item for item, bought in zip(example.recommended, example.bought, strict=True)
        )
        sentence = (
            f"{example.n_history:,} different items in the history, and the list of {names[0]}; ✓ marks what this "
            "customer bought in the test part."
        )
        header = ("place", "bought before", f"recommended by {names[0]}")
        cells = zip_longest(example.history, marked, fillvalue="")
        table = Table(header, [(str(place), *row) for place, row in enumerate(cells, start=1)], texts=3)
        yield Section(f"Example {number}: customer {example.user}", sentence, table, wide=True)


def _meanings(comparison: "Comparison") -> Iterator[Section]:
    yield meanings([*comparison.metrics, *comparison.lists["metric"].unique(maintain_order=True)])


def meanings(names: Iterable[str]) -> Section:
    """Return a section that says what metrics mean."""
    rows = [(name, meaning(name)) for name in names]
    sentence = "Metrics of users are computed for each user and averaged; metrics of lists for all lists together."
    return Section("What the metrics mean", sentence, Table(("metric", "meaning"), rows, texts=2), wide=True)


def _metrics(comparison: "Comparison") -> Iterator[Section]:
    sentence = f"The verdicts compare each model with {comparison.reference}, the reference."
    yield Section("All metrics", sentence, every_metric(comparison), wide=True)


def every_metric(comparison: "Comparison") -> Table:
    """Return a table of all metrics of all models, with intervals and verdicts."""
    verdicts = comparison.differences.rows_by_key(["model", "metric"], named=True, unique=True)
    results = comparison.table.rows_by_key(["model", "metric"], named=True, unique=True)
    rows = []
    for metric in comparison.metrics:
        for model in comparison.measured:
            row, verdict = results[model, metric], verdicts.get((model, metric), {"verdict": "reference"})
            if row["mean"] is not None:
                interval = f"{row['low']:.4f} to {row['high']:.4f}"
                rows.append((metric, model, verdict["verdict"], f"{row['mean']:.4f}", interval))
    return Table(("metric", "model", "verdict", "mean", "95% interval"), rows, texts=3)


def _lists(comparison: "Comparison") -> Iterator[Section]:
    wide = comparison.lists.pivot("model", index="metric", values="value", maintain_order=True)
    rows = [
        (metric, *("–" if value is None else f"{value:.4f}" for value in values))
        for metric, *values in wide.iter_rows()
    ]
    sentence = (
        "Metrics of all recommended lists together, such as the share of the catalogue that they cover (coverage) and "
        "how unevenly they show the items (gini)."
    )
    yield Section("Recommended lists", sentence, Table(wide.columns, rows), wide=True)
