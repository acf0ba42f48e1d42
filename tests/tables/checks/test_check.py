from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

from gingham.errors import TableError
from gingham.profiling import profile
from gingham.synth import fashion as synth
from gingham.tables import (
    CleanSpec,
    FeatureSpec,
    Finding,
    ItemsSource,
    Origin,
    Tables,
    TransactionsSource,
    UsersSource,
    check,
    check_sources,
    clean,
    read,
)

NOW = datetime(2020, 1, 1)


def tables(**more: Any) -> Tables:
    """Return tables without findings, some of them replaced."""
    transactions = pl.DataFrame(
        {
            "user_id": ["a", "a", "b"],
            "item_id": ["x", "y", "x"],
            "timestamp": [date(2019, 1, day) for day in (1, 2, 3)],
            "price": [1.0, 2.0, 0.0],
            "quantity": [1, 2, 3],
        }
    )
    users = pl.DataFrame({"user_id": ["a", "b"], "age": [20.0, 30.0]})
    items = pl.DataFrame({"item_id": ["x", "y"], "kind": ["hat", "cap"]})
    return Tables(**{"transactions": transactions, "users": users, "items": items} | more)


def rows(**columns: Any) -> pl.DataFrame:
    """Return the transactions of `tables` with some columns replaced."""
    return tables().transactions.collect().with_columns(**{name: pl.Series(values) for name, values in columns.items()})


def summaries(findings: tuple[Finding, ...]) -> list[tuple[str, str, str | None, int]]:
    return [(finding.severity, finding.table, finding.column, finding.count) for finding in findings]


def single_finding(shop: Tables) -> Finding:
    (finding,) = check(shop, now=NOW)
    return finding


def test_good_tables_have_no_findings() -> None:
    assert check(tables(), now=NOW) == ()
    assert check(tables(users=None, items=None), now=NOW) == ()


@pytest.mark.parametrize("ids", [pl.String, pl.Categorical])
def test_ids_may_be_text_or_categories(ids: Any) -> None:
    assert check(tables(transactions=rows().with_columns(pl.col("user_id", "item_id").cast(ids))), now=NOW) == ()


def test_ids_may_be_numbers() -> None:
    transactions = pl.DataFrame({"user_id": [1, 2, 3], "item_id": [1, 1, 2]})
    finding = single_finding(Tables(transactions, users=pl.DataFrame({"user_id": [1, 2]})))
    assert summaries((finding,)) == [("warning", "transactions", "user_id", 1)]
    assert finding.examples.rows() == [(3, 2)]


