import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import gingham as gg
from gingham import pipeline
from gingham.errors import ArtifactError, ConfigError, ParameterError, TableError
from tests.recorder import Recorder


def edited(recipe: Path, *changes: tuple[str, str]) -> Path:
    """Change the recipe's text."""
    text = recipe.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    recipe.write_text(text)
    return recipe


def test_a_run_writes_all_files(recipe: Path, tmp_path: Path) -> None:
    run = gg.run(recipe, tmp_path / "out")
    assert sorted(entry.name for entry in (tmp_path / "out").iterdir()) == ["current", "versions"]
    assert (tmp_path / "out" / "current").resolve() == run.folder.resolve()
    assert sorted(entry.name for entry in run.folder.iterdir()) == [
        "metrics.json",
        "model",
        "recipe.toml",
        "recommendations.parquet",
        "steps.json",
        "version.json",
    ]
    assert (tmp_path / "out" / "current" / "recipe.toml").read_text().endswith(recipe.read_text())
    steps = json.loads((tmp_path / "out" / "current" / "steps.json").read_text())
    assert [step["name"] for step in steps] == ["read", "users where age > 20", "train", "test"]
    assert steps[0]["rows"] == 1200
    assert steps[2]["rows"] + steps[3]["rows"] == steps[1]["rows"]
    metrics = json.loads((tmp_path / "out" / "current" / "metrics.json").read_text())
    assert list(metrics["models"]) == ["hybrid", "best-sellers", "recent-best-sellers", "buy-again"]
    assert metrics["models"]["hybrid"]["metrics"] == run.comparison.measured["hybrid"].evaluation.to_dict()
    assert set(metrics["models"]["hybrid"]["differences"]) == set(run.comparison.metrics)
    assert len(metrics["models"]["hybrid"]["epochs"]) == 3


def test_every_user_gets_k_items(recipe: Path, tmp_path: Path) -> None:
    gg.run(recipe, tmp_path / "out")
    recommendations = pl.read_parquet(tmp_path / "out" / "current" / "recommendations.parquet")
    assert recommendations.columns == ["user_id", "item_id", "rank", "score"]
    customers = pl.read_csv(tmp_path / "customers.csv").filter(pl.col("age") > 20)
    assert set(recommendations["user_id"]) == set(customers["customer"])
    assert "c039" in set(recommendations["user_id"])  # without purchases
    assert recommendations.group_by("user_id").len()["len"].unique().to_list() == [4]
    assert set(recommendations["rank"]) == {1, 2, 3, 4}


def test_the_steps_agree_with_an_independent_count(recipe: Path, tmp_path: Path) -> None:
    run = gg.run(recipe, tmp_path / "out")
    rows = pl.read_csv(tmp_path / "transactions.csv", try_parse_dates=True, schema_overrides={"article": pl.String})
    adults = pl.read_csv(tmp_path / "customers.csv").filter(pl.col("age") > 20)["customer"]
    rows = rows.filter(pl.col("customer").is_in(adults.implode()))
    late = rows.filter(pl.col("day") > rows["day"].max() - pl.duration(days=7))
    counts = [(step.rows, step.users, step.items) for step in run.steps[1:]]
    early = rows.join(late, on="day", how="anti")
    assert counts == [
        (part.height, part["customer"].n_unique(), part["article"].n_unique()) for part in (rows, early, late)
    ]


def test_the_stored_model_recommends_what_was_written(recipe: Path, tmp_path: Path) -> None:
    gg.run(recipe, tmp_path / "out")
    model = pipeline.load_run(tmp_path / "out")
    assert model.recommend(k=4).equals(pl.read_parquet(tmp_path / "out" / "current" / "recommendations.parquet"))
    assert isinstance(model, gg.HybridMF)
    assert len(model.history_) == 3


