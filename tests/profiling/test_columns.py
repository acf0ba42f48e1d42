from typing import Any

import numpy as np
import polars as pl
import pytest

from gingham.profiling.columns import ProfiledTable

RNG = np.random.default_rng(3)
N = 600
INNER = RNG.integers(0, 6, N)


def profiled(**columns: Any) -> ProfiledTable:
    height = len(next(iter(columns.values())))
    return ProfiledTable("items", pl.DataFrame({"item_id": range(height)} | columns), "item_id")


def test_hierarchies_do_not_depend_on_column_names() -> None:
    table = profiled(
        a=[f"part {number}" for number in INNER],
        b=["left" if number < 4 else "right" for number in INNER],
        c=RNG.choice(["red", "blue", "green"], N),
    )
    assert table.categories == ["a", "b", "c"]
    assert table.hierarchies == [("b", "a")]


def test_a_few_mistakes_do_not_hide_a_hierarchy() -> None:
    outer = np.where(INNER < 3, "left", "right").astype(object)
    outer[:2] = ["left", "right"]
    table = profiled(inner=[f"part {number}" for number in INNER], outer=outer.tolist())
    assert table.determines("inner", "outer")
    outer[:60] = RNG.choice(["left", "right"], 60)
    assert not profiled(inner=INNER, outer=outer.tolist()).determines("inner", "outer")


def test_no_column_determines_a_category_that_is_almost_constant() -> None:
    table = profiled(inner=INNER, flag=["yes"] * (N - 2) + ["no"] * 2)
    assert not table.determines("inner", "flag")


def test_names_are_preferred_to_equivalent_codes() -> None:
    table = profiled(code=[f"{number:x}" for number in INNER], title=[f"section {number}" for number in INNER])
    assert table.categories == ["title"]
    assert table.hierarchies == []


def test_codes_are_not_measures() -> None:
    kind = RNG.integers(0, 25, N)
    table = profiled(
        kind_number=kind * 10 + 3,
        kind=[f"kind {number}" for number in kind],
        weight=RNG.normal(5, 1, N).round(3),
        age=RNG.integers(16, 90, N),
        flag=[1.0 if one else None for one in RNG.random(N) < 0.5],
        size=RNG.integers(1, 6, N),
    )
    assert table.measures == ["weight", "age"]
    assert table.categories == ["kind", "size"]


def test_free_texts_lists_and_constants_are_ignored() -> None:
    table = profiled(text=[f"about {number}" for number in range(N)], tags=[["a"]] * N, when=[None] * N, same=["x"] * N)
    assert (table.categories, table.measures, table.hierarchies) == ([], [], [])


@pytest.mark.parametrize(
    "rows", [pl.DataFrame({"item_id": [1]}), pl.DataFrame({"item_id": [1, 2], "kind": ["a", "b"]})]
)
def test_tiny_tables_have_no_categories_or_measures(rows: pl.DataFrame) -> None:
    table = ProfiledTable("items", rows, "item_id")
    assert (table.categories, table.measures, table.hierarchies) == ([], [], [])


def test_columns_of_the_synthetic_shop(shop: Any) -> None:
    articles = ProfiledTable("items", shop.tables.items.collect(), "item_id")
    customers = ProfiledTable("users", shop.tables.users.collect(), "user_id")
    assert articles.hierarchies[0] == ("index_group_name", "index_name")
    assert articles.measures == []
    assert customers.measures == ["age"]
    assert customers.categories[0] == "club_member_status"
