import json
import math
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

import gingham as gg
from gingham.dataset import Dataset, FeatureEncoder, Features, Ids, encode
from gingham.errors import DataError, TableError
from gingham.tables import FeatureSpec, Tables

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


def test_without_a_table_or_columns_there_is_nothing_else() -> None:
    for features in (
        encode(IDS, None, FeatureSpec(), "user_id"),
        encode(IDS, TABLE, FeatureSpec(), "user_id"),
    ):
        assert features.names == ()
        np.testing.assert_array_equal(features.matrix.toarray(), np.eye(3))


def test_a_category_is_a_feature_and_so_is_null() -> None:
    features = encode(IDS, TABLE, FeatureSpec(categorical=["club"]), "user_id")
    # a's is null, b has no row, tin belongs to nobody here.
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


def test_everything_equals_an_independent_pandas_computation() -> None:
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

    known = users.age.dropna().sort_values().tolist()
    borders = sorted({known[math.ceil(len(known) * eighth / 8) - 1] for eighth in range(1, 8)})
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
    known = np.array([value is not None and value == value for value in values])
    assert ((codes == len(features.names) - 1) == ~known).all()
    numbers = np.array([value for value, is_known in zip(values, known, strict=True) if is_known])
    assert (np.diff(codes[known][np.argsort(numbers)]) >= 0).all()
    assert len(features.names) <= bins + 1
    if known.any():
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
def test_a_column_of_the_wrong_type_is_named(spec: Any, words: str) -> None:
    table = TABLE.with_columns(list=pl.lit([1, 2]))
    with pytest.raises(TableError, match=words):
        encode(IDS, table, FeatureSpec(**spec), "user_id")


SPEC = FeatureSpec(
    categorical=["club", "channel"],
    quantile={"age": 3},
    scaled=["age", "spent"],
    multi={"tags": "|"},
    date={"since": 2},
    text={"about": 16},
    min_count=2,
)
PEOPLE = pl.DataFrame(
    {
        "user_id": ["a", "b", "c", "d", "e", "f"],
        "club": ["gold", "gold", "tin", None, "tin", "brass"],
        "channel": [1, 1, 2, 2, None, 3],
        "age": [30.0, 41.0, float("nan"), 20.0, 66.0, 41.0],
        "spent": [1.5, -2.0, 3.0, None, 0.0, 8.0],
        "tags": ["x|y", "x", "x|q|z", "", None, "y"],
        "since": [date(2020, 1, 31), date(2020, 2, 1), None, date(2019, 7, 4), date(2020, 3, 9), date(2018, 1, 1)],
        "about": ["Red wool hat", None, "red, RED hat!", "--", "a hat", "shoe"],
    }
)
PEOPLE_IDS = Ids.from_series(PEOPLE["user_id"])


def told(matrix: sp.csr_matrix, encoder: FeatureEncoder) -> list[dict[str, float]]:
    """The weights of each row's features that have a name, by that name."""
    rows = matrix[:, encoder.n_identities :].toarray()
    return [{encoder.names[column]: float(row[column]) for column in np.flatnonzero(row)} for row in rows]


def test_names_come_in_the_order_of_the_columns_and_are_distinct() -> None:
    encoder = FeatureEncoder.fit(PEOPLE, SPEC)
    features = encode(PEOPLE_IDS, PEOPLE, SPEC, "user_id")
    assert features.names == encoder.names
    assert len(set(encoder.names)) == len(encoder.names)
    assert features.n_features == encoder.n_features == 6 + len(encoder.names)
    assert encoder.names[:8] == (
        *("club=gold", "club=null", "club=other", "club=tin"),
        *("channel=1", "channel=2", "channel=null", "channel=other"),
    )
    assert encoder.names[8:15] == (
        *("age∈(-inf,30]", "age∈(30,41]", "age∈(41,inf]", "age=null"),
        *("age", "spent", "spent=null"),
    )


def test_values_on_few_rows_share_a_feature() -> None:
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


def test_rarity_is_that_of_the_rows_that_are_encoded() -> None:
    # Of the table's three, only c and a are encoded; z is as if it were not there.
    table = TABLE.with_columns(club=pl.Series(["tin", "gold", "tin"]))
    features = encode(IDS, table, FeatureSpec(categorical=["club"], min_count=2), "user_id")
    assert features.names == ("club=null", "club=other")


