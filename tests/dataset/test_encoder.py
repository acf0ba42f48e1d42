from typing import Any

import numpy as np
import pytest

from gingham.dataset import FeatureEncoder, encode
from gingham.errors import DataError, TableError
from gingham.tables import FeatureSpec
from tests.dataset.samples import PEOPLE, PEOPLE_IDS, SPEC, named_weights


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


@pytest.mark.parametrize("normalize", [False, True])
def test_rows_are_encoded_without_identities(normalize: bool) -> None:
    spec = SPEC.model_copy(update={"normalize": normalize})
    encoder = FeatureEncoder.fit(PEOPLE, spec)
    training_rows = encode(PEOPLE_IDS, PEOPLE, spec, "user_id").matrix.toarray()
    rows = encoder.encode(PEOPLE)
    assert rows.dtype == np.float32
    assert rows.shape == training_rows.shape
    assert rows[:, :6].nnz == 0
    rest = training_rows[:, 6:]
    if normalize:
        np.testing.assert_allclose(np.abs(training_rows).sum(axis=1), 1, rtol=1e-6)
        rest = rest / np.abs(rest).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(rows[:, 6:].toarray(), rest, rtol=1e-6)
    np.testing.assert_array_equal(
        encoder.encode(PEOPLE[[3, 1]]).toarray(),
        rows.toarray()[[3, 1]],
    )


def test_a_dict_is_encoded_as_its_row() -> None:
    encoder = FeatureEncoder.fit(PEOPLE, SPEC)
    rows = encoder.encode(PEOPLE)
    for number, person in enumerate(PEOPLE.drop("user_id").iter_rows(named=True)):
        one = encoder.encode_one(person)
        assert one.shape == (1, encoder.n_features)
        np.testing.assert_array_equal(one.toarray(), rows[number].toarray())
        without_nulls = {column: value for column, value in person.items() if value is not None}
        np.testing.assert_array_equal(encoder.encode_one(without_nulls).toarray(), one.toarray())


def test_unknown_values() -> None:
    encoder = FeatureEncoder.fit(PEOPLE, SPEC)
    nulls = {f"{column}=null" for column in ("club", "channel", "age", "spent", "tags", "since", "about")}
    (empty,) = named_weights(encoder.encode_one({}), encoder)
    assert empty == dict.fromkeys(nulls, 1.0)
    (person,) = named_weights(
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


def test_unknown_values_without_rare_ones() -> None:
    encoder = FeatureEncoder.fit(PEOPLE, FeatureSpec(categorical=["club"], multi={"tags": "|"}))
    assert named_weights(encoder.encode_one({"club": "platinum", "tags": "x|new"}), encoder) == [
        {"club=null": 1, "tags=x": 1}
    ]
    assert named_weights(encoder.encode_one({"club": "tin", "tags": "new"}), encoder) == [
        {"club=tin": 1, "tags=null": 1}
    ]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({3: 31}, "no column 3;"),
        ({"agee": 31}, "no column 'agee'.*did you mean 'age'"),
        ({"zzzzzz": 31}, "no column 'zzzzzz'.*use one of .*'club'"),
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
