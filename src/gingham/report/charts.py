"""Charts as Plotly understands them: plain values in, what plotly.js draws out.

Every label may come from data: it is shortened, and escaped for the little HTML that plotly.js understands in texts.
The colours of lines and bars stand out from a light and from a dark page alike (3 to 1 at least); the page's script
adds the colours of texts and grids.
"""

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

COLOURS = ("#2f7fc1", "#c8671b", "#2b8f63", "#8a63c9", "#c94f6d", "#7d858f", "#1b8a99", "#9a7a1f")

_LABEL = 28  # letters
_WHOLE = 12  # whole numbers along an axis, each of which has room for its mark
_POINTS = 1500  # of a line; more than a screen has pixels for
_BAND = "rgba(47, 127, 193, {})"
GREY = "#7d858f"

_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star", "triangle-down", "hexagon", "x", "pentagon")

Numbers = Sequence[float | int | None]
Interval = tuple[float, float, float]  # the value, and the low and high end of what it may be


@dataclass(frozen=True)
class Chart:
    """What plotly.js draws: `traces` in a `layout`, so many pixels high."""

    traces: tuple[dict[str, Any], ...]
    layout: dict[str, Any]
    height: int = 320


# How numbers are written, of d3-format: on an axis and, more exactly, where a reader points.
COUNT = ",.3~s"
SHARE = ".0~%"
_FEW = 6
_EXACT = {COUNT: ",.0f", SHARE: ".1~%"}


@dataclass(frozen=True)
class Axis:
    """An axis from zero up: its `title`, and how its numbers are written (`format`, of d3-format)."""

    title: str
    format: str = ",~f"

    def layout(self, *shown: Numbers) -> dict[str, Any]:
        """Describe the axis as Plotly wants it, with ticks that suit the numbers shown along it."""
        exact = _EXACT.get(self.format, self.format)
        title = {"text": _text(self.title)}
        axis = {"title": title, "tickformat": self.format, "hoverformat": exact, "rangemode": "tozero"}
        # Half a thing is none: without this, an axis up to 1 counts in thousandths.
        few = self.format == COUNT and max((value or 0 for values in shown for value in values), default=0) < _FEW
        return axis | ({"dtick": 1} if few else {})


def line(x: Sequence[Any], lines: Mapping[str, Numbers], y: Axis, background: str = "", x_title: str = "") -> Chart:
    """Draw lines over a common `x` of dates or numbers; the one named `background` is thin and stands back.

    Long ones are thinned: a point is then the mean of a few neighbours.
    """
    width = max(1, math.ceil(len(x) / _POINTS))
    places = [_value(x[start]) for start in range(0, len(x), width)]
    colours = iter(_colour(number, len(lines)) for number in range(len(lines)))
    mode = "lines" if len(places) > 1 else "markers"  # a single point has no line
    traces = []
    for name, values in lines.items():
        style = {"width": 1, "color": GREY} if name == background else {"width": 2.5, "color": next(colours)}
        along = {"x": places, "y": _thinned(values, width)}
        traces.append({"type": "scatter", "mode": mode, "name": short_label(name), "line": style, **along})
    along_x = {**_x_axis(x), "title": {"text": _text(x_title)}}
    return Chart(tuple(traces), laid_out(along_x, y.layout(*lines.values()), len(lines) > 1))


def band(x: Sequence[Any], quantiles: Mapping[str, Numbers], y: Axis) -> Chart:
    """Draw an odd number of quantiles, lowest first, as bands around the line in the middle."""
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
    middle_line = {"width": 2.5, "color": COLOURS[0]}
    traces.append(
        {
            "type": "scatter",
            "mode": "lines",
            "name": short_label(names[middle]),
            "x": places,
            "y": finite_or_none(quantiles[names[middle]]),
            "line": middle_line,
        }
    )
    return Chart(tuple(traces), laid_out(_x_axis(x), y.layout(), legend=True))


def bars(labels: Sequence[object], values: Numbers, y: Axis, x_title: str = "") -> Chart:
    """Draw upright bars, in the order given."""
    return grouped_bars(labels, {"": values}, y, x_title=x_title)


