"""Every chart is validated by plotly's figure classes, which refuse unknown properties and values."""

import json
from datetime import date, timedelta
from typing import Any

import plotly.graph_objects as go
import pytest

from gingham.report import Chart, charts
from gingham.report.charts import COLOURS, COUNT, SHARE, Axis

DAYS = [date(2024, 1, 1) + timedelta(days=day) for day in range(5)]
EVIL = "<script>alert(1)</script>"
Y = Axis("purchases", COUNT)

EXAMPLES = {
    "line": charts.line(DAYS, {"each day": [1, 2, None, 4, 5], EVIL: [1.5, 2, 3, 4, 5]}, Y, background="each day"),
    "band": charts.band(DAYS, {"10%": [1, 1, 1, 1, 1], EVIL: [2, 2, 2, 2, 2], "90%": [3, 3, 3, 3, 3]}, Y),
    "bars": charts.bars([EVIL, "b"], [1, 2], Y),
    "grouped_bars": charts.grouped_bars([EVIL, "b"], {"one": [1, None], EVIL: [3, 4]}, Y, horizontal=True),
    "stacked bars": charts.grouped_bars(["a", "b"], {"one": [1, None], "two": [None, 4]}, Y, stacked=True),
    "histogram": charts.histogram([10, 20], 10, {EVIL: [3, 4], "other": [1, 0]}, Y, x_title=EVIL),
    "boxes": charts.boxes([EVIL, "shop"], [(1, 2, 3, 4, 5), (2, 3, 4, 5, 6)], Axis("price")),
    "dots": charts.dots(["a", EVIL], {"one": [(2, 1, 4), None], EVIL: [(3, 3, 3), (1, 0, 2)]}, Y),
    "dots in line": charts.dots(
        ["a", "b"], {"one": [(2, 1, 4), None], "two": [None, (1, 0, 2)]}, Y, side_by_side=False
    ),
    "points": charts.points({EVIL: (0.5, 2), "b": (0.7, 3)}, Axis(EVIL, SHARE), Y),
    "lorenz": charts.lorenz({EVIL: ([0, 0.5, 1], [0, 0.2, 1])}, Axis("users", SHARE), Axis("purchases", SHARE)),
}


@pytest.mark.parametrize("chart", EXAMPLES.values(), ids=list(EXAMPLES))
def test_plotly_accepts_every_property(chart: Chart) -> None:
    figure = go.Figure({"data": list(chart.traces), "layout": chart.layout})
    assert len(figure.data) == len(chart.traces) > 0
    json.dumps([chart.traces, chart.layout], allow_nan=False)


@pytest.mark.parametrize("chart", EXAMPLES.values(), ids=list(EXAMPLES))
def test_labels_are_escaped(chart: Chart) -> None:
    assert "<script" not in json.dumps([chart.traces, chart.layout])


def test_lines_keep_dates_and_gaps() -> None:
    first, second = EXAMPLES["line"].traces
    assert first["x"] == ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"]
    assert first["y"] == [1, 2, None, 4, 5]
    assert first["line"]["width"] < second["line"]["width"]
    assert EXAMPLES["line"].layout["xaxis"]["type"] == "date"


def test_values_that_are_not_finite_are_gaps() -> None:
    (trace,) = charts.line([1, 2, 3], {"": [float("nan"), float("inf"), 3.0]}, Y).traces
    assert trace["y"] == [None, None, 3.0]


def test_an_axis_of_few_integers_has_integer_ticks() -> None:
    for x, step in ((range(1, 4), 1), (range(1, 101), None), ((0.5, 1.0), None), (DAYS, None)):
        chart = charts.line(list(x), {"": [1.0] * len(x)}, Y)
        assert chart.layout["xaxis"].get("dtick") == step


def test_long_lines_are_thinned_to_means() -> None:
    (trace,) = charts.line(list(range(3000)), {"": [float(value) for value in range(3000)]}, Y).traces
    assert trace["x"] == list(range(0, 3000, 2))
    assert trace["y"] == [value + 0.5 for value in range(0, 3000, 2)]


