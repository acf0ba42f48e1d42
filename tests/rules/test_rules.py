from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gingham as gg
from gingham.errors import ConfigError, DataError, ParameterError, TableError, UnknownIdError
from gingham.rules import Rules, Shop
from gingham.scores import DenseScores
from tests.rules.random_rules import differences

N = 8
IDS = gg.Ids.from_series([f"i{number}" for number in range(N)])
# Every user ranks the items as they are numbered.
SCORES = DenseScores(lambda users: np.tile(-np.arange(N, dtype=np.float32), (len(users), 1)), N)
ITEMS = pl.DataFrame(
    {
        "item_id": [f"i{number}" for number in range(N)],
        "price": [5.0, 1.0, 8.0, 2.0, None, 3.0, 4.0, 6.0],
        "stock": [0, 3, 1, 0, 2, 5, 1, 1],
        "category": ["a", "a", "a", "a", "b", "b", None, None],
        "taste": [[1.0, 0.0]] * 4 + [[0.0, 2.0]] * 3 + [None],
    }
)


def ranked(rules: Rules, k: int = 4, n_users: int = 1, **options: Any) -> list[str]:
    """Return the ids of the first user's list."""
    shop, request = options.pop("shop", Shop(IDS)), options.pop("request", {})
    users = np.arange(n_users, dtype=np.int32)
    ranking = rules.rank(SCORES, users, k=k, request=request, shop=shop, **options)
    row = ranking.items[0]
    assert np.isneginf(ranking.scores[0][row < 0]).all()
    assert (ranking.scores[0][row >= 0] == -row[row >= 0]).all()
    return IDS.ids(row[row >= 0]).to_list()


def bound(**keys: Any) -> Rules:
    return Rules(**keys).bind(ITEMS)


# The twin -------------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 2**31))
def test_the_lists_are_those_of_a_slow_twin(seed: int) -> None:
    """`python -m tests.rules` compares 500 sets of rules for 200 users; `make fuzz` runs it."""
    _, problems = differences(seed, n_users=12)
    assert problems == []


# One rule at a time ---------------------------------------------------------------------------------------------------


def test_without_rules_the_list_is_the_models() -> None:
    assert ranked(Rules()) == ["i0", "i1", "i2", "i3"]


def test_a_filter_leaves_out_items_for_which_it_is_false_or_null() -> None:
    assert ranked(bound(filter="price <= :budget AND stock > 0"), request={"budget": 5}) == ["i1", "i5", "i6"]


def test_a_request_of_the_rules_is_the_default() -> None:
    rules = bound(filter="price <= :budget", request={"budget": 2})
    assert ranked(rules) == ["i1", "i3"]
    assert ranked(rules, request={"budget": 4}) == ["i1", "i3", "i5", "i6"]


def test_values_of_a_request_are_never_read_as_sql() -> None:
    rules = bound(filter="category = :wanted")
    with pytest.raises(ParameterError, match="leave no item"):
        ranked(rules, request={"wanted": "a' OR stock >= '0"})


def test_a_cap_limits_each_value_and_not_null() -> None:
    assert ranked(bound(caps={"category": 1}), k=5) == ["i0", "i4", "i6", "i7"]
    assert ranked(bound(caps={"category": 2}), k=6) == ["i0", "i1", "i4", "i5", "i6", "i7"]


def test_boosts_divide_ranks() -> None:
    boost = {"condition": "stock = 2", "factor": 5}
    assert ranked(bound(boosts=[boost])) == [
        "i0",
        "i4",
        "i1",
        "i2",
    ]  # i4 has the place 5 / 5, i0 has 1 and a better score
    demotion = {"condition": "price >= 5", "factor": 0.4}
    assert ranked(bound(boosts=[demotion]), k=3) == ["i1", "i0", "i3"]  # 2, then 1 / 0.4 = 2.5, then 4
    both = [{"condition": "stock = 2", "factor": 2}, {"condition": "category = 'b'", "factor": 2}]
    assert ranked(bound(boosts=both), k=3) == ["i0", "i4", "i1"]  # 5 / 4 = 1.25


