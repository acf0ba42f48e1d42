import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gingham.tables.id_codes import count_distinct, encode_ids, has_count, is_among, is_strictly_increasing

KINDS = ["near", "far", "text"]


def series(kind: str, numbers: list[int]) -> pl.Series:
    if kind == "text":
        return pl.Series([f"id{number}" for number in numbers], dtype=pl.String).cast(pl.Categorical)
    return pl.Series([number * (10**15 if kind == "far" else 1) - 3 for number in numbers], dtype=pl.Int64)


@pytest.mark.parametrize("kind", KINDS)
@given(numbers=st.lists(st.integers(0, 30), min_size=1))
def test_different_ids_have_different_codes(kind: str, numbers: list[int]) -> None:
    ids = series(kind, numbers)
    codes = encode_ids(ids)
    assert codes.min() >= 0
    assert len(set(codes.tolist())) == count_distinct(ids) == len(set(numbers))
    assert len(set(zip(codes.tolist(), numbers, strict=True))) == len(set(numbers))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("most", [None, 3])
@given(numbers=st.lists(st.integers(0, 5), min_size=1))
def test_has_count_compares_the_number_of_occurrences(kind: str, most: int | None, numbers: list[int]) -> None:
    expected = [2 <= numbers.count(number) <= (most or len(numbers)) for number in numbers]
    assert has_count(series(kind, numbers), 2, most).to_list() == expected


@pytest.mark.parametrize("kind", KINDS)
@given(numbers=st.lists(st.integers(0, 30)), others=st.lists(st.integers(0, 30)))
def test_is_among_is_membership(kind: str, numbers: list[int], others: list[int]) -> None:
    other_ids = series(kind, others)
    other_ids = other_ids.cast(pl.String) if kind == "text" else other_ids
    assert is_among(series(kind, numbers), other_ids).to_list() == [number in others for number in numbers]


@given(st.lists(st.one_of(st.none(), st.integers(0, 5)), max_size=4))
def test_strictly_increasing_ids_are_sorted_distinct_and_without_nulls(numbers: list[int | None]) -> None:
    values = {number for number in numbers if number is not None}
    assert is_strictly_increasing(pl.Series(numbers, dtype=pl.Int64)) == (numbers == sorted(values))