def test_bars_with_equal_shortened_labels_stay_separate() -> None:
    labels = ["a very long name that goes on and on, red", "a very long name that goes on and on, blue"]
    chart = charts.bars(labels, [1, 2], Y)
    assert chart.traces[0]["x"] == [0, 1]
    one, other = chart.layout["xaxis"]["ticktext"]
    assert one == other
    assert one.endswith("…")
    assert len(one) <= 28


@pytest.mark.parametrize(
    ("numbers", "step"), [([1, None, 5], 1), ([1, 7], None), ([0.5, 0.25], 1)], ids=["few", "many", "parts"]
)
def test_small_counts_have_integer_ticks(numbers: list[float | None], step: int | None) -> None:
    counts = charts.bars(["a"] * len(numbers), numbers, Y)
    assert counts.layout["yaxis"].get("dtick") == step
    share = charts.bars(["a"] * len(numbers), numbers, Axis("share", SHARE))
    assert "dtick" not in share.layout["yaxis"]


def test_ticks_of_stacked_bars_depend_on_the_totals() -> None:
    stacked = charts.grouped_bars(["a"], {"one": [4], "two": [4]}, Y, horizontal=True, stacked=True)
    assert "dtick" not in stacked.layout["xaxis"]
    grouped = charts.grouped_bars(["a"], {"one": [4], "two": [4]}, Y, horizontal=True)
    assert grouped.layout["xaxis"]["dtick"] == 1


def test_histogram_bars_are_centred_on_their_bins() -> None:
    trace = EXAMPLES["histogram"].traces[0]
    assert trace["x"] == [15, 25]
    assert trace["hovertext"][0].startswith("10 to 20")


def test_more_groups_than_colours_have_different_colours() -> None:
    groups = {str(number): [number] for number in range(len(COLOURS) + 3)}
    colours = [trace["marker"]["color"] for trace in charts.grouped_bars(["x"], groups, Y).traces]
    assert len(set(colours)) == len(colours)


def test_more_lines_than_colours_have_different_colours() -> None:
    lines = {str(number): [number] for number in range(len(COLOURS) + 3)}
    shares = {name: ([0, 1], [0, 1]) for name in lines}
    drawn = charts.line([1], lines, Y).traces
    lorenz = charts.lorenz(shares, Axis("users", SHARE), Axis("purchases", SHARE)).traces[1:]
    for traces in (drawn, lorenz):
        assert len({trace["line"]["color"] for trace in traces}) == len(lines)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("card", ["#ffffff", "#171b1f"])
def test_every_colour_has_contrast_on_light_and_dark_pages(card: str) -> None:
    for colour in COLOURS:
        low, high = sorted((luminance(colour), luminance(card)))
        contrast: Any = (high + 0.05) / (low + 0.05)
        assert contrast >= 3, colour


def test_dots_of_several_groups_are_side_by_side() -> None:
    one, two = EXAMPLES["dots"].traces
    assert (one["x"], two["x"]) == ([2], [3, 1])
    assert one["y"][0] < 0 < two["y"][0]
    assert round(two["y"][1]) == 1
    assert (one["error_x"]["arrayminus"], one["error_x"]["array"]) == ([1], [2])
    assert one["hovertext"] == ["a, one: 2.0000 (1.0000 to 4.0000)"]
    assert EXAMPLES["dots"].layout["yaxis"]["range"] == [1.5, -0.5]  # the first label on top


def test_dots_on_one_line_are_at_their_labels() -> None:
    one, two = EXAMPLES["dots in line"].traces
    assert (one["y"], two["y"]) == ([0], [1])
    assert (one["error_x"]["array"], two["error_x"]["array"]) == ([2], [1])
    assert two["hovertext"] == ["b: 1.0000 (0.0000 to 2.0000)"]


def test_points_are_at_their_measures() -> None:
    assert [(trace["x"], trace["y"]) for trace in EXAMPLES["points"].traces] == [([0.5], [2]), ([0.7], [3])]
    assert len({trace["marker"]["symbol"] for trace in EXAMPLES["points"].traces}) == 2


def test_a_line_of_one_point_is_a_marker() -> None:
    (trace,) = charts.line([1], {"": [2.0]}, Y, x_title="epoch").traces
    assert trace["mode"] == "markers"
