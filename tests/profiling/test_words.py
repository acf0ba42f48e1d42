from datetime import date

import pytest

from gingham.profiling import words


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0%"), (1, "100%"), (0.5, "50%"), (0.0123, "1.2%"), (0.01, "1%"), (0.0001, "under 0.1%"), (0.996, "99.6%")],
)
def test_percent(share: float, text: str) -> None:
    assert words.percent(share) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (1, "as high as before"),
        (1.12, "12% higher than before"),
        (0.5, "50% lower than before"),
        (2.34, "2.3 times as high as before"),
    ],
)
def test_difference(ratio: float, text: str) -> None:
    assert words.difference(ratio, "before") == text


def test_day_count_column_words_and_sentence_case() -> None:
    assert words.day(date(2019, 3, 1)) == "1 March 2019"
    assert [words.count(number, "item") for number in (0, 1, 1.5, 1200)] == [
        "0 items",
        "1 item",
        "1.5 items",
        "1,200 items",
    ]
    columns = ("index_group_name", "age", "name")
    assert [words.column_words(column) for column in columns] == ["index group", "age", "name"]
    assert words.sentence_case("index group") == "Index group"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0339, "0.0339"),
        (0.00012345, "0.000123"),
        (12.5, "12.50"),
        (7.0, "7"),
        (0, "0"),
        (-3.25, "-3.25"),
        (1234567.8, "1,234,568"),
        (0.5, "0.5"),
        (float("inf"), "inf"),
        (1e-300, "0"),
    ],
)
def test_amounts_have_the_digits_that_matter(number: float, text: str) -> None:
    assert words.amount(number) == text
