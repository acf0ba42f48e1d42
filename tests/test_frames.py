"""Data frames of pandas and other libraries become Polars frames, with and without PyArrow."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest

import gingham as gg
from gingham.errors import TableError
from gingham.frames import is_frame, to_frame

ROOT = Path(__file__).parents[1]
DAY = datetime(2019, 1, 2)
STOCKHOLM = pd.DatetimeIndex([DAY]).tz_localize("Europe/Stockholm").insert(1, pd.NaT)

COLUMNS: dict[str, tuple[Any, list[Any], Any]] = {
    "text": (pd.Series(["a", None]), ["a", None], pl.String),
    "object": (pd.Series(["a", float("nan")], dtype=object), ["a", None], pl.String),
    "string": (pd.array(["a", None], dtype="string[python]"), ["a", None], pl.String),
    "arrow text": (pd.array(["a", None], dtype="string[pyarrow]"), ["a", None], pl.String),
    "int": ([1, 2], [1, 2], pl.Int64),
    "int8": (np.array([1, 2], "i1"), [1, 2], pl.Int8),
    "big endian": (np.array([1, 2], ">i4"), [1, 2], pl.Int32),
    "float": ([1.5, np.nan], [1.5, None], pl.Float64),
    "half": (np.array([1.5, 2], "f2"), [1.5, 2.0], pl.Float64),
    "bool": ([True, False], [True, False], pl.Boolean),
    "Int64": (pd.array([1, None], dtype="Int64"), [1, None], pl.Int64),
    "UInt64": (pd.array([2**63, None], dtype="UInt64"), [2**63, None], pl.UInt64),
    "Float64": (pd.array([1.5, None], dtype="Float64"), [1.5, None], pl.Float64),
    "boolean": (pd.array([True, None], dtype="boolean"), [True, None], pl.Boolean),
    "category": (pd.Categorical(["x", None], categories=["y", "x"]), ["x", None], pl.String),
    "numbers": (pd.Categorical([7, None]), [7, None], pl.Int64),
    "time": (pd.to_datetime([DAY, None]), [DAY, None], pl.Datetime),
    "seconds": (np.array(["2019-01-02", "NaT"], "M8[s]"), [DAY, None], pl.Datetime),
    "days": (pd.Series([date(2019, 1, 2), None]), [date(2019, 1, 2), None], pl.Date),
    "zone": (STOCKHOLM, [datetime(2019, 1, 1, 23, tzinfo=UTC), None], pl.Datetime),
    "duration": (pd.to_timedelta([1, None], unit="h"), [timedelta(hours=1), None], pl.Duration),
    "month": (
        pd.period_range("2019-01", periods=2, freq="M"),
        [datetime(2019, 1, 1), datetime(2019, 2, 1)],
        pl.Datetime,
    ),
    "decimal": ([Decimal("1.50"), None], [Decimal("1.50"), None], pl.Decimal),
    "uuid": ([UUID(int=1), None], [str(UUID(int=1)), None], pl.String),
    "sparse": (pd.arrays.SparseArray([0, 1]), [0, 1], pl.Int64),
    "both": (pd.Series([1, 2.5], dtype=object), [1.0, 2.5], pl.Float64),
    "null": ([None, None], [None, None], pl.Null),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_of_pandas_are_converted(name: str) -> None:
    values, expected, dtype = COLUMNS[name]
    column = to_frame(pd.DataFrame({name: values}), "table").collect()[name]
    assert column.to_list() == expected
    assert column.dtype == dtype


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pd.DataFrame({"code": [85123, "85123A"]}), "mixes types in column 'code', .*: int and str; convert it"),
        (pd.DataFrame({"code": pd.Series([True, 1], dtype=object)}), "'code', .*: bool and int; convert it"),
        (pd.DataFrame({"code": [1j]}), "'code', .*: complex; convert it"),
        (pd.DataFrame({"code": pd.interval_range(0, 2)}), "'code', .*: Interval; convert it"),
        (pd.DataFrame([[1, 2]], columns=[0, "0"]), "has column '0' twice"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "has column 'a' twice"),
        ([1, 2], "cannot be converted to Polars: .*list.*; pass a data frame"),
        (None, "cannot be converted to Polars"),
    ],
)
def test_other_columns_are_refused_in_one_sentence(frame: Any, words: str) -> None:
    with pytest.raises(TableError, match=words) as caught:
        to_frame(frame, "users table")
    assert "\n" not in str(caught.value)
    assert is_frame(frame) == isinstance(frame, pd.DataFrame)


def test_a_frame_of_narwhals_is_unwrapped() -> None:
    assert to_frame(nw.from_native(pd.DataFrame({"a": [1]})), "table").collect().rows() == [(1,)]


def test_other_libraries_need_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    relation = duckdb.sql("SELECT 1 AS user_id")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(TableError, match="is a DuckDBPyRelation, which cannot be converted without PyArrow; run: pip"):
        to_frame(relation, "users table")


def test_an_index_of_pandas_may_have_the_ids() -> None:
    sales = pd.DataFrame({"user_id": ["ann", "bob"], "item_id": ["x", "y"], "price": [1.0, 2.0]})
    users = pd.DataFrame({"user_id": ["ann", "bob"], "age": [30, 40]})
    tables = gg.Tables(sales.set_index(["user_id", "item_id"]), users.set_index("user_id"))
    assert tables.transactions.collect().rows() == [("ann", "x", 1.0), ("bob", "y", 2.0)]
    assert tables.users is not None
    assert tables.users.collect().rows() == [("ann", 30), ("bob", 40)]


def test_columns_that_nothing_uses_may_mix_types() -> None:
    sales = pd.DataFrame(
        {
            "user_id": [7.0, 8.0],
            "item_id": ["85123A", "22423"],
            "Invoice": [489434, "C489449"],
            "Description": ["BOX", 20713],
            "complex": [1j, 2],
            "interval": pd.interval_range(0, 2),
            0: [1, 2],
        }
    )
    tables = gg.Tables(sales, items=pd.DataFrame({"item_id": ["85123A"], "sizes": [[1]], "code": [1, "a"][:1]}))
    assert gg.Dataset.from_tables(tables).n_users == 2
    rows = tables.transactions.collect()
    assert rows["Invoice"].to_list() == ["489434", "C489449"]
    assert rows["0"].to_list() == [1, 2]
    with pytest.raises(TableError, match="mixes types in column 'code'"):
        gg.Tables(
            sales,
            items=pd.DataFrame({"item_id": ["x", "y"], "code": [1, "a"]}),
            item_features=gg.FeatureSpec(categorical=["code"]),
        )


def test_a_polars_frame_may_have_uuids() -> None:
    frame = pl.DataFrame({"user_id": [UUID(int=1), UUID(int=2)], "item_id": ["x", "y"]})
    assert gg.Dataset.from_tables(gg.Tables(frame)).user_ids.values.to_list() == [str(UUID(int=1)), str(UUID(int=2))]


def test_features_of_new_users_come_from_any_frame() -> None:
    encoder = gg.synth.sample_dataset().user_encoder
    assert encoder is not None
    rows = pl.DataFrame({"age_group": ["25-34", None]})
    expected = encoder.encode(rows).toarray()
    for frame in (rows.to_pandas(), rows.lazy(), rows.to_arrow()):
        np.testing.assert_array_equal(encoder.encode(frame).toarray(), expected)
    one = encoder.encode_one(rows.to_pandas().iloc[0])
    np.testing.assert_array_equal(one.toarray(), expected[:1])


# The README's example, with frames of pandas and without PyArrow.
WITHOUT_PYARROW = """
import re, sys
sys.modules["pyarrow"] = None
import numpy as np
import pandas as pd
import gingham as gg
rng = np.random.default_rng(0)
users, items = ["ann", "bob", "cid"], ["tea", "milk", *(f"item {number}" for number in range(18))]
days = pd.date_range("2024-01-01", "2024-01-30")
ids = {"user_id": rng.choice(users, 300), "item_id": rng.choice(items, 300)}
sales = pd.DataFrame(ids | {"timestamp": rng.choice(days, 300)})
todays_sales = sales.head(9)
customers = pd.DataFrame({"user_id": users, "club": ["gold", None, "tin"], "age": [31, np.nan, 45]})
articles = pd.DataFrame({"item_id": items, "kind": pd.Categorical(["a", "b"] * 10)})
code = re.search(r"```python\\n(.*?)```", open(sys.argv[1]).read(), flags=re.DOTALL)[1]
exec(code.replace('model.forget("bob")', ""))
segments = pd.DataFrame({"user_id": users, "club": ["x", "y", "y"]})
gg.evaluate(model, test, k=12, by=segments, allow_overlap=True)
model.recommend(pd.Series(users), k=2)
model.recommend(pd.Index(users), k=2, items=pd.Series(items), exclude=pd.Series(items[:3]))
model.predict(pd.Series(users), pd.Series(items[:3]))
print(gg.load("artifact").n_users)
"""


def test_the_example_of_the_readme_runs_with_pandas_without_pyarrow(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_PYARROW, str(ROOT / "README.md")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["3"], done.stderr