@pytest.mark.parametrize(
    ("shop", "expected", "words"),
    [
        ({"transactions": rows(price=[1.0, -2.0, -0.5])}, ("warning", "transactions", "price", 2), "negative"),
        ({"transactions": rows(quantity=[1, -2, 3])}, ("warning", "transactions", "quantity", 1), "negative"),
        ({"transactions": rows(price=[1.0, None, float("nan")])}, ("note", "transactions", "price", 2), "null"),
        ({"transactions": rows(user_id=["a", "b", None])}, ("error", "transactions", "user_id", 1), "null"),
        (
            {"transactions": rows(timestamp=[date(2019, 1, 1), None, None])},
            ("error", "transactions", "timestamp", 2),
            "null",
        ),
        (
            {"transactions": rows(timestamp=[date(2019, 1, 1), date(2020, 1, 2), date(2020, 1, 1)])},
            ("warning", "transactions", "timestamp", 1),
            "future (after 2020-01-01 00:00 UTC)",
        ),
        (
            {"transactions": rows(timestamp=[date(2019, 1, 1), date(1970, 1, 1), date(1990, 1, 1)])},
            ("warning", "transactions", "timestamp", 1),
            "before 1990",
        ),
        (
            {"users": pl.DataFrame({"user_id": ["b", "d"]})},
            ("warning", "transactions", "user_id", 2),
            "1 of 2 different ids is not in the users table; add",
        ),
        (
            {"items": pl.DataFrame({"item_id": ["y", "x", "z"]})},
            ("note", "items", "item_id", 1),
            "without transactions",
        ),
        (
            {"users": pl.DataFrame({"user_id": ["a", "b", "a"]})},
            ("error", "users", "user_id", 2),
            "more than once; keep one row per user",
        ),
        ({"users": pl.DataFrame({"user_id": ["a", "b", None]})}, ("error", "users", "user_id", 1), "null"),
        ({"users": pl.DataFrame({"user_id": ["a"]}).clear()}, ("error", "users", None, 0), "no rows"),
        ({"transactions": rows().clear()}, ("error", "transactions", None, 0), "no rows"),
        (
            {"users": pl.DataFrame({"user_id": ["a", "b"], "age": [None, float("nan")]}), "user_features": ["age"]},
            ("warning", "users", "age", 2),
            "null in 100% of the rows",
        ),
        (
            {"users": pl.DataFrame({"user_id": ["a", "b"], "age": [3, 3]}), "user_features": ["age"]},
            ("warning", "users", "age", 2),
            "the same value in all rows",
        ),
    ],
)
def test_each_problem_is_a_finding(shop: Any, expected: Any, words: str) -> None:
    if "user_features" in shop:
        shop = shop | {"user_features": FeatureSpec(categorical=shop["user_features"])}
    findings = check(tables(**shop), now=NOW)
    assert expected in summaries(findings)
    assert words in next(finding.what for finding in findings if summaries((finding,)) == [expected])


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (CleanSpec(users="agee > 3"), "'agee > 3'"),
        (CleanSpec(items="kind = 'coat'"), "removes all 3 transactions"),
        (CleanSpec(start=date(2019, 1, 2)), None),
    ],
)
def test_errors_of_cleaning_are_findings(spec: CleanSpec, words: str | None) -> None:
    findings = check(tables(), spec, now=NOW)
    assert summaries(findings) == ([] if words is None else [("error", "transactions", None, 0)])
    assert all(words in finding.what for finding in findings if words)
    # Findings about rows are more precise than the error of cleaning.
    (finding,) = check(tables(users=pl.DataFrame({"user_id": ["a", "b", "a"]})), spec, now=NOW)
    assert finding.what == "ids that appear more than once; keep one row per user"


@pytest.mark.parametrize("share", [0.9, 0.95])
def test_a_feature_with_at_least_95_percent_null_is_a_finding(share: float) -> None:
    ages = [None] * round(100 * share) + list(range(round(100 * (1 - share))))
    users = pl.DataFrame({"user_id": [f"u{number}" for number in range(100)], "age": ages})
    findings = check(tables(users=users, user_features=FeatureSpec(quantile={"age": 2})), now=NOW)
    assert any("null" in finding.what for finding in findings) == (share == 0.95)


def test_duplicate_rows_are_a_note_without_quantity_and_a_warning_with_it() -> None:
    duplicated = pl.concat([rows(), rows().head(2), rows().head(1)])
    assert summaries((single_finding(tables(transactions=duplicated)),)) == [("warning", "transactions", None, 3)]
    finding = single_finding(tables(transactions=duplicated.drop("quantity")))
    assert summaries((finding,)) == [("note", "transactions", None, 3)]
    assert finding.examples.height == 5
    assert set(finding.examples.rows()) == set(rows().drop("quantity").head(2).rows())


def test_ids_that_differ_in_leading_zeros_are_counted() -> None:
    items = pl.DataFrame({"item_id": ["0x", "00y"]})
    findings = check(tables(items=items), now=NOW)
    assert "2 would match without leading zeros" in findings[0].what


def test_ids_with_spaces_are_a_warning() -> None:
    findings = check(tables(transactions=rows(user_id=["a", "b ", ""]), users=None, items=None), now=NOW)
    assert summaries(findings) == [("warning", "transactions", "user_id", 2)]
    assert findings[0].examples["user_id"].to_list() == ["b ", ""]


def test_there_are_up_to_five_examples_with_the_column_names_of_the_file() -> None:
    many = pl.DataFrame({"user_id": ["a"] * 9, "item_id": [f"i{n}" for n in range(9)], "price": [-1.0] * 9})
    shop = Tables(many, origins={"transactions": Origin("transactions", "s.csv", {"price": "cost", "user_id": "who"})})
    finding = single_finding(shop)
    assert (finding.column, finding.count) == ("cost", 9)
    assert finding.examples.columns == ["who", "item_id", "cost"]
    assert finding.examples.height == 5


