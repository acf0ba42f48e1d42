import numpy as np
import polars as pl
import scipy.sparse as sp

from gingham.dataset import Features, Ids, encode
from gingham.dataset.codes import read_codes
from gingham.tables import FeatureSpec


def test_a_feature_tells_what_its_column_says() -> None:
    # Two identities, then features: the first has "b" of two of a column's values, the second both of another's.
    weights = [[1, 0, 0, 0.5, 0, 0, 2], [0, 1, 0, 0, 0.5, 0.5, 0]]
    names = ("kind=a", "kind=b", "tag=x", "tag=y", "size")
    codes = read_codes(Features(sp.csr_matrix(np.array(weights, np.float32)), names))
    assert list(codes) == ["kind", "tag"]
    assert (codes["kind"].of.tolist(), codes["kind"].n_values, codes["kind"].null) == ([1, 2], 3, None)
    assert (codes["tag"].of.tolist(), codes["tag"].n_values, codes["tag"].null) == ([2, 0], 3, None)
    assert codes["kind"].told.tolist() == [True, False]


def test_null_tells_nothing() -> None:
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
    codes = read_codes(encode(Ids.from_series(table["id"]), table, spec, "id"))
    assert codes["club"].told.tolist() == [True, False, True]
    assert codes["age"].told.tolist() == [False, True, True]
    # Of numbers and words, that some are not known makes no category.
    assert set(codes) == {"club", "age"}


def test_without_features_there_are_no_columns() -> None:
    assert read_codes(None) == {}
