import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gingham.tables import numbering
from gingham.tables.numbering import Numbering


@given(st.lists(st.lists(st.text(max_size=20)), max_size=6))
def test_texts_are_numbered_in_the_order_in_which_they_come(batches: list[list[str]]) -> None:
    numbered, known = Numbering(), dict[str, int]()
    for batch in batches:
        numbers = numbered.add(pl.Series(batch, dtype=pl.String))
        assert numbers.dtype == pl.UInt32
        assert numbers.to_list() == [known.setdefault(text, len(known)) for text in batch]
    assert len(numbered) == len(known)
    assert numbered.texts().to_list() == list(known)


def test_its_table_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbering, "_SLOTS", 2)
    rng = np.random.default_rng(0)
    numbered, known = Numbering(), dict[str, int]()
    for size in (0, 1, 1, 30, 2_000, 5_000):
        batch = [f"id {number}" for number in rng.integers(0, 3_000, size)]
        expected = [known.setdefault(text, len(known)) for text in batch]
        assert numbered.add(pl.Series(batch, dtype=pl.String)).to_list() == expected
    assert numbered.texts().to_list() == list(known)
