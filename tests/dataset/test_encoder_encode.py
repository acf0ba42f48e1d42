import math
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gingham.dataset import Features, Ids, encode
from gingham.errors import TableError
from gingham.tables import FeatureSpec

IDS = Ids.from_series(pl.Series(["a", "b", "c"]))
TABLE = pl.DataFrame(
    {
        "user_id": ["c", "a", "z"],
        "club": ["gold", None, "tin"],
        "age": [30.0, float("nan"), 20.0],
        "tags": ["x | y|x", " | ", "z"],
    }
)


def named(features: Features) -> list[set[str]]:
    """The names of each row's features that have one."""
    tail = features.matrix[:, features.n_rows :].toarray()
    return [{features.names[column] for column in np.flatnonzero(row)} for row in tail]


def test_identities_come_first() -> None:
    features = encode(IDS, TABLE, FeatureSpec(categorical=["club"]), "user_id")
    assert features.matrix.dtype == np.float32
    assert (features.n_rows, features.n_features) == (3, 3 + len(features.names))
    np.testing.assert_array_equal(features.matrix[:, :3].toarray(), np.eye(3))


def test_without_a_table_or_columns_there_are_only_identities() -> None:
    for features in (
        encode(IDS, None, FeatureSpec(), "user_id"),
        encode(IDS, TABLE, FeatureSpec(), "user_id"),
    ):
        assert features.names == ()
        np.testing.assert_array_equal(features.matrix.toarray(), np.eye(3))


def test_categories_and_null_are_features() -> None:
    features = encode(IDS, TABLE, FeatureSpec(categorical=["club"]), "user_id")
    # a's is null, b has no row, and tin is in a row of another id.
    assert features.names == ("club=gold", "club=null")
    assert named(features) == [{"club=null"}, {"club=null"}, {"club=gold"}]


def test_parts_are_stripped_and_counted_once() -> None:
    features = encode(IDS, TABLE, FeatureSpec(multi={"tags": "|"}), "user_id")
    assert named(features) == [{"tags=null"}, {"tags=null"}, {"tags=x", "tags=y"}]
    assert set(features.matrix.data.tolist()) == {1.0}


def test_bins_are_those_of_the_table_and_nan_is_null() -> None:
    features = encode(IDS, TABLE, FeatureSpec(quantile={"age": 2}), "user_id")
    assert features.names == ("age∈(-inf,20]", "age∈(20,inf]", "age=null")
    assert named(features) == [{"age=null"}, {"age=null"}, {"age∈(20,inf]"}]


@pytest.mark.parametrize("values", [[5, 5, 5], [None, None, None], [float("nan")] * 3])
def test_bins_of_equal_or_unknown_numbers(values: list[Any]) -> None:
    table = pl.DataFrame({"user_id": ["a", "b", "c"], "age": pl.Series(values, strict=False)})
    features = encode(IDS, table, FeatureSpec(quantile={"age": 4}), "user_id")
    assert features.names == ("age∈(-inf,inf]", "age=null")
    assert named(features) == [{"age∈(-inf,inf]" if values[0] == 5 else "age=null"}] * 3


def test_numbers_flags_and_dates_are_categories_too() -> None:
    table = pl.DataFrame({"user_id": ["a", "b"], "channel": [1, 2], "news": [True, None], "size": [1.5, float("nan")]})
    features = encode(IDS, table, FeatureSpec(categorical=["channel", "news", "size"]), "user_id")
    assert named(features)[:2] == [
        {"channel=1", "news=true", "size=1.5"},
        {"channel=2", "news=null", "size=null"},
    ]


