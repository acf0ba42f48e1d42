"""Charts of a search: what came of each trial, how training went, and all parameters of all trials side by side."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from gingham.report.charts import COLOURS, GREY, Axis, Chart, Numbers, finite_or_none, laid_out, short_label


def history(trials: Sequence[int], values: Numbers, y: Axis) -> Chart:
    """Draw each trial's value as a point, and a line along the best so far."""
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
    along = {"title": {"text": "trial"}, "tickformat": ",d"}
    return Chart(traces, laid_out(along, {**y.layout(), "rangemode": "normal"}, legend=True))


def curves(lines: Mapping[str, tuple[Numbers, Numbers]], best: str, x: Axis, y: Axis, log: bool = False) -> Chart:
    """Draw a thin line for each trial, of x and y, and a strong one for the best; `log` is for y of all magnitudes."""
    traces = []
    for name, (places, values) in sorted(lines.items(), key=lambda pair: pair[0] == best):
        strong = {"width": 3, "color": COLOURS[1]} if name == best else {"width": 1, "color": GREY}
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "marker": {"size": 7 if name == best else 4},
                "name": short_label(name),
                "x": finite_or_none(places),
                "y": finite_or_none(values),
                "line": strong,
                "opacity": 1 if name == best else 0.55,
            }
        )
    upright = {**y.layout(), "rangemode": "normal", "type": "log" if log else "linear"}
    return Chart(tuple(traces), laid_out(x.layout(), upright, legend=False))


def parallel(columns: Mapping[str, Sequence[Any]], logarithmic: Sequence[str], values: Sequence[float]) -> Chart:
    """Draw a line for each trial through its values of all parameters, one below the other; the best fifth stand out.

    Columns of numbers go from their least value to their greatest, evenly or, if they are named in `logarithmic`, by
    orders of magnitude. Other columns have a place for each value.
    """
    axes = [_axis(column, name in logarithmic) for name, column in columns.items()]
    order = sorted(range(len(values)), key=lambda trial: values[trial])
    n_best = max(1, len(order) // 5)
    traces = []
    for place, trial in enumerate(order):
        best = place >= len(order) - n_best
        told = [f"{short_label(name)}: {short_label(_written(column[trial]))}" for name, column in columns.items()]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": [places[trial] for places, _ in axes],
                "y": list(range(len(axes))),
                "line": {"width": 2 if best else 1, "color": COLOURS[1] if best else GREY},
                "opacity": 0.85 if best else 0.45,
                "hovertext": f"{values[trial]:.4g}<br>{'<br>'.join(told)}",
                "hoverinfo": "text",
            }
        )
    # At the ends, text turns inwards, where a narrow screen has room for it.
    turned = {0.0: "left", 1.0: "right"}
    ticks = [
        {
            "x": at,
            "y": row,
            "text": short_label(text),
            "showarrow": False,
            "yshift": 10,
            "xanchor": turned.get(at, "center"),
        }
        for row, (_, texts) in enumerate(axes)
        for at, text in texts.items()
    ]
    names = {"tickvals": list(range(len(axes))), "ticktext": [short_label(name) for name in columns], "zeroline": False}
    down = names | {"range": [len(axes) - 0.7, -0.6]}
    across = {"range": [-0.08, 1.08], "showticklabels": False, "showgrid": False, "zeroline": False}
    layout = laid_out(across, down, legend=False) | {"annotations": ticks}
    return Chart(tuple(traces), layout, height=60 + 52 * len(axes))


def _axis(column: Sequence[Any], log: bool) -> tuple[list[float], dict[float, str]]:
    """Place each value between 0 and 1; also say what stands where."""
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in column):
        known = sorted({str(value) for value in column})
        step = 1 / max(1, len(known) - 1)
        return [known.index(str(value)) * step for value in column], {at * step: text for at, text in enumerate(known)}
    low, high = min(column), max(column)
    places = [math.log10(value) for value in column] if log and low > 0 else list(column)
    least, width = min(places), (max(places) - min(places)) or 1
    return [(place - least) / width for place in places], {0.0: _written(low), 1.0: _written(high)}


def _written(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
