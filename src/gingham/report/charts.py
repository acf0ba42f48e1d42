"""Charts: build the traces and layout that plotly.js draws from plain values.

Labels may come from data, so they are shortened and escaped: plotly.js interprets some HTML in texts. The colours of
lines and bars have a contrast of at least 3:1 with both the light and the dark page. The page's script sets the colours
of texts and grids.
"""

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from gingham.visible import visible

COLOURS = ("#2f7fc1", "#c8671b", "#2b8f63", "#8a63c9", "#c94f6d", "#7d858f", "#1b8a99", "#9a7a1f")

_LABEL_LENGTH = 28  # characters
_MAX_INTEGER_TICKS = 12  # as many integers on an x axis have room for one tick each
_MAX_POINTS = 1500  # per line; more than a screen has pixels
_BAND = "rgba(47, 127, 193, {})"
GREY = "#7d858f"

_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star", "triangle-down", "hexagon", "x", "pentagon")

Numbers = Sequence[float | int | None]
Interval = tuple[float, float, float]  # value, lower end, upper end


@dataclass(frozen=True)
class Chart:
    """A chart for plotly.js.

    Attributes
    ----------
    traces : tuple of dict
        Plotly traces.
    layout : dict
        The Plotly layout.
    height : int
        The height in pixels; 320 by default.
    """

    traces: tuple[dict[str, Any], ...]
    layout: dict[str, Any]
    height: int = 320


# Number formats in d3-format notation. The hover text shows more digits than the axis.
COUNT = ",.3~s"
SHARE = ".0~%"
_FEW = 6
_HOVER_FORMATS = {COUNT: ",.0f", SHARE: ".1~%"}


@dataclass(frozen=True)
class Axis:
    """A numeric axis that starts at zero.

    Attributes
    ----------
    title : str
        The title.
    format : str
        How numbers are written, in d3-format notation; with thousands separators by default.
    """

    title: str
    format: str = ",~f"

    def layout(self, *values: Numbers) -> dict[str, Any]:
        """Return the Plotly layout of the axis, with ticks that suit the given values."""
        hover_format = _HOVER_FORMATS.get(self.format, self.format)
        title = {"text": _text(self.title)}
        axis = {"title": title, "tickformat": self.format, "hoverformat": hover_format, "rangemode": "tozero"}
        # Counts are integers: without this, an axis of small counts has ticks at fractions.
        few = self.format == COUNT and max((value or 0 for column in values for value in column), default=0) < _FEW
        return axis | ({"dtick": 1} if few else {})


def line(x: Sequence[Any], lines: Mapping[str, Numbers], y: Axis, background: str = "", x_title: str = "") -> Chart:
    """Draw lines over a common `x` of dates or numbers; the line named `background` is thin and grey.

    Long lines are thinned: each point is then the mean of a few neighbours.
    """
    width = max(1, math.ceil(len(x) / _MAX_POINTS))
    places = [_value(x[start]) for start in range(0, len(x), width)]
    colours = iter(_colour(number, len(lines)) for number in range(len(lines)))
    mode = "lines" if len(places) > 1 else "markers"  # a single point has no line
    traces = []
    for name, values in lines.items():
        style = {"width": 1, "color": GREY} if name == background else {"width": 2.5, "color": next(colours)}
        data = {"x": places, "y": _thinned(values, width)}
        traces.append({"type": "scatter", "mode": mode, "name": short_label(name), "line": style, **data})
    x_axis = {**_x_axis(x), "title": {"text": _text(x_title)}}
    return Chart(tuple(traces), axes_layout(x_axis, y.layout(*lines.values()), len(lines) > 1))


def band(x: Sequence[Any], quantiles: Mapping[str, Numbers], y: Axis) -> Chart:
    """Draw an odd number of quantiles, lowest first, as bands around the median line."""
    names, middle = list(quantiles), len(quantiles) // 2
    places = [_value(place) for place in x]
    traces: list[dict[str, Any]] = []
    for depth in range(middle):
        low, high = names[depth], names[-1 - depth]
        edge = {"type": "scatter", "mode": "lines", "x": places, "line": {"width": 0}, "hoverinfo": "skip"}
        traces.append({**edge, "y": finite_or_none(quantiles[low]), "showlegend": False})
        shade = _BAND.format(0.18 + 0.17 * depth)
        traces.append(
            {
                **edge,
                "y": finite_or_none(quantiles[high]),
                "fill": "tonexty",
                "fillcolor": shade,
                "name": short_label(f"{low} to {high}"),
            }
        )
    traces.append(
        {
            "type": "scatter",
            "mode": "lines",
            "name": short_label(names[middle]),
            "x": places,
            "y": finite_or_none(quantiles[names[middle]]),
            "line": {"width": 2.5, "color": COLOURS[0]},
        }
    )
    return Chart(tuple(traces), axes_layout(_x_axis(x), y.layout(), legend=True))


def bars(labels: Sequence[object], values: Numbers, y: Axis, x_title: str = "") -> Chart:
    """Draw vertical bars in the order of the labels."""
    return grouped_bars(labels, {"": values}, y, x_title=x_title)


