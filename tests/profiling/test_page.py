from datetime import date, timedelta
from typing import Any

import polars as pl

from gingham.profiling import Profile, profile
from gingham.report import Section
from gingham.tables import Tables

EVIL = "<script>alert(1)</script>"


def sections(found: Profile) -> dict[str, Section]:
    return {section.heading: section for section in found.page().sections}


def test_a_shop_with_everything_has_every_section(shop: Any) -> None:
    found = sections(shop.profile)
    described = [
        heading
        for heading in found
        if " by " in heading and heading not in ("Cleaning, step by step", "Prices by channel")
    ]
    assert [heading for heading in found if heading not in described] == [
        "Cleaning, step by step",
        "What cleaning left",
        "Purchases over time",
        "The week",
        "New users and new items",
        "Prices over time",
        "Prices by channel",
        "Channels",
        "Purchases per user",
        "Purchases per item",
        "How unequal purchases are",
        "Bought again",
        "Best sellers",
        "Missing values",
    ]
    for heading in (
        "Items by index group and index",
        "Items and purchases by index group",
        "Users and purchases by club member status",
        "Age by club member status",
    ):
        assert heading in described
    assert all(section.sentence.endswith(".") for section in found.values())


def test_whatever_is_not_there_is_left_out() -> None:
    found = sections(profile(Tables(pl.DataFrame({"user_id": ["a", "b"], "item_id": ["x", "x"]}))))
    assert list(found) == [
        "The size of the shop",
        "Purchases per user",
        "Purchases per item",
        "How unequal purchases are",
        "Best sellers",
    ]


def test_tables_without_describing_columns_are_no_trouble() -> None:
    days = [date(2024, 1, 1) + timedelta(days=number) for number in range(30)]
    bought = pl.DataFrame({"user_id": ["a"] * 30, "item_id": ["x", "y"] * 15, "timestamp": days, "price": [1.5] * 30})
    bare = Tables(bought, pl.DataFrame({"user_id": ["a", "b"]}), pl.DataFrame({"item_id": ["x", "y", "z"]}))
    found = sections(profile(bare))
    assert "Prices over time" in found
    assert "Missing values" not in found
    assert not any(" by " in heading for heading in found)


def test_steps_are_told_in_numbers(shop: Any) -> None:
    table: Any = sections(shop.profile)["Cleaning, step by step"].content
    assert table.rows == [
        (step.name, f"{step.rows:,}", f"{step.users:,}", f"{step.items:,}") for step in shop.tables.steps
    ]


def test_best_sellers_have_names_and_half_lives(shop: Any) -> None:
    table: Any = sections(shop.profile)["Best sellers"].content
    assert list(table.header) == ["item", "name", "purchases", "best week from", "half-life"]
    first = shop.profile.best_sellers.row(0, named=True)
    assert table.rows[0][:3] == [first["item_id"], first["name"], f"{first['purchases']:,}"]


def test_the_bars_of_repeats_hold_every_gap(shop: Any) -> None:
    chart: Any = sections(shop.profile)["Bought again"].content
    gaps = shop.profile.repeats.gaps
    assert sum(chart.traces[0]["y"]) == gaps["number"].sum()
    labels = chart.layout["xaxis"]["ticktext"]
    assert labels[:3] == ["1", "2–3", "4–7"]
    assert chart.traces[0]["y"][1] == gaps.filter(pl.col("days").is_between(2, 3))["number"].sum()


def test_names_from_the_shop_are_no_markup() -> None:
    items = pl.DataFrame({"item_id": range(6), "title": [EVIL] * 6, EVIL: [EVIL, "b", EVIL, "b", EVIL, None]})
    bought = pl.DataFrame({"user_id": [EVIL, "b"] * 3, "item_id": range(6), "channel": [EVIL, "b"] * 3})
    html = profile(Tables(bought, items=items, item_name="title")).to_html(title=EVIL)
    assert EVIL not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_no_row_of_the_shop_is_sent_to_the_page(shop: Any) -> None:
    points = [
        len(values)
        for section in shop.profile.page().sections
        if hasattr(section.content, "traces")
        for trace in section.content.traces
        for values in trace.values()
        if isinstance(values, list)
    ]
    assert max(points) <= 1500
    assert shop.transactions.customer_id[0] not in shop.profile.to_html()
    assert len(shop.profile.to_html()) < 6_000_000
