"""The contract of ranking test items."""

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from gingham.errors import DataError
from gingham.metrics import rank_test
from gingham.models.embedding import EmbeddingModel
from tests.contract.cases import N_ITEMS, N_USERS, ROUNDING, Case, held_out, item_lists, scores_of, shop


class RankingContract:
    """The ranks of test items."""

    @pytest.mark.parametrize("filter_seen", [False, True])
    def test_ranks_agree_with_numpy(self, case: Case, filter_seen: bool) -> None:
        model, test = case.fitted(), held_out()
        ranks, scores, seen = model.predict_rank(test, filter_seen), scores_of(model), model.training_data_.matrix
        assert isinstance(ranks, sp.csr_matrix)
        assert ranks.dtype == np.int32
        np.testing.assert_array_equal(ranks.indices, test.indices)
        np.testing.assert_array_equal(ranks.indptr, test.indptr)
        tolerance = ROUNDING if isinstance(model, EmbeddingModel) else 0
        for user in range(N_USERS):
            candidate = np.ones(N_ITEMS, bool)
            if filter_seen:
                candidate[seen[user].indices] = False
            mine = scores[user]
            for item, rank in zip(ranks[user].indices, ranks[user].data, strict=True):
                if not candidate[item]:
                    assert rank == N_ITEMS
                    continue
                others = candidate & (np.arange(N_ITEMS) != item)
                earlier = np.arange(N_ITEMS) < item
                surely = others & ((mine > mine[item] + tolerance) | (earlier & (mine == mine[item]) & (not tolerance)))
                perhaps = others & ((mine > mine[item] - tolerance) | (earlier & (mine == mine[item])))
                assert surely.sum() <= rank <= perhaps.sum()

    @pytest.mark.parametrize("filter_seen", [False, True])
    def test_ranks_are_places_in_the_list(self, case: Case, filter_seen: bool) -> None:
        model, test = case.fitted(), held_out()
        ranks = model.predict_rank(test, filter_seen)
        lists = item_lists(model.recommend(k=N_ITEMS, filter_seen=filter_seen))
        for user, user_id in enumerate(model.training_data_.user_ids.values):
            items = model.training_data_.item_ids.ids(ranks[user].indices)
            places = [lists[user_id].index(item) if item in lists[user_id] else N_ITEMS for item in items]
            assert ranks[user].data.tolist() == places

    @pytest.mark.parametrize("filter_seen", [False, True])
    def test_test_ranks_are_those_of_users_with_a_test(self, case: Case, filter_seen: bool) -> None:
        model, test = case.fitted(), held_out()
        test = sp.csr_matrix(test.multiply(np.arange(N_USERS)[:, None] % 3 > 0))
        test.eliminate_zeros()
        whole, found = model.predict_rank(test, filter_seen), rank_test(model, test, filter_seen=filter_seen)[0]
        tested = np.flatnonzero(np.diff(test.indptr))
        assert len(tested) < N_USERS
        np.testing.assert_array_equal(found.users, tested)
        np.testing.assert_array_equal(found.ranks, whole.data)
        np.testing.assert_array_equal(found.n_test, np.diff(test.indptr)[tested])
        n_seen = np.diff(model.training_data_.matrix.indptr)[tested] if filter_seen else np.zeros(len(tested))
        np.testing.assert_array_equal(found.n_candidates, N_ITEMS - n_seen)

    @pytest.mark.parametrize("filter_seen", [False, True])
    def test_one_pass_gives_the_best_items_and_the_ranks(self, case: Case, filter_seen: bool) -> None:
        model, test, wanted = case.fitted(), held_out(), [130, 100, 187, 130]
        index = model.training_data_.user_ids.index(wanted)
        ranking = model.rank(wanted, test, k=4, filter_seen=filter_seen)
        table = model.recommend(wanted, k=4, filter_seen=filter_seen)
        there = ranking.items >= 0
        assert model.training_data_.item_ids.ids(ranking.items[there]).to_list() == table["item_id"].to_list()
        np.testing.assert_array_equal(ranking.scores[there], table["score"])
        whole = model.predict_rank(test, filter_seen)
        assert ranking.ranks.tolist() == [rank for user in index for rank in whole[user].data]
        everybody = model.rank()
        assert everybody.items.shape == (N_USERS, 0)
        assert everybody.ranks.shape == (0,)

    def test_a_test_may_be_a_dataset(self, case: Case) -> None:
        data = case.shop()
        model = case.fitted(data)
        rows = np.arange(len(data.interactions))
        test = data.with_interactions(data.interactions.take(rows[::5]))
        of_dataset, of_matrix = model.predict_rank(test), model.predict_rank(test.matrix())
        np.testing.assert_array_equal(of_dataset.toarray(), of_matrix.toarray())
        np.testing.assert_array_equal(of_dataset.data, of_matrix.data)

    def test_a_test_about_others_is_refused(self, case: Case) -> None:
        model = case.fitted()
        wrong: list[tuple[Any, str]] = [
            (sp.csr_matrix((N_USERS, N_ITEMS + 1)), rf"shape \({N_USERS}, {N_ITEMS + 1}\)"),
            (sp.csr_matrix((N_USERS - 1, N_ITEMS)), rf"shape \({N_USERS - 1}, {N_ITEMS}\)"),
            (shop(text=True), "other ids"),
            (np.zeros((N_USERS, N_ITEMS)), "ndarray"),
        ]
        for test, words in wrong:
            with pytest.raises(DataError, match=words):
                model.predict_rank(test)
            with pytest.raises(DataError, match=words):
                rank_test(model, test)
            with pytest.raises(DataError, match=words):
                model.rank([100], test)
