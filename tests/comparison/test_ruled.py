import numpy as np
import polars as pl
import pytest

import gingham as gg
from gingham.comparison.ruled import labelled
from gingham.errors import ParameterError
from gingham.rules import Rules

TABLES = gg.synth.sample_tables()
TRAIN, TEST = gg.split.by_time(gg.Dataset.from_tables(TABLES), test="7d")
ITEMS = pl.DataFrame({"item_id": TRAIN.item_ids.values, "group": np.arange(20) % 3})


def ruled(*rules: Rules, **options: object) -> pl.DataFrame:
    comparison = gg.compare({"knn": gg.ItemKNN()}, TRAIN, TEST, k=[2, 5], rules=list(rules), **options)  # type: ignore[arg-type]
    table = comparison.rules
    assert table is not None
    return table


def test_the_effect_is_that_of_lists_computed_by_hand() -> None:
    rules = Rules(filter="group > 0").bind(ITEMS)
    table = ruled(rules)
    assert table["model"].unique().to_list() == ["knn"]
    model = gg.ItemKNN().fit(TRAIN)
    log = TEST.interactions
    assert log.price is not None
    users = sorted(set(log.user_index.tolist()))
    items, ids = TRAIN.item_ids.values.to_list(), TRAIN.user_ids.values
    hits: dict[bool, list[float]] = {False: [], True: []}
    paid: dict[bool, list[float]] = {False: [], True: []}
    for user in users:
        bought = log.item_index[log.user_index == user]
        prices = log.price[log.user_index == user].astype(float)
        for with_rules in (False, True):
            rows = model.recommend(ids[user], k=5, rules=rules if with_rules else None)
            listed = [items.index(item) for item in rows["item_id"]]
            hits[with_rules].append(len(set(listed) & set(bought.tolist())) / 5)
            paid[with_rules].append(prices[np.isin(bought, listed)].sum())
    for metric, values in (("precision@5", hits), ("revenue@5", paid)):
        row = table.row(by_predicate=pl.col("metric") == metric, named=True)
        without, with_rules = np.array(values[False]), np.array(values[True])
        assert row["without"] == pytest.approx(without.mean())
        assert row["with"] == pytest.approx(with_rules.mean())
        assert row["difference"] == pytest.approx((with_rules - without).mean())
        assert row["low"] < row["difference"] < row["high"]
        assert row["users"] == len(users)
        assert row["verdict"] == ("worse" if row["high"] < 0 else "no clear difference")


def test_rules_that_change_nothing_have_no_effect() -> None:
    table = ruled(Rules(filter="group >= 0").bind(ITEMS))
    assert (table["difference"] == 0).all()
    assert (table["verdict"] == "no clear difference").all()
    names = ["precision@5", "recall@5", "f1@5", "ndcg@5", "map@5", "hit_rate@5", "revenue@5"]
    assert table["metric"].to_list() == names


def test_values_without_rules_are_those_of_the_evaluation() -> None:
    comparison = gg.compare({"knn": gg.ItemKNN()}, TRAIN, TEST, k=5, rules=Rules(caps={"group": 1}).bind(ITEMS))
    assert comparison.rules is not None
    means = comparison.evaluations["knn"].to_dict()
    for row in comparison.rules.to_dicts():
        if row["metric"] != "revenue@5":
            assert row["without"] == pytest.approx(means[row["metric"]]["mean"]), row["metric"]
    # Three groups, so lists have three items.
    assert comparison.rules.filter(metric="precision@5")["with"][0] <= 3 / 5


def test_several_rules_have_labels() -> None:
    one, other = Rules(caps={"group": 1}), Rules(caps={"group": 2}, exclude_basket=True)
    assert list(labelled([one, other])) == ["caps", "exclude_basket", "caps (2)", "all rules"]
    assert labelled([other])["caps"] == Rules(caps={"group": 2})
    assert labelled(None) == labelled(Rules()) == {}


def test_a_fallback_stays_with_its_rule() -> None:
    rules = Rules(filter="group = 0", caps={"group": 1}, min_length=3, fallback=["caps"])
    parts = rules.bind(ITEMS).parts()
    assert parts["caps"].fallback == ["caps"]
    assert (parts["filter"].fallback, parts["filter"].min_length) == ([], None)
    assert parts["filter"].items is not None


def test_a_request_is_passed_on() -> None:
    rules = Rules(filter="group <= :most").bind(ITEMS)
    assert (ruled(rules, request={"most": 2})["difference"] == 0).all()
    with pytest.raises(ParameterError, match="The request has no value 'most'"):
        ruled(rules)
    with pytest.raises(ParameterError, match="there are no rules that use it"):
        gg.compare({"knn": gg.ItemKNN()}, TRAIN, TEST, k=5, request={"most": 2})


def test_without_prices_there_is_no_revenue() -> None:
    tables = gg.Tables(TABLES.transactions.drop("price"))
    train, test = gg.split.by_time(gg.Dataset.from_tables(tables), test="7d")
    comparison = gg.compare({"knn": gg.ItemKNN()}, train, test, k=5, rules=Rules(caps={"group": 1}).bind(ITEMS))
    assert comparison.rules is not None
    assert "revenue@5" not in comparison.rules["metric"]


def test_other_objects_are_refused() -> None:
    for wrong in ("caps", [{"caps": {"group": 1}}], 3):
        with pytest.raises(ParameterError, match="rules must be"):
            gg.compare({"knn": gg.ItemKNN()}, TRAIN, TEST, k=5, rules=wrong)  # type: ignore[arg-type]
