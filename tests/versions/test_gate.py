from pathlib import Path

import numpy as np
import polars as pl
import pytest

import gingham as gg
from gingham.config import GateSpec
from gingham.dataset import Dataset
from gingham.evaluation import differences
from gingham.versions.gate import check_lists, check_metric

RECIPE = gg.Recipe.parse(
    'transactions = { path = "s.csv", user_id = "u", item_id = "i", timestamp = "day" }\nevaluate = { k = 5 }'
)
GATE = GateSpec()


def stored(model: gg.BuyAgain | gg.Popularity, folder: Path, name: str = "train-model") -> Path:
    """Store a model as the evaluated one of a version, next to a model that must not be compared."""
    version = folder / "2024-01-01T00-00-00Z"
    gg.Popularity().fit(gg.synth.sample_dataset()).save(version / "model")
    model.save(version / name)
    return version


def worst_items(train: Dataset) -> gg.Popularity:
    """Fit best sellers to the sales of the five items that sell worst."""
    counts = np.bincount(train.interactions.item_index, minlength=train.n_items)
    rare = np.isin(train.interactions.item_index, np.argsort(counts)[:5])
    return gg.Popularity().fit(train.with_interactions(train.interactions.take(rare)))


@pytest.fixture(scope="module")
def parts() -> tuple[Dataset, Dataset]:
    train, test = gg.split.by_time(gg.synth.sample_dataset(), test="14d")
    return train, test