def test_refit_includes_the_test_part(recipe: Path, tmp_path: Path) -> None:
    refitted = gg.run(recipe, tmp_path / "refitted")
    one_thread = gg.run(edited(recipe, ("[model]", "[model]\nnum_threads = 1")), tmp_path / "one")
    n_rows = refitted.steps[1].rows
    assert refitted.model.training_data_.matrix.sum() == one_thread.model.training_data_.matrix.sum() == n_rows
    not_refitted = gg.run(
        edited(recipe, ("\n[transactions]", "refit = false\n[transactions]")), tmp_path / "not-refitted"
    )
    assert not_refitted.model.training_data_.matrix.sum() == not_refitted.steps[2].rows


def test_values_are_weights_of_a_weighted_model(recipe: Path, tmp_path: Path) -> None:
    edited(
        recipe, ("[clean]", '[clean]\nvalue = "log-count"'), ("[model]", "[model]\nnum_threads = 1\nweighted = true")
    )
    weighted = gg.run(recipe, tmp_path / "weighted").model
    plain = gg.run(edited(recipe, ("weighted = true", "weighted = false")), tmp_path / "plain").model
    dataset = gg.Dataset.from_tables(gg.read_tables(recipe))
    counts = dataset.matrix()
    assert counts.data.max() > np.log(3)
    own = gg.HybridMF(8, epochs=3, random_state=1).fit(dataset, num_threads=1, sample_weight=counts, verbose=False)
    assert isinstance(weighted, gg.HybridMF)
    assert isinstance(plain, gg.HybridMF)
    np.testing.assert_array_equal(weighted.item_embeddings, own.item_embeddings)
    assert (plain.item_embeddings != own.item_embeddings).any()


def test_one_thread_and_a_seed_give_the_same_run_twice(recipe: Path, tmp_path: Path) -> None:
    edited(recipe, ("[model]", "[model]\nnum_threads = 1"))
    first, second = (gg.run(recipe, tmp_path / name) for name in ("first", "second"))
    assert first.model.recommend(k=4).equals(second.model.recommend(k=4))
    assert first.comparison.table.equals(second.comparison.table)


def test_seen_items_are_filtered_after_a_random_split(recipe: Path, tmp_path: Path) -> None:
    gg.run(edited(recipe, ("[model]", '[split]\nkind = "random"\n[model]')), tmp_path / "out")
    metrics = json.loads((tmp_path / "out" / "current" / "metrics.json").read_text())
    assert metrics["filter_seen"] is True
    # Items bought before are filtered, so buy-again recommends recent best sellers.
    again, best = (metrics["models"][name]["metrics"] for name in ("buy-again", "recent-best-sellers"))
    assert again["map@5"] == best["map@5"]


def test_only_transactions_are_required(tmp_path: Path) -> None:
    pl.DataFrame({"u": [1, 1, 2, 2, 3] * 4, "i": [1, 2, 1, 3, 2] * 4}).write_parquet(tmp_path / "sales.parquet")
    recipe = tmp_path / "small.toml"
    recipe.write_text(
        '[transactions]\npath = "sales.parquet"\nuser_id = "u"\nitem_id = "i"\n'
        '[split]\nkind = "random"\n[model]\nepochs = 1\n[evaluate]\nk = 2\n[recommend]\nk = 3\n'
    )
    run = gg.run(recipe, tmp_path / "out")
    assert pl.read_parquet(tmp_path / "out" / "current" / "recommendations.parquet").height == 9
    assert run.model.n_users == 3


@pytest.mark.parametrize(("kind", "name"), [("popularity", "popularity"), ("buy-again", "buy-again (recipe)")])
def test_simple_models_can_run_too(recipe: Path, tmp_path: Path, kind: str, name: str) -> None:
    edited(recipe, ("epochs = 3\nn_components = 8\nrandom_state = 1", f'kind = "{kind}"\nwindow = "14d"'))
    run = gg.run(recipe, tmp_path / "out")
    assert run.comparison.models == (name,)
    params = pipeline.load_run(tmp_path / "out").get_params()
    assert (params["window"], params["half_life"]) == ("14d", None)