def test_all_findings_are_returned_errors_first() -> None:
    findings = check(
        tables(transactions=rows(price=[None, -1.0, 1.0], user_id=["a", None, "c"], quantity=[-1, 1, 1])), now=NOW
    )
    assert summaries(findings) == [
        ("error", "transactions", "user_id", 1),
        ("warning", "transactions", "price", 1),
        ("warning", "transactions", "quantity", 1),
        ("warning", "transactions", "user_id", 1),
        ("note", "transactions", "price", 1),
        ("note", "users", "user_id", 1),
    ]


@pytest.mark.parametrize(
    "shop",
    [
        {"transactions": rows(user_id=["a", "b", None])},
        {"transactions": rows(item_id=["x", "y", None])},
        {"transactions": rows(timestamp=[date(2019, 1, 1), None, None])},
        {"transactions": rows().clear()},
        {"users": pl.DataFrame({"user_id": ["a", "b", "a"]})},
        {"users": pl.DataFrame({"user_id": ["a", None]})},
        {"items": pl.DataFrame({"item_id": ["x", "y"]}).clear()},
        {"transactions": rows(timestamp=["2019-01-01", "2019-01-02", "yesterday"])},
        {"transactions": rows(price=[-1.0, 1.0, None], quantity=[-1, 0, 1])},
        {"users": pl.DataFrame({"user_id": ["q"]})},
        {},
    ],
)
def test_there_is_an_error_if_and_only_if_cleaning_fails(shop: Any) -> None:
    try:
        clean(tables(**shop))
        fails = False
    except TableError:
        fails = True
    assert any(finding.severity == "error" for finding in check(tables(**shop), now=NOW)) == fails


# Files --------------------------------------------------------------------------------------------------------------

ROLES = {"user_id": "who", "item_id": "what", "price": "cost"}
SALES = "who,what,cost\n007,0108,1\n9,0200,2\n"


def sources(folder: Path, sales: str = SALES, users: str = "who,age\n007,30\n9,40\n") -> dict[str, Any]:
    (folder / "sales.csv").write_text(sales)
    (folder / "users.csv").write_text(users)
    source = TransactionsSource(path="sales.csv", **ROLES)
    return {"transactions": source, "users": UsersSource(path="users.csv"), "base": folder}


def test_valid_files_have_no_findings(tmp_path: Path) -> None:
    assert check_sources(**sources(tmp_path)) == ()


def test_lines_with_more_or_fewer_fields_are_findings(tmp_path: Path) -> None:
    (finding,) = check_sources(**sources(tmp_path, SALES + "9,0108,1,5\n9,0108\n\n007,0108,3,,\n"))
    assert summaries((finding,)) == [("error", "transactions", None, 2)]
    assert "more fields than columns in line 4 and 1 more" in finding.what
    assert finding.examples.rows() == [(4, "9,0108,1,5"), (7, "007,0108,3,,")]
    (finding,) = check_sources(**sources(tmp_path, SALES, "who,age\n007,30\n9\n"))
    assert summaries((finding,)) == [("error", "users", None, 1)]
    assert finding.examples.rows() == [(3, "9")]


def test_how_a_file_is_written_is_a_note(tmp_path: Path) -> None:
    (note,) = check_sources(**sources(tmp_path, SALES.replace(",", ";")))
    assert summaries((note,)) == [("note", "transactions", None, 0)]
    assert "separator ';'" in note.what


def test_each_unreadable_table_is_a_finding_and_the_others_are_checked(tmp_path: Path) -> None:
    arguments = sources(tmp_path, SALES + "9,0108,-1\n", "whose,age\n007,30\n")
    findings = check_sources(**arguments, items=ItemsSource(path="items.csv"))
    assert summaries(findings) == [
        ("error", "users", None, 0),
        ("error", "items", None, 0),
        ("warning", "transactions", "cost", 1),
    ]
    assert "'who'" in findings[0].what
    assert "items.csv" in findings[1].what


