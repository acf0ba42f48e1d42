import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from gingham.errors import DataError, UnknownIdError
from gingham.lightfm.data import Dataset

USERS, ITEMS = ["ann", "bob", "cid"], [30, 10, 20, 40]


def shop(**kwargs: Any) -> Dataset:
    dataset = Dataset(**kwargs)
    dataset.fit(USERS, ITEMS, user_features=["old", "young"], item_features=["red", "blue", "soft"])
    return dataset


# Indices -------------------------------------------------------------------------------------------------------------


def test_ids_and_names_have_indices_in_order_of_appearance() -> None:
    users, user_features, items, item_features = shop().mapping()
    assert users == {"ann": 0, "bob": 1, "cid": 2}
    assert user_features == {"ann": 0, "bob": 1, "cid": 2, "old": 3, "young": 4}
    assert items == {30: 0, 10: 1, 20: 2, 40: 3}
    assert item_features == {30: 0, 10: 1, 20: 2, 40: 3, "red": 4, "blue": 5, "soft": 6}
    assert list(user_features) == ["ann", "bob", "cid", "old", "young"]


def test_shapes_count_users_items_and_features() -> None:
    dataset = shop()
    assert dataset.interactions_shape() == (3, 4)
    assert dataset.user_features_shape() == (3, 5)
    assert dataset.item_features_shape() == (4, 7)
    assert dataset.model_dimensions() == (5, 7)
    without = shop(user_identity_features=False, item_identity_features=False)
    assert without.user_features_shape() == (3, 2)
    assert without.item_features_shape() == (4, 3)
    assert without.mapping()[1] == {"old": 0, "young": 1}


def test_repeated_ids_count_once_and_any_iterable_works() -> None:
    dataset = Dataset()
    dataset.fit((user for user in ["b", "a", "b"]), pd.Series([7, 7, 5]), item_features=iter(["x", "x"]))
    assert dataset.mapping() == ({"b": 0, "a": 1}, {"b": 0, "a": 1}, {7: 0, 5: 1}, {7: 0, 5: 1, "x": 2})
    dataset.fit(np.array([2, 1]), np.array(["p", "q"]))
    assert dataset.mapping()[0] == {2: 0, 1: 1}
    assert dataset.mapping()[2] == {"p": 0, "q": 1}


def test_fit_starts_anew_and_fit_partial_adds() -> None:
    dataset = shop()
    dataset.fit_partial(users=["bob", "dora"], item_features=["green"])
    assert dataset.mapping()[0] == {"ann": 0, "bob": 1, "cid": 2, "dora": 3}
    assert dataset.mapping()[1] == {"ann": 0, "bob": 1, "cid": 2, "old": 3, "young": 4, "dora": 5}
    assert dataset.mapping()[3]["green"] == 7
    dataset.fit_partial(items=[50], user_features=["tall"])
    assert dataset.interactions_shape() == (4, 5)
    assert dataset.model_dimensions() == (7, 9)
    dataset.fit(["eve"], [1])
    assert dataset.mapping() == ({"eve": 0}, {"eve": 0}, {1: 0}, {1: 0})


@pytest.mark.parametrize("identity", [True, False])
def test_pickles_of_lightfm_are_read(identity: bool) -> None:
    # The attributes of LightFM's class after fit(["ann", "bob"], [10], user_features=["old", "bob"]).
    features = {"ann": 0, "bob": 1, "old": 2} if identity else {"old": 0, "bob": 1}
    state = {"_user_identity_features": identity, "_item_identity_features": True}
    state |= {"_user_id_mapping": {"ann": 0, "bob": 1}, "_user_feature_mapping": features}
    state |= {"_item_id_mapping": {10: 0}, "_item_feature_mapping": {10: 0}}
    theirs = Dataset.__new__(Dataset)
    theirs.__setstate__(state)
    assert theirs.mapping() == ({"ann": 0, "bob": 1}, features, {10: 0}, {10: 0})
    theirs.fit_partial(users=["cid"])
    assert theirs.user_features_shape() == (3, 4 if identity else 2)
    matrix = theirs.build_user_features([("ann", ["bob"])], normalize=False).toarray()
    assert matrix[0].tolist() == ([1, 1, 0, 0] if identity else [0, 1])
    ours = pickle.loads(pickle.dumps(shop()))
    assert ours.mapping() == shop().mapping()


# Interactions --------------------------------------------------------------------------------------------------------