def test_a_worse_model_does_not_pass(parts: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    train, test = parts
    good, bad = gg.Popularity().fit(train), worst_items(train)
    check = check_metric(RECIPE, GATE, bad, test, stored(good, tmp_path))
    (row,) = differences(gg.evaluate(bad, test, 5), gg.evaluate(good, test, 5)).filter(metric="map@5").to_dicts()
    assert row["high"] < 0
    assert not check.passed
    assert check.sentence.startswith("By map@5, the new model is worse than that of version 2024-01-01T00-00-00Z: ")
    assert (
        f"a difference of {row['mean']:+.4f} (95% interval {row['low']:+.4f} to {row['high']:+.4f}, " in check.sentence
    )
    assert "left out" not in check.sentence


def test_a_better_or_an_equal_model_passes(parts: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    train, test = parts
    good, bad = gg.Popularity().fit(train), worst_items(train)
    current = stored(bad, tmp_path)
    check = check_metric(RECIPE, GateSpec(metric="recall@5"), good, test, current)
    assert (check.passed, "By recall@5, the new model is better than" in check.sentence) == (True, True)
    check = check_metric(RECIPE, GATE, worst_items(train), test, current)
    assert (check.passed, "not clearly different from" in check.sentence) == (True, True)


def test_without_a_current_version_there_is_nothing_to_compare(parts: tuple[Dataset, Dataset]) -> None:
    train, test = parts
    check = check_metric(RECIPE, GATE, worst_items(train), test, None)
    assert check.passed
    assert check.sentence == "The folder has no current version, so map@5 is not compared."


def test_rows_of_unknown_users_and_items_are_left_out(parts: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    """The current model has other users and items; the oracle counts rows and differences by ids."""
    train, test = parts
    tables = gg.synth.sample_tables()
    rows = tables.transactions.collect()
    until = train.interactions.timestamp
    assert until is not None
    old_rows = rows.filter(
        pl.col("timestamp").dt.cast_time_unit("us") <= pl.lit(until.max()),
        ~pl.col("user_id").is_in(["u03", "u07"]),
        pl.col("item_id") != "i04",
    )
    # Numbers of users and items differ between both models, and those of the old one are in another order.
    users = pl.DataFrame({"user_id": ["a-new-name", *sorted(set(old_rows["user_id"]))]})
    old = Dataset.from_tables(gg.Tables(old_rows, users))
    current = gg.Popularity().fit(old)
    new = worst_items(train)
    check = check_metric(RECIPE, GATE, new, test, stored(current, tmp_path))
    names = pl.DataFrame(
        {
            "user": test.user_ids.ids(test.interactions.user_index),
            "item": test.item_ids.ids(test.interactions.item_index),
        }
    )
    known = names["user"].is_in(list(old.user_ids.values)) & names["item"].is_in(list(old.item_ids.values))
    n_unknown = int((~known).sum())
    assert n_unknown > 0
    assert f"of {names.height:,} test rows, {n_unknown:,} of users or items that it does not know are left out" in (
        check.sentence
    )
    assert not check.passed
    common = test.with_interactions(test.interactions.take(known.to_numpy()))
    theirs = current.recommend(names.filter(known)["user"].unique(maintain_order=True), 5)
    hits = names.filter(known).unique().join(theirs, left_on=["user", "item"], right_on=["user_id", "item_id"])
    mine = gg.evaluate(new, common, 5).to_dict()["map@5"]["mean"]
    assert f"{mine:.4f} versus {_map(hits, names.filter(known)):.4f}" in check.sentence


def _map(hits: pl.DataFrame, test: pl.DataFrame) -> float:
    """Compute MAP@5 with loops."""
    values = []
    for (user,), rows in test.unique().group_by("user"):
        ranks = sorted(hits.filter(user=user)["rank"])
        values.append(sum((place + 1) / rank for place, rank in enumerate(ranks)) / min(5, rows.height))
    return float(np.mean(values))


def test_a_model_that_was_fitted_to_the_test_is_not_compared(parts: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    train, test = parts
    everything = gg.BuyAgain().fit(gg.synth.sample_dataset())
    check = check_metric(RECIPE, GATE, worst_items(train), test, stored(everything, tmp_path))
    assert check.passed
    n = len(test.interactions)
    assert check.sentence == (
        f"map@5 is not compared with version 2024-01-01T00-00-00Z; of {n:,} test rows, {n:,} to which it may have been "
        "fitted are left out."
    )


def test_a_model_that_was_fitted_to_the_start_of_the_test_is_compared_on_the_rest(tmp_path: Path) -> None:
    dataset = gg.synth.sample_dataset()
    train, test = gg.split.by_time(dataset, test="21d")
    earlier, _ = gg.split.by_time(dataset, test="16d")
    assert earlier.interactions.timestamp is not None
    assert test.interactions.timestamp is not None
    current = gg.Popularity().fit(earlier)
    later = test.interactions.timestamp > earlier.interactions.timestamp.max()
    check = check_metric(RECIPE, GATE, worst_items(train), test, stored(current, tmp_path))
    rest = test.with_interactions(test.interactions.take(later))
    assert f" {(~later).sum():,} to which it may have been fitted are left out" in check.sentence
    assert f"versus {gg.evaluate(current, rest, 5).to_dict()['map@5']['mean']:.4f}" in check.sentence


def test_a_damaged_current_model_does_not_stop_a_run(parts: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    train, test = parts
    current = stored(gg.BuyAgain().fit(train), tmp_path)
    (current / "train-model" / "arrays.safetensors").write_bytes(b"")
    check = check_metric(RECIPE, GATE, worst_items(train), test, current)
    assert check.passed
    assert "map@5 is not compared with the current version: The artifact" in check.sentence


@pytest.mark.parametrize(
    ("gate", "passed", "words"),
    [
        ({}, False, "2 of 4 users (50.0%) have a list of at least 3 items; the gate requires 99.0%."),
        ({"min_share_of_users": 0.5}, True, "2 of 4 users (50.0%)"),
        ({"min_share_of_users": 0.6}, False, "the gate requires 60.0%."),
        ({"min_share_of_users": 0.75, "min_list_length": 2}, True, "3 of 4 users (75.0%) have a list of at least 2"),
        ({"min_share_of_users": 0.76, "min_list_length": 1}, False, "3 of 4 users"),
    ],
)
def test_users_with_long_enough_lists_are_counted(gate: dict[str, float], passed: bool, words: str) -> None:
    users = ["a", "a", "a", "b", "b", "c", "c", "c"]  # and a fourth user without a list
    check = check_lists(GateSpec(**gate), pl.DataFrame({"user_id": users}), n_users=4, k=3)  # type: ignore[arg-type]
    assert check.passed is passed
    assert words in check.sentence