def test_pins_take_their_positions() -> None:
    rules = Rules(pins=[{"item": "i7", "position": 2}, {"item": "i0", "position": 4}])
    assert ranked(rules) == ["i1", "i7", "i2", "i0"]


def test_pins_move_up_where_the_list_is_short() -> None:
    rules = bound(pins=[{"item": "i1", "position": 4}], filter="price <= 3")
    assert ranked(rules, k=5) == ["i3", "i5", "i1"]


def test_pins_count_for_caps() -> None:
    rules = bound(pins=[{"item": "i3", "position": 3}], caps={"category": 1})
    assert ranked(rules) == ["i4", "i6", "i3", "i7"]


def test_a_pin_is_left_out_for_a_user_who_does_not_get_the_item() -> None:
    rules = Rules(pins=[{"item": "i7", "position": 1}], exclude_basket=True)
    assert ranked(rules, k=2, request={"basket": ["i7", "i0"]}) == ["i1", "i2"]


def test_diversity_moves_similar_items_down() -> None:
    assert ranked(bound(diversity={"by": ["category"], "ranks": 3}), k=5) == ["i0", "i1", "i4", "i2", "i3"]
    assert ranked(bound(diversity={"by": ["taste"], "ranks": 10}), k=5) == ["i0", "i4", "i7", "i1", "i2"]
    mean = bound(diversity={"by": ["category", "taste"], "ranks": 3})
    assert ranked(mean, k=3) == ["i0", "i1", "i4"]


def test_diversity_by_embeddings() -> None:
    embeddings = np.repeat(np.eye(2, dtype=np.float32) * 3, 4, axis=0)
    rules = Rules(diversity={"by": "embeddings", "ranks": 10})
    assert ranked(rules, shop=Shop(IDS, embeddings=lambda: embeddings)) == ["i0", "i4", "i1", "i2"]
    with pytest.raises(ParameterError, match="needs a model with embeddings"):
        ranked(rules)


def log(times: list[int], items: list[int]) -> gg.Interactions:
    """Return purchases of user 0 on days of January."""
    days = np.datetime64(datetime(2024, 1, 1), "us") + np.array(times) * np.timedelta64(1, "D")
    return gg.Interactions(np.zeros(len(items), int), items, 2, N, timestamp=days)


def test_exclude_bought_counts_back_from_the_latest_transaction() -> None:
    history = log([0, 20, 29, 30], [0, 1, 2, 3])
    rules = Rules(exclude_bought="10d")
    # Item 1 was bought exactly ten days before the latest transaction.
    assert ranked(rules, shop=Shop(IDS, history, history)) == ["i0", "i1", "i4", "i5"]
    later = log([35], [0])  # a history may be later than the training data
    assert ranked(rules, shop=Shop(IDS, history, later)) == ["i1", "i2", "i3", "i4"]


def test_new_items_have_their_share_of_every_beginning() -> None:
    history = log([0, 0, 0, 0, 0, 29, 30], [0, 1, 2, 3, 4, 5, 5])
    shop = Shop(IDS, history, history)  # items 6 and 7 were never sold
    rules = Rules(new={"share": 0.5, "within": "10d"})
    assert ranked(rules, k=6, shop=shop) == ["i0", "i5", "i1", "i6", "i2", "i7"]
    assert ranked(rules, k=8, shop=shop) == ["i0", "i5", "i1", "i6", "i2", "i7", "i3", "i4"]


def test_rules_on_times_need_times() -> None:
    for keys in ({"exclude_bought": "7d"}, {"new": {"share": 0.1, "within": "7d"}}):
        with pytest.raises(DataError, match="needs timestamps"):
            ranked(Rules(**keys))


# Lists that are too short ---------------------------------------------------------------------------------------------


def test_a_short_list_is_filled_by_dropping_rules_in_order() -> None:
    rules = bound(filter="price <= 2", caps={"category": 1}, min_length=3, fallback=["caps", "filter"])
    assert ranked(rules) == ["i1", "i3", "i0"]
    assert ranked(bound(filter="price <= 2", min_length=3, fallback=["filter"])) == ["i1", "i3", "i0"]
    assert ranked(bound(filter="price <= 2 AND stock > 9", min_length=2, fallback=["filter"])) == ["i0", "i1"]


