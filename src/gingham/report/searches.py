"""Charts of a parameter search: the value of each trial, training curves, and parallel coordinates of parameters."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from gingham.report.charts import COLOURS, GREY, Axis, Chart, Numbers, axes_layout, finite_or_none, short_label


def history(trials: Sequence[int], values: Numbers, y: Axis) -> Chart:
    """Draw each trial's value as a point, and the best value so far as a line."""
    best, so_far = -math.inf, []
    for value in finite_or_none(values):
        best = best if value is None else max(best, value)
        so_far.append(None if best == -math.inf else best)
    point = {"size": 8, "color": COLOURS[0], "opacity": 0.7}
    traces = (
        {
            "type": "scatter",
            "mode": "markers",
            "name": "trial",
            "x": list(trials),
            "y": finite_or_none(values),
            "marker": point,
        },
        {
            "type": "scatter",
            "mode": "lines",
            "name": "best so far",
            "x": list(trials),
            "y": so_far,
            "line": {"width": 2.5, "color": COLOURS[1], "shape": "hv"},
        },
    )
    x_axis = {"title": {"text": "trial"}, "tickformat": ",d"}
    return Chart(traces, axes_layout(x_axis, {**y.layout(), "rangemode": "normal"}, legend=True))


def curves(lines: Mapping[str, tuple[Numbers, Numbers]], best: str, x: Axis, y: Axis, log: bool = False) -> Chart:
    """Draw one line per trial, given as (x, y), with the best one highlighted; `log` makes the y axis logarithmic."""
    traces = []
    for name, (x_values, y_values) in sorted(lines.items(), key=lambda pair: pair[0] == best):
        style = {"width": 3, "color": COLOURS[1]} if name == best else {"width": 1, "color": GREY}
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "marker": {"size": 7 if name == best else 4},
                "name": short_label(name),
                "x": finite_or_none(x_values),
                "y": finite_or_none(y_values),
                "line": style,
                "opacity": 1 if name == best else 0.55,
            }
        )
    y_axis = {**y.layout(), "rangemode": "normal", "type": "log" if log else "linear"}
    return Chart(tuple(traces), axes_layout(x.layout(), y_axis, legend=False))


def parallel(columns: Mapping[str, Sequence[Any]], logarithmic: Sequence[str], values: Sequence[float]) -> Chart:
    """Draw parallel coordinates: one line per trial through its parameter values, with the best fifth highlighted.

    Parameters
    ----------
    columns : mapping from str to sequence
        The values of each parameter, one per trial. Each parameter has its own horizontal axis, from its minimum to its
        maximum; parameters that are not numbers have one position per value.
    logarithmic : sequence of str
        The parameters whose axis is logarithmic.
    values : sequence of float
        The metric of each trial; higher is better.
    """
    axes = [_axis(column, name in logarithmic) for name, column in columns.items()]
    order = sorted(range(len(values)), key=lambda trial: values[trial])
    n_best = max(1, len(order) // 5)
    traces = []
    for rank, trial in enumerate(order):
        best = rank >= len(order) - n_best
        parameters = [f"{short_label(name)}: {short_label(_format(column[trial]))}" for name, column in columns.items()]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": [places[trial] for places, _ in axes],
                "y": list(range(len(axes))),
                "line": {"width": 2 if best else 1, "color": COLOURS[1] if best else GREY},
                "opacity": 0.85 if best else 0.45,
                "hovertext": f"{values[trial]:.4g}<br>{'<br>'.join(parameters)}",
                "hoverinfo": "text",
            }
        )
    # Texts at the ends extend inwards, so that they fit on a narrow screen.
    anchors = {0.0: "left", 1.0: "right"}
    ticks = [
        {
            "x": at,
            "y": row,
            "text": short_label(text),
            "showarrow": False,
            "yshift": 10,
            "xanchor": anchors.get(at, "center"),
        }
        for row, (_, texts) in enumerate(axes)
        for at, text in texts.items()
    ]
    names = {"tickvals": list(range(len(axes))), "ticktext": [short_label(name) for name in columns], "zeroline": False}
    y_axis = names | {"range": [len(axes) - 0.7, -0.6]}
    x_axis = {"range": [-0.08, 1.08], "showticklabels": False, "showgrid": False, "zeroline": False}
    layout = axes_layout(x_axis, y_axis, legend=False) | {"annotations": ticks}
    return Chart(tuple(traces), layout, height=60 + 52 * len(axes))


def _axis(column: Sequence[Any], log: bool) -> tuple[list[float], dict[float, str]]:
    """Return the position of each value, from 0 to 1, and the tick texts by position."""
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in column):
        names = sorted({str(value) for value in column})
        step = 1 / max(1, len(names) - 1)
        return [names.index(str(value)) * step for value in column], {at * step: name for at, name in enumerate(names)}
    low, high = min(column), max(column)
    places = [math.log10(value) for value in column] if log and low > 0 else list(column)
    lowest, width = min(places), (max(places) - min(places)) or 1
    return [(place - lowest) / width for place in places], {0.0: _format(low), 1.0: _format(high)}


def _format(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
