"""The contract of explanations: contributions add up to scores, and every pair has a true sentence."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from gingham.dataset import Dataset
from gingham.errors import NotFittedError, UnknownIdError
from gingham.loading import load
from gingham.models.contributions import Cause, sums
from tests.contract.cases import GREEDY, N_ITEMS, N_USERS, ROUNDING, WITHOUT_HISTORY, Case

_COLUMNS = ["user_id", "item_id", "rank", "score", "cause", "because_item_id", "times", "last_bought", "detail"]


class ExplainingContract:
    """Explanations."""

    def test_contributions_add_up_to_the_score_of_every_pair(self, case: Case) -> None:
        model = case.fitted()
        table = model.explain(items=model.training_data_.item_ids.values)
        assert table.columns == [*_COLUMNS, "contribution"]
        assert set(table["cause"]) <= {cause.value for cause in Cause}
        pairs = table.group_by("user_id", "item_id", "score", maintain_order=True).agg(
            pl.col("contribution").sum(), size=pl.col("contribution").abs().sum()
        )
        assert len(pairs) == N_USERS * N_ITEMS
        scores = np.concatenate(
            [model.predict(user, group["item_id"]) for (user,), group in pairs.group_by("user_id", maintain_order=True)]
        )
        size = pairs["size"].to_numpy()
        assert_adds_up(pairs["score"].to_numpy(), scores, size)
        np.testing.assert_allclose(pairs["contribution"], pairs["score"], rtol=ROUNDING, atol=1e-12)
        users = model.training_data_.user_ids.index(pairs["user_id"])
        items = model.training_data_.item_ids.index(pairs["item_id"])
        assert_adds_up(sums(model._contributions(users, items), len(pairs)), scores, size)

    def test_the_best_items_are_explained(self, case: Case) -> None:
        model = case.fitted()
        user = model.training_data_.user_ids.values[GREEDY]
        options = {"k": 4, "filter_seen": True, "exclude": model.training_data_.item_ids.values[:1]}
        listed = model.recommend(user, **options)
        table = model.explain(user, **options)
        pairs = table.select(listed.columns).unique(maintain_order=True)
        assert_frame_equal(pairs, listed, check_exact=True)
        for _, rows in table.group_by("item_id"):
            assert rows["contribution"].is_sorted(descending=True)
        assert_frame_equal(model.reasons(user, **options).drop("reason"), listed, check_exact=True)

    def test_the_items_that_contribute_are_of_the_history(self, case: Case) -> None:
        model = case.fitted()
        table = model.explain().filter(pl.col("because_item_id").is_not_null())
        data = model.training_data_
        users, items = data.user_ids.index(table["user_id"]), data.item_ids.index(table["because_item_id"])
        values = np.asarray(data.matrix[users, items]).ravel() if len(table) else np.empty(0)
        assert (values > 0).all()
        rows = case.shop().interactions
        when = np.arange(len(rows)) if rows.timestamp is None else rows.timestamp.astype("datetime64[D]").astype(int)
        purchases = zip(rows.user_index, rows.item_index, when, rows.value, strict=True)
        days = Counter((user, item) for user, item, _ in {tuple(one[:3]) for one in purchases if one[3] > 0})
        assert table["times"].to_list() == [days[pair] for pair in zip(users, items, strict=True)]
        assert table["last_bought"].is_null().all() == (not case.timed or table.is_empty())
        is_itself = table["because_item_id"] == table["item_id"]
        assert (is_itself == (table["cause"] == "bought before")).all()
        assert not set(table["user_id"]) & set(data.user_ids.values.gather(WITHOUT_HISTORY))

    def test_every_pair_has_a_true_sentence(self, case: Case) -> None:
        model = case.fitted()
        data = model.training_data_
        table = model.reasons(items=data.item_ids.values)
        assert len(table) == N_USERS * N_ITEMS
        bought = data.matrix.toarray()[data.user_ids.index(table["user_id"]), data.item_ids.index(table["item_id"])]
        for sentence, times in zip(table["reason"], bought, strict=True):
            assert sentence.endswith(".")
            assert not sentence.startswith("You bought this") or times > 0
            assert not sentence.startswith("You have not bought this") or not times

    def test_what_is_loaded_explains_the_same(self, case: Case, tmp_path: Path) -> None:
        model = case.fitted()
        model.save(tmp_path / "model")
        loaded = load(tmp_path / "model")
        assert_frame_equal(loaded.explain(k=3), model.explain(k=3), rel_tol=1e-6)
        assert loaded.reasons(k=3)["reason"].to_list() == model.reasons(k=3)["reason"].to_list()

    def test_without_some_items_lists_are_those_of_the_other_ones(self, case: Case) -> None:
        model, data = case.fitted(), case.shop()
        user, without = int(GREEDY), data.item_ids.values[:4]
        user_id = data.user_ids.values[user]
        features = None
        if model._uses_features and data.user_features is not None:
            features = data.user_features.matrix[[user]].copy()
            features[0, user] = 0  # the identity, which no other user shares
        expected = model.recommend_for(_history(data, user, without), features, k=N_ITEMS)
        table = model.explain(user_id, k=N_ITEMS, without=without)
        listed = table.select("item_id", "rank", "score").unique(maintain_order=True)
        assert_frame_equal(listed, expected.drop("user_id"), rel_tol=1e-4)
        assert set(table["user_id"]) == {user_id}
        assert not set(table["because_item_id"]) & set(without)
        reasons = model.reasons(user_id, items=without, without=without)["reason"]
        assert not any(reason.startswith("You bought this") for reason in reasons)

    def test_users_outside_the_training_data_get_explanations(self, case: Case) -> None:
        model, data = case.fitted(), case.shop()
        parts = [_history(data, user, []).with_columns(user_id=pl.lit(user)) for user in (0, GREEDY, 7)]
        history = pl.concat(parts)
        listed, table = model.recommend_for(history, k=N_ITEMS), model.explain_for(history, k=N_ITEMS)
        pairs = table.group_by("user_id", "item_id", "rank", "score", maintain_order=True).agg(
            pl.col("contribution").sum(), size=pl.col("contribution").abs().sum()
        )
        assert_frame_equal(pairs.select(listed.columns), listed, rel_tol=1e-4)
        np.testing.assert_allclose(pairs["contribution"], pairs["score"], rtol=ROUNDING, atol=1e-12)
        because = table.filter(pl.col("because_item_id").is_not_null())
        bought = set(history.filter(pl.col("value") > 0).select("user_id", "item_id").rows())
        assert set(because.select("user_id", "because_item_id").rows()) <= bought
        reasons = model.reasons_for(history, k=N_ITEMS)
        assert_frame_equal(reasons.drop("reason"), listed, rel_tol=1e-4)
        for user, item, sentence in reasons.select("user_id", "item_id", "reason").iter_rows():
            assert not sentence.startswith("You bought this") or (user, item) in bought
            assert not sentence.startswith("You have not bought this") or (user, item) not in bought

    def test_explanations_need_a_fit_and_users(self, case: Case) -> None:
        model = case.make()
        for explain in (model.explain, model.reasons):
            with pytest.raises(NotFittedError):
                explain()
        with pytest.raises(UnknownIdError):
            case.fitted().explain("nobody")
        assert case.fitted().explain([]).is_empty()
        assert case.fitted().reasons([]).columns == ["user_id", "item_id", "rank", "score", "reason"]


def _history(data: Dataset, user: int, without: Any) -> pl.DataFrame:
    """The transactions of a user with other items."""
    rows = data.interactions
    chosen = rows.user_index == user
    columns = {"item_id": data.item_ids.ids(rows.item_index[chosen]), "value": rows.value[chosen]}
    if rows.timestamp is not None:
        columns["timestamp"] = pl.Series(rows.timestamp[chosen])
    return pl.DataFrame(columns).filter(~pl.col("item_id").is_in(list(without)))


def assert_adds_up(total: npt.NDArray[np.float64], scores: npt.NDArray[np.float32], size: npt.ArrayLike) -> None:
    """Compare sums with scores: the rounding of float32 is relative to the sizes of the summands."""
    assert (np.abs(total - scores) <= ROUNDING * np.asarray(size)).all()
