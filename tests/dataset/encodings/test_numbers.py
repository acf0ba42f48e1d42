import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gingham.dataset.encodings import Bins, Scale
from gingham.errors import TableError
from tests.dataset.encodings.samples import column, named, only, weights


def test_numbers_out_of_range_are_in_the_outer_bins() -> None:
    bins = Bins.fit(column([1, 2, 3, 4]), 2)
    later = column([-5.0, 2, 2.5, 99, float("inf"), -float("inf"), None])
    low, high = "x∈(-inf,2]", "x∈(2,inf]"
    assert only(bins, later) == [low, low, high, high, high, low, "x=null"]


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1))
@example([None, None, 1.9, 1.9, 1.9, 1.9, 1.9, 1.9])  # the rounded deviation is not zero
def test_scaled_values_equal_those_of_pandas(values: list[float | None]) -> None:
    series = pd.Series(values, dtype=float)
    encoded = weights(Scale.fit(column(values, pl.Float64), with_null=True), column(values, pl.Float64))
    is_null = series.isna().to_numpy()
    np.testing.assert_array_equal(encoded[:, 1] == 1, is_null)
    assert (encoded[is_null, 0] == 0).all()
    spread = series.std(ddof=0) if series.nunique() > 1 else 0
    scaled = (series - series.mean()) / spread if spread > 0 else series - series.mean()
    np.testing.assert_allclose(encoded[~is_null, 0], scaled[~is_null], rtol=1e-6, atol=1e-6)


def test_scaled_values_without_a_feature_for_null() -> None:
    scale = Scale.fit(column([1, None, 3]), with_null=False)
    assert scale.names == ["x"]
    assert named(scale, column([1, None, 3, 2])) == [{"x": -1}, {}, {"x": 1}, {}]


@pytest.mark.parametrize("values", [[1.0, float("inf")], [1e300, -1e300]])
def test_numbers_without_standard_deviation(values: list[float]) -> None:
    with pytest.raises(TableError, match=r"'x' holds numbers up to (inf|1e.300)"):
        Scale.fit(column(values), with_null=True)
