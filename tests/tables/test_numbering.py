import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gingham.tables import numbering
from gingham.tables.numbering import Numbering


@given(st.lists(st.lists(st.text(max_size=20)), max_size=6))
def test_texts_are_numbered_in_order_of_first_occurrence(batches: list[list[str]]) -> None:
    assigned, numbers_by_text = Numbering(), dict[str, int]()
    for batch in batches:
        numbers = assigned.add(pl.Series(batch, dtype=pl.String))
        assert numbers.dtype == pl.UInt32
        assert numbers.to_list() == [numbers_by_text.setdefault(text, len(numbers_by_text)) for text in batch]
    assert len(assigned) == len(numbers_by_text)
    assert assigned.texts().to_list() == list(numbers_by_text)


def test_hash_table_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbering, "_INITIAL_SLOTS", 2)
    rng = np.random.default_rng(0)
    assigned, numbers_by_text = Numbering(), dict[str, int]()
    for size in (0, 1, 1, 30, 2_000, 5_000):
        batch = [f"id {number}" for number in rng.integers(0, 3_000, size)]
        expected = [numbers_by_text.setdefault(text, len(numbers_by_text)) for text in batch]
        assert assigned.add(pl.Series(batch, dtype=pl.String)).to_list() == expected
    assert assigned.texts().to_list() == list(numbers_by_text)