@pytest.mark.parametrize("normalize", [False, True])
def test_rows_of_a_table_are_those_of_the_known_without_their_identities(normalize: bool) -> None:
    spec = SPEC.model_copy(update={"normalize": normalize})
    encoder = FeatureEncoder.fit(PEOPLE, spec)
    known = encode(PEOPLE_IDS, PEOPLE, spec, "user_id").matrix.toarray()
    rows = encoder.encode(PEOPLE)
    assert rows.dtype == np.float32
    assert rows.shape == known.shape
    assert rows[:, :6].nnz == 0
    rest = known[:, 6:]
    if normalize:
        np.testing.assert_allclose(np.abs(known).sum(axis=1), 1, rtol=1e-6)
        rest = rest / np.abs(rest).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(rows[:, 6:].toarray(), rest, rtol=1e-6)
    np.testing.assert_array_equal(
        encoder.encode(PEOPLE[[3, 1]]).toarray(),
        rows.toarray()[[3, 1]],
    )


def test_a_plain_dict_is_encoded_as_its_row() -> None:
    encoder = FeatureEncoder.fit(PEOPLE, SPEC)
    rows = encoder.encode(PEOPLE)
    for number, person in enumerate(PEOPLE.drop("user_id").iter_rows(named=True)):
        one = encoder.encode_one(person)
        assert one.shape == (1, encoder.n_features)
        np.testing.assert_array_equal(one.toarray(), rows[number].toarray())
        without_nulls = {column: value for column, value in person.items() if value is not None}
        np.testing.assert_array_equal(encoder.encode_one(without_nulls).toarray(), one.toarray())


def test_what_was_never_seen() -> None:
    encoder = FeatureEncoder.fit(PEOPLE, SPEC)
    nobody = {f"{column}=null" for column in ("club", "channel", "age", "spent", "tags", "since", "about")}
    (nothing,) = told(encoder.encode_one({}), encoder)
    assert nothing == dict.fromkeys(nobody, 1.0)
    (person,) = told(
        encoder.encode_one(
            {"club": "platinum", "channel": 1.0, "age": 150, "tags": "q|new|x", "since": "2031-05-05", "spent": 1.75}
        ),
        encoder,
    )
    assert person == {
        "club=other": 1,
        "channel=1": 1,
        "age∈(41,inf]": 1,
        "age": pytest.approx((150 - 39.6) / PEOPLE["age"].fill_nan(None).std(ddof=0)),
        "spent": pytest.approx((1.75 - 2.1) / PEOPLE["spent"].std(ddof=0)),
        "tags=other": 1,
        "tags=x": 1,
        "since:weekday=mon": 1,
        "since:month=5": 1,
        "since:age∈(-inf,38]": 1,
        "about=null": 1,
    }


def test_without_rare_values_an_unknown_one_is_null_and_an_unknown_part_is_nothing() -> None:
    encoder = FeatureEncoder.fit(PEOPLE, FeatureSpec(categorical=["club"], multi={"tags": "|"}))
    assert told(encoder.encode_one({"club": "platinum", "tags": "x|new"}), encoder) == [{"club=null": 1, "tags=x": 1}]
    assert told(encoder.encode_one({"club": "tin", "tags": "new"}), encoder) == [{"club=tin": 1, "tags=null": 1}]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({3: 31}, "no column 3 "),
        ({"agee": 31}, "no column 'agee'.*did you mean 'age'"),
        ({"zzzzzz": 31}, "no column 'zzzzzz'.*features are made of .*'club'"),
        ({"age": "31"}, "'age' is String"),
        ({"club": ["gold"]}, "'club' is List"),
        ({"about": 3}, "'about' is Int64"),
        ({"since": 3}, "'since' is Int64"),
        ({"since": "09/03/2020"}, "'since' holds '09/03/2020'.*2019-01-31"),
        ({"spent": 1e300}, r"'spent' holds 1e\+300"),
        ({"spent": float("inf")}, "'spent' holds inf"),
    ],
)
def test_a_dict_that_cannot_be_encoded(values: dict[Any, Any], words: str) -> None:
    with pytest.raises(TableError, match=words):
        FeatureEncoder.fit(PEOPLE, SPEC).encode_one(values)


def test_a_table_that_cannot_be_encoded() -> None:
    encoder = FeatureEncoder.fit(PEOPLE, SPEC)
    with pytest.raises(TableError, match=r"no column 'about'.*'club'"):
        encoder.encode(PEOPLE.drop("about"))
    with pytest.raises(DataError, match="5 rows for 6 identities"):
        encoder.encode(PEOPLE.head(5), identities=True)
    assert encoder.encode(PEOPLE.head(0)).shape == (0, encoder.n_features)


def shop(**features: Any) -> Dataset:
    sales = pl.DataFrame({"user_id": ["b", "a", "c", "f"] * 3, "item_id": [1, 2, 2, 3] * 3})
    items = pl.DataFrame({"item_id": [4, 3, 1], "title": ["never sold", "Hat", "Shoe"], "kind": ["x", "y", "x"]})
    tables = Tables(
        sales, PEOPLE, items, user_features=SPEC, item_features=FeatureSpec(categorical=["kind"], text={"title": 8})
    )
    return Dataset.from_tables(tables, **features)


