import numpy as np
import pandas as pd
import polars as pl
import pytest

from gingham.errors import TableError
from gingham.tables import CleanSpec, Tables, clean
from gingham.tables.k_core import keep_k_core


@pytest.mark.parametrize("as_text", [True, False])
@pytest.mark.parametrize("k", [2, 3, 4, 12])
def test_result_equals_an_independent_pandas_computation(k: int, as_text: bool) -> None:
    rng = np.random.default_rng(k)
    rows = pd.DataFrame({"user_id": rng.integers(0, 30, 150), "item_id": rng.geometric(0.1, 150)})
    rows = rows.astype(str) if as_text else rows
    expected = rows
    while True:
        n_items = expected.groupby("user_id")["item_id"].transform("nunique")
        n_users = expected.groupby("item_id")["user_id"].transform("nunique")
        if (reaches_k := (n_items >= k) & (n_users >= k)).all():
            break
        expected = expected[reaches_k]
    if expected.empty:
        with pytest.raises(TableError, match=f"'{k}-core' removes all 150 transactions; relax it"):
            clean(Tables(rows), CleanSpec(k_core=k))
        return
    cleaned = clean(Tables(rows), CleanSpec(k_core=k))
    assert cleaned.steps[-1].name == f"{k}-core"
    assert 0 < len(expected) < len(rows)
    assert cleaned.transactions.collect().rows() == list(expected.itertuples(index=False, name=None))


def test_transactions_that_are_a_k_core_stay_as_they_are() -> None:
    rows = pl.DataFrame({"user_id": [1, 1, 2, 2, 2], "item_id": [1, 2, 1, 2, 2]})
    assert keep_k_core(rows, 2).equals(rows)
    assert keep_k_core(rows, 3).is_empty()
