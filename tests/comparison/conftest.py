import numpy as np
import polars as pl
import pytest

import gingham as gg
from gingham.dataset import Dataset, Ids, Interactions
from gingham.split import Split

N_USERS, N_ITEMS = 60, 20


@pytest.fixture(scope="package")
def parts() -> Split[Dataset]:
    """A seeded shop of sixty days in which users buy what they bought before, split a week before its end."""
    rng = np.random.default_rng(11)
    users = rng.integers(0, N_USERS, 2000)
    items = np.where(rng.random(2000) < 0.6, users % N_ITEMS, rng.geometric(0.2, 2000) % N_ITEMS)
    days = np.datetime64("2024-01-01") + rng.integers(0, 60, 2000)
    ids = (Ids.from_series(pl.Series(range(size))) for size in (N_USERS, N_ITEMS))
    dataset = Dataset(*ids, Interactions(users, items, N_USERS, N_ITEMS, timestamp=days))
    return gg.split.by_time(dataset, "7d")


@pytest.fixture(scope="package")
def comparison(parts: Split[Dataset]) -> gg.Comparison:
    """A comparison of two models with the baselines."""

    def bpr(train: Dataset) -> gg.HybridMF:
        return gg.HybridMF(4, "bpr", random_state=1).fit(train, num_threads=1, verbose=False)

    stopping = gg.EarlyStopping("ndcg@3", patience=2)
    stopped = gg.HybridMF(8, epochs=9, early_stopping=stopping, random_state=3)
    return gg.compare({"bpr": bpr, "<b>stopped</b>": stopped}, *parts, k=3)