@pytest.mark.parametrize(
    ("old", "new", "kind", "words"),
    [
        ('"transactions.csv"', '"transaction.csv"', TableError, ["transaction.csv", "did you mean"]),
        ('"article"', '"artikel"', TableError, ["'artikel'", "'article'"]),
        ("age > 20", "age > 200", TableError, ["age > 200", "removes all"]),
        ("epochs = 3", "epoch = 3", ConfigError, ["'epoch'", "[model]"]),
        ("epochs = 3", "epochs = -1", ParameterError, ["epochs must be", "not -1"]),
        ("n_components = 8", "n_components = 0", ParameterError, ["n_components must be a positive integer, not 0"]),
        ("n_components = 8", 'loss = "wrap"', ParameterError, ["loss must be one of", "'warp'", "not 'wrap'"]),
        ("k = 4", "k = 400", ParameterError, ["k=400", "25"]),
        ("k = 5", "k = 400", ParameterError, ["k=400", "25"]),
    ],
)
def test_a_mistake_is_one_sentence_and_nothing_is_written(
    recipe: Path, tmp_path: Path, old: str, new: str, kind: type[Exception], words: list[str]
) -> None:
    edited(recipe, (old, new))
    with pytest.raises(kind) as caught:
        gg.run(recipe, tmp_path / "out")
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()
    assert not [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".")]


def test_a_failed_run_keeps_the_earlier_one(recipe: Path, tmp_path: Path) -> None:
    gg.run(recipe, tmp_path / "out")
    before = (tmp_path / "out" / "current" / "recommendations.parquet").read_bytes()
    edited(recipe, ("age > 20", "age > 200"))
    with pytest.raises(TableError):
        gg.run(recipe, tmp_path / "out")
    assert (tmp_path / "out" / "current" / "recommendations.parquet").read_bytes() == before
    edited(recipe, ("age > 200", "age > 40"))
    gg.run(recipe, tmp_path / "out")
    assert (tmp_path / "out" / "current" / "recommendations.parquet").read_bytes() != before


def test_a_folder_with_other_files_is_never_replaced(recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"cat")
    with pytest.raises(ArtifactError, match="other files"):
        gg.run(recipe, tmp_path / "photos")
    assert (tmp_path / "photos" / "cat.jpg").read_bytes() == b"cat"


def test_a_folder_without_a_run_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="is not the folder of a run"):
        pipeline.load_run(tmp_path)


def test_read_tables_cleans_the_tables(recipe: Path) -> None:
    dataset = gg.Dataset.from_tables(gg.read_tables(recipe))
    assert dataset.user_features is not None
    assert dataset.user_features.names[-1] == "age=null"
    assert np.all(dataset.interactions.value == 1)


def test_read_dataset_equals_the_dataset_of_all_columns(recipe: Path) -> None:
    narrow, whole = gg.read_dataset(recipe), gg.Dataset.from_tables(gg.read_tables(recipe))
    assert (narrow.matrix() != whole.matrix()).nnz == 0
    for one, other in ((narrow.user_features, whole.user_features), (narrow.item_features, whole.item_features)):
        assert one is not None
        assert other is not None
        assert one.names == other.names
        assert (one.matrix != other.matrix).nnz == 0
    assert narrow.item_labels is not None
    assert narrow.item_labels.equals(whole.item_labels)


def test_a_run_reports_its_progress(recipe: Path, tmp_path: Path) -> None:
    recorder = Recorder()
    run = gg.run(recipe, tmp_path / "out", recorder)
    events = [event.split()[0] if isinstance(event, str) else event for event in recorder.events]
    measured = ["Fitting", "Evaluating"] * 4
    assert events == ["Reading", run.steps, *measured, run.comparison, "Fitting", "Recommending", "Storing"]


MORE = """
[[compare.models]]
name = "wider"
n_components = 16

[[compare.models]]
name = "yesterday"
kind = "popularity"
window = "1d"
"""


