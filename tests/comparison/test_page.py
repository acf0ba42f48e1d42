from dataclasses import replace

import plotly.graph_objects as go
import polars as pl
import pytest

import gingham as gg
from gingham.dataset import Dataset
from gingham.report import Chart, Section, Table
from gingham.split import Split


@pytest.fixture(scope="module")
def sections(comparison: gg.Comparison) -> dict[str, Section]:
    return {section.heading: section for section in comparison.page().sections}


def chart(section: Section) -> Chart:
    assert isinstance(section.content, Chart)
    return section.content


def test_the_page_opens_with_the_verdicts(comparison: gg.Comparison) -> None:
    assert tuple(comparison.page("Which?").lead) == (*comparison.sentences, *comparison.advice)
    assert comparison.page("Which?").title == "Which?"


def test_plotly_accepts_every_chart(sections: dict[str, Section]) -> None:
    drawn = [section.content for section in sections.values() if isinstance(section.content, Chart)]
    assert len(drawn) == 6
    for content in drawn:
        go.Figure({"data": list(content.traces), "layout": content.layout})


def test_the_metric_is_drawn_best_first_with_its_interval(
    comparison: gg.Comparison, sections: dict[str, Section]
) -> None:
    drawn = chart(sections["Accuracy: map@3"])
    rows = comparison.table.filter(metric="map@3").sort("mean", descending=True, maintain_order=True)
    assert [trace["name"] for trace in drawn.traces] == ["models", "baselines"]
    for trace in drawn.traces:
        for place, value, up, down in zip(
            trace["y"], trace["x"], trace["error_x"]["array"], trace["error_x"]["arrayminus"], strict=True
        ):
            row = rows.row(int(place), named=True)
            assert (value, value + up, value - down) == pytest.approx((row["mean"], row["high"], row["low"]))
    assert sections["Accuracy: map@3"].sentence.startswith(f"{rows['model'][0]} has the highest mean")


def test_differences_are_drawn_as_shares_of_the_reference(
    comparison: gg.Comparison, sections: dict[str, Section]
) -> None:
    drawn = chart(sections[f"Compared with {comparison.reference}"])
    assert [trace["name"] for trace in drawn.traces] == ["bpr", "&lt;b&gt;stopped&lt;/b&gt;"]
    reference = comparison.measured[comparison.reference].evaluation.to_dict()
    own = comparison.measured["bpr"].evaluation.to_dict()
    expected = [own[metric]["mean"] / reference[metric]["mean"] - 1 for metric in comparison.metrics]
    assert drawn.traces[0]["x"] == pytest.approx(expected)


def test_coverage_is_drawn_against_the_metric(comparison: gg.Comparison, sections: dict[str, Section]) -> None:
    traces = chart(sections["Coverage and accuracy"]).traces
    for trace, (name, evaluation) in zip(traces, comparison.evaluations.items(), strict=True):
        assert trace["x"] == comparison.lists.filter(model=name, metric="coverage@3")["value"].to_list()
        assert trace["y"] == [evaluation.to_dict()["map@3"]["mean"]]


def test_the_metric_is_drawn_by_history(comparison: gg.Comparison, sections: dict[str, Section]) -> None:
    drawn = chart(sections["map@3 by history"])
    assert comparison.segments is not None
    for trace, name in zip(drawn.traces, comparison.measured, strict=True):
        rows = comparison.segments.filter(pl.col("users") >= 10, model=name, metric="map@3")
        assert trace["x"] == rows["mean"].to_list()
    users = rows["users"].to_list()
    assert len(users) > 0
    assert [label.split("(")[1] for label in drawn.layout["yaxis"]["ticktext"]] == [f"{n} users)" for n in users]


def test_segments_of_few_users_are_not_drawn(comparison: gg.Comparison) -> None:
    few = {
        name: replace(one.evaluation, segments=pl.DataFrame(one.evaluation.segments).with_columns(users=9))
        for name, one in comparison.measured.items()
    }
    measured = {name: replace(one, evaluation=few[name]) for name, one in comparison.measured.items()}
    assert "map@3 by history" not in {
        section.heading for section in replace(comparison, measured=measured).page().sections
    }


def test_learning_curves_are_drawn_over_all_epochs(comparison: gg.Comparison, sections: dict[str, Section]) -> None:
    bpr, stopped = chart(sections["Training loss"]).traces
    curve = comparison.measured["<b>stopped</b>"].curve
    assert curve is not None
    assert bpr["x"] == stopped["x"] == list(range(1, 11))
    assert [value for value in stopped["y"] if value is not None] == curve["loss"].to_list()
    (only,) = chart(sections["Validation: ndcg@3"]).traces
    assert only["y"] == curve["ndcg@3"].to_list()
    best = int(curve["ndcg@3"].arg_max() or 0) + 1
    assert f"<b>stopped</b> reached its best value in epoch {best} (" in sections["Validation: ndcg@3"].sentence


def test_every_metric_of_every_model_is_in_the_table(comparison: gg.Comparison, sections: dict[str, Section]) -> None:
    table = sections["All metrics"].content
    assert isinstance(table, Table)
    assert [row[:2] for row in table.rows] == [
        (metric, name) for metric in comparison.metrics for name in comparison.measured
    ]
    verdicts = {(row["metric"], row["model"]): row["verdict"] for row in comparison.differences.to_dicts()}
    for metric, name, verdict, *_ in table.rows:
        assert verdict == verdicts.get((metric, name), "reference")


def test_names_are_escaped(comparison: gg.Comparison) -> None:
    assert "<b>stopped" not in comparison.page().to_html()


def test_a_page_of_baselines_only(parts: Split[Dataset]) -> None:
    html = gg.compare({}, *parts, k=3).page().to_html()
    assert "Coverage and accuracy" in html
