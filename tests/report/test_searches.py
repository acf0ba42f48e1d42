from gingham.report import searches
from gingham.report.charts import Axis


def test_best_so_far_never_decreases() -> None:
    chart = searches.history([0, 2, 3, 5], [None, 0.2, 0.1, 0.4], Axis("map"))
    points, best = chart.traces
    assert points["y"] == [None, 0.2, 0.1, 0.4]
    assert best["y"] == [None, 0.2, 0.2, 0.4]
    assert best["x"] == points["x"] == [0, 2, 3, 5]


def test_the_best_curve_is_drawn_last_and_thickest() -> None:
    lines = {"a": ([1, 2], [0.1, 0.2]), "b": ([1], [0.3]), "c": ([1], [0.1])}
    chart = searches.curves(lines, "b", Axis("epoch"), Axis("map"))
    assert [trace["name"] for trace in chart.traces] == ["a", "c", "b"]
    widths = [trace["line"]["width"] for trace in chart.traces]
    assert widths[2] > widths[0] == widths[1]
    assert chart.layout["yaxis"]["type"] == "linear"
    assert searches.curves(lines, "b", Axis("epoch"), Axis("loss"), log=True).layout["yaxis"]["type"] == "log"


def test_parallel_coordinates_scale_each_parameter_to_its_range() -> None:
    columns = {
        "loss": ["warp", "bpr", "warp"],
        "rate": [0.01, 0.1, 1.0],
        "size": [8, 8, 12],
        "<b>": [True, False, True],
    }
    chart = searches.parallel(columns, ["rate"], [0.1, 0.3, 0.2])
    # Worst first, so that the best is drawn on top.
    assert [trace["x"] for trace in chart.traces] == [[1.0, 0.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0], [0.0, 0.5, 0.0, 0.0]]
    colours = [trace["line"]["color"] for trace in chart.traces]
    assert colours[0] == colours[1] != colours[2]
    assert chart.layout["yaxis"]["ticktext"] == ["loss", "rate", "size", "&lt;b&gt;"]
    texts = {(note["y"], note["x"]): note["text"] for note in chart.layout["annotations"]}
    assert texts[0, 0.0] == "bpr"
    assert texts[1, 1.0] == "1"
    assert texts[2, 0.0] == "8"
    # Texts at the ends extend inwards, so that they fit in a narrow chart.
    assert {note["x"]: note["xanchor"] for note in chart.layout["annotations"]} == {0.0: "left", 1.0: "right"}
    assert chart.traces[2]["hovertext"].startswith("0.3<br>loss: bpr<br>rate: 0.1")


def test_a_parameter_with_one_value_has_a_position() -> None:
    chart = searches.parallel({"a": [3, 3]}, [], [0.1, 0.2])
    assert [trace["x"] for trace in chart.traces] == [[0.0], [0.0]]