def test_interactions_keep_their_order_and_duplicates() -> None:
    data = [("cid", 10), ("ann", 40, 2.5), ("cid", 10), ("bob", 30, -1)]
    for source in (data, iter(data), tuple(map(list, data))):
        interactions, weights = shop().build_interactions(source)
        for matrix, dtype in ((interactions, np.int32), (weights, np.float32)):
            assert (type(matrix), matrix.shape, matrix.dtype) == (sp.coo_matrix, (3, 4), dtype)
            assert matrix.row.tolist() == [2, 0, 2, 1]
            assert matrix.col.tolist() == [1, 3, 1, 0]
            assert matrix.row.dtype == matrix.col.dtype == np.int32
        assert interactions.data.tolist() == [1, 1, 1, 1]
        assert weights.data.tolist() == [1, 2.5, 1, -1]


@pytest.mark.parametrize("dtypes", [object, None])
def test_arrays_and_rows_of_data_frames_are_interactions(dtypes: Any) -> None:
    frame = pd.DataFrame({"user": [5, 6, 5], "item": [1, 2, 2], "times": [1, 3, 2]}, dtype=dtypes)
    dataset = Dataset()
    dataset.fit(frame["user"].unique(), frame["item"].unique())
    for source in (frame.to_numpy(), frame.itertuples(index=False), zip(*frame.to_numpy().T, strict=True)):
        interactions, weights = dataset.build_interactions(source)
        np.testing.assert_array_equal(interactions.toarray(), [[1, 1], [0, 1]])
        np.testing.assert_array_equal(weights.toarray(), [[1, 2], [0, 3]])
    pairs, ones = dataset.build_interactions(frame[["user", "item"]].to_numpy())
    np.testing.assert_array_equal(pairs.toarray(), ones.toarray())


def test_many_interactions_equal_a_loop() -> None:
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, (50, 9), (250_001, 2))
    dataset = Dataset()
    dataset.fit(range(50), range(9))
    expected = np.zeros((50, 9), np.int64)
    np.add.at(expected, tuple(pairs.T), 1)
    for source in (pairs, map(tuple, pairs.tolist())):
        interactions, weights = dataset.build_interactions(source)
        np.testing.assert_array_equal(interactions.toarray(), expected)
        np.testing.assert_array_equal(weights.toarray(), expected)
        np.testing.assert_array_equal(interactions.row, pairs[:, 0])


