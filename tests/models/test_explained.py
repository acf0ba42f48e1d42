"""Explanations of lists under rules, of lists without some purchases, and in blocks; the contract has the rest."""

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
from polars.testing import assert_frame_equal

import gingham as gg
from gingham.errors import DataError, ParameterError, UnknownIdError
from gingham.models import explanation

DATA = gg.synth.sample_dataset()


@pytest.fixture(scope="module")
def model() -> gg.ItemKNN:
    return gg.ItemKNN(8).fit(DATA)


def test_sentences_do_not_depend_on_blocks(model: gg.ItemKNN, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = model.reasons(k=5)
    monkeypatch.setattr(explanation, "_PAIRS", 7)
    assert_frame_equal(model.reasons(k=5), at_once)


def test_lists_under_rules_have_reasons(model: gg.ItemKNN) -> None:
    rules = gg.Rules(pins=[{"item": "i19", "position": 1}])
    expected = model.recommend("u07", k=3, rules=rules)
    assert_frame_equal(model.reasons("u07", k=3, rules=rules).drop("reason"), expected)
    table = model.explain("u07", k=3, rules=rules)
    assert table["item_id"][0] == "i19"
    sums = table.group_by("rank", maintain_order=True).agg(pl.col("contribution").sum(), pl.col("score").first())
    np.testing.assert_allclose(sums["contribution"], sums["score"], rtol=1e-5)
    with pytest.raises(ParameterError, match="rules cannot be combined with without"):
        model.explain("u07", rules=rules, without="i00")


def test_one_purchase_less_changes_the_list_of_its_user_alone(model: gg.ItemKNN) -> None:
    """A user without the purchases of item i15 gets what their other purchases and the fixed similarities give."""
    rows = DATA.interactions
    user, item = DATA.user_ids.index("u07")[0], DATA.item_ids.index("i15")[0]
    kept = (rows.user_index != user) | (rows.item_index != item)
    counts = DATA.with_interactions(rows.take(kept)).matrix()[[int(user)]]
    expected = (counts @ model._near).toarray()[0]
    table = model.explain("u07", k=20, without=["i15"])
    scores = table.group_by("item_id", maintain_order=True).agg(pl.col("score").first())
    positive = scores.filter(pl.col("score") > 0)
    np.testing.assert_allclose(positive["score"], expected[DATA.item_ids.index(positive["item_id"])], rtol=1e-6)
    assert positive["score"].is_sorted(descending=True)
    both = model.reasons(["u07", "u03", "u07"], k=2, without=["i15"])
    assert both["user_id"].to_list() == ["u07", "u07", "u03", "u03"]
    assert_frame_equal(model.reasons("u03", k=3, without=["i15"]), model.reasons("u03", k=3), rel_tol=1e-6)


def test_everything_removed_is_a_new_user(model: gg.ItemKNN) -> None:
    table = model.reasons("u07", k=3, without=DATA.item_ids.values)
    assert table["item_id"].to_list() == model.recommend_for([], k=3)["item_id"].to_list()
    assert not table["reason"].str.starts_with("You bought").any()
    with pytest.raises(UnknownIdError):
        model.explain("u07", without=["x"], strict=True)
    assert_frame_equal(model.explain("u07", k=2, without=["x"]), model.explain("u07", k=2), rel_tol=1e-5)


def test_features_of_matrices_remain_without_some_purchases() -> None:
    assert DATA.user_features is not None
    features, matrix = DATA.user_features.matrix, DATA.matrix()
    model = gg.ALS(5, epochs=3, weighted=False, random_state=1).fit(matrix, user_features=features, verbose=False)
    history = matrix[[7]].indices[2:].tolist()
    row = sp.csr_matrix(features[[7]])
    row.data[row.indices < 50] = 0
    expected = model.recommend_for(history, row, k=5)
    table = model.reasons(7, k=5, without=matrix[[7]].indices[:2].tolist())
    assert_frame_equal(table.select("item_id", "rank", "score"), expected.drop("user_id"), rel_tol=1e-5)


def test_items_and_their_number(model: gg.ItemKNN) -> None:
    assert model.explain("u07", items=["i03", "i04", "i03"])["item_id"].n_unique() == 2
    assert model.reasons("u07").height == 12
    assert model.reasons("u07", items=iter(["i03", "i04"]), k=1).height == 1
    with pytest.raises(ParameterError, match="k must be"):
        model.reasons("u07", k=0)
    with pytest.raises(DataError, match="is not an id"):
        model.explain("u07", items=3.5j)  # type: ignore[arg-type]
