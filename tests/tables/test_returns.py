import datetime as dt
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import gingham as gg
from gingham.tables.returns import without_returns

DAY = dt.datetime(2024, 1, 1)


def frame(rows: list[tuple[str, str, int, Any]]) -> pl.DataFrame:
    """Transactions of (user, item, day, quantity)."""
    return pl.DataFrame(
        [(user, item, DAY + dt.timedelta(days=day), quantity) for user, item, day, quantity in rows],
        ["user_id", "item_id", "timestamp", "quantity"],
        orient="row",
    )


def net(rows: list[tuple[str, str, int, Any]]) -> list[tuple[str, str, int, Any]]:
    netted = without_returns(frame(rows), "net")
    assert netted is not None
    days = netted.with_columns((pl.col("timestamp") - DAY).dt.total_days())
    return days.rows()


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("a", "x", 1, 2), ("a", "x", 2, -2)], []),
        ([("a", "x", 1, 3), ("a", "x", 2, -2)], [("a", "x", 1, 1)]),
        # The latest earlier purchase is returned first.
        ([("a", "x", 1, 1), ("a", "x", 2, 1), ("a", "x", 3, -1)], [("a", "x", 1, 1)]),
        ([("a", "x", 1, 5), ("a", "x", 2, 1), ("a", "x", 3, -3)], [("a", "x", 1, 3)]),
        # A later purchase is another one.
        ([("a", "x", 1, 1), ("a", "x", 2, -1), ("a", "x", 3, 1)], [("a", "x", 3, 1)]),
        # A return without a purchase, or of more than was bought, has no further effect.
        ([("a", "x", 1, -4), ("a", "x", 2, 1)], [("a", "x", 2, 1)]),
        ([("a", "x", 1, 1), ("a", "x", 2, -5), ("a", "x", 3, 2)], [("a", "x", 3, 2)]),
        # Other users and items are other purchases.
        ([("b", "x", 1, 1), ("a", "y", 1, 1), ("a", "x", 2, -1)], [("b", "x", 1, 1), ("a", "y", 1, 1)]),
        # On one day, a return cancels a purchase wherever its row is.
        ([("a", "x", 1, -1), ("a", "x", 1, 1), ("b", "x", 1, 1)], [("b", "x", 1, 1)]),
        # A quantity of 0 is not a return, and an unknown one may be a purchase.
        ([("a", "x", 1, 0), ("a", "x", 1, None), ("a", "x", 1, -1)], [("a", "x", 1, 0), ("a", "x", 1, None)]),
        ([("a", "x", 1, None), ("a", "x", 2, -1)], [("a", "x", 1, None)]),
        ([("a", "x", 1, 0.3), ("a", "x", 2, 0.2), ("a", "x", 3, -0.5)], []),
        ([("a", "x", 1, 0.5), ("a", "x", 2, -0.25)], [("a", "x", 1, 0.25)]),
    ],
)
def test_returns_cancel_earlier_purchases(
    rows: list[tuple[str, str, int, Any]], expected: list[tuple[str, str, int, Any]]
) -> None:
    assert net(rows) == expected


def one_by_one(rows: list[tuple[str, str, int, int]]) -> list[tuple[str, str, int, int]]:
    """Match returns with a stack of purchases for each user and item."""
    order = sorted(range(len(rows)), key=lambda row: (rows[row][2], rows[row][3] < 0, row))
    left: dict[int, int] = {}
    stacks: dict[tuple[str, str], list[int]] = {}
    for row in order:
        user, item, _, quantity = rows[row]
        stack = stacks.setdefault((user, item), [])
        if quantity > 0:
            stack.append(row)
            left[row] = quantity
        while quantity < 0 and stack:
            pieces = min(-quantity, left[stack[-1]])
            left[stack[-1]] -= pieces
            quantity += pieces
            if not left[stack[-1]]:
                stack.pop()
    left = {row: pieces for row, pieces in left.items() if pieces}
    left |= {row: 0 for row, (*_, quantity) in enumerate(rows) if quantity == 0}
    return [(*rows[row][:3], left[row]) for row in sorted(left)]


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.integers(0, 5), st.integers(-4, 4)),
        min_size=1,
        max_size=40,
    )
)
def test_returns_are_matched_as_one_by_one(rows: list[tuple[str, str, int, int]]) -> None:
    netted = without_returns(frame(rows), "net")
    if netted is None:
        assert all(quantity >= 0 for *_, quantity in rows)
        return
    assert net(rows) == one_by_one(rows)


