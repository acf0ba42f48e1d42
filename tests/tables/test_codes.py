import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gingham.tables.codes import among, codes, counts, n_distinct

KINDS = ["near", "far", "text"]


def series(kind: str, numbers: list[int]) -> pl.Series:
    if kind == "text":
        return pl.Series([f"id{number}" for number in numbers], dtype=pl.String).cast(pl.Categorical)
    return pl.Series([number * (10**15 if kind == "far" else 1) - 3 for number in numbers], dtype=pl.Int64)


@pytest.mark.parametrize("kind", KINDS)
@given(numbers=st.lists(st.integers(0, 30), min_size=1))
def test_codes_tell_ids_apart_and_count_them(kind: str, numbers: list[int]) -> None:
    ids = series(kind, numbers)
    coded = codes(ids)
    assert coded.min() >= 0
    assert len(set(coded.tolist())) == n_distinct(ids) == len(set(numbers))
    assert len(set(zip(coded.tolist(), numbers, strict=True))) == len(set(numbers))
    np.testing.assert_array_equal(counts(ids), [numbers.count(number) for number in numbers])


@pytest.mark.parametrize("kind", KINDS)
@given(numbers=st.lists(st.integers(0, 30)), some=st.lists(st.integers(0, 30)))
def test_those_among_others_are_found(kind: str, numbers: list[int], some: list[int]) -> None:
    others = series(kind, some)
    others = others.cast(pl.String) if kind == "text" else others
    assert among(series(kind, numbers), others).to_list() == [number in some for number in numbers]
