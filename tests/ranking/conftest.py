from datetime import timedelta

import numpy as np
import pytest

import gingham as gg
from gingham.ranking.snapshot import Snapshot
from tests.bazaar import bazaar

WEEK = timedelta(days=7)
MOMENT = np.datetime64("2024-02-16", "us")


@pytest.fixture(scope="session")
def dataset() -> gg.Dataset:
    """The bazaar with features, falling prices (some of them unknown) and a few interactions of zero."""
    whole = bazaar(features=True)
    rng, rows = np.random.default_rng(2), whole.interactions
    price = (5 + rows.item_index - 0.01 * np.arange(len(rows))).astype(np.float32)
    price[rng.random(len(rows)) < 0.1] = np.nan
    values = np.where(rng.random(len(rows)) < 0.95, 1, 0)
    return whole.with_interactions(
        gg.Interactions(
            rows.user_index, rows.item_index, rows.n_users, rows.n_items, values, rows.timestamp, price=price
        )
    )


@pytest.fixture(scope="session")
def snapshot(dataset: gg.Dataset) -> Snapshot:
    return Snapshot.before(dataset, MOMENT, WEEK)
