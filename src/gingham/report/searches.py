"""Charts of a search: what came of each trial, how training went, and all parameters of all trials side by side."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from gingham.report.charts import _GREY, COLOURS, Axis, Chart, Numbers, _finite, _label, _layout

# From the worst to the best; both ends stand out from a light and from a dark page.
_SCALE = [[0.0, _GREY], [0.6, COLOURS[0]], [1.0, COLOURS[1]]]


def history(trials: Sequence[int], values: Numbers, y: Axis) -> Chart:
    """Draw each trial's value as a point, and a line along the best so far."""
    best, so_far = -math.inf, []
    for value in _finite(values):
        best = best if value is None else max(best, value)
        so_far.append(None if best == -math.inf else best)
    point = {"size": 8, "color": COLOURS[0], "opacity": 0.7}
    traces = (
        {
            "type": "scatter",
            "mode": "markers",
            "name": "trial",
            "x": list(trials),
            "y": _finite(values),
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
    return Chart(traces, _layout(along, {**y.layout(), "rangemode": "normal"}, legend=True))


def curves(lines: Mapping[str, tuple[Numbers, Numbers]], best: str, x: Axis, y: Axis) -> Chart:
    """Draw a thin line for each trial, of x and y, and a strong one for the best."""
    traces = []
    for name, (places, values) in sorted(lines.items(), key=lambda pair: pair[0] == best):
        strong = {"width": 3, "color": COLOURS[1]} if name == best else {"width": 1, "color": _GREY}
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "marker": {"size": 7 if name == best else 4},
                "name": _label(name),
                "x": _finite(places),
                "y": _finite(values),
                "line": strong,
                "opacity": 1 if name == best else 0.55,
            }
        )
    return Chart(tuple(traces), _layout(x.layout(), {**y.layout(), "rangemode": "normal"}, legend=False))


def parallel(
    columns: Mapping[str, Sequence[Any]], logarithmic: Sequence[str], values: Sequence[float], y: str
) -> Chart:
    """Draw a line for each trial through its values of all parameters; its colour says how good it was.

    Columns of numbers have an axis, that of a column named in `logarithmic` a logarithmic one. Other columns have a
    place for each value.
    """
    dimensions: list[dict[str, Any]] = [
        _dimension(name, column, name in logarithmic) for name, column in columns.items()
    ]
    dimensions.append(_dimension(y, values, log=False))
    trace = {
        "type": "parcoords",
        "line": {"color": list(values), "colorscale": _SCALE},
        "dimensions": dimensions,
        "labelangle": -20,
    }
    return Chart((trace,), {"margin": {"l": 60, "r": 60, "t": 80, "b": 24}, "dragmode": False}, height=420)


def _dimension(name: str, column: Sequence[Any], log: bool) -> dict[str, Any]:
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in column):
        known = sorted({str(value) for value in column})
        spots = [known.index(str(value)) for value in column]
        ends = [-0.3, len(known) - 0.7]
        texts = [_label(value) for value in known]
        return {
            "label": _label(name),
            "values": spots,
            "tickvals": list(range(len(known))),
            "ticktext": texts,
            "range": ends,
        }
    if not log or min(column) <= 0:
        return {"label": _label(name), "values": list(column), "tickformat": ".3~g"}
    places = [math.log10(value) for value in column]
    low, high = min(places), max(places)
    ticks = [low + (high - low) * step / 4 for step in range(5)] if high > low else [low]
    texts = [f"{10**tick:.2g}" for tick in ticks]
    return {"label": _label(name), "values": places, "tickvals": ticks, "ticktext": texts}
