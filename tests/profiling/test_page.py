from datetime import date, timedelta
from typing import Any

import polars as pl

from gingham.profiling import Profile, profile
from gingham.report import Section
from gingham.tables import Tables

EVIL = "<script>alert(1)</script>"


def sections(profile: Profile) -> dict[str, Section]:
    return {section.heading: section for section in profile.page().sections}


def test_a_complete_shop_has_every_section(shop: Any) -> None:
    by_heading = sections(shop.profile)
    by_category = [heading for heading in by_heading if " by " in heading and heading != "Prices by channel"]
    assert [heading for heading in by_heading if heading not in by_category] == [
        "Cleaning steps",
        "Share kept after each step",
        "Transactions over time",
        "Weekdays",
        "New customers and new items",
        "Prices over time",
        "Prices by channel",
        "Channels",
        "Transactions per customer",
        "Transactions per item",
        "Concentration of transactions",
        "Repeat purchases",
        "Best sellers",
        "Missing values",
    ]
    for heading in (
        "Items by index group and index",
        "Items and transactions by index group",
        "Customers and transactions by club member status",
        "Age by club member status",
    ):
        assert heading in by_category
    assert all(section.sentence.endswith(".") for section in by_heading.values())


def test_sections_without_data_are_left_out() -> None:
    by_heading = sections(profile(Tables(pl.DataFrame({"user_id": ["a", "b"], "item_id": ["x", "x"]}))))
    assert list(by_heading) == [
        "Size of the shop",
        "Transactions per customer",
        "Transactions per item",
        "Concentration of transactions",
        "Best sellers",
    ]


def test_tables_with_only_ids_have_no_sections() -> None:
    days = [date(2024, 1, 1) + timedelta(days=number) for number in range(30)]
    bought = pl.DataFrame({"user_id": ["a"] * 30, "item_id": ["x", "y"] * 15, "timestamp": days, "price": [1.5] * 30})
    bare = Tables(bought, pl.DataFrame({"user_id": ["a", "b"]}), pl.DataFrame({"item_id": ["x", "y", "z"]}))
    by_heading = sections(profile(bare))
    assert "Prices over time" in by_heading
    assert "Missing values" not in by_heading
    assert not any(" by " in heading for heading in by_heading)


def test_cleaning_steps_are_a_table(shop: Any) -> None:
    table: Any = sections(shop.profile)["Cleaning steps"].content
    assert table.rows == [
        (step.name, f"{step.rows:,}", f"{step.users:,}", f"{step.items:,}") for step in shop.tables.steps
    ]


def test_best_sellers_have_names_and_half_lives(shop: Any) -> None:
    table: Any = sections(shop.profile)["Best sellers"].content
    assert list(table.header) == ["item", "name", "transactions", "best week from", "half-life"]
    first = shop.profile.best_sellers.row(0, named=True)
    assert table.rows[0][:3] == [first["item_id"], first["name"], f"{first['purchases']:,}"]


def test_bars_of_repeat_purchases_contain_every_gap(shop: Any) -> None:
    chart: Any = sections(shop.profile)["Repeat purchases"].content
    gaps = shop.profile.repeats.gaps
    assert sum(chart.traces[0]["y"]) == gaps["number"].sum()
    labels = chart.layout["xaxis"]["ticktext"]
    assert labels[:3] == ["1", "2–3", "4–7"]
    assert chart.traces[0]["y"][1] == gaps.filter(pl.col("days").is_between(2, 3))["number"].sum()


def test_values_from_the_tables_are_escaped() -> None:
    items = pl.DataFrame({"item_id": range(6), "title": [EVIL] * 6, EVIL: [EVIL, "b", EVIL, "b", EVIL, None]})
    bought = pl.DataFrame({"user_id": [EVIL, "b"] * 3, "item_id": range(6), "channel": [EVIL, "b"] * 3})
    html = profile(Tables(bought, items=items, item_name="title")).to_html(title=EVIL)
    assert EVIL not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_the_page_contains_no_single_rows(shop: Any) -> None:
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
