"""A small seeded shop in memory, for examples and first steps."""

from datetime import datetime

import numpy as np
import polars as pl

from gingham.columns import ITEM_ID, NAME, PRICE, TIMESTAMP, USER_ID
from gingham.dataset import Dataset
from gingham.forks import require_threads
from gingham.tables import FeatureSpec, Tables
from gingham.validation import check_integer

# The shop is made in memory; `hm` writes larger ones.
_MOST = 1_000_000
_DAYS = 60
_FIRST_DAY = datetime(2024, 1, 1)
_AGE_GROUPS = ("18-24", "25-34", "35-44", "45+")
_TYPES = ("dairy", "bakery", "fruit", "household")


def sample_tables(n_users: int = 50, n_items: int = 20, seed: int = 0) -> Tables:
    """Return the tables of a small synthetic shop: 60 days in which users buy again what they like.

    Parameters
    ----------
    n_users, n_items : int
        The size of the shop; 50 users and 20 items by default.
    seed : int
        The seed; 0 by default. The same arguments give the same tables.

    Returns
    -------
    Tables
        Transactions with ``user_id`` ("u00", ...), ``item_id`` ("i00", ...), ``timestamp`` and ``price``; users with
        ``age_group``; items with ``name`` and ``type``. Both columns are categorical features.

    Examples
    --------
    >>> import gingham as gg
    >>> tables = gg.synth.sample_tables()
    >>> tables.transactions.collect().columns
    ['user_id', 'item_id', 'timestamp', 'price']
    """
    require_threads("Building tables")
    check_integer("n_users", n_users, most=_MOST)
    check_integer("n_items", n_items, most=_MOST)
    check_integer("seed", seed, 0, most=2**63)
    rng = np.random.default_rng(seed)
    favourites = rng.integers(0, n_items, (n_users, 4))
    popularity = 1 / np.arange(1, n_items + 1)
    n_rows = 20 * n_users
    user = rng.integers(0, n_users, n_rows)
    item = np.where(
        rng.random(n_rows) < 0.6,
        favourites[user, rng.integers(0, 4, n_rows)],
        rng.choice(n_items, n_rows, p=popularity / popularity.sum()),
    )
    price = np.round(rng.lognormal(1, 0.5, n_items), 2)
    seconds = np.sort(rng.integers(0, _DAYS * 86_400, n_rows))
    transactions = pl.DataFrame(
        {
            USER_ID: [f"u{number:02}" for number in user],
            ITEM_ID: [f"i{number:02}" for number in item],
            TIMESTAMP: np.datetime64(_FIRST_DAY, "us") + seconds * np.timedelta64(1, "s"),
            PRICE: price[item],
        }
    )
    users = pl.DataFrame(
        {USER_ID: [f"u{number:02}" for number in range(n_users)], "age_group": rng.choice(_AGE_GROUPS, n_users)}
    )
    kinds = rng.choice(_TYPES, n_items)
    items = pl.DataFrame(
        {
            ITEM_ID: [f"i{number:02}" for number in range(n_items)],
            NAME: [f"{kind} {number}" for number, kind in enumerate(kinds)],
            "type": kinds,
        }
    )
    return Tables(
        transactions,
        users,
        items,
        user_features=FeatureSpec(categorical=["age_group"]),
        item_features=FeatureSpec(categorical=["type"]),
        item_name=NAME,
        item_type="type",
    )


def sample_dataset(n_users: int = 50, n_items: int = 20, seed: int = 0) -> Dataset:
    """Return the dataset of `sample_tables`, with user and item features.

    Parameters
    ----------
    n_users, n_items, seed : int
        As for `sample_tables`.

    Examples
    --------
    >>> import gingham as gg
    >>> gg.synth.sample_dataset()
    Dataset(50 users x 20 items, 1,000 interactions, 5 user features, 5 item features)
    """
    return Dataset.from_tables(sample_tables(n_users, n_items, seed))
