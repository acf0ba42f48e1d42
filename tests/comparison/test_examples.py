import numpy as np
import polars as pl
import scipy.sparse as sp

import gingham as gg
from gingham.comparison.examples import find_examples
from tests.bazaar import bazaar


def test_examples_are_three_users_with_history_and_list() -> None:
    train, test = gg.split.by_time(bazaar(), test="10d")
    model = gg.Popularity().fit(train)
    users = gg.evaluate(model, test, k=4).per_user["user_id"]
    examples = find_examples(model, test, users, 4, False, 1)
    assert len(examples) == len({one.user for one in examples}) == 3
    history, truth = train.matrix(), test.matrix()
    for one in examples:
        user = train.user_ids.index([int(one.user)])[0]
        assert one.n_history == history[user].nnz
        bought = {str(train.item_ids.values[int(item)]) for item in truth[user].indices}
        listed = model.recommend([int(one.user)], 4)["item_id"].cast(pl.String).to_list()
        assert one.recommended == listed
        assert one.bought == [item in bought for item in listed]
        counts = dict(zip(history[user].indices.tolist(), history[user].data.tolist(), strict=True))
        values = [counts[int(train.item_ids.index([int(item)], "item")[0])] for item in one.history]
        assert values == sorted(counts.values(), reverse=True)[:4]


def test_items_are_shown_by_name_where_they_have_one() -> None:
    rows = pl.DataFrame({"user_id": ["a", "a", "b"], "item_id": ["x", "y", "x"]})
    items = pl.DataFrame({"item_id": ["x", "y"], "title": ["Tea", None]})
    dataset = gg.Dataset.from_tables(gg.Tables(rows, None, items, item_name="title"))
    model = gg.Popularity().fit(dataset)
    examples = find_examples(model, dataset, pl.Series(["a", "b"]), 2, False, 1)
    assert {name for one in examples for name in one.recommended} == {"Tea", "y"}


def test_users_without_history_are_no_examples() -> None:
    train, test = (sp.csr_matrix(np.array(rows, np.float32)) for rows in ([[1, 0], [0, 0]], [[0, 1], [1, 0]]))
    model = gg.Popularity().fit(train)
    assert [one.user for one in find_examples(model, test, pl.Series([0, 1]), 2, False, 1)] == ["0"]
    assert find_examples(model, test, pl.Series([1]), 2, False, 1) == ()
