"""The files and the recipe of a small shop, for tests of whole runs."""

from pathlib import Path

import numpy as np
import polars as pl

RECIPE = """
[transactions]
path = "transactions.csv"
user_id = "customer"
item_id = "article"
timestamp = "day"

[users]
path = "customers.csv"

[items]
path = "articles.csv"
name = "title"
type = "kind"

[clean]
users = "age > 20"

[features.users]
quantile = { age = 3 }

[features.items]
categorical = ["kind"]
multi = { tags = "|" }

[model]
epochs = 3
n_components = 8
random_state = 1

[evaluate]
k = 5

[recommend]
k = 4
"""


def write_shop(folder: Path, n_users: int = 40, n_items: int = 25) -> Path:
    """Write three tables and a recipe, and return the recipe's path. One customer has no transactions."""
    rng = np.random.default_rng(5)
    users = [f"c{number:03}" for number in range(n_users)]
    items = [f"0{number}" for number in range(n_items)]
    rows = 1200
    days = rng.integers(0, 60, rows)
    pl.DataFrame(
        {
            "customer": rng.choice(users[:-1], rows),
            "article": rng.choice(items, rows, p=1 / np.arange(1, n_items + 1) / (1 / np.arange(1, n_items + 1)).sum()),
            "day": [f"2024-{1 + day // 30:02}-{1 + day % 30 % 28:02}" for day in days],
        }
    ).write_csv(folder / "transactions.csv")
    pl.DataFrame({"customer": users, "age": [*rng.integers(18, 80, n_users).tolist()[:-1], 50]}).write_csv(
        folder / "customers.csv"
    )
    pl.DataFrame(
        {
            "article": items,
            "title": [f"thing [b]{number}[/b]" for number in range(n_items)],
            "kind": rng.choice(["hat", "shoe"], n_items),
            "tags": rng.choice(["red|new", "blue", None], n_items),
        }
    ).write_csv(folder / "articles.csv")
    recipe = folder / "shop.toml"
    recipe.write_text(RECIPE)
    return recipe