def test_a_stored_model_encodes_the_same(tmp_path: Path) -> None:
    dataset = shop()
    model = gg.HybridMF(4, random_state=1).fit(dataset, epochs=2)
    model.save(tmp_path / "model")
    known = gg.load(tmp_path / "model").training_data_
    for before, after in (
        (dataset.user_encoder, known.user_encoder),
        (dataset.item_encoder, known.item_encoder),
    ):
        assert before is not None
        assert after is not None
        assert (after.names, after.n_features) == (before.names, before.n_features)
        state, texts = before.state()
        assert after.state()[0] == state == json.loads(json.dumps(state, allow_nan=False))
        assert after.state()[1].equals(texts)
    assert known.user_encoder is not None
    assert dataset.user_features is not None
    np.testing.assert_array_equal(
        known.user_encoder.encode(PEOPLE, identities=True).toarray(), dataset.user_features.matrix.toarray()
    )
    embeddings, biases = model.user_representations(known.user_encoder.encode_one({"club": "gold", "age": 31}))
    assert embeddings.shape == (1, 4)
    assert np.isfinite([*embeddings[0], *biases]).all()


def test_models_without_columns_of_features_have_no_encoder(tmp_path: Path) -> None:
    sales = pl.DataFrame({"user_id": ["b", "a"], "item_id": [1, 2]})
    gg.Popularity().fit(Dataset.from_tables(Tables(sales))).save(tmp_path / "model")
    known = gg.load(tmp_path / "model").training_data_
    assert known.user_encoder is None
    assert known.item_encoder is None


def embed(items: pl.DataFrame) -> Any:
    """As a sentence-embedding model would: a row each, of what it is told in the order of the ids."""
    assert items["item_id"].to_list() == [1, 2, 3]
    assert items["title"].to_list() == ["Shoe", None, "Hat"]
    return np.array([[0.5, 0, -1], [0, 0, 0], [2, 1, 0]])


@pytest.mark.parametrize("made", [np.asarray, sp.csr_matrix, sp.coo_array, lambda matrix: matrix.tolist()])
def test_a_callable_adds_features(made: Any, tmp_path: Path) -> None:
    def embedded(items: pl.DataFrame) -> Any:
        return made(embed(items))

    dataset = shop(item_features=embedded)
    encoder, features = dataset.item_encoder, dataset.item_features
    assert encoder is not None
    assert features is not None
    assert encoder.extra == ("embedded[0]", "embedded[1]", "embedded[2]")
    assert features.names == encoder.names
    np.testing.assert_array_equal(features.matrix[:, -3:].toarray(), [[0.5, 0, -1], [0, 0, 0], [2, 1, 0]])
    without = shop().item_features
    assert without is not None
    np.testing.assert_array_equal(features.matrix[:, :-3].toarray(), without.matrix.toarray())

    gg.HybridMF(4, random_state=1).fit(dataset).save(tmp_path / "model")
    loaded = gg.load(tmp_path / "model").training_data_.item_encoder
    assert loaded is not None
    assert told(loaded.encode_one({"kind": "x"}), loaded) == [{"kind=x": 1, "title=null": 1}]
    given = loaded.encode_one({"kind": "x"}, [1, 2, 3])
    assert told(given, loaded)[0] == {
        **{"kind=x": 1, "title=null": 1},
        **{"embedded[0]": 1, "embedded[1]": 2, "embedded[2]": 3},
    }
    with pytest.raises(DataError, match=r"extra has shape \(1, 2\).*\(1, 3\)"):
        loaded.encode_one({}, [1, 2])
    with pytest.raises(DataError, match=r"extra has shape \(1,\)"):
        loaded.encode_one({}, 3)


def test_a_callable_alone_is_enough() -> None:
    sales = pl.DataFrame({"user_id": ["b", "a"], "item_id": [1, 2]})
    dataset = Dataset.from_tables(Tables(sales), user_features=lambda users: np.eye(users.height))
    assert dataset.user_features is not None
    np.testing.assert_array_equal(dataset.user_features.matrix.toarray(), [[1, 0, 1, 0], [0, 1, 0, 1]])
    assert dataset.item_features is None


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (np.ones((2, 3)), r"What <lambda> returned has shape \(2, 3\); give a matrix of 3 rows"),
        (np.ones(3), r"shape \(3,\)"),
        (np.array([[1, 1], [1, np.nan], [1, 1]]), "holds nan in row 1, column 1"),
        (np.full((3, 1), 1e300), "holds inf in row 0, column 0"),
        (sp.csr_matrix([[0, 0], [0, 0], [0, np.inf]]), "holds inf in row 2, column 1"),
        ([["a"], ["b"], ["c"]], "no matrix of numbers"),
        (None, r"shape \(\)|no matrix"),
    ],
)
def test_a_callable_that_returns_something_else(returned: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        shop(item_features=lambda items: returned)
