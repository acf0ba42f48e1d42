import numpy as np
import polars as pl
import scipy.sparse as sp

from gingham.dataset import Feature, Features, Ids, encode
from gingham.tables import FeatureSpec


def test_codes_are_the_categories_of_each_row() -> None:
    # Two identities, then features: the first row has one value of "kind", the second row both values of "tag".
    weights = [[1, 0, 0, 0.5, 0, 0, 2], [0, 1, 0, 0, 0.5, 0.5, 0]]
    names = (
        Feature("kind", "a"),
        Feature("kind", "b"),
        Feature("tag", "x", "part"),
        Feature("tag", "y", "part"),
        "size",
    )
    codes = Features(sp.csr_matrix(np.array(weights, np.float32)), names).categories()
    assert list(codes) == ["kind", "tag"]
    assert (codes["kind"].of_row.tolist(), codes["kind"].n_values, codes["kind"].labels) == ([1, 2], 3, ["a", "b"])
    assert (codes["tag"].of_row.tolist(), codes["tag"].n_values, codes["tag"].labels) == ([2, 0], 3, ["x", "y"])
    assert codes["kind"].is_known.tolist() == [True, False]
    assert [codes[column].is_exclusive for column in ("kind", "tag")] == [True, False]


def test_null_is_not_a_known_value() -> None:
    table = pl.DataFrame(
        {
            "id": [1, 2, 3],
            "club": ["in", None, "out"],
            "age": [None, 20.0, 60.0],
            "text": ["a"] * 3,
            "height": [None, 1.0, 2.0],
        }
    )
    spec = FeatureSpec(categorical=["club"], quantile={"age": 2}, scaled=["height"], text={"text": 2})
    codes = encode(Ids.from_series(table["id"]), table, spec, "id").categories()
    assert codes["club"].is_known.tolist() == [True, False, True]
    assert codes["age"].is_known.tolist() == [False, True, True]
    assert codes["age"].labels == ["(-inf,20]", "(20,inf]", "null"]
    # Numbers and words are not categories, although they have a feature for null.
    assert set(codes) == {"club", "age"}


def test_a_date_has_three_groups_of_categories() -> None:
    table = pl.DataFrame({"id": [1, 2, 3], "since": ["2020-01-31", None, "2020-03-09"]})
    codes = encode(Ids.from_series(table["id"]), table, FeatureSpec(date={"since": 2}), "id").categories()
    assert list(codes) == ["since:weekday", "since:month", "since:age"]
    assert codes["since:month"].is_known.tolist() == [True, False, True]
    assert [codes["since:month"].features[code].label for code in codes["since:month"].of_row[[0, 2]]] == ["1", "3"]


def test_columns_and_values_may_contain_equals_signs() -> None:
    table = pl.DataFrame({"id": [1, 2, 3], "a=b": ["=A", "A", None], "a": ["b=A", "∈x", "y"]})
    codes = encode(Ids.from_series(table["id"]), table, FeatureSpec(categorical=["a=b", "a"]), "id").categories()
    assert codes["a=b"].labels == ["=A", "A", "null"]
    assert codes["a=b"].of_row.tolist() == [0, 1, 2]
    assert codes["a"].labels == ["b=A", "null", "y", "∈x"]


def test_without_names_there_are_no_categories() -> None:
    assert Features(sp.identity(3, format="csr")).categories() == {}