def test_a_recipe_can_compare_several_models(recipe: Path) -> None:
    recipe.write_text(recipe.read_text() + MORE + '[compare]\nreference = "buy-again"\nwindow = "2w"\nmetric = "auc"\n')
    comparison = pipeline.compare(recipe)
    assert comparison.models == ("hybrid", "wider", "yesterday")
    params = {name: one.params for name, one in comparison.measured.items()}
    assert (params["hybrid"]["n_components"], params["wider"]["n_components"]) == (8, 16)
    assert params["wider"]["random_state"] == 1  # as in [model]
    assert params["yesterday"] == {"window": "1d", "half_life": None, "by": None}
    assert params["recent-best-sellers"]["window"] == "2w"
    assert (comparison.reference, comparison.metric) == ("buy-again", "auc")


def test_a_run_and_a_comparison_have_equal_results(recipe: Path, tmp_path: Path) -> None:
    edited(recipe, ("[model]", "[model]\nnum_threads = 1"))
    run = gg.run(recipe, tmp_path / "out").comparison
    comparison = pipeline.compare(recipe)
    assert run.table.equals(comparison.table)
    assert run.differences.equals(comparison.differences)


def test_early_stopping_chooses_the_epochs_on_validation_data_and_fits_all_of_train(
    recipe: Path, tmp_path: Path
) -> None:
    stopping = 'early_stopping = { metric = "ndcg@3", patience = 2 }'
    edited(recipe, ("epochs = 3", "epochs = 40"), ("[model]", f"[model]\nnum_threads = 1\n{stopping}"))
    run = gg.run(recipe, tmp_path / "out")
    curve = run.comparison.measured["hybrid"].curve
    assert curve is not None
    best = int(curve["ndcg@3"].arg_max() or 0) + 1
    assert curve["epoch"].to_list() == list(range(1, min(40, best + 2) + 1))
    # The model that recommends is fitted to everything, for the same number of epochs.
    assert isinstance(run.model, gg.HybridMF)
    assert len(run.model.history_) == best
    assert run.model.training_data_.matrix.sum() == run.steps[1].rows

    # The same step by step.
    dataset = gg.read_dataset(recipe)
    train, test = gg.split.by_time(dataset, "7d")
    rest, validation = gg.split.by_time(train, "7d")
    stopping = gg.EarlyStopping("ndcg@3", 2, validation=validation)
    search = gg.HybridMF(8, epochs=40, early_stopping=stopping, random_state=1)
    search.fit(rest, num_threads=1, verbose=False)
    assert [epoch.metrics["ndcg@3"] for epoch in search.history_] == curve["ndcg@3"].to_list()
    model = gg.HybridMF(8, epochs=best, random_state=1).fit(train, num_threads=1, verbose=False)
    own = gg.evaluate(model, test, 5)
    assert own.table.equals(run.comparison.measured["hybrid"].evaluation.table)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[compare.models]]\nname = "hybrid"\n', "Two models are called 'hybrid'"),
        ('[[compare.models]]\nname = "buy-again"\n', "'buy-again' is the name of a baseline"),
        ('[[compare.models]]\nname = "wide"\nn_component = 3\n', "did you mean 'n_components'"),
        ("[[compare.models]]\nn_components = 3\n", "'name'"),
        ('[compare]\nreference = "als"\n', "reference='als' is not one of the models"),
        ('[compare]\nwindow = "soon"\n', "'soon' is not a duration"),
        ('[compare]\nmetric = "map@7"\n', "compare.metric 'map@7' is not measured"),
    ],
)
def test_a_wrong_comparison_is_refused_before_fitting(recipe: Path, text: str, words: str) -> None:
    recipe.write_text(recipe.read_text() + text)
    recorder = Recorder()
    with pytest.raises((ConfigError, ParameterError), match=words):
        pipeline.compare(recipe, recorder)
    assert not [name for name in recorder.stages if name.startswith("Fitting")]
