import polars as pl
import pytest

from gingham.errors import TableError
from gingham.tables import Tables
from gingham.tables.checks.matches import unknown_ids
from gingham.tables.finding import N_ROWS


def tables() -> Tables:
    return Tables(pl.DataFrame({"user_id": ["a"], "item_id": ["x"]}))


def counts(*ids: str) -> pl.DataFrame:
    return pl.DataFrame({"user_id": ids, N_ROWS: [1] * len(ids)})


def test_known_ids_are_no_problem() -> None:
    assert unknown_ids(counts("a", "b"), pl.Series(["a", "b", "c"]), "user_id", tables()) is None


def test_unknown_ids_are_counted() -> None:
    odd = unknown_ids(counts("a", "b", "007"), pl.Series(["a", "7"]), "user_id", tables())
    assert odd is not None
    assert odd.what == (
        "2 of 3 different ids are not in the users table, 1 of them only because of leading zeros; "
        'add them to the users table, or set unknown = "drop" in [clean]'
    )
    assert odd.counts["user_id"].to_list() == ["b", "007"]


def test_dropped_ids_are_a_problem_only_if_they_are_most() -> None:
    known = pl.Series(["a", "b"])
    assert unknown_ids(counts("a", "b", "c"), known, "user_id", tables(), is_dropped=True) is None
    odd = unknown_ids(counts("a", "c", "d"), known, "user_id", tables(), is_dropped=True)
    assert odd is not None
    assert "unknown" not in odd.what


@pytest.mark.parametrize(
    ("id", "known", "reason"),
    [
        ("007", "7", "leading zeros"),
        ("7", "007", "leading zeros"),
        ("7.0", "7", "a .0 at the end"),
        ("7", "7.0", "a .0 at the end"),
        ("a ", "a", "blanks around them"),
        ("ANN", "ann", "differences in upper and lower case"),
    ],
)
def test_if_no_id_matches_the_message_says_what_would(id: str, known: str, reason: str) -> None:
    with pytest.raises(TableError, match=f"None of the 1 different ids .* would match without {reason}; correct"):
        unknown_ids(counts(id), pl.Series([known]), "user_id", tables())


def test_if_no_id_matches_for_no_reason_the_message_has_examples() -> None:
    with pytest.raises(TableError, match="such as 'a', is in the users table, which has ids such as 'q'; correct"):
        unknown_ids(counts("a", "b"), pl.Series(["q"]), "user_id", tables())


def test_integers_are_compared_as_numbers() -> None:
    numbers = pl.DataFrame({"user_id": [1, 2], N_ROWS: [5, 9]})
    with pytest.raises(TableError, match="such as 2, is in the users table, which has ids such as 3; correct"):
        unknown_ids(numbers, pl.Series([3]), "user_id", tables())
