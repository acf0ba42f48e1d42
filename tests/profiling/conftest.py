"""A synthetic shop of H&M's shape, as tables and as the pandas frames that the expected values are computed from."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from gingham.profiling import Profile, profile
from gingham.synth import fashion as synth
from gingham.tables import CleanSpec, Tables, clean


@dataclass(frozen=True)
class Shop:
    tables: Tables
    profile: Profile
    n_read: int
    transactions: pd.DataFrame
    customers: pd.DataFrame
    articles: pd.DataFrame


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder: Path = tmp_path_factory.mktemp("synthetic") / "hm"
    synth.hm(folder, scale=0.001, seed=4)
    ids = {"customer_id": str, "article_id": str}
    transactions = pd.read_csv(folder / "transactions_train.csv", dtype=ids, parse_dates=["t_dat"])
    customers = pd.read_csv(folder / "customers.csv", dtype=ids)
    articles = pd.read_csv(folder / "articles.csv", dtype=ids)
    roles = {"customer_id": "user_id", "article_id": "item_id", "t_dat": "timestamp", "sales_channel_id": "channel"}
    tables = clean(
        Tables(
            pl.from_pandas(transactions.rename(columns=roles)),
            pl.from_pandas(customers.rename(columns=roles)),
            pl.from_pandas(articles.rename(columns=roles)),
            item_name="prod_name",
        ),
        CleanSpec(max_transactions=500),
    )
    times = transactions.customer_id.value_counts()
    kept = transactions[transactions.customer_id.isin(times[times <= 500].index)]
    return Shop(tables, profile(tables), len(transactions), kept, customers, articles)