def test_unreadable_transactions_are_one_finding(tmp_path: Path) -> None:
    (finding,) = check_sources(**sources(tmp_path, ""))
    assert "0 bytes" in finding.what


def test_invalid_values_are_one_of_several_findings(tmp_path: Path) -> None:
    findings = check_sources(**sources(tmp_path, SALES + "9,0108,dear\n", "who,age\n007,30\n007,40\n"))
    assert summaries(findings) == [("error", "users", "who", 2), ("error", "transactions", None, 0)]
    assert "'dear' in column 'cost' in line 4" in findings[1].what


def test_counts_equal_an_independent_pandas_computation(tmp_path: Path) -> None:
    synth.hm(tmp_path, 0.001, 3)
    sales = pd.read_csv(tmp_path / "transactions_train.csv", dtype={"article_id": str})
    customers = pd.read_csv(tmp_path / "customers.csv").iloc[::2]
    articles = pd.read_csv(tmp_path / "articles.csv", dtype={"article_id": str}).iloc[:-3]
    sales.loc[::7, "price"] *= -1
    sales.to_csv(tmp_path / "transactions_train.csv", index=False)
    customers.to_csv(tmp_path / "customers.csv", index=False)
    articles.to_csv(tmp_path / "articles.csv", index=False)
    source = TransactionsSource(
        path="transactions_train.csv",
        user_id="customer_id",
        item_id="article_id",
        timestamp="t_dat",
        price="price",
    )
    findings = check(read(source, UsersSource(path="customers.csv"), ItemsSource(path="articles.csv"), tmp_path))
    expected = [
        ("warning", "transactions", "price", int((sales.price < 0).sum())),
        ("warning", "transactions", "customer_id", int((~sales.customer_id.isin(customers.customer_id)).sum())),
        ("warning", "transactions", "article_id", int((~sales.article_id.isin(articles.article_id)).sum())),
        ("note", "users", "customer_id", int((~customers.customer_id.isin(sales.customer_id)).sum())),
        ("note", "items", "article_id", int((~articles.article_id.isin(sales.article_id)).sum())),
        ("note", "transactions", None, int(sales.duplicated(["t_dat", "customer_id", "article_id", "price"]).sum())),
    ]
    assert sorted(map(str, summaries(findings))) == sorted(str(finding) for finding in expected if finding[-1])


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ([datetime(1, 1, 1), datetime(2019, 1, 1)], "outside 1900 to 2200"),
        ([datetime(9999, 12, 31, 23, 59), datetime(2019, 1, 1)], "outside 1900 to 2200"),
        ([date(9999, 12, 31), date(1, 1, 1)], "outside 1900 to 2200"),
        ([datetime(1970, 1, 18, 22), None], "seconds that were read as milliseconds"),
        (pl.Series([1546387200000 * 10**6, 0]).cast(pl.Datetime("us")), "milliseconds that were read as seconds"),
    ],
)
def test_times_of_no_shop_are_findings_and_never_an_overflow(times: Any, words: str) -> None:
    transactions = pl.DataFrame({"user_id": ["a", "a"], "item_id": ["x", "y"], "timestamp": times})
    findings = check(Tables(transactions), now=NOW)
    assert any(words in finding.what and finding.column == "timestamp" for finding in findings)
    for finding in findings:
        assert len(finding.examples.rows()) == finding.examples.height
    try:
        profiled = profile(Tables(transactions))
    except TableError:
        assert any(finding.severity == "error" for finding in findings)
    else:
        assert profiled.n_transactions == 2


def test_the_detected_unit_of_timestamps_is_a_note_and_in_the_steps() -> None:
    transactions = pl.DataFrame({"user_id": ["a"], "item_id": ["x"], "timestamp": [1546387200000]})
    (note,) = check(Tables(transactions), now=NOW)
    assert (note.severity, 'read with timestamp_unit "ms"' in note.what) == ("note", True)
    assert clean(Tables(transactions)).steps[0].name == 'read (transactions: timestamp_unit "ms")'