def test_without_times_every_purchase_is_earlier() -> None:
    rows = frame([("a", "x", 1, -1), ("a", "x", 2, 1), ("a", "x", 3, 1)]).drop("timestamp")
    netted = without_returns(rows, "net")
    assert netted is not None
    assert netted.rows() == [("a", "x", 1)]


@pytest.mark.parametrize("dtype", [pl.Int8, pl.Int64, pl.Float32, pl.Float64])
def test_the_type_of_the_quantity_stays(dtype: pl.DataType) -> None:
    rows = frame([("a", "x", 1, 3), ("a", "x", 2, -1)]).with_columns(pl.col("quantity").cast(dtype))
    netted = without_returns(rows, "net")
    assert netted is not None
    assert_frame_equal(netted, rows.head(1).with_columns(pl.lit(2).cast(dtype).alias("quantity")))


def test_returns_can_be_dropped_or_kept() -> None:
    rows = frame([("a", "x", 1, 3), ("a", "x", 2, -1)])
    dropped = without_returns(rows, "drop")
    assert dropped is not None
    assert_frame_equal(dropped, rows.head(1))
    assert without_returns(rows, "keep") is None
    assert without_returns(rows.head(1), "net") is None
    assert without_returns(rows.drop("quantity"), "net") is None
    for quantity in ([None, None], pl.Series([1, 2], dtype=pl.UInt8), [float("nan"), None]):
        other = rows.with_columns(pl.Series("quantity", quantity))
        assert without_returns(other, "net") is None
        assert len(gg.clean(gg.Tables(other)).transactions.collect()) == 2


@pytest.mark.parametrize(
    ("returns", "steps", "values"),
    [
        ("net", ["read", "without returns"], {("ann", "milk"): 1}),
        ("drop", ["read", "without returns"], {("ann", "milk"): 3, ("ann", "tea"): 1, ("bob", "tea"): 2}),
        ("keep", ["read"], {("ann", "milk"): 1, ("ann", "tea"): 0, ("bob", "tea"): 0}),
    ],
)
def test_cleaning_counts_returns(returns: Any, steps: list[str], values: dict[tuple[str, str], int]) -> None:
    rows = frame(
        [
            ("ann", "milk", 1, 3),
            ("ann", "tea", 1, 1),
            ("ann", "milk", 2, -2),
            ("ann", "tea", 3, -1),
            ("bob", "tea", 4, 2),
            ("bob", "tea", 5, -2),
        ]
    )
    cleaned = gg.clean(gg.Tables(rows), gg.CleanSpec(returns=returns, value="quantity"))
    assert [step.name for step in cleaned.steps] == steps
    sums = cleaned.transactions.group_by("user_id", "item_id").agg(pl.col("value").sum()).collect()
    assert {(user, item): value for user, item, value in sums.rows()} == values


def test_returns_that_are_left_are_not_counted() -> None:
    rows = frame([("ann", "tea", 1, 2), ("ann", "tea", 2, -1), ("bob", "tea", 2, -3), ("bob", "milk", 3, None)])
    for value in ("count", "log-count"):
        cleaned = gg.clean(gg.Tables(rows), gg.CleanSpec(returns="keep", value=value))
        values = [1, 0, 0, 1] if value == "count" else pytest.approx([np.log(2), 0, 0, np.log(2)])
        assert cleaned.transactions.collect()["value"].to_list() == values
    dataset = gg.Dataset.from_tables(gg.clean(gg.Tables(rows), gg.CleanSpec(returns="keep")))
    model = gg.Popularity().fit(dataset)
    assert model.recommend(["bob"], k=2, filter_seen=True)["item_id"].to_list() == ["tea"]


def test_tables_are_netted_unless_told_otherwise() -> None:
    rows = frame([("ann", "tea", 1, 1), ("ann", "milk", 1, 1), ("ann", "tea", 2, -1)])
    dataset = gg.Dataset.from_tables(gg.Tables(rows))
    assert dataset.item_ids.values.to_list() == ["milk"]
    assert len(dataset.interactions) == 1