def grouped_bars(
    labels: Sequence[object],
    groups: Mapping[str, Numbers],
    value: Axis,
    *,
    x_title: str = "",
    across: bool = False,
    stacked: bool = False,
) -> Chart:
    """Draw bars for each label, one a group: beside each other or `stacked`; `across` lays them on their side.

    A value of None leaves its bar out, and no room for it if they are stacked.
    """
    places, texts = list(range(len(labels))), [short_label(label) for label in labels]
    traces = []
    for number, (name, values) in enumerate(groups.items()):
        along = {"y": places, "x": finite_or_none(values)} if across else {"x": places, "y": finite_or_none(values)}
        traces.append(
            {
                "type": "bar",
                "name": short_label(name),
                "orientation": "h" if across else "v",
                "marker": {"color": _colour(number, len(groups)), "line": {"width": 0}},
                "hovertext": [f"{text}{', ' if name else ''}{short_label(name)}" for text in texts],
                "hovertemplate": f"%{{hovertext}}: %{{{'x' if across else 'y'}}}<extra></extra>",
                **along,
            }
        )
    category = _category(labels, x_title)
    length = value.layout(*([_piled(groups)] if stacked else groups.values()))
    if across:
        layout = laid_out(length, {**category, "autorange": "reversed"}, len(groups) > 1)
    else:
        layout = laid_out(category, length, len(groups) > 1)
    rows = len(labels) * (1 if stacked else max(1, len(groups) * 0.6))
    layout |= {"barmode": "stack" if stacked else "group", "bargap": 0.25}
    return Chart(tuple(traces), layout, height=round(90 + 24 * max(3.0, rows)) if across else 320)


def histogram(lows: Sequence[float], width: float, groups: Mapping[str, Numbers], y: Axis, x_title: str = "") -> Chart:
    """Draw counts over bins that begin at `lows` and are `width` wide, the groups stacked."""
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
    layout = laid_out(
        {"title": {"text": _text(x_title)}, "tickformat": ",~f"}, y.layout(_piled(groups)), len(groups) > 1
    )
    return Chart(traces, layout | {"barmode": "stack", "bargap": 0.05})


def boxes(labels: Sequence[object], quantiles: Sequence[Sequence[float]], value: Axis) -> Chart:
    """Draw a box a label, of five quantiles each: whisker, box, middle, box, whisker."""
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
    category = {**_category(labels), "autorange": "reversed"}
    return Chart((trace,), laid_out(value.layout(), category, legend=False), height=max(200, 100 + 40 * len(labels)))


def dots(
    labels: Sequence[object], groups: Mapping[str, Sequence[Interval | None]], value: Axis, beside: bool = True
) -> Chart:
    """Draw values with their intervals as dots and level whiskers for each label, the first on top, one a group.

    Dots of several groups stand `beside` each other, or in one line if no label has two. A value of None leaves its dot
    out.
    """
    texts, apart = [short_label(label) for label in labels], 0.7 / len(groups) if beside else 0.0
    traces = []
    for number, (name, intervals) in enumerate(groups.items()):
        shown = [(place, *found) for place, found in enumerate(intervals) if found is not None]
        shift = apart * (number - (len(groups) - 1) / 2)
        ends = [f"{middle:,.4f} ({low:,.4f} to {high:,.4f})" for _, middle, low, high in shown]
        group = f"{', ' if name else ''}{short_label(name)}" if beside else ""
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": short_label(name),
                "x": [middle for _, middle, _, _ in shown],
                "y": [place + shift for place, *_ in shown],
                "marker": {"color": COLOURS[number % len(COLOURS)], "size": 9, "symbol": _symbol(number)},
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": [high - middle for _, middle, _, high in shown],
                    "arrayminus": [middle - low for _, middle, low, _ in shown],
                    "thickness": 2,
                    "width": 4,
                },
                "hovertext": [f"{texts[place]}{group}: {end}" for (place, *_), end in zip(shown, ends, strict=True)],
                "hoverinfo": "text",
            }
        )
    category = {**_category(labels), "range": [len(labels) - 0.5, -0.5], "zeroline": False}
    rows = len(labels) * (max(1, len(groups) * 0.6) if beside else 1)
    layout = laid_out(value.layout(), category, len(groups) > 1)
    return Chart(tuple(traces), layout, height=round(110 + 30 * max(3, rows)))


