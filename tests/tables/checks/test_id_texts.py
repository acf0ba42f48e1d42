import polars as pl
import pytest

from gingham.tables.checks.id_texts import HAS_ONE_PRICE, OddIds, odd_ids
from gingham.tables.finding import N_ROWS

ORDINARY = ["u1", "u2", "0108775015", "a7f3e0b2", "M-12", "Å5"]


def find(ids: list[str], column: str = "user_id", rows: list[int] | None = None) -> list[OddIds]:
    counts = pl.DataFrame({column: ids, N_ROWS: rows or [1] * len(ids)}, schema={column: pl.String, N_ROWS: pl.Int64})
    return list(odd_ids(counts, column, "transactions"))


def test_ordinary_ids_are_not_odd() -> None:
    assert find(ORDINARY) == []
    assert find([]) == []
    assert find([f"i{number}" for number in range(1000)], "item_id") == []


def test_integers_are_odd_only_by_their_share() -> None:
    counts = pl.DataFrame({"user_id": range(50), N_ROWS: [5_000] + [2] * 49})
    (odd,) = odd_ids(counts, "user_id", "transactions")
    assert odd.counts["user_id"].to_list() == [0]
    assert "1 user has 98% of all rows" in odd.what


@pytest.mark.parametrize("word", ["NULL", "null", r"\N", "nan", "NaN", "None", "N/A", "NA", "#N/A", "<NA>", "-", "nil"])
def test_words_for_missing_values_are_odd(word: str) -> None:
    (odd,) = find([*ORDINARY, word])
    assert odd.counts["user_id"].to_list() == [word]
    assert "null_values in [transactions]" in odd.what


@pytest.mark.parametrize("text", ["4.00638E+12", "4,00638E+12", "4e12", "1.5e+07"])
def test_scientific_notation_is_odd(text: str) -> None:
    (odd,) = find([*ORDINARY, text])
    assert odd.counts["user_id"].to_list() == [text]
    assert "scientific notation" in odd.what


def test_hexadecimal_ids_are_not_numbers() -> None:
    assert find(["1e4f", "2e5a", "12e", "e12"]) == []


@pytest.mark.parametrize("text", ["", " ", " u1x", "u1x ", "u1x\t", "\u00a0u1x"])
def test_empty_ids_and_blanks_are_odd(text: str) -> None:
    (odd,) = find([*ORDINARY, text])
    assert odd.counts["user_id"].to_list() == [text]


def test_whole_numbers_with_a_decimal_point_are_odd() -> None:
    (odd,) = find(["13085.0", "13086.0", "13085"])
    assert odd.counts["user_id"].to_list() == ["13085.0", "13086.0"]
    assert "(1 of them occur without it, too)" in odd.what


@pytest.mark.parametrize(("one", "other", "words"), [("Ann", "ann", "upper and lower"), ("007", "7", "leading zeros")])
def test_ids_that_hardly_differ_are_odd(one: str, other: str, words: str) -> None:
    (odd,) = find([*ORDINARY, one, other])
    assert sorted(odd.counts["user_id"]) == sorted([one, other])
    assert words in odd.what


def test_items_without_digits_among_numbers_are_a_hint() -> None:
    ids = [f"8{number}" for number in range(100)]
    (odd,) = find([*ids, "POST", "BANK CHARGES"], "item_id")
    assert odd.severity == "note"
    assert odd.counts["item_id"].to_list() == ["POST", "BANK CHARGES"]
    assert find([*ids, "ann"], "user_id") == []
    assert find(["tea", "milk", "i1"], "item_id") == []


@pytest.mark.parametrize(
    ("rows", "is_odd"),
    [
        ([400] + [10] * 60, True),  # a guest
        ([100_000 // rank for rank in range(1, 500)], False),  # best sellers by Zipf's law
        ([30] + [10] * 200, False),  # a good customer
        ([900, 5, 5], False),  # too few to compare with
        ([1] * 10, False),
    ],
)
def test_an_absurd_share_of_the_rows_is_odd(rows: list[int], is_odd: bool) -> None:
    assert bool(find([f"u{number}" for number in range(len(rows))], "user_id", rows)) == is_odd


@pytest.mark.parametrize(("n_fixed", "is_hint"), [(0, False), (1, True), (2, True), (9, False)])
def test_items_at_a_single_price_among_others_are_a_hint(n_fixed: int, is_hint: bool) -> None:
    fixed = [True] * n_fixed + [False] * (20 - n_fixed)
    counts = pl.DataFrame({"item_id": range(21), N_ROWS: [60] * 20 + [3], HAS_ONE_PRICE: [*fixed, True]})
    found = list(odd_ids(counts, "item_id", "transactions"))
    assert [one.severity for one in found] == ["note"] * is_hint
    assert all(one.counts["item_id"].to_list() == list(range(n_fixed)) for one in found)
