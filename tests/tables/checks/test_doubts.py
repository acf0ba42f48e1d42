from datetime import datetime

import polars as pl
import pytest

from gingham.errors import TableError
from gingham.tables import CleanSpec, Finding, Tables, check, clean
from gingham.tables.schema import FeatureSpec

ROWS = pl.DataFrame(
    {
        "user_id": ["a", "b", "NULL", "a"],
        "item_id": ["x", "y", "y", "13085.0"],
        "timestamp": [datetime(1970, 1, 1), datetime(2019, 1, 2), datetime(2019, 1, 3), datetime(2300, 1, 1)],
        "price": [-1.0, 2.0, None, 3.0],
    }
)


def warnings(findings: tuple[Finding, ...]) -> list[tuple[str, str | None, str, int]]:
    return sorted((one.table, one.column, one.what, one.count) for one in findings if one.severity == "warning")


@pytest.mark.parametrize("as_categories", [False, True])
def test_cleaning_finds_the_warnings_of_a_check(as_categories: bool) -> None:
    users = pl.DataFrame({"user_id": ["a", "b", "none"], "age": [30, 30, 30]})
    rows = ROWS.with_columns(pl.col("user_id", "item_id").cast(pl.Categorical)) if as_categories else ROWS
    shop = Tables(rows, users, user_features=FeatureSpec(categorical=["age"]))
    expected = [one for one in warnings(check(shop)) if "future" not in one[2]]
    found = clean(shop).findings
    assert [one for one in warnings(found) if "future" not in one[2]] == expected
    assert len(expected) == 8
    assert all(one.severity == "warning" for one in found)


def test_integer_ids_are_counted() -> None:
    rows = pl.DataFrame({"user_id": [*range(30), *[0] * 900], "item_id": [1] * 930})
    shop = Tables(rows, pl.DataFrame({"user_id": range(29)}))
    assert warnings(clean(shop).findings) == warnings(check(shop))
    assert len(clean(shop).findings) == 2


def test_ids_of_other_dates_are_not_counted() -> None:
    assert "NULL" not in str(clean(Tables(ROWS), CleanSpec(end=datetime(2019, 1, 3))).findings)
    assert "NULL" in str(clean(Tables(ROWS)).findings[0].examples)


def test_good_tables_have_no_findings() -> None:
    assert clean(Tables(pl.DataFrame({"user_id": ["a", "b"], "item_id": ["x", "x"]}))).findings == ()


@pytest.mark.parametrize("table", ["users", "items"])
def test_tables_without_a_common_id_are_refused_by_check_and_clean(table: str) -> None:
    column = table.removesuffix("s") + "_id"
    shop = Tables(ROWS, **{table: pl.DataFrame({column: ["q", "r"]})})
    with pytest.raises(TableError, match="None of the") as error:
        clean(shop)
    assert str(error.value) in [one.what for one in check(shop) if one.severity == "error"]


def test_a_finding_in_one_line_has_an_example() -> None:
    found = [str(one) for one in clean(Tables(ROWS)).findings]
    assert (
        "warning: transactions, price (1 row, such as -1.0): negative values; remove these rows unless they are "
        "returns" in found
    )
    assert any(
        text.startswith("warning: transactions, user_id (1 row, such as 'NULL'): ids that look") for text in found
    )
