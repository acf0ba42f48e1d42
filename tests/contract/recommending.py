"""The contract of recommending."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from gingham.errors import DataError, ParameterError, UnknownIdError
from tests.contract.cases import (
    GREEDY,
    N_ITEMS,
    N_USERS,
    ROUNDING,
    WITHOUT_HISTORY,
    Case,
    held_out,
    item_lists,
    scores_of,
    shop,
)


class RecommendingContract:
    """Lists and scores."""

    def test_everybody_gets_k_items(self, case: Case) -> None:
        model, data = case.fitted(), shop()
        for given, k in (({}, 12), ({"k": 1}, 1), ({"k": np.int64(3)}, 3), ({"k": N_ITEMS}, N_ITEMS)):
            table = model.recommend(**given)
            assert table.schema == {"user_id": pl.Int64, "item_id": pl.Int64, "rank": pl.Int32, "score": pl.Float32}
            assert table["user_id"].to_list() == np.repeat(data.user_ids.values.to_numpy(), k).tolist()
            assert table["rank"].to_list() == list(range(1, k + 1)) * N_USERS
            assert table["score"].is_finite().all()
            assert not table.select("user_id", "item_id").is_duplicated().any()

    def test_best_items_come_first_and_of_equal_ones_the_lower_id(self, case: Case) -> None:
        table = case.fitted().recommend(k=N_ITEMS)
        order = table.sort("user_id", pl.col("score"), "item_id", descending=[False, True, False])
        assert_frame_equal(table, order, check_exact=True)

    def test_fewer_items_are_the_first_of_more(self, case: Case) -> None:
        model = case.fitted()
        whole = model.recommend(k=N_ITEMS)
        for k in (1, 4, N_ITEMS - 1):
            assert_frame_equal(model.recommend(k=k), whole.filter(pl.col("rank") <= k), check_exact=True)

    def test_scores_are_those_of_the_model(self, case: Case) -> None:
        model = case.fitted()
        table = model.recommend(k=5)
        users, items = (
            model.training_data_.user_ids.index(table["user_id"]),
            model.training_data_.item_ids.index(table["item_id"]),
        )
        np.testing.assert_allclose(table["score"], scores_of(model)[users, items], atol=ROUNDING)

    def test_pairs_have_the_scores_that_lists_have(self, case: Case) -> None:
        model = case.fitted()
        table = model.recommend(k=N_ITEMS).sample(fraction=1, shuffle=True, seed=2)
        scores = model.predict(table["user_id"], table["item_id"])
        assert scores.dtype == np.float32
        np.testing.assert_allclose(scores, table["score"], atol=ROUNDING, rtol=ROUNDING)
        item, user = table.filter(pl.col("item_id") == 21), table.filter(pl.col("user_id") == 130)
        np.testing.assert_allclose(model.predict(item["user_id"], 21), item["score"], atol=ROUNDING, rtol=ROUNDING)
        np.testing.assert_allclose(model.predict(130, user["item_id"]), user["score"], atol=ROUNDING, rtol=ROUNDING)
        np.testing.assert_allclose(model.predict([130, 130], [21, 21]), [model.predict(130, 21)[0]] * 2)
        assert model.predict([], []).shape == (0,)

    def test_pairs_of_unknown_ids_or_of_two_lengths_are_refused(self, case: Case) -> None:
        model = case.fitted()
        with pytest.raises(UnknownIdError, match="1 unknown user id: 101"):
            model.predict([101], [0])
        with pytest.raises(UnknownIdError, match="1 unknown item id: 1"):
            model.predict([100], [1])
        with pytest.raises(DataError, match="2 user ids and 3 item ids"):
            model.predict([100, 103], [0, 7, 14])

    def test_users_without_history_get_the_same_list(self, case: Case) -> None:
        if not case.features:
            first, second = item_lists(case.fitted().recommend([100 + 3 * user for user in WITHOUT_HISTORY])).values()
            assert first == second

    def test_users_come_in_the_order_given(self, case: Case) -> None:
        model = case.fitted()
        everybody = item_lists(model.recommend(k=4))
        wanted = [130, 100, 109, 187]
        given: list[Any] = [wanted, tuple(wanted), np.array(wanted, np.int32), pl.Series(wanted), iter(wanted)]
        for users in given:
            table = model.recommend(users, k=4)
            assert table["user_id"].to_list() == [user for user in wanted for _ in range(4)]
            assert item_lists(table) == {user: everybody[user] for user in wanted}
        assert model.recommend([130, 130], k=2)["rank"].to_list() == [1, 2, 1, 2]
        assert model.recommend([], k=2).height == 0

    def test_what_was_seen_can_be_left_out(self, case: Case) -> None:
        model, data = case.fitted(), shop()
        whole, seen = item_lists(model.recommend(k=N_ITEMS)), data.positives().matrix()
        for k in (3, N_ITEMS):
            lists = item_lists(model.recommend(k=k, filter_seen=True))
            for user, user_id in enumerate(data.user_ids.values):
                had = set(data.item_ids.ids(seen[user].indices))
                assert lists[user_id] == [item for item in whole[user_id] if item not in had][:k]
        greedy = 100 + 3 * GREEDY
        n_left = N_ITEMS - seen[GREEDY].nnz
        assert model.recommend([greedy], filter_seen=True)["rank"].to_list() == list(range(1, n_left + 1))

    def test_allow_and_deny_lists(self, case: Case) -> None:
        model = case.fitted()
        whole = item_lists(model.recommend(k=N_ITEMS))
        allow, deny = [21, 7, 133, 63, 7], [63, 84, 0]
        for given, allowed in (
            ({"items": allow}, set(allow)),
            ({"exclude": deny}, {7 * item for item in range(N_ITEMS)} - set(deny)),
            ({"items": allow, "exclude": deny}, set(allow) - set(deny)),
            ({"items": np.array(allow), "exclude": pl.Series(deny)}, set(allow) - set(deny)),
        ):
            for k in (2, 12):
                lists = item_lists(model.recommend(k=k, **given))
                assert lists == {user: [item for item in items if item in allowed][:k] for user, items in whole.items()}

    def test_lists_and_what_was_seen_work_together(self, case: Case) -> None:
        model, data = case.fitted(), shop()
        whole, seen = item_lists(model.recommend(k=N_ITEMS)), data.positives().matrix()
        allow = [7 * item for item in range(0, N_ITEMS, 2)]
        lists = item_lists(model.recommend(k=4, items=allow, exclude=[14], filter_seen=True))
        for user, user_id in enumerate(data.user_ids.values):
            allowed = set(allow) - {14} - set(data.item_ids.ids(seen[user].indices))
            assert lists.get(user_id, []) == [item for item in whole[user_id] if item in allowed][:4]

    @pytest.mark.parametrize("given", [{"items": []}, {"items": [7], "exclude": [7]}])
    def test_where_nothing_is_allowed_nothing_is_recommended(self, case: Case, given: Any) -> None:
        table = case.fitted().recommend(k=3, **given)
        assert table.height == 0
        assert table.columns == ["user_id", "item_id", "rank", "score"]

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"user_ids": [100, 101]}, "1 unknown user id: 101"),
            ({"user_ids": ["u00"]}, "1 unknown user id: 'u00'"),
            ({"user_ids": [None]}, "unknown user id: None"),
            ({"user_ids": [2**63]}, f"unknown user id: {2**63}"),
            ({"items": [0, 1, 2], "strict": True}, "2 unknown ids in items: 1, 2"),
            ({"exclude": [0, 1], "strict": True}, "1 unknown id in exclude: 1"),
        ],
    )
    def test_unknown_ids_are_named(self, case: Case, given: Any, words: str) -> None:
        with pytest.raises(UnknownIdError, match=words):
            case.fitted().recommend(**given)

    @pytest.mark.parametrize("k", [0, -1, True, False, 2.0, "3", None, N_ITEMS + 1])
    def test_a_wrong_k_is_refused(self, case: Case, k: Any) -> None:
        with pytest.raises(ParameterError, match=f"k must be a positive integer, not {k!r}|k={N_ITEMS + 1} is larger"):
            case.fitted().recommend(k=k)

    @pytest.mark.parametrize("text", [False, True])
    def test_one_id_is_a_list_of_one(self, case: Case, text: bool) -> None:
        model = case.fitted(case.shop(text))
        user, item = model.training_data_.user_ids.values[2], model.training_data_.item_ids.values[3]
        assert_frame_equal(model.recommend(user, k=3), model.recommend([user], k=3))
        assert_frame_equal(model.recommend(user, items=item), model.recommend([user], items=[item]))
        assert_frame_equal(model.recommend(user, exclude=item), model.recommend([user], exclude=[item]))
        assert model.predict(user, item).tolist() == model.predict([user], [item]).tolist()

    def test_unknown_ids_in_lists_are_ignored_and_counted(self, case: Case, caplog: pytest.LogCaptureFixture) -> None:
        model = case.fitted()
        assert_frame_equal(model.recommend(items=[0, 7, 1]), model.recommend(items=[0, 7]))
        assert "Ignored 1 unknown id in items: 1; the" in caplog.text
        caplog.clear()
        assert_frame_equal(model.recommend(exclude=["a", "b"]), model.recommend())
        assert [record.name for record in caplog.records] == ["gingham"]
        assert "Ignored 2 unknown ids in exclude: 'a', 'b'; the" in caplog.text
        caplog.clear()
        model.recommend(items=[0], exclude=[7], strict=True)
        assert not caplog.records

    def test_the_number_of_threads_changes_nothing(self, case: Case) -> None:
        model, test = case.fitted(), held_out()
        alone = model.recommend(num_threads=1)
        for num_threads in (0, 2, 5):
            assert_frame_equal(model.recommend(num_threads=num_threads), alone, check_exact=True)
            ranks = model.predict_rank(test, num_threads=num_threads)
            np.testing.assert_array_equal(ranks.data, model.predict_rank(test, num_threads=1).data)
        for question in (lambda: model.recommend(num_threads=-1), lambda: model.predict_rank(test, num_threads=-1)):
            with pytest.raises(ParameterError, match="num_threads must be an integer from 0"):
                question()