def test_users_without_enough_candidates_have_shorter_lists() -> None:
    shop = Shop(IDS, one := log([0, 1, 2], [0, 1, 2]), one)
    rules = bound(filter="category = 'a'", exclude_bought="9d")
    assert ranked(rules, k=4, n_users=2, shop=shop) == ["i3"]


def test_every_list_has_k_items_if_there_are_enough_candidates() -> None:
    """Also if the best ones are all excluded: more candidates are ranked until the list is full."""
    n = 5_000
    scores = DenseScores(lambda users: np.tile(-np.arange(n, dtype=np.float32), (len(users), 1)), n)
    ids = gg.Ids.from_series(np.arange(n))
    items = pl.DataFrame({"item_id": np.arange(n), "group": np.arange(n) // 1000})
    rules = Rules(caps={"group": 3}).bind(items)
    ranking = rules.rank(scores, np.arange(3, dtype=np.int32), k=12, request={}, shop=Shop(ids))
    first = [0, 1, 2, 1000, 1001, 1002, 2000, 2001, 2002, 3000, 3001, 3002]
    assert ranking.items.tolist() == [first] * 3


# What is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"caps": {"category": 0}}, "the cap of 'category' is 0; use a positive integer"),
        ({"min_length": 0, "fallback": ["filter"]}, "min_length is 0"),
        ({"min_length": 3}, "min_length and fallback are used together"),
        ({"min_length": 3, "fallback": ["caps"]}, "fallback names 'caps', but there is no such rule"),
        ({"filter": "1 = 1"}, "names no item column"),
        ({"filter": "price > (SELECT 1)"}, "unable to parse"),
        ({"filter": "read_csv('secret.csv') = price"}, "calls the function read_csv, which is not allowed"),
        ({"filter": "price > 1; DROP TABLE items"}, "has ';' at character 10"),
        ({"boosts": [{"condition": "pow(price) > 2", "factor": 2}]}, "calls the function pow"),
        ({"boosts": [{"condition": "price > 2", "factor": 0}]}, "factor is 0"),
        ({"boosts": [{"condition": "price > 2", "factor": float("nan")}]}, "factor is nan"),
        ({"pins": [{"item": "a", "position": 0}]}, "position is 0"),
        ({"pins": [{"item": "a", "position": 1}, {"item": "b", "position": 1}]}, "two pins have the position 1"),
        ({"pins": [{"item": "a", "position": 1}, {"item": "a", "position": 2}]}, "two pins have the item 'a'"),
        ({"new": {"share": 1.5, "within": "7d"}}, "share is 1.5"),
        ({"new": {"share": 0.5, "within": "soon"}}, "'soon' is not a duration"),
        ({"diversity": {"by": [], "ranks": 3}}, "diversity.by"),
        ({"exclude_bought": "never"}, "'never' is not a duration"),
        ({"cap": {}}, "unknown key 'cap'; did you mean 'caps'"),
    ],
)
def test_wrong_rules_are_refused_when_they_are_made(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        Rules(**keys)
    assert message in str(error.value)
    assert str(error.value).startswith("Rules: ")
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("keys", "request_values", "message"),
    [
        ({"filter": "price < 0"}, {}, "The rules leave no item: the filter 'price < 0' is true for none of the 8"),
        ({"filter": "price < :budget"}, {}, "The request has no value 'budget'"),
        ({"filter": "price < :budget"}, {"budget": "x"}, "'budget' is 'x', which cannot be compared"),
        ({"filter": "price < :budget"}, {"budget": None}, "The request value 'budget' is None"),
        ({"filter": "price < :budget"}, {"budget": float("nan")}, "The request value 'budget' is nan"),
        ({"exclude_basket": True}, {}, "exclude_basket needs the basket of the request"),
        (
            {"filter": "stock > 0", "pins": [{"item": "i0", "position": 2}]},
            {},
            "Item 'i0' is pinned to position 2, but the filter 'stock > 0' is not true for it",
        ),
        ({"pins": [{"item": "i0", "position": 5}]}, {}, "pinned to position 5, but lists have k=4 items"),
        (
            {"caps": {"category": 1}, "pins": [{"item": f"i{n}", "position": n + 1} for n in range(3)]},
            {},
            "3 pinned items have the same 'category', whose cap is 1",
        ),
    ],
)
def test_rules_that_do_not_fit_are_refused(keys: dict[str, Any], request_values: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=r"^[^\n]*[.]$") as error:
        ranked(bound(**keys), request=request_values)
    assert message in str(error.value)


