import numpy as np
import pytest
import scipy.sparse as sp

import gingham as gg
from gingham import metrics
from gingham.metrics import TestRanks, rank_test
from tests.bazaar import bazaar
from tests.metrics.hand_made import FALLING, N_ITEMS, TEST, ranks_of


@pytest.mark.parametrize("filter_seen", [False, True])
def test_a_test_is_ranked_for_the_users_who_have_test_items(filter_seen: bool) -> None:
    train, test = gg.split.by_time(bazaar(), test="10d")
    model = gg.Popularity().fit(train)
    matrix = sp.csr_matrix(test.matrix().multiply(np.arange(test.n_users)[:, None] % 3 > 0))
    matrix.eliminate_zeros()
    ranks, ranking = rank_test(model, matrix, k=4, filter_seen=filter_seen)
    np.testing.assert_array_equal(ranks.users, np.flatnonzero(np.diff(matrix.indptr)))
    np.testing.assert_array_equal(ranks.items, matrix.indices)
    np.testing.assert_array_equal(ranks.ranks, model.predict_rank(matrix, filter_seen).data)
    lists = model.recommend(train.user_ids.ids(ranks.users), k=4, filter_seen=filter_seen)
    np.testing.assert_array_equal(train.item_ids.index(lists["item_id"], "item"), ranking.items[ranking.items >= 0])
    n_seen = np.diff(train.matrix().indptr)[ranks.users] if filter_seen else 0
    np.testing.assert_array_equal(ranks.n_candidates, test.n_items - n_seen)


def test_ranks_written_by_hand_are_those_of_equal_rankings() -> None:
    by_hand, ranked = TestRanks.from_ranks([[2, 0], [1], [0, 1, 5]], N_ITEMS), ranks_of([FALLING] * 3, TEST)
    for name in ("users", "indptr", "ranks", "mid_ranks", "n_items", "n_candidates", "items"):
        np.testing.assert_array_equal(getattr(by_hand, name), getattr(ranked, name), err_msg=name)


def test_sums_are_per_user() -> None:
    ranks = TestRanks(
        np.array([4, 7], np.int32),
        np.array([0, 2, 3]),
        np.array([0, 1, 5]),
        np.array([0, 1, 5.0]),
        6,
        np.array([6, 6]),
        np.array([0, 1, 5], np.int32),
    )
    assert ranks.n_test.tolist() == [2, 1]
    assert ranks.sum(np.array([1.5, 2, 4])).tolist() == [3.5, 4]
    assert ranks.sum(np.array([True, True, False])).tolist() == [2, 0]
    # Integers that would overflow in their own type.
    assert ranks.sum(np.array([200, 100, 7], np.uint8)).tolist() == [300, 7]


def test_the_ranks_of_some_test_items_treat_the_others_as_ordinary_items() -> None:
    ranks = ranks_of([FALLING] * 3, TEST)
    some = ranks.only(np.array([False, True, False, True, False, True]))  # items 2; none; 0 and 5
    assert some.users.tolist() == [0, 2]
    assert some.n_test.tolist() == [1, 2]
    assert some.items.tolist() == [2, 0, 5]
    alone = ranks_of([FALLING] * 3, [[2], [], [0, 5]])
    for name in ("precision@3", "recall@3", "map@6", "ndcg@3", "reciprocal_rank", "auc"):
        np.testing.assert_allclose(
            metrics.compute(name, some), metrics.compute(name, ranks_of([FALLING] * 2, [[2], [0, 5]])), err_msg=name
        )
    assert alone.ranks.tolist() == some.ranks.tolist()
    assert ranks.only(np.zeros(6, bool)).users.tolist() == []
