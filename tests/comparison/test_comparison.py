import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import gingham as gg
from gingham.comparison import Comparison, Measured

USERS = 400
LISTS = pl.DataFrame({"metric": ["coverage@1", "coverage@3"], "value": [0.125, 0.25]})


def made(n_users: int = USERS, **means: float) -> Comparison:
    """A comparison of models with these means and noise, most of which is common to all models."""
    rng = np.random.default_rng(0)
    common = rng.normal(size=n_users)
    measured = {}
    for name, mean in means.items():
        own = rng.normal(size=n_users)
        values = mean + common + 0.1 * (own - own.mean())
        per_user = pl.DataFrame({"user_id": range(n_users), "map@3": values, "auc": [np.nan, *values[1:]]})
        rows = [(metric, mean, mean - 0.1, mean + 0.1, n_users) for metric in ("map@3", "auc")]
        table = pl.DataFrame(rows, ["metric", "mean", "low", "high", "users"], orient="row")
        measured[name] = Measured(gg.Evaluation(table, per_user, LISTS), {}, 1.23456, 0.5, 2_000_000, None)
    return Comparison.of(measured, tuple(name for name in means if name.startswith("base")), "map@3", None)


def test_the_reference_is_the_best_baseline() -> None:
    assert made(mine=0.9, base_a=0.1, base_b=0.3).reference == "base_b"
    assert made(base_a=0.1, base_b=0.05).reference == "base_a"


def test_verdicts_are_paired_by_user() -> None:
    # The means differ by a fiftieth of a user's standard deviation, which is clear only if paired.
    comparison = made(up=0.52, down=0.48, level=0.5, base=0.5)
    for metric in ("map@3", "auc"):
        rows = comparison.differences.filter(metric=metric)
        verdicts = dict(rows.select("model", "verdict").iter_rows())
        assert verdicts == {"up": "better", "down": "worse", "level": "no clear difference"}
    assert comparison.differences.filter(metric="auc")["users"].unique().to_list() == [USERS - 1]


def test_there_is_no_verdict_on_very_few_users() -> None:
    for n_users, verdict in ((9, "no clear difference"), (20, "better")):
        assert set(made(n_users, up=0.9, base=0.1).differences["verdict"]) == {verdict}


def test_differences_agree_with_the_normal_approximation() -> None:
    comparison = made(up=0.52, base=0.5)
    (row,) = comparison.differences.filter(metric="map@3").to_dicts()
    values = [pd.Series(one.evaluation.per_user["map@3"].to_list()) for one in comparison.measured.values()]
    gaps = values[0] - values[1]
    assert row["difference"] == pytest.approx(gaps.mean())
    assert row["low"] == pytest.approx(gaps.mean() - 1.96 * gaps.sem(), abs=0.25 * gaps.sem())
    assert row["high"] == pytest.approx(gaps.mean() + 1.96 * gaps.sem(), abs=0.25 * gaps.sem())


def test_sentences_state_the_verdicts() -> None:
    up, down, level = made(up=0.52, down=0.48, level=0.5, base=0.5).sentences
    assert up.startswith("By map@3, up is better than base: 0.5200 versus 0.5000, a difference of +0.0200")
    assert down.startswith("By map@3, down is worse than base: 0.4800 versus 0.5000, a difference of -0.0200")
    assert level.startswith("By map@3, level is not clearly different from base: 0.5000 versus 0.5000")
    assert len(made(base_a=0.1, base_b=0.3).sentences) == 1


def test_the_table_holds_every_model_and_metric(comparison: gg.Comparison) -> None:
    for (name,), rows in comparison.table.group_by("model", maintain_order=True):
        assert rows.drop("model").equals(comparison.measured[str(name)].evaluation.table)
    assert comparison.table["model"].unique(maintain_order=True).to_list() == list(comparison.measured)
    assert comparison.differences.height == 4 * len(comparison.metrics)


def test_costs_are_rounded_measurements() -> None:
    assert made(base=0.1).costs.rows() == [("base", 1.235, 0.5, 2.0, 0.25)]


def test_the_legend_explains_the_marks(comparison: gg.Comparison) -> None:
    assert comparison.legend.endswith(
        f"Compared with {comparison.reference}, paired by user: + better, - worse, = no clear difference."
    )


def test_it_prints_means_costs_and_sentences(comparison: gg.Comparison) -> None:
    text = str(comparison)
    for words in ("map@3", "recent-best-sellers", "fit_seconds", "coverage", *comparison.sentences):
        assert words in text
    assert "…" not in text


def test_it_is_json(comparison: gg.Comparison) -> None:
    content = json.loads(json.dumps(comparison.to_dict(), allow_nan=False))
    assert (content["metric"], content["reference"]) == ("map@3", comparison.reference)
    assert list(content["models"]) == list(comparison.measured)
    bpr = content["models"]["bpr"]
    assert bpr["metrics"] == comparison.measured["bpr"].evaluation.to_dict()
    assert [epoch["epoch"] for epoch in bpr["epochs"]] == list(range(1, 11))
    assert set(bpr["differences"]["map@3"]) == {"difference", "low", "high", "users", "verdict"}
    assert content["models"][comparison.reference]["differences"] == {}
    assert "epochs" not in content["models"]["buy-again"]


def test_it_is_saved_as_a_page(comparison: gg.Comparison, tmp_path: Path) -> None:
    comparison.save(tmp_path / "page.html", title="Which one?")
    assert "<h1>Which one?</h1>" in (tmp_path / "page.html").read_text(encoding="utf-8")
