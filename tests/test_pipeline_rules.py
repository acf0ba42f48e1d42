"""Rules of a recipe: in the lists of a run, in its metrics, and on the command line."""

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import gingham as gg
from gingham import pipeline
from gingham.cli import app
from gingham.errors import ArtifactError, ConfigError, TableError

RECIPE = """
[transactions]
path = "sales.parquet"
user_id = "user_id"
item_id = "item_id"
timestamp = "timestamp"
price = "price"

[items]
path = "items.csv"

[model]
kind = "item-knn"

[evaluate]
k = 5

[recommend]
k = 6

[rules]
filter = "cost <= :budget AND stock > 0"
exclude_basket = true
caps = { type = 2 }
min_length = 6
fallback = ["caps"]
request = { budget = 10, basket = [] }

[[rules.pins]]
item = "i03"
position = 2
"""
RULES = ["filter", "exclude_basket", "caps", "pins", "all rules"]


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    tables = gg.synth.sample_tables()
    tables.transactions.collect().write_parquet(tmp_path / "sales.parquet")
    assert tables.items is not None
    number = pl.row_index().cast(pl.Int64)
    tables.items.with_columns(cost=number, stock=number % 4, unused=pl.lit("x")).collect().write_csv(
        tmp_path / "items.csv"
    )
    (tmp_path / "shop.toml").write_text(RECIPE)
    return tmp_path / "shop.toml"


def test_the_lists_of_a_run_follow_the_rules(recipe: Path, tmp_path: Path) -> None:
    run = gg.run(recipe, tmp_path / "out")
    lists = pl.read_parquet(run.folder / "recommendations.parquet")
    # Cost at most 10, without 0, 4 and 8.
    assert set(lists["item_id"]) <= {f"i{number:02}" for number in range(11) if number % 4}
    assert (lists.filter(pl.col("rank") == 2)["item_id"] == "i03").all()
    assert lists.group_by("user_id").len()["len"].unique().to_list() == [6]
    assert pl.read_parquet(run.folder / "rules.parquet").columns == ["item_id", "cost", "stock", "type"]


def test_metrics_are_shown_with_and_without_rules(recipe: Path, tmp_path: Path) -> None:
    run = gg.run(recipe, tmp_path / "out")
    table = run.comparison.rules
    assert table is not None
    assert table["rule"].unique(maintain_order=True).to_list() == RULES
    assert {"map@5", "revenue@5"} <= set(table["metric"])
    stored = json.loads((run.folder / "metrics.json").read_text())["models"]["item-knn"]
    assert stored["rules"] == table.drop("model").to_dicts()
    mean = table.filter(rule="filter", metric="map@5")["without"][0]
    assert mean == pytest.approx(stored["metrics"]["map@5"]["mean"])


def test_recommend_uses_the_rules_of_the_run(recipe: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    run = gg.run(recipe, out)
    (tmp_path / "items.csv").unlink()  # the run has what it needs

    def items(*options: str) -> list[str]:
        done = CliRunner().invoke(app, ["recommend", out, "--user", "u07", "-k", "6", "--json", *options])
        assert done.exit_code == 0, done.output
        return [row["item_id"] for row in json.loads(done.stdout)["recommendations"]]

    stored = pl.read_parquet(run.folder / "recommendations.parquet").filter(user_id="u07")["item_id"].to_list()
    assert items() == stored
    assert items("--no-rules") == pipeline.load_run(out).recommend("u07", k=6)["item_id"].to_list() != stored
    assert set(items("--request", "budget=3.5")) == {"i01", "i02", "i03"}
    assert set(items("--request", "budget=3.5", "--request", 'basket=["i02"]')) == {"i01", "i03"}
    assert items("--reasons") == stored
    for text, message in (("budget", "has no value"), ("budget=much", "'budget' is 'much', which cannot be compared")):
        done = CliRunner().invoke(app, ["recommend", out, "--user", "u07", "--request", text])
        assert isinstance(done.exception, gg.GinghamError)
        assert message in str(done.exception)


def test_compare_shows_what_rules_cost(recipe: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["compare", str(recipe), "--out", str(tmp_path / "page.html")])
    assert done.exit_code == 0, done.output
    assert "Effect of rules on recommended lists" in done.stdout
    assert "revenue@5" in done.stdout
    assert "Effect of rules" in (tmp_path / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("budget = 10, ", "", "rules need the value 'budget'; add it to rules.request"),
        ('[items]\npath = "items.csv"', "", "rules use the column 'cost', but there is no section"),
        ("position = 2", "position = 6", "rules pin 'i03' to position 6, but lists have 5 items"),
        ("caps = { type = 2 }", "caps = { type = 0 }", "rules.caps: the cap of 'type' is 0; use a positive integer"),
        ("cost <= :budget", "read_csv('x') = cost", "rules: The condition"),
        ('timestamp = "timestamp"', 'order = "timestamp"', "split.kind"),
    ],
)
def test_rules_that_a_run_could_not_follow_are_refused_at_once(recipe: Path, old: str, new: str, message: str) -> None:
    text = recipe.read_text()
    assert old in text
    recipe.write_text(text.replace(old, new))
    with pytest.raises(ConfigError) as error:
        gg.Recipe.read(recipe)
    assert message in str(error.value)


def test_rules_on_times_need_a_timestamp(recipe: Path) -> None:
    text = recipe.read_text().replace('timestamp = "timestamp"\n', "").replace("exclude_basket = true", "")
    text = text.replace("[rules]", '[split]\nkind = "random"\n[rules]\nexclude_bought = "7d"')
    with pytest.raises(ConfigError, match=r"rules.exclude_bought needs transactions.timestamp"):
        gg.Recipe.parse(text)


def test_a_missing_column_is_refused_before_anything_is_fitted(recipe: Path, tmp_path: Path) -> None:
    recipe.write_text(recipe.read_text().replace("cost <=", "costs <="))
    with pytest.raises(TableError, match="has no column 'costs'; did you mean 'cost'"):
        gg.run(recipe, tmp_path / "out")
    findings = pipeline.check_recipe(recipe)
    assert findings[0].severity == "error"
    assert "'costs'" in str(findings[0])


def test_a_run_whose_items_are_damaged_is_refused(recipe: Path, tmp_path: Path) -> None:
    run = gg.run(recipe, tmp_path / "out")
    (run.folder / "rules.parquet").write_bytes(b"PAR1")
    with pytest.raises(ArtifactError, match=r"The rules in .* cannot be read: .*; run the recipe again[.]"):
        pipeline.load_rules(tmp_path / "out")
    (run.folder / "rules.parquet").unlink()
    with pytest.raises(ArtifactError, match="cannot be read"):
        pipeline.load_rules(tmp_path / "out")
