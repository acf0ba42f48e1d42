from typing import Any

import numpy as np
import polars as pl
import pytest

from gingham.profiling.columns import Described

RNG = np.random.default_rng(3)
N = 600
INNER = RNG.integers(0, 6, N)


def described(**columns: Any) -> Described:
    height = len(next(iter(columns.values())))
    return Described("items", pl.DataFrame({"item_id": range(height)} | columns), "item_id")


def test_groups_inside_groups_are_found_whatever_they_are_called() -> None:
    found = described(
        a=[f"part {number}" for number in INNER],
        b=["left" if number < 4 else "right" for number in INNER],
        c=RNG.choice(["red", "blue", "green"], N),
    )
    assert found.categories == ["a", "b", "c"]
    assert found.nestings == [("b", "a")]


def test_a_few_slips_do_not_hide_a_group() -> None:
    outer = np.where(INNER < 3, "left", "right").astype(object)
    outer[:2] = ["left", "right"]
    found = described(inner=[f"part {number}" for number in INNER], outer=outer.tolist())
    assert found.settles("inner", "outer")
    outer[:60] = RNG.choice(["left", "right"], 60)
    assert not described(inner=INNER, outer=outer.tolist()).settles("inner", "outer")


def test_a_lopsided_category_is_settled_by_nothing() -> None:
    found = described(inner=INNER, flag=["yes"] * (N - 2) + ["no"] * 2)
    assert not found.settles("inner", "flag")


def test_of_a_code_and_its_name_the_name_is_told() -> None:
    found = described(code=[f"{number:x}" for number in INNER], title=[f"section {number}" for number in INNER])
    assert found.categories == ["title"]
    assert found.nestings == []


def test_numbers_that_stand_for_names_are_no_measures() -> None:
    kind = RNG.integers(0, 25, N)
    found = described(
        kind_number=kind * 10 + 3,
        kind=[f"kind {number}" for number in kind],
        weight=RNG.normal(5, 1, N).round(3),
        age=RNG.integers(16, 90, N),
        flag=[1.0 if one else None for one in RNG.random(N) < 0.5],
        size=RNG.integers(1, 6, N),
    )
    assert found.measures == ["weight", "age"]
    assert found.categories == ["kind", "size"]


def test_free_texts_ids_and_lists_describe_nothing_countable() -> None:
    found = described(
        text=[f"about {number}" for number in range(N)], tags=[["a"]] * N, when=[None] * N, same=["x"] * N
    )
    assert (found.categories, found.measures, found.nestings) == ([], [], [])


@pytest.mark.parametrize(
    "rows", [pl.DataFrame({"item_id": [1]}), pl.DataFrame({"item_id": [1, 2], "kind": ["a", "b"]})]
)
def test_little_tables_have_nothing_to_count(rows: pl.DataFrame) -> None:
    found = Described("items", rows, "item_id")
    assert (found.categories, found.measures, found.nestings) == ([], [], [])


def test_the_columns_of_a_synthetic_hm_shop(shop: Any) -> None:
    articles = Described("items", shop.tables.items.collect(), "item_id")
    customers = Described("users", shop.tables.users.collect(), "user_id")
    assert articles.nestings[0] == ("index_group_name", "index_name")
    assert articles.measures == []
    assert customers.measures == ["age"]
    assert customers.categories[0] == "club_member_status"