def test_totals_equal_those_of_pandas() -> None:
    rng = np.random.default_rng(3)
    n = 500
    users = pd.DataFrame(
        {
            "user_id": np.arange(n),
            "club": rng.choice(["gold", "silver", "tin"], n),
            "age": rng.integers(16, 80, n).astype(float),
            "tags": ["|".join(rng.choice(list("pqrstu"), rng.integers(0, 4))) for _ in range(n)],
        }
    )
    users.loc[rng.random(n) < 0.1, "club"] = None
    users.loc[rng.random(n) < 0.1, "age"] = np.nan
    spec = FeatureSpec(categorical=["club"], quantile={"age": 8}, multi={"tags": "|"})
    ids = Ids.from_series(pl.Series(np.arange(n)))
    features = encode(ids, pl.from_pandas(users.sample(frac=1, random_state=1)), spec, "user_id")

    ages = users.age.dropna().sort_values().tolist()
    borders = sorted({ages[math.ceil(len(ages) * eighth / 8) - 1] for eighth in range(1, 8)})
    ends = ["-inf", *(f"{border:g}" for border in borders), "inf"]
    counts = pd.cut(users.age, [-np.inf, *borders, np.inf]).value_counts(sort=False)
    expected = {
        **{f"club={club}": count for club, count in users.club.value_counts().items()},
        "club=null": users.club.isna().sum(),
        "age=null": users.age.isna().sum(),
        **{f"tags={tag}": users.tags.str.split("|").apply(lambda t, tag=tag: tag in t).sum() for tag in "pqrstu"},
        "tags=null": (users.tags == "").sum(),
    }
    expected |= {f"age∈({low},{high}]": count for (low, high), count in zip(pairwise(ends), counts, strict=True)}
    totals = np.asarray(features.matrix.sum(axis=0)).ravel()[n:]
    assert dict(zip(features.names, totals, strict=True)) == expected


@given(st.lists(st.one_of(st.none(), st.floats(width=32)), min_size=1), st.integers(2, 9))
def test_every_row_has_one_bin_and_bins_follow_order(values: list[float | None], bins: int) -> None:
    ids = Ids.from_series(pl.Series(np.arange(len(values))))
    table = pl.DataFrame({"user_id": np.arange(len(values)), "x": pl.Series(values, dtype=pl.Float64)})
    features = encode(ids, table, FeatureSpec(quantile={"x": bins}), "user_id")
    tail = features.matrix[:, len(values) :].toarray()
    assert (tail.sum(axis=1) == 1).all()
    codes = tail.argmax(axis=1)
    has_value = np.array([value is not None and value == value for value in values])
    assert ((codes == len(features.names) - 1) == ~has_value).all()
    numbers = np.array([value for value, keep in zip(values, has_value, strict=True) if keep])
    assert (np.diff(codes[has_value][np.argsort(numbers)]) >= 0).all()
    assert len(features.names) <= bins + 1
    if has_value.any():
        assert tail[:, :-1].any(axis=0).all()


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"categorical": ["clubb"]}, "'clubb'"),
        ({"quantile": {"club": 3}}, "'club' is String"),
        ({"multi": {"age": "|"}}, "'age' is Float64"),
        ({"categorical": ["list"]}, r"'list' is List"),
    ],
)
def test_a_missing_column_or_wrong_type_is_named(spec: Any, words: str) -> None:
    table = TABLE.with_columns(list=pl.lit([1, 2]))
    with pytest.raises(TableError, match=words):
        encode(IDS, table, FeatureSpec(**spec), "user_id")


def test_rare_values_share_a_feature() -> None:
    rng = np.random.default_rng(1)
    shops = pd.Series(rng.choice(list("abcdefghij"), 300, p=[0.3, 0.3, 0.2, 0.1, 0.04, 0.02, 0.01, 0.01, 0.01, 0.01]))
    shops[rng.random(300) < 0.05] = None
    table = pl.DataFrame({"user_id": np.arange(300), "shop": pl.from_pandas(shops)})
    counts = shops.value_counts()
    for least in (1, 5, 10, 1000):
        spec = FeatureSpec(categorical=["shop"], min_count=least)
        features = encode(Ids.from_series(table["user_id"]), table, spec, "user_id")
        expected = {f"shop={shop}": count for shop, count in counts.items() if count >= least}
        expected["shop=null"] = shops.isna().sum()
        if (counts < least).any():
            expected["shop=other"] = counts[counts < least].sum()
        totals = np.asarray(features.matrix.sum(axis=0)).ravel()[300:]
        assert dict(zip(features.names, totals, strict=True)) == expected


def test_values_are_counted_in_the_rows_that_are_encoded() -> None:
    # Of the table's three, only c and a are encoded; z is ignored.
    table = TABLE.with_columns(club=pl.Series(["tin", "gold", "tin"]))
    features = encode(IDS, table, FeatureSpec(categorical=["club"], min_count=2), "user_id")
    assert features.names == ("club=null", "club=other")
