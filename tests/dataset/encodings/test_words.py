import re
import zlib

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from gingham.dataset.encodings import Words
from tests.dataset.encodings.samples import column, only, weights

texts = st.one_of(st.none(), st.text("abAB1 -_,.äÄß", max_size=12))


@given(st.lists(texts, min_size=1), st.integers(2, 40))
def test_words_and_pairs_are_hashed(values: list[str | None], buckets: int) -> None:
    expected = np.zeros((len(values), buckets + 1))
    for row, text in enumerate(values):
        words = re.findall(r"[^\W_]+", (text or "").lower())
        grams = {*words, *(f"{words[place]} {words[place + 1]}" for place in range(len(words) - 1))}
        for gram in grams:
            expected[row, zlib.crc32(gram.encode()) % buckets] += 1 / len(grams)
        expected[row, buckets] = not grams
    np.testing.assert_allclose(weights(Words("x", buckets), column(values, pl.String)), expected)


def test_the_hash_is_crc32() -> None:
    # The check value of CRC-32 is 0xCBF43926, the checksum of these nine digits.
    assert only(Words("x", 256), column(["123456789"])) == [f"x#{0xCBF43926 % 256}"]


def test_long_and_short_texts_have_the_same_weight() -> None:
    rows = weights(Words("x", 8), column(["one", "one two three four five six", None]))
    np.testing.assert_allclose(rows.sum(axis=1), 1)