def points(places: Mapping[str, tuple[float, float]], x: Axis, y: Axis) -> Chart:
    """Draw a point a name, where two measures put it."""
    traces = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": short_label(name),
            "x": [across],
            "y": [up],
            "marker": {"color": COLOURS[number % len(COLOURS)], "size": 13, "symbol": _symbol(number)},
            "cliponaxis": False,
        }
        for number, (name, (across, up)) in enumerate(places.items())
    ]
    return Chart(tuple(traces), laid_out(x.layout(), y.layout(), legend=True), height=360)


def lorenz(curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], x: Axis, y: Axis) -> Chart:
    """Draw Lorenz curves, each of rising shares of people and of what they have, beside the line of equality."""
    equal = {"width": 1.5, "dash": "dot", "color": GREY}
    traces: list[dict[str, Any]] = [
        {"type": "scatter", "mode": "lines", "name": "all equal", "x": [0, 1], "y": [0, 1], "line": equal}
    ]
    for number, (name, (people, held)) in enumerate(curves.items()):
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": short_label(name),
                "x": list(people),
                "y": list(held),
                "line": {"width": 2.5, "color": _colour(number, len(curves))},
            }
        )
    return Chart(tuple(traces), laid_out({**x.layout(), "range": [0, 1]}, {**y.layout(), "range": [0, 1]}, legend=True))


def laid_out(x: dict[str, Any], y: dict[str, Any], legend: bool) -> dict[str, Any]:
    """Give Plotly's layout of two axes, with a legend or without."""
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


def _category(labels: Sequence[object], title: str = "") -> dict[str, Any]:
    """Describe an axis of labels. Places are numbers: two labels may be equal once they are short."""
    return {
        "tickmode": "array",
        "tickvals": list(range(len(labels))),
        "ticktext": [short_label(label) for label in labels],
        "ticklabeloverflow": "allow",
        "title": {"text": _text(title)},
    }


def _symbol(number: int) -> str:
    return _SYMBOLS[number % len(_SYMBOLS)]


def _piled(groups: Mapping[str, Numbers]) -> Numbers:
    return [sum(value or 0 for value in values) for values in zip(*groups.values(), strict=True)]


def _x_axis(x: Sequence[Any]) -> dict[str, Any]:
    if len(x) > 0 and isinstance(x[0], date):
        return {"type": "date", "hoverformat": "%d %b %Y"}
    # Nothing is between two of a few whole numbers: without this, a short axis has a mark at each half.
    whole = len(x) <= _WHOLE and all(isinstance(place, int) for place in x)
    return {"tickformat": ",~f", **({"dtick": 1} if whole else {})}


def _colour(number: int, of: int) -> str:
    """Give one colour after the other, and the same again in a paler shade when they are used up."""
    base = COLOURS[number % len(COLOURS)]
    if of <= len(COLOURS):
        return base
    red, green, blue = (int(base[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {1 - 0.35 * min(2, number // len(COLOURS)):.2f})"


def short_label(text: object) -> str:
    """Write a label that comes from data: shortened and escaped."""
    words = str(text)
    return _text(words if len(words) <= _LABEL else words[: _LABEL - 1].rstrip() + "…")


def _text(words: str) -> str:
    return html.escape(words, quote=False)


def _value(place: Any) -> Any:
    return place.isoformat() if isinstance(place, date | datetime) else place


def finite_or_none(values: Numbers) -> list[float | int | None]:
    """Put None, which draws nothing, in the place of what is not finite."""
    return [None if value is None or not math.isfinite(value) else value for value in values]


def _thinned(values: Numbers, width: int) -> list[float | int | None]:
    known = finite_or_none(values)
    if width == 1:
        return known
    blocks = [
        [value for value in known[start : start + width] if value is not None] for start in range(0, len(known), width)
    ]
    return [sum(block) / len(block) if block else None for block in blocks]
