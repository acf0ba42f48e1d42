import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gingham.tables.codes import among, ascends, codes, n_distinct, occurring

KINDS = ["near", "far", "text"]


def series(kind: str, numbers: list[int]) -> pl.Series:
    if kind == "text":
        return pl.Series([f"id{number}" for number in numbers], dtype=pl.String).cast(pl.Categorical)
    return pl.Series([number * (10**15 if kind == "far" else 1) - 3 for number in numbers], dtype=pl.Int64)


@pytest.mark.parametrize("kind", KINDS)
@given(numbers=st.lists(st.integers(0, 30), min_size=1))
def test_codes_tell_ids_apart_and_tell_their_number(kind: str, numbers: list[int]) -> None:
    ids = series(kind, numbers)
    coded = codes(ids)
    assert coded.min() >= 0
    assert len(set(coded.tolist())) == n_distinct(ids) == len(set(numbers))
    assert len(set(zip(coded.tolist(), numbers, strict=True))) == len(set(numbers))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("most", [None, 3])
@given(numbers=st.lists(st.integers(0, 5), min_size=1))
def test_those_that_occur_often_enough_are_found(kind: str, most: int | None, numbers: list[int]) -> None:
    wanted = [2 <= numbers.count(number) <= (most or len(numbers)) for number in numbers]
    assert occurring(series(kind, numbers), 2, most).to_list() == wanted


@pytest.mark.parametrize("kind", KINDS)
@given(numbers=st.lists(st.integers(0, 30)), some=st.lists(st.integers(0, 30)))
def test_those_among_others_are_found(kind: str, numbers: list[int], some: list[int]) -> None:
    others = series(kind, some)
    others = others.cast(pl.String) if kind == "text" else others
    assert among(series(kind, numbers), others).to_list() == [number in some for number in numbers]


@given(st.lists(st.one_of(st.none(), st.integers(0, 5)), max_size=4))
def test_what_ascends_is_sorted_distinct_and_without_nulls(numbers: list[int | None]) -> None:
    there = [number for number in numbers if number is not None]
    assert ascends(pl.Series(numbers, dtype=pl.Int64)) == (numbers == sorted(set(there)))