def test_a_pin_that_the_call_does_not_allow_is_refused() -> None:
    rules = Rules(pins=[{"item": "i0", "position": 1}])
    with pytest.raises(ParameterError, match="the call does not allow it"):
        ranked(rules, candidates=np.array([1, 2, 3], np.int32))


def test_an_unknown_pinned_item_is_refused() -> None:
    with pytest.raises(UnknownIdError, match="1 unknown pinned item id: 'x9'"):
        ranked(Rules(pins=[{"item": "x9", "position": 1}]))


def test_rules_on_columns_need_a_table() -> None:
    with pytest.raises(ParameterError, match=r"use the item columns 'price', 'stock'; call rules.bind"):
        ranked(Rules(filter="price > stock"))


def test_bind_checks_columns_and_types() -> None:
    with pytest.raises(TableError, match="The items table has no column 'stok'; did you mean 'stock'"):
        bound(filter="stok > 0")
    with pytest.raises(ParameterError, match="'price' is a value of type Float64, not true or false"):
        bound(filter="price")
    with pytest.raises(ParameterError, match="cannot compare string with numeric type"):
        bound(filter="category > 3")


def test_items_without_a_row_are_named(caplog: pytest.LogCaptureFixture) -> None:
    rules = Rules(filter="stock >= 0", boosts=[{"condition": "price IS NULL", "factor": 9}]).bind(ITEMS[:6])
    with caplog.at_level("WARNING", "gingham"):
        assert ranked(rules, k=8) == ["i4", "i0", "i1", "i2", "i3", "i5"]
        ranked(rules)
    assert [record.getMessage() for record in caplog.records] == [
        "Items without a row in the items table of the rules: 2 of 8, such as 'i6', 'i7'; no condition is true for "
        "them."
    ]
    assert rules.without_row(IDS).to_list() == ["i6", "i7"]


# Models ---------------------------------------------------------------------------------------------------------------


def test_recommend_applies_rules() -> None:
    model = gg.BuyAgain().fit(gg.synth.sample_dataset())
    items = pl.DataFrame({"item_id": model.training_data_.item_ids.values, "group": np.arange(20) % 4})
    rules = Rules(caps={"group": 1}, pins=[{"item": "i19", "position": 1}]).bind(items)
    plain, ruled = model.recommend(k=20), model.recommend(k=4, rules=rules)
    assert ruled["rank"].to_list() == [1, 2, 3, 4] * 50
    joined = ruled.join(plain, on=["user_id", "item_id"], suffix="_plain")
    assert joined.height == ruled.height
    assert (joined["score"] == joined["score_plain"]).all()
    assert (ruled.filter(pl.col("rank") == 1)["item_id"] == "i19").all()
    assert (ruled.join(items, on="item_id").group_by("user_id").agg(pl.col("group").n_unique())["group"] == 4).all()


def test_threads_do_not_change_lists() -> None:
    model = gg.ALS(4, epochs=2, random_state=0).fit(gg.synth.sample_dataset(), verbose=False)
    rules = Rules(exclude_basket=True, pins=[{"item": "i03", "position": 2}])
    one, two = (model.recommend(k=5, rules=rules, request={"basket": ["i00"]}, num_threads=n) for n in (1, 2))
    assert one.equals(two)


def test_a_request_without_rules_is_refused() -> None:
    model = gg.BuyAgain().fit(gg.synth.sample_dataset())
    with pytest.raises(ParameterError, match="there are no rules that use it"):
        model.recommend("u00", request={"budget": 3})
    with pytest.raises(ParameterError, match=r"rules must be gingham.Rules"):
        model.recommend("u00", rules={"filter": "price > 3"})  # type: ignore[arg-type]