def grouped_bars(
    labels: Sequence[object],
    groups: Mapping[str, Numbers],
    value: Axis,
    *,
    x_title: str = "",
    horizontal: bool = False,
    stacked: bool = False,
) -> Chart:
    """Draw one bar per label and group, side by side or `stacked`, vertical or `horizontal`.

    A value of None has no bar.
    """
    places, texts = list(range(len(labels))), [short_label(label) for label in labels]
    traces = []
    for number, (name, values) in enumerate(groups.items()):
        data = {"y": places, "x": finite_or_none(values)} if horizontal else {"x": places, "y": finite_or_none(values)}
        traces.append(
            {
                "type": "bar",
                "name": short_label(name),
                "orientation": "h" if horizontal else "v",
                "marker": {"color": _colour(number, len(groups)), "line": {"width": 0}},
                "hovertext": [f"{text}{', ' if name else ''}{short_label(name)}" for text in texts],
                "hovertemplate": f"%{{hovertext}}: %{{{'x' if horizontal else 'y'}}}<extra></extra>",
                **data,
            }
        )
    category = _category_axis(labels, x_title)
    value_axis = value.layout(*([_totals(groups)] if stacked else groups.values()))
    if horizontal:
        layout = axes_layout(value_axis, {**category, "autorange": "reversed"}, len(groups) > 1)
    else:
        layout = axes_layout(category, value_axis, len(groups) > 1)
    rows = len(labels) * (1 if stacked else max(1, len(groups) * 0.6))
    layout |= {"barmode": "stack" if stacked else "group", "bargap": 0.25}
    return Chart(tuple(traces), layout, height=round(90 + 24 * max(3.0, rows)) if horizontal else 320)


def histogram(lows: Sequence[float], width: float, groups: Mapping[str, Numbers], y: Axis, x_title: str = "") -> Chart:
    """Draw counts in bins that start at `lows` and are `width` wide, with stacked groups."""
    middles = [low + width / 2 for low in lows]
    ends = [f"{low:,.6g} to {low + width:,.6g}" for low in lows]
    traces = tuple(
        {
            "type": "bar",
            "name": short_label(name),
            "x": middles,
            "y": finite_or_none(counts),
            "width": [width * 0.94] * len(middles),
            "marker": {"color": _colour(number, len(groups)), "line": {"width": 0}},
            "hovertext": [f"{end}{', ' if name else ''}{short_label(name)}" for end in ends],
            "hovertemplate": "%{hovertext}: %{y}<extra></extra>",
        }
        for number, (name, counts) in enumerate(groups.items())
    )
    layout = axes_layout(
        {"title": {"text": _text(x_title)}, "tickformat": ",~f"}, y.layout(_totals(groups)), len(groups) > 1
    )
    return Chart(traces, layout | {"barmode": "stack", "bargap": 0.05})


def boxes(labels: Sequence[object], quantiles: Sequence[Sequence[float]], value: Axis) -> Chart:
    """Draw one horizontal box per label from five quantiles: lower whisker, box, median, box, upper whisker."""
    low, first, middle, third, high = (list(column) for column in zip(*quantiles, strict=True))
    places = list(range(len(labels)))
    trace = {
        "type": "box",
        "orientation": "h",
        "y": places,
        "lowerfence": low,
        "q1": first,
        "median": middle,
        "q3": third,
        "upperfence": high,
        "line": {"color": COLOURS[0], "width": 1.5},
        "width": 0.5,
        "showlegend": False,
        "hoverinfo": "x",
    }
    category = {**_category_axis(labels), "autorange": "reversed"}
    return Chart((trace,), axes_layout(value.layout(), category, legend=False), height=max(200, 100 + 40 * len(labels)))


def dots(
    labels: Sequence[object], groups: Mapping[str, Sequence[Interval | None]], value: Axis, side_by_side: bool = True
) -> Chart:
    """Draw a dot with its interval as a horizontal whisker for each label and group, the first label on top.

    The groups of one label are drawn one below the other if `side_by_side`, else on one line; use the latter when no
    label has values in two groups. A value of None has no dot.
    """
    texts, spacing = [short_label(label) for label in labels], 0.7 / len(groups) if side_by_side else 0.0
    traces = []
    for number, (name, intervals) in enumerate(groups.items()):
        drawn = [(row, *interval) for row, interval in enumerate(intervals) if interval is not None]
        shift = spacing * (number - (len(groups) - 1) / 2)
        ends = [f"{middle:,.4f} ({low:,.4f} to {high:,.4f})" for _, middle, low, high in drawn]
        group = f"{', ' if name else ''}{short_label(name)}" if side_by_side else ""
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": short_label(name),
                "x": [middle for _, middle, _, _ in drawn],
                "y": [row + shift for row, *_ in drawn],
                "marker": {"color": COLOURS[number % len(COLOURS)], "size": 9, "symbol": _symbol(number)},
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": [high - middle for _, middle, _, high in drawn],
                    "arrayminus": [middle - low for _, middle, low, _ in drawn],
                    "thickness": 2,
                    "width": 4,
                },
                "hovertext": [f"{texts[row]}{group}: {end}" for (row, *_), end in zip(drawn, ends, strict=True)],
                "hoverinfo": "text",
            }
        )
    category = {**_category_axis(labels), "range": [len(labels) - 0.5, -0.5], "zeroline": False}
    rows = len(labels) * (max(1, len(groups) * 0.6) if side_by_side else 1)
    layout = axes_layout(value.layout(), category, len(groups) > 1)
    return Chart(tuple(traces), layout, height=round(110 + 30 * max(3, rows)))


