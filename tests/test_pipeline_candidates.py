"""Runs of recipes in which articles without sales are candidates."""

import json
from pathlib import Path

import polars as pl
import pytest

import gingham as gg
from gingham import pipeline
from tests.recorder import Recorder

NEW = "099"


@pytest.fixture
def launches(recipe: Path) -> Path:
    """Return a recipe of all articles; one of them was not sold yet."""
    table = pl.read_csv(recipe.parent / "articles.csv", infer_schema=False)
    table.extend(table.head(1).with_columns(article=pl.lit(NEW)))
    table.write_csv(recipe.parent / "articles.csv")
    text = recipe.read_text().replace("[items]\n", '[items]\ncandidates = "all"\n')
    recipe.write_text(
        text.replace("epochs = 3", 'kind = "content"').replace("n_components = 8\nrandom_state = 1\n", "")
    )
    return recipe


def test_an_article_without_sales_is_recommended(launches: Path, tmp_path: Path) -> None:
    progress = Recorder()
    run = gg.run(launches, tmp_path / "out", progress)
    assert run.model.n_items == 26
    message = "Items without transactions in the train part: 1 of 26, which are candidates for their features."
    assert message in progress.messages
    assert json.loads((run.folder / "steps.json").read_text())[0]["items"] == 25
    buyers = pl.read_csv(launches.parent / "transactions.csv")["customer"].unique().implode()
    lists = run.model.recommend(k=26).filter(pl.col("user_id").is_in(buyers))
    same = lists.filter(pl.col("item_id").is_in(["00", NEW])).pivot("item_id", index="user_id", values="score")
    assert same["00"].equals(same[NEW])  # it has the features of the first article


def test_a_comparison_measures_new_articles_apart(launches: Path) -> None:
    rows = pl.read_csv(launches.parent / "transactions.csv", infer_schema=False)
    new = rows.tail(1).with_columns(article=pl.lit(NEW), day=pl.lit(rows["day"].max()))
    pl.concat([rows, new]).write_csv(launches.parent / "transactions.csv")
    segments = pipeline.compare(launches).segments
    assert segments is not None
    cold = segments.filter(segment="cold items", value="cold", metric="recall@5", model="content")
    assert cold["users"].to_list() == [1]
    assert "history" in segments["segment"].to_list()
