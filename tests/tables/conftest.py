from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gingham.tables import ItemsSource, Tables, TransactionsSource, UsersSource, read


class Shop:
    """A small seeded shop with the column names of the H&M data, as CSV files and as pandas frames."""

    def __init__(self, folder: Path) -> None:
        rng = np.random.default_rng(7)
        users = [f"{number:08x}" for number in rng.choice(2**32, 60, replace=False)]
        items = [f"0{number}" for number in range(108775015, 108775055)]
        days = pd.date_range("2018-10-01", "2020-03-31").strftime("%Y-%m-%d")
        # Zipf-distributed users, so that any minimum and maximum of transactions excludes some.
        weights = 1 / np.arange(1, len(users) + 1)
        n = 3000
        self.folder = folder
        self.transactions = pd.DataFrame(
            {
                "t_dat": np.sort(rng.choice(days, n)),
                "customer_id": rng.choice(users, n, p=weights / weights.sum()),
                "article_id": rng.choice(items, n),
                "price": rng.random(n).round(6),
            }
        )
        self.customers = pd.DataFrame(
            {
                "customer_id": [*users, "never-bought"],
                "age": np.where(rng.random(61) < 0.1, np.nan, rng.integers(14, 70, 61)),
                "club_member_status": rng.choice(["ACTIVE", "PRE-CREATE", None], 61),
            }
        )
        self.articles = pd.DataFrame(
            {
                "article_id": items,
                "prod_name": [f"thing, {item[-2:]}" for item in items],
                "index_name": rng.choice(["Ladieswear", "Menswear", "Sport"], len(items)),
            }
        )
        self.transactions.to_csv(folder / "transactions_train.csv", index=False)
        self.customers.to_csv(folder / "customers.csv", index=False)
        self.articles.to_csv(folder / "articles.csv", index=False)

    def read(self) -> Tables:
        return read(
            TransactionsSource(
                path="transactions_train.csv", user_id="customer_id", item_id="article_id", timestamp="t_dat"
            ),
            UsersSource(path="customers.csv"),
            ItemsSource(path="articles.csv", name="prod_name", type="index_name"),
            self.folder,
        )


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)