def points(positions: Mapping[str, tuple[float, float]], x: Axis, y: Axis) -> Chart:
    """Draw one named point per pair of measures (x, y)."""
    traces = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": short_label(name),
            "x": [horizontal],
            "y": [vertical],
            "marker": {"color": COLOURS[number % len(COLOURS)], "size": 13, "symbol": _symbol(number)},
            "cliponaxis": False,
        }
        for number, (name, (horizontal, vertical)) in enumerate(positions.items())
    ]
    return Chart(tuple(traces), axes_layout(x.layout(), y.layout(), legend=True), height=360)


def lorenz(curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], x: Axis, y: Axis) -> Chart:
    """Draw Lorenz curves, each a pair of cumulative shares (of people, of what they have), and the line of equality."""
    equality = {"width": 1.5, "dash": "dot", "color": GREY}
    traces: list[dict[str, Any]] = [
        {"type": "scatter", "mode": "lines", "name": "equality", "x": [0, 1], "y": [0, 1], "line": equality}
    ]
    for number, (name, (people, shares)) in enumerate(curves.items()):
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": short_label(name),
                "x": list(people),
                "y": list(shares),
                "line": {"width": 2.5, "color": _colour(number, len(curves))},
            }
        )
    return Chart(
        tuple(traces), axes_layout({**x.layout(), "range": [0, 1]}, {**y.layout(), "range": [0, 1]}, legend=True)
    )


def axes_layout(x: dict[str, Any], y: dict[str, Any], legend: bool) -> dict[str, Any]:
    """Return the Plotly layout of two axes, with or without a legend."""
    return {
        "xaxis": {"automargin": True, "fixedrange": True, **x},
        "yaxis": {"automargin": True, "fixedrange": True, "ticklabelstandoff": 4, **y},
        "showlegend": legend,
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
            "traceorder": "normal",
        },
        "margin": {"l": 8, "r": 12, "t": 12, "b": 8},
        "hovermode": "closest",
        "dragmode": False,
    }


def _category_axis(labels: Sequence[object], title: str = "") -> dict[str, Any]:
    """Return the layout of an axis of labels. Positions are numbers, because two shortened labels may be equal."""
    return {
        "tickmode": "array",
        "tickvals": list(range(len(labels))),
        "ticktext": [short_label(label) for label in labels],
        "ticklabeloverflow": "allow",
        "title": {"text": _text(title)},
    }


def _symbol(number: int) -> str:
    return _SYMBOLS[number % len(_SYMBOLS)]


def _totals(groups: Mapping[str, Numbers]) -> Numbers:
    return [sum(value or 0 for value in values) for values in zip(*groups.values(), strict=True)]


def _x_axis(x: Sequence[Any]) -> dict[str, Any]:
    if len(x) > 0 and isinstance(x[0], date):
        return {"type": "date", "hoverformat": "%d %b %Y"}
    # Without this, an axis of a few integers, such as epochs, has ticks at halves.
    integers = len(x) <= _MAX_INTEGER_TICKS and all(isinstance(place, int) for place in x)
    return {"tickformat": ",~f", **({"dtick": 1} if integers else {})}


def _colour(number: int, of: int) -> str:
    """Return the next colour; after the last one, the colours repeat in a paler shade."""
    base = COLOURS[number % len(COLOURS)]
    if of <= len(COLOURS):
        return base
    red, green, blue = (int(base[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {1 - 0.35 * min(2, number // len(COLOURS)):.2f})"


def short_label(text: object) -> str:
    """Return a label that comes from data, shortened and escaped."""
    label = visible(str(text))
    return _text(label if len(label) <= _LABEL_LENGTH else label[: _LABEL_LENGTH - 1].rstrip() + "…")


def _text(text: str) -> str:
    return html.escape(visible(text, "\n"), quote=False)


def _value(place: Any) -> Any:
    return place.isoformat() if isinstance(place, date | datetime) else place


def finite_or_none(values: Numbers) -> list[float | int | None]:
    """Replace values that are not finite by None, which plotly.js does not draw."""
    return [None if value is None or not math.isfinite(value) else value for value in values]


def _thinned(values: Numbers, width: int) -> list[float | int | None]:
    points = finite_or_none(values)
    if width == 1:
        return points
    blocks = [
        [value for value in points[start : start + width] if value is not None]
        for start in range(0, len(points), width)
    ]
    return [sum(block) / len(block) if block else None for block in blocks]
