"""A wholesaler and a sequence of reviews with default parameters: `make bench-retail`.

Online Retail II, the first year: lines with a customer, a positive quantity and price, no cancellation, and a stock
code that begins with five digits; MAP@12 of three test periods, repeats allowed. Beauty: the last item of each user,
all items ranked, items of the history left out. Names of parts as arguments run only these.
"""

import statistics
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

import gingham as gg
from als import GOWALLA
from gingham.models import Recommender
from table import Row, report

FOLDER = GOWALLA.parent
RETAIL, BEAUTY = FOLDER / "online-retail-ii" / "2009-2010.parquet", FOLDER / "amazon-beauty" / "sequences.txt"
SEEDS = (1, 2, 3)
# By cut: the end of the data, the test, and the targets of BasketRegression, TwoStage, ItemKNN and ALS. The targets of
# the last two are implicit's BM25 and ALS with their defaults.
CUTS = {
    "last 7 days": (None, "7d", 0.233, 0.255, 0.1707, 0.1478),
    "7 days before 2010-10-20": (datetime(2010, 10, 20), "7d", 0.157, 0.168, 0.1335, 0.1118),
    "last 14 days": (None, "14d", 0.222, 0.259, 0.1785, 0.1509),
}
# Chosen on the last but one item of each user.
TRANSITIONS: dict[str, Any] = {"history_decay": 0.5, "backward": 0.1}


def main() -> None:
    """Run both parts, or those named as arguments."""
    for path in (RETAIL, BEAUTY):
        if not path.is_file():
            sys.exit(f"{path} does not exist; see the docstring of {__file__}.")
    report((online_retail, beauty), "retail", ("gingham", "lightgbm", "numpy", "polars"))


def online_retail() -> Iterator[Row]:
    """Measure single models and two stages with their defaults."""
    lines = pl.read_parquet(RETAIL).filter(
        pl.col("Customer ID").is_not_null(),
        pl.col("Quantity") > 0,
        pl.col("Price") > 0,
        ~pl.col("Invoice").str.starts_with("C"),
        pl.col("StockCode").str.contains(r"^\d{5}"),
    )
    time_of_line = pl.col("InvoiceDate").str.to_datetime()
    sales = lines.select(user_id=pl.col("Customer ID").cast(pl.Int64), item_id="StockCode", timestamp=time_of_line)
    for name, (end, length, best, two_stage, neighbours, als) in CUTS.items():
        part = sales if end is None else sales.filter(pl.col("timestamp") < end)
        train, test = gg.split.by_time(gg.Dataset.from_tables(gg.Tables(part)), length)
        again = map_of(gg.BuyAgain().fit(train), test)
        singles: tuple[tuple[Recommender, float], ...] = (
            (gg.BasketRegression(), best),
            (gg.NextBasket(), again),
            (gg.ItemKNN(), neighbours),
            (gg.ALS(random_state=1), als),
        )
        for model, wanted in singles:
            start = time.perf_counter()
            value = map_of(model.fit(train, verbose=False), test)
            detail = f"{time.perf_counter() - start:.1f} s; BuyAgain {again:.4f}"
            yield row(f"Online Retail, {name}: {type(model).__name__}", value, wanted, detail)
        start = time.perf_counter()
        values = [map_of(gg.TwoStage(random_state=seed).fit(train, verbose=False), test) for seed in SEEDS]
        seconds = (time.perf_counter() - start) / len(SEEDS)
        detail = f"{', '.join(f'{value:.4f}' for value in values)}; {seconds:.1f} s each"
        yield row(f"Online Retail, {name}: TwoStage", statistics.mean(values), two_stage, detail)


def beauty() -> Iterator[Row]:
    """Measure models of sequences on the last item of each user."""
    train, test = reviews()
    for name, model, hits, gain in (
        ("Transitions, settings by validation", gg.Transitions(**TRANSITIONS), 0.100, 0.064),
        ("Transitions", gg.Transitions(), 0.095, 0.060),
        ("BasketRegression", gg.BasketRegression(), 0.095, 0.060),
    ):
        start = time.perf_counter()
        results = gg.evaluate(model.fit(train), test, k=10, filter_seen=True).to_dict()
        detail = f"{time.perf_counter() - start:.0f} s"
        for metric, wanted in (("hit_rate@10", hits), ("ndcg@10", gain)):
            yield row(f"Beauty, {name}: {metric}", results[metric]["mean"], wanted, detail)


def row(work: str, value: float, wanted: float, detail: str) -> Row:
    """Return a row whose figure must be at least a target."""
    return Row(work, f">= {wanted:.4f}", f"{value:.4f}", value >= wanted, detail)


def reviews() -> tuple[gg.Dataset, gg.Dataset]:
    """Return the reviews of Beauty without each user's last one, and these."""
    histories = [np.array(line.split()[1:], np.int64) - 1 for line in BEAUTY.read_text().splitlines()]
    sizes = np.array([len(history) for history in histories])
    users, items = np.repeat(np.arange(len(histories)), sizes), np.concatenate(histories)
    order = np.concatenate([np.arange(size) for size in sizes])
    n_users, n_items = len(histories), int(items.max()) + 1
    user_ids, item_ids = (gg.Ids.from_series(pl.Series(np.arange(size))) for size in (n_users, n_items))
    interactions = gg.Interactions(users, items, n_users, n_items, order=order)
    return gg.split.last_n(gg.Dataset(user_ids, item_ids, interactions), 1)


def map_of(model: Recommender, test: gg.Dataset) -> float:
    """Return the MAP@12 of a fitted model."""
    mean: float = gg.evaluate(model, test, k=12).to_dict()["map@12"]["mean"]
    return mean


if __name__ == "__main__":
    main()