def test_rules_apply_to_users_outside_the_training_data() -> None:
    model = gg.ALS(4, epochs=2, random_state=0).fit(gg.synth.sample_dataset(), verbose=False)
    items = pl.DataFrame({"item_id": model.training_data_.item_ids.values, "group": np.arange(20) % 4})
    rules = Rules(filter="group <= :most", caps={"group": 1}, pins=[{"item": "i05", "position": 3}]).bind(items)
    rows = model.recommend_for({"ann": ["i03"], "bob": []}, k=3, rules=rules, request={"most": 2})
    assert rows["user_id"].to_list() == ["ann"] * 3 + ["bob"] * 3
    assert rows.filter(rank=3)["item_id"].to_list() == ["i05", "i05"]
    groups = rows.join(items, on="item_id").group_by("user_id").agg(pl.col("group").sort())
    assert groups["group"].to_list() == [[0, 1, 2]] * 2
    plain = model.recommend_for({"ann": ["i03"], "bob": []}, k=20)
    joined = rows.join(plain, on=["user_id", "item_id"])
    assert (joined["score"] == joined["score_right"]).all()


def test_diversity_by_the_embeddings_of_a_model() -> None:
    model = gg.ALS(4, epochs=2, random_state=0).fit(gg.synth.sample_dataset(), verbose=False)
    vectors, _ = model.item_representations()
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = model.training_data_.item_ids.values.to_list()
    candidates = [ids.index(item) for item in model.recommend("u00", k=20)["item_id"]]
    expected: list[int] = []
    for _ in range(5):
        places = {
            item: place + 10 * max([max(float(vectors[item] @ vectors[other]), 0) for other in expected], default=0)
            for place, item in enumerate(candidates, start=1)
            if item not in expected
        }
        expected.append(min(places, key=places.__getitem__))
    rules = Rules(diversity={"by": "embeddings", "ranks": 10})
    rows = model.recommend("u00", k=5, rules=rules)
    assert rows["item_id"].to_list() == [ids[item] for item in expected] != [ids[item] for item in candidates[:5]]
    with pytest.raises(ParameterError, match="needs a model with embeddings"):
        gg.BuyAgain().fit(gg.synth.sample_dataset()).recommend("u00", k=5, rules=rules)


def test_rules_on_times_read_the_log_of_the_model(tmp_path: Path) -> None:
    dataset = gg.synth.sample_dataset()
    gg.NextBasket().fit(dataset).save(tmp_path / "model")
    model = gg.NextBasket.load(tmp_path / "model")
    rows = dataset.interactions
    assert rows.timestamp is not None
    recent = rows.timestamp > rows.timestamp.max() - np.timedelta64(20, "D")
    bought = set(zip(rows.user_index[recent].tolist(), rows.item_index[recent].tolist(), strict=True))
    lists = model.recommend(k=20, rules=Rules(exclude_bought="20d"))
    users, items = dataset.user_ids.index(lists["user_id"]), dataset.item_ids.index(lists["item_id"], "item")
    listed = set(zip(users.tolist(), items.tolist(), strict=True))
    assert listed | bought == {(user, item) for user in range(50) for item in range(20)}
    assert not listed & bought
    # What the history of a user outside the training data holds is the same with the same times.
    own = rows.user_index == 7
    history = pl.DataFrame({"item_id": dataset.item_ids.ids(rows.item_index[own]), "timestamp": rows.timestamp[own]})
    cold = model.recommend_for(history, k=20, rules=Rules(exclude_bought="20d"))
    assert set(cold["item_id"]) == set(lists.filter(user_id="u07")["item_id"])


def test_a_model_of_a_matrix_has_no_times() -> None:
    model = gg.ItemKNN().fit(gg.synth.sample_dataset().matrix())
    with pytest.raises(DataError, match="The rule exclude_bought needs timestamps, and the model was fitted to data"):
        model.recommend(0, k=2, rules=Rules(exclude_bought="20d"))
