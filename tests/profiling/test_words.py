from datetime import date

import pytest

from gingham.profiling import words


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0%"), (1, "100%"), (0.5, "50%"), (0.0123, "1.2%"), (0.01, "1%"), (0.0001, "under 0.1%"), (0.996, "99.6%")],
)
def test_shares_are_written_as_people_do(share: float, text: str) -> None:
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
def test_comparisons_are_written_as_people_do(ratio: float, text: str) -> None:
    assert words.compared(ratio, "before") == text


def test_small_words() -> None:
    assert words.day(date(2019, 3, 1)) == "1 March 2019"
    assert [words.count(number, "item") for number in (0, 1, 1.5, 1200)] == [
        "0 items",
        "1 item",
        "1.5 items",
        "1,200 items",
    ]
    assert [words.plain(column) for column in ("index_group_name", "age", "name")] == ["index group", "age", "name"]
    assert words.sentence_case("index group") == "Index group"
