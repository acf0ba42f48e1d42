from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import gingham as gg
from gingham.dataset.interactions import _warn_of_order_numbers
from gingham.errors import ConfigError, DataError, TableError
from gingham.tables import TransactionsSource, UsersSource, read

RNG = np.random.default_rng(0)
ROWS = pl.DataFrame(
    {"user_id": RNG.integers(0, 20, 600), "item_id": RNG.integers(0, 15, 600), "order": RNG.integers(1, 9, 600)}
)


@pytest.mark.parametrize("order", [[2, 1], ["2", "1"], [2.0, 1.0], pl.Series([2, 1], dtype=pl.UInt8)])
def test_whole_numbers_are_order_numbers(order: Any) -> None:
    tables = gg.Tables(pl.DataFrame({"user_id": ["a", "a"], "item_id": ["x", "y"], "order": order}))
    interactions = gg.Dataset.from_tables(tables).interactions
    assert interactions.order is not None
    assert interactions.order.tolist() == [2, 1]
    assert interactions.timestamp is None
    assert gg.Interactions.from_arrays(interactions.arrays(), 1, 2).order is not None


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ([1.5, 1.0], "has 1.5 in column 'order', which is not an order number"),
        (["1", "last"], "has 'last' in column 'order', which is not an order number"),
        ([True, False], "has Boolean in column 'order', which is not an order number"),
        ([1, None], "has null values in column 'order' in 1 row"),
    ],
)
def test_other_values_are_refused(order: Any, words: str) -> None:
    frame = pl.DataFrame({"user_id": ["a", "a"], "item_id": ["x", "y"], "order": order})
    with pytest.raises(TableError, match=words):
        gg.clean(gg.Tables(frame))


def test_the_last_orders_of_each_user_are_split_off() -> None:
    dataset = gg.Dataset.from_tables(gg.Tables(ROWS))
    train, test = (part.interactions for part in gg.split.last_n(dataset, 3))
    assert train.order is not None
    assert test.order is not None
    for user in range(20):
        assert train.order[train.user_index == user].max() <= test.order[test.user_index == user].min()


def test_order_numbers_order_transactions_of_the_same_time() -> None:
    frame = pl.DataFrame({"user_id": ["a"] * 3, "item_id": ["x", "y", "z"], "order": [2, 3, 1]})
    frame = frame.with_columns(timestamp=pl.date(2019, 1, 1))
    dataset = gg.Dataset.from_tables(gg.Tables(frame))
    assert dataset.item_ids.ids(gg.split.last_n(dataset, 1)[1].interactions.item_index).to_list() == ["y"]
    pairs = gg.Dataset.from_tables(gg.Tables(frame.with_columns(item_id=pl.lit("x")), None, None)).interactions
    values = gg.Interactions(pairs.user_index, pairs.item_index, 1, 1, [1, 2, 3], order=pairs.order)
    assert values.matrix("last").toarray().tolist() == [[2.0]]


@pytest.mark.parametrize(
    "split", [gg.split.by_time, gg.split.rolling, lambda data: gg.ALS(2, early_stopping=gg.EarlyStopping()).fit(data)]
)
def test_order_numbers_have_no_durations(split: Any) -> None:
    with pytest.raises(DataError, match=r"order numbers, which have no durations; split off the last .*last-n"):
        split(gg.Dataset.from_tables(gg.Tables(ROWS)))


@pytest.mark.parametrize("spec", [{"last": "7d"}, {"half_life": "7d"}, {"start": "2020-01-01"}])
def test_cleaning_by_time_is_refused(spec: Any) -> None:
    with pytest.raises(TableError, match=r"order numbers, which have no durations, but .* needs times"):
        gg.clean(gg.Tables(ROWS), gg.CleanSpec(**spec))


@pytest.mark.parametrize("model", [gg.Popularity(), gg.BuyAgain(recency="7d", cycle=True), gg.NextBasket(), gg.ALS(2)])
def test_models_fit_and_are_evaluated_as_without_times(model: Any, tmp_path: Path) -> None:
    train, test = gg.split.last_n(gg.Dataset.from_tables(gg.Tables(ROWS)), 3)
    lists = model.fit(train, verbose=False).recommend(k=3)
    gg.evaluate(model, test, k=3)
    model.save(tmp_path / "model")
    assert gg.load(tmp_path / "model").recommend(k=3).equals(lists)
    with pytest.raises(DataError, match="was fitted to"):
        gg.evaluate(model, train, k=3)


def test_the_latest_value_of_a_user_is_that_of_the_last_order(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("who,what,n,age\na,x,2,31\na,y,1,30\n")
    source = TransactionsSource(path="s.csv", user_id="who", item_id="what", order="n")
    tables = read(source, UsersSource(columns=["age"]), base=tmp_path)
    assert tables.users is not None
    assert tables.users.collect().rows() == [("a", 31)]
    assert "no durations" in gg.check(tables)[0].what


RECIPE = '[transactions]\npath = "s.csv"\nuser_id = "u"\nitem_id = "i"\norder = "n"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[split]\nkind = "last-n"\n', None),
        ('[split]\nkind = "random"\n', None),
        ("", "split.kind 'time' needs transactions.timestamp; order numbers have no durations"),
        ('[split]\nkind = "last-n"\n[clean]\nlast = "7d"\n', "clean.last needs .*no durations"),
        ('[split]\nkind = "last-n"\n[clean]\nhalf_life = "7d"\n', "clean.half_life needs .*no durations"),
        ('[split]\nkind = "last-n"\n[clean]\nend = 2020-01-01\n', "clean.end need .*no durations"),
    ],
)
def test_a_recipe_with_order_numbers_has_no_durations(tmp_path: Path, text: str, words: str | None) -> None:
    (tmp_path / "r.toml").write_text(RECIPE + text)
    if words is None:
        assert gg.Recipe.read(tmp_path / "r.toml").transactions.order == "n"
        return
    with pytest.raises(ConfigError, match=words):
        gg.Recipe.read(tmp_path / "r.toml")


@pytest.mark.parametrize("model", [gg.Popularity(), gg.BuyAgain(recency="7d"), gg.NextBasket(half_life="7d")])
def test_a_warning_says_once_that_durations_have_no_effect(model: Any, caplog: pytest.LogCaptureFixture) -> None:
    _warn_of_order_numbers.cache_clear()
    dataset = gg.Dataset.from_tables(gg.Tables(ROWS))
    gg.ALS(2).fit(dataset, verbose=False)
    assert caplog.messages == []
    for _ in range(2):
        model.fit(dataset, verbose=False)
    assert caplog.messages == ["Windows, half-lives and periods have no effect: order numbers have no durations."]
