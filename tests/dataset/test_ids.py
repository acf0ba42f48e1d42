from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gingham.dataset import Ids
from gingham.errors import DataError, UnknownIdError

some_ids = st.one_of(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1),
    st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1),
)


@given(some_ids)
def test_every_id_comes_back_from_its_index(values: list[Any]) -> None:
    series = pl.Series(values=values)
    ids = Ids.from_series(series)
    index = ids.index(series)
    assert index.dtype == np.int32
    assert ids.ids(index).to_list() == values
    assert len(ids) == len(set(values))
    assert ids.contains(series).all()


@given(some_ids, st.randoms())
def test_the_index_does_not_depend_on_row_order(values: list[Any], random: Any) -> None:
    shuffled = random.sample(values, len(values))
    assert Ids.from_series(pl.Series(values=values)).values.equals(Ids.from_series(pl.Series(values=shuffled)).values)


@pytest.mark.parametrize("text", [False, True])
def test_long_and_short_lists_of_ids_give_the_same_index(text: bool) -> None:
    rng = np.random.default_rng(1)
    values = pl.Series(rng.choice(100_000, 30_000, replace=False))
    wanted = pl.Series(rng.integers(0, 100_000, 50_000))
    if text:
        values, wanted = values.cast(pl.String), wanted.cast(pl.String)
    ids = Ids.from_series(values)
    many = ids.contains(wanted)
    few = np.concatenate([ids.contains(wanted[start : start + 1000]) for start in range(0, 50_000, 1000)])
    np.testing.assert_array_equal(many, few)
    np.testing.assert_array_equal(many, wanted.is_in(values.implode()).to_numpy())
    matches = wanted.filter(pl.Series(many))
    assert ids.ids(ids.index(matches)).equals(matches)


def test_sequences_arrays_and_series_are_accepted() -> None:
    ids = Ids.from_series(pl.Series([30, 10, 20, 10]))
    for wanted in ([20, 10], np.array([20, 10]), pl.Series([20, 10], dtype=pl.UInt8), (20, 10)):
        assert ids.index(wanted).tolist() == [1, 0]
    assert ids.index([]).tolist() == []
    assert ids.contains([30, 31]).tolist() == [True, False]
    assert ids.ids([2, 2, 0]).to_list() == [30, 30, 10]


def test_the_message_lists_up_to_three_unknown_ids() -> None:
    ids = Ids.from_series(pl.Series(["a", "b"]))
    with pytest.raises(UnknownIdError) as caught:
        ids.index(["q", "a", "r", "q", "s", "t"], "item")
    assert str(caught.value) == "4 unknown item ids: 'q', 'r', 's'; the 2 known ids are text, such as 'a'."
    with pytest.raises(UnknownIdError, match="1 unknown user id: 7; the 2 known ids are text"):
        ids.index([7])
    with pytest.raises(UnknownIdError, match="1 unknown user id: None"):
        ids.index(["a", None])


def test_cast_converts_text_to_an_id() -> None:
    assert Ids.from_series(pl.Series(["007"])).cast("007") == "007"
    assert Ids.from_series(pl.Series([7])).cast("007") == 7
    with pytest.raises(UnknownIdError, match=r"'seven'.*integers, such as 7"):
        Ids.from_series(pl.Series([7])).cast("seven")


def test_ids_can_be_empty() -> None:
    ids = Ids.from_series(pl.Series([], dtype=pl.String))
    assert len(ids) == 0
    assert not ids.contains(["a"]).any()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (pl.Series([2, 1]), "not sorted"),
        (pl.Series([1, 1]), "not sorted"),
        (pl.Series([1, None]), "without nulls"),
        (pl.Series([0.5]), "Float64"),
    ],
)
def test_invalid_values(values: pl.Series, words: str) -> None:
    with pytest.raises(DataError, match=words):
        Ids(values)


@pytest.mark.parametrize(
    ("wanted", "words"), [(b"ab", "b'ab' is not an id"), ([1, "a"], "one type"), ([0.5], "Float64")]
)
def test_invalid_ids_to_look_up(wanted: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        Ids.from_series(pl.Series(["a", "b"])).index(wanted)


@pytest.mark.parametrize("known", [[], [3], [-5, 2, 9], ["a"], ["a", "c", "m", "z"]])
def test_searching_without_threads_finds_the_same_ids(monkeypatch: pytest.MonkeyPatch, known: list[int | str]) -> None:
    ids = Ids.from_series(pl.Series(known, dtype=pl.Int64 if not known or isinstance(known[0], int) else pl.String))
    wanted = pl.Series([None, *known[::-1], *([-9, 4, 99] if ids.values.dtype == pl.Int64 else ["", "b", "zz"])])
    expected = [known.index(value) if value in known else -1 for value in wanted]
    monkeypatch.setattr("gingham.dataset.ids.threads_lost", lambda: True)
    for series in (wanted, wanted.drop_nulls()):
        assert ids.find(series).tolist() == expected[len(wanted) - len(series) :]