@pytest.mark.parametrize("nothing", [[], iter([]), np.empty((0, 2))])
def test_no_interactions_make_empty_matrices(nothing: Any) -> None:
    interactions, weights = shop().build_interactions(nothing)
    assert (interactions.shape, interactions.nnz, weights.nnz) == ((3, 4), 0, 0)
    assert (interactions.dtype, weights.dtype) == (np.int32, np.float32)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([("ann", 10), ("dora", 10)], "Unknown user 'dora'"),
        ([("ann", 10), ("ann", 11)], "Unknown item 11"),
        ([("bob", 12), ("dora", 10)], "Unknown item 12"),
        (np.array([["ann", "10"]]), "Unknown item '10'"),
        ([("ann",)], "has length 1"),
        ([1, 2], "not a tuple"),
        ([("ann", 10, "much")], r"weight of \('ann', 10\) is 'much'; pass a finite number"),
        ([("bob", 10, 1), ("ann", 10, None)], r"weight of \('ann', 10\) is None"),
        ([("bob", 10), ("ann", 10, None)], r"weight of \('ann', 10\) is None"),
        ([("ann", 10, np.nan)], "is nan"),
        ([("ann", 10, pd.NA)], "is <NA>"),
        ([("ann", 10, -np.inf)], "is -inf"),
        ([("ann", 10, 1e39)], r"is 1e\+39"),
        ([("ann", 10, [2])], r"is \[2\]"),
        (np.array([["ann", 10, None]], object), "is None"),
        (["ab", "cd"], "interaction 'ab' is not a tuple"),
        ([{"ann": 10, "bob": 20}], "interaction {'ann': 10, 'bob': 20} is not a tuple"),
        ([{"ann", 10}], "is not a tuple"),
        (
            pd.DataFrame({"user": ["ann"], "item": [10]}),
            r"interactions must be a list, not a DataFrame; pass .* its rows",
        ),
        (sp.csr_matrix((2, 3)), "must be a list, not a sparse matrix"),
        ("ab", "interactions must be a list, not the text 'ab'"),
        (3, "interactions must be a list, not 3 of type int"),
        ([(["ann"], 10)], "user ids of interactions must be texts or numbers"),
        ([("ann", 10), ("ann", 10, 1, 2)], "has length 4"),
        (np.ones((2, 4)), "has length 4"),
    ],
)
def test_invalid_interactions(data: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shop().build_interactions(data)


# Features ------------------------------------------------------------------------------------------------------------


def test_features_are_added_to_own_features() -> None:
    data = [(10, ["red", "soft"]), (40, {"blue": 3, "soft": 0.5}), (10, ["red"])]
    matrix = shop().build_item_features(iter(data), normalize=False)
    assert (type(matrix), matrix.dtype) == (sp.csr_matrix, np.float32)
    expected = np.array(
        [[1, 0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 2, 0, 1], [0, 0, 1, 0, 0, 0, 0], [0, 0, 0, 1, 0, 3, 0.5]], np.float32
    )
    np.testing.assert_array_equal(matrix.toarray(), expected)
    normal = shop().build_item_features(data)
    np.testing.assert_allclose(normal.toarray(), expected / expected.sum(axis=1, keepdims=True), rtol=1e-7)


def test_weights_are_normalized_by_absolute_values() -> None:
    dataset = shop(user_identity_features=False)
    data = [("ann", {"old": -3, "young": 1}), ("bob", {"old": 0}), ("cid", ("young",))]
    np.testing.assert_array_equal(dataset.build_user_features(data).toarray(), [[-0.75, 0.25], [0, 0], [0, 1]])


def test_own_features_can_have_a_weight() -> None:
    matrix = shop().build_user_features([("ann", {"ann": 2.0})], normalize=False)
    np.testing.assert_array_equal(matrix.toarray(), np.diag([3.0, 1.0, 1.0]) @ np.eye(3, 5))


def test_items_without_features_cannot_be_normalized() -> None:
    dataset = shop(item_identity_features=False)
    with pytest.raises(ValueError, match="3 items have no features, for example 30"):
        dataset.build_item_features([(10, ["red"])])
    assert dataset.build_item_features([(10, ["red"])], normalize=False).nnz == 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([("dora", ["old"])], "Unknown user 'dora'"),
        ([("ann", ["blue"])], "Unknown user feature 'blue'"),
        ([("ann", {"blue": 1})], "Unknown user feature 'blue'"),
        ([("ann", "old", "young")], "is not a pair"),
        ([1], "1 is not a pair"),
        ([("ann", "old")], r"features of user 'ann' must be a list, not the text 'old'; pass \['old'\]"),
        ([("ann", b"old")], "not the text b'old'"),
        ([("ann", None)], "features of user 'ann' must be a list, not None of type NoneType"),
        ([("ann", 3)], "must be a list, not 3 of type int"),
        ([("ann", [["old"]])], r"\['old'\] is not an id or a feature name"),
        ([(["ann"], ["old"])], r"\['ann'\] is not an id or a feature name"),
        ([("ann", {"old": None})], "weight of feature 'old' of user 'ann' is None"),
        ([("bob", {"young": np.nan})], "weight of feature 'young' of user 'bob' is nan"),
        ([("bob", {"young": "2 kg"})], "weight of feature 'young' of user 'bob' is '2 kg'"),
        (["ab"], "'ab' is not a pair"),
        (("ann", ["old"]), "'ann' is not a pair"),
        ({"ann": ["old"]}, "'ann' is not a pair"),
        ([{"ann", "old"}], "is not a pair"),
        ("old", "user features must be a list, not the text 'old'"),
        (None, "user features must be a list, not None"),
    ],
)
def test_invalid_features(data: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        shop().build_user_features(data)
    assert isinstance(caught.value, UnknownIdError) == message.startswith("Unknown")


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ({"users": "ann"}, r"users must be a list, not the text 'ann'; pass \['ann'\] for a single one"),
        ({"users": pd.DataFrame({"user": ["ann"]})}, "users must be a list, not a DataFrame; pass one of its columns"),
        ({"items": 3}, "items must be a list, not 3 of type int"),
        ({"items": [["hat"]]}, "items must be texts or numbers"),
        ({"user_features": "young"}, "user_features must be a list, not the text 'young'"),
        ({"item_features": np.ones((2, 2))}, "item_features must be texts or numbers"),
    ],
)
def test_invalid_lists(lists: dict[str, Any], message: str) -> None:
    dataset = shop()
    before = dataset.mapping()
    with pytest.raises(DataError, match=message):
        dataset.fit_partial(**lists)
    assert dataset.mapping() == before


def test_weights_may_be_texts_of_an_array() -> None:
    _, weights = shop().build_interactions(np.array([["ann", 10, 2.5]], object))
    assert weights.data.tolist() == [2.5]
    dataset = Dataset()
    dataset.fit(["ann"], ["hat"])
    assert dataset.build_interactions(np.array([["ann", "hat", "2.5"]]))[1].data.tolist() == [2.5]
