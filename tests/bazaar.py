"""A seeded shop with repeats, new users, new items and attributes, for the tests of evaluation."""

import numpy as np
import polars as pl

import gingham as gg

N_USERS, N_ITEMS = 60, 12


def users() -> pl.DataFrame:
    """Return the users' ages and clubs; the last user has no club."""
    ids = range(N_USERS)
    return pl.DataFrame(
        {
            "user_id": ids,
            "age": [18 + user % 50 for user in ids],
            "club": ["ACTIVE" if user % 3 else "none" for user in ids[:-1]] + [None],
        }
    )


def bazaar(features: bool = False) -> gg.Dataset:
    """Return sixty days of transactions; users from 50 on and item 11 appear in the last ten days."""
    rng = np.random.default_rng(4)
    rows = 900
    user, item, day = rng.integers(0, N_USERS, rows), rng.zipf(1.6, rows) % 11, rng.integers(0, 60, rows)
    day[user >= 50] = 55
    item[(day >= 50) & (rng.random(rows) < 0.1)] = 11
    sales = pl.DataFrame(
        {
            "user_id": user,
            "item_id": item,
            "timestamp": np.datetime64("2024-01-01", "us") + day * np.timedelta64(1, "D"),
        }
    )
    items = pl.DataFrame({"item_id": range(N_ITEMS), "kind": [item % 3 for item in range(N_ITEMS)]})
    of_users = gg.FeatureSpec(categorical=["club"], quantile={"age": 3}) if features else gg.FeatureSpec()
    of_items = gg.FeatureSpec(categorical=["kind"]) if features else gg.FeatureSpec()
    return gg.Dataset.from_tables(gg.Tables(sales, users(), items, user_features=of_users, item_features=of_items))
