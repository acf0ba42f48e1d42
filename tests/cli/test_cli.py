"""The command line in processes: output and exit codes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

import gingham as gg
from gingham.cli.init import Shop, recipe_text
from tests.little_shop import write_shop

WIDE = {**os.environ, "COLUMNS": "160", "NO_COLOR": "1"}


def gingham(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gingham", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=WIDE, timeout=120)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    gg.run(write_shop(folder), folder / "out")
    return folder / "out"


def test_run_prints_the_steps_and_the_metrics(recipe: Path, tmp_path: Path) -> None:
    done = gingham("run", recipe, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    for words in ("read", "1,200", "users where age > 20", "train", "test", "map@5", "best-sellers", "buy-again"):
        assert words in done.stdout
    assert "By map@5," in done.stdout
    assert "Reading and cleaning" in done.stderr
    assert (tmp_path / "out" / "current" / "model" / "artifact.json").is_file()


def test_recommend_shows_ids_names_and_types(run_folder: Path) -> None:
    done = gingham("recommend", run_folder, "--user", "c001", "-k", 3)
    assert done.returncode == 0, done.stderr
    assert "Recommendations for user c001" in done.stdout
    lines = [line for line in done.stdout.splitlines() if "thing [b]" in line]
    assert len(lines) == 3  # markup in a name is text
    assert all("hat" in line or "shoe" in line for line in lines)


def test_recommend_says_why(run_folder: Path, tmp_path: Path) -> None:
    done = gingham("recommend", run_folder, "--user", "c001", "-k", 3, "--reasons")
    assert done.returncode == 0, done.stderr
    model, file = gg.load(run_folder), tmp_path / "lists.csv"
    assert " ".join(done.stdout.split()).count(model.reasons("c001", k=3)["reason"][0]) >= 1
    done = gingham("recommend", run_folder, "--user", "c001", "-k", 3, "--reasons", "--out", file, "-q")
    assert (done.returncode, done.stderr) == (0, "")
    assert pl.read_csv(file)["reason"].to_list() == model.reasons("c001", k=3)["reason"].to_list()


def test_recommend_to_a_new_user(run_folder: Path, tmp_path: Path) -> None:
    model, file = gg.load(run_folder), tmp_path / "list.csv"
    wanted = model.recommend_for(["03", "05"], k=3)["item_id"].to_list()
    done = gingham("recommend", run_folder, "--history", "03", "--history", "05", "-k", 3, "--out", file, "-q")
    assert (done.returncode, done.stderr) == (0, "")
    assert pl.read_csv(file, schema_overrides={"item_id": pl.String})["item_id"].to_list() == wanted
    done = gingham("recommend", run_folder, "--history", "03", "-k", 3)
    assert "Recommendations for a new user" in done.stdout
    for wrong, words in (
        (["--feature", "age"], "--feature 'age' has no value"),
        (["--history", "03", "--user", "c001"], "--user is for users of the training data"),
    ):
        done = gingham("recommend", run_folder, *wrong)
        assert done.returncode == 2
        assert words in done.stderr


def test_similar_shows_similar_items(run_folder: Path) -> None:
    done = gingham("similar", run_folder, "--item", "03", "-k", 2)
    assert done.returncode == 0, done.stderr
    assert "Similar to item 03, thing [b]3[/b]" in done.stdout
    assert done.stdout.count("thing [b]") == 3


def test_similar_to_an_item_without_a_name(recipe: Path, tmp_path: Path) -> None:
    items = recipe.parent / "articles.csv"
    items.write_text(items.read_text().replace("thing [b]3[/b]", ""))
    gg.run(recipe, tmp_path / "out")
    done = gingham("similar", tmp_path / "out", "--item", "03", "-k", 2)
    assert done.returncode == 0, done.stderr
    assert "Similar to item 03 " in done.stdout
    assert "None" not in done.stdout


def test_too_little_memory_is_an_error_without_a_traceback(recipe: Path, tmp_path: Path) -> None:
    # Eight petabytes do not fit into any memory.
    code = (
        "import numpy\n"
        "from gingham import pipeline\n"
        "from gingham.__main__ import main\n"
        "pipeline.run = lambda *_: numpy.zeros(2**50)\n"
        "main()\n"
    )
    command = [sys.executable, "-c", code, "run", str(recipe), "--out", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, env=WIDE, timeout=120)
    assert done.returncode == 2
    assert "Error: Not enough memory: Unable to allocate" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_recipe_with_als(recipe: Path, tmp_path: Path) -> None:
    recipe.write_text(recipe.read_text().replace("[model]", '[model]\nkind = "als"\nweighted = true'))
    done = gingham("run", recipe, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    done = gingham("similar", tmp_path / "out", "--item", "03", "-k", 2)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("thing [b]") == 3


@pytest.mark.parametrize("shop", list(Shop))
def test_init_prints_a_recipe_that_parses(shop: Shop) -> None:
    done = gingham("init", shop.value)
    assert done.returncode == 0
    assert done.stdout == recipe_text(shop)
    gg.Recipe.parse(done.stdout)


def test_the_recipe_for_hm_is_that_of_the_study() -> None:
    recipe = gg.Recipe.parse(recipe_text(Shop.HM))
    assert str(recipe.clean.start) == "2019-01-01"
    assert str(recipe.clean.end) == "2020-01-01"
    assert (recipe.clean.min_transactions, recipe.clean.max_transactions) == (11, 99)
    assert recipe.clean.users == "age > 16 AND age < 38"
    assert recipe.clean.items == "index_name = 'Ladieswear'"
    assert (recipe.split.kind, recipe.split.test, recipe.split.random_state) == ("random", 0.2, 42)
    assert (recipe.model.kind, recipe.model.epochs, recipe.model.num_threads) == ("hybrid", 5, 4)
    params = recipe.model.params
    assert (params["n_components"], params["loss"], params["learning_rate"]) == (50, "warp", 0.05)
    assert '# kind = "time"' in recipe.text


def test_the_studys_recipe_runs_on_tables_of_hms_shape(tmp_path: Path) -> None:
    made = gingham("synth", "hm", tmp_path / "hm", "--scale", 0.004, "--seed", 3)
    assert made.returncode == 0, made.stderr
    assert "ynthetic" in made.stdout
    recipe = tmp_path / "hm" / "hm.toml"
    recipe.write_text(gingham("init", "hm").stdout)
    done = gingham("run", recipe, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr

    sales = pd.read_csv(tmp_path / "hm" / "transactions_train.csv", dtype={"article_id": str})
    customers = pd.read_csv(tmp_path / "hm" / "customers.csv")
    articles = pd.read_csv(tmp_path / "hm" / "articles.csv", dtype={"article_id": str})
    expected = [sales]
    sales = sales[sales["t_dat"].str.startswith("2019")]
    times = sales["customer_id"].value_counts()
    young = customers[(customers["age"] > 16) & (customers["age"] < 38)]["customer_id"]
    for column, ids in (
        ("customer_id", sales["customer_id"]),
        ("customer_id", times[(times > 10) & (times < 100)].index),
        ("customer_id", young),
        ("article_id", articles[articles["index_name"] == "Ladieswear"]["article_id"]),
    ):
        sales = sales[sales[column].isin(ids)]
        expected.append(sales)
    counts = [(len(rows), rows["customer_id"].nunique(), rows["article_id"].nunique()) for rows in expected]
    steps = json.loads((tmp_path / "out" / "current" / "steps.json").read_text())
    assert [(step["rows"], step["users"], step["items"]) for step in steps[:5]] == counts
    assert (
        pl.read_parquet(tmp_path / "out" / "current" / "recommendations.parquet")["user_id"].n_unique()
        == young.nunique()
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "nothing.toml", "--out", "out"], ["nothing.toml", "gingham init"]),
        (["recommend", "nowhere", "--user", "x"], ["nowhere", "gingham run"]),
        (["similar", "nowhere", "--item", "x"], ["nowhere", "gingham run"]),
        (["init", "nike"], ["nike", "hm"]),
        (["run"], ["RECIPE"]),
        (["fly"], ["fly"]),
        (["synth", "nike", "out"], ["nike", "hm"]),
        (["synth", "hm", "out", "--scale", "0"], ["scale", "0.0001"]),
    ],
)
def test_a_mistake_ends_in_exit_code_2_without_a_traceback(
    tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    done = gingham(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr + done.stdout
    for word in words:
        assert word in done.stderr
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["recommend", "--user", "c999"], "unknown user id: 'c999'"),
        (["recommend", "--user", "c001", "-k", "99"], "k=99"),
        (["similar", "--item", "99"], "unknown item id: '99'"),
        (["similar", "--item", "03", "-k", "25"], "k=25"),
    ],
)
def test_unknown_ids_and_too_many_items_are_errors_of_one_line(
    run_folder: Path, arguments: list[str], words: str
) -> None:
    done = gingham(arguments[0], run_folder, *arguments[1:])
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_damaged_model_is_refused(run_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run_folder, copy)
    arrays = copy / "current" / "model" / "arrays.safetensors"
    arrays.write_bytes(arrays.read_bytes()[:-1])
    done = gingham("recommend", copy, "--user", "c001")
    assert done.returncode == 2
    assert "damaged" in done.stderr


def test_without_arguments_the_help_is_shown() -> None:
    done = gingham()
    for command in ("demo", "init", "run", "recommend", "similar"):
        assert command in done.stdout + done.stderr


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_ends_a_run_and_leaves_no_files(recipe: Path, tmp_path: Path) -> None:
    recipe.write_text(recipe.read_text().replace("epochs = 3", "epochs = 1000000"))
    process = subprocess.Popen(
        [sys.executable, "-m", "gingham", "run", str(recipe), "--out", str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=WIDE,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("Fitting"):
            break
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, messages = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Interrupted" in messages
    assert "Traceback" not in messages
    assert not (tmp_path / "out").exists()
    assert not [entry for entry in tmp_path.iterdir() if entry.name.startswith(".")]


# Documents and files --------------------------------------------------------------------------------------------------


def document(*arguments: object) -> Any:
    done = gingham(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_version() -> None:
    done = gingham("--version")
    assert (done.returncode, done.stdout) == (0, f"gingham {gg.__version__}\n")


def test_results_as_json(recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = document("run", recipe, "--out", out)
    assert ran["folder"] == str(out)
    assert [step["name"] for step in ran["steps"]] == ["read", "users where age > 20", "train", "test"]
    assert list(ran["models"]) == ["hybrid", "best-sellers", "recent-best-sellers", "buy-again"]
    assert set(document("compare", recipe)["models"]) == set(ran["models"])
    assert document("profile", recipe, "--out", tmp_path / "p.html")["sentences"]
    checked = document("check", recipe)
    assert (checked["errors"], checked["warnings"]) == (0, 0)
    assert checked["notes"] == len(checked["findings"])
    (recommended, *_) = document("recommend", out, "--user", "c001", "-k", 3)["recommendations"]
    assert set(recommended) == {"user_id", "item_id", "rank", "score", "name", "type"}
    similar = document("similar", out, "--item", "03", "-k", 2)["similar_items"]
    assert [one["rank"] for one in similar] == [1, 2]
    tuned = document("tune", recipe, "--out", tmp_path / "tuned", "--trials", 2)
    assert len(tuned["trials"]) == 2
    assert set(tuned["best_params"]) >= {"epochs"}
    # Stored recipes find the shop's files, wherever they are used.
    for stored in (out / "current" / "recipe.toml", tmp_path / "tuned" / "best.toml"):
        done = gingham("run", stored, "--out", tmp_path / "again", "-q", cwd=Path("/"))
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        assert "Wrote" not in done.stdout
        assert "best-sellers" in done.stdout


def test_an_error_is_no_document(recipe: Path, tmp_path: Path) -> None:
    recipe.write_text(recipe.read_text().replace("age > 20", "age > 200"))
    done = gingham("run", recipe, "--out", tmp_path / "out", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    checked = gingham("check", recipe, "--json")
    assert checked.returncode == 2
    assert json.loads(checked.stdout)["errors"] == 1


@pytest.mark.parametrize(
    ("ending", "read"), [("csv", pl.read_csv), ("jsonl", pl.read_ndjson), ("parquet", pl.read_parquet)]
)
def test_recommendations_as_a_file(run_folder: Path, tmp_path: Path, ending: str, read: Any) -> None:
    file = tmp_path / f"lists.{ending}"
    assert gingham("recommend", run_folder, "--out", file, "-k", 3, "--names").returncode == 0
    rows = read(file)
    assert rows.columns == ["user_id", "item_id", "rank", "score", "name", "type"]
    assert rows.height % 3 == 0
    assert rows["user_id"].n_unique() == rows.height // 3 > 20
    done = gingham("recommend", run_folder, "--out", file, "--user", "c001", "--user", "c002", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert read(file).columns == ["user_id", "item_id", "rank", "score"]
    assert read(file)["user_id"].unique().sort().to_list() == ["c001", "c002"]


@pytest.mark.parametrize(
    ("options", "words"), [([], "add --user"), (["--out", "x.xls"], "ends in .csv, .jsonl or .parquet")]
)
def test_recommend_says_what_is_missing(run_folder: Path, options: list[str], words: str) -> None:
    done = gingham("recommend", run_folder, *options)
    assert done.returncode == 2
    assert words in done.stderr
