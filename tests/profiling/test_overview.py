from pathlib import Path
from typing import Any

import polars as pl
import pytest

import gingham as gg
from gingham.errors import TableError


def test_profile_is_public() -> None:
    assert gg.profile(gg.Tables(pl.DataFrame({"user_id": [1], "item_id": [2]}))).n_transactions == 1
    assert gg.Profile is type(gg.profile(gg.Tables(pl.DataFrame({"user_id": [1], "item_id": [2]}))))


def test_uncleaned_tables_are_checked_first() -> None:
    tables = gg.Tables(pl.DataFrame({"user_id": ["a", None], "item_id": ["x", "y"]}))
    with pytest.raises(TableError, match="null"):
        gg.profile(tables)


def test_save_writes_the_html(shop: Any, tmp_path: Path) -> None:
    shop.profile.save(tmp_path / "p.html", title="A shop & more")
    text = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert text == shop.profile.to_html("A shop & more")
    assert "<h1>A shop &amp; more</h1>" in text


def test_the_type_of_ids_does_not_change_the_profile() -> None:
    numbers = pl.DataFrame({"user_id": [3, 1, 3, 2, 3], "item_id": [7, 8, 7, 8, 7]})
    text = numbers.with_columns(pl.all().cast(pl.String))
    category = text.with_columns(pl.all().cast(pl.Categorical))
    first, *others = (gg.profile(gg.Tables(rows)) for rows in (numbers, text, category))
    for other in others:
        assert other.users.counts.equals(first.users.counts)
        assert other.repeats.share == first.repeats.share
        assert other.best_sellers["item_id"].to_list() == ["7", "8"]
        assert other.sentences == first.sentences


def test_sizes(shop: Any) -> None:
    profile = shop.profile
    sizes = (len(shop.transactions), len(shop.customers), len(shop.articles))
    assert (profile.n_transactions, profile.n_users, profile.n_items) == sizes
    assert profile.steps["rows"].to_list() == [shop.n_read, sizes[0]]
