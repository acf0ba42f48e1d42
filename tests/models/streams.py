"""Random streams of updates: `python -m tests.models.streams --operations 10000` checks what models promise."""

import argparse
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

import gingham as gg
from gingham.models import Recommender
from tests.models.test_contract import CASES

USERS = [f"u{number:02}" for number in range(14)]
ITEMS = [f"i{number:02}" for number in range(12)]
START = datetime(2024, 3, 1)

EXACT = [case for case in CASES if case.make().guarantee == "exact" and not case.features]
# "TwoStage, no time" has no seed.
FIXED = [
    case
    for case in CASES
    if case.make().guarantee == "fixed items" and not case.features and case.name != "TwoStage, no time"
]


def transactions(rng: np.random.Generator, n: int, users: list[str], items: list[str]) -> pl.DataFrame:
    """Return random transactions, some of which are repeated, in no order of time."""
    return pl.DataFrame(
        {
            "user_id": rng.choice(users, n),
            "item_id": rng.choice(items, n),
            "timestamp": [START + timedelta(hours=int(hour)) for hour in rng.integers(0, 24 * 40, n)],
            "price": rng.integers(1, 9, n).astype(float),
            "quantity": rng.integers(1, 3, n),
        }
    )


def dataset(frame: pl.DataFrame) -> gg.Dataset:
    """Return transactions as a dataset, as `Dataset.from_tables` does, but without the time that it takes."""
    users, items = gg.Ids.from_series(frame["user_id"]), gg.Ids.from_series(frame["item_id"])
    rows = gg.Interactions(
        users.index(frame["user_id"]),
        items.index(frame["item_id"]),
        len(users),
        len(items),
        value=frame["quantity"].to_numpy(),
        timestamp=frame["timestamp"].to_numpy(),
        price=frame["price"].to_numpy(),
    )
    return gg.Dataset(users, items, rows)


def fitted(case: Any, frame: pl.DataFrame) -> Recommender:
    model: Recommender = case.make()
    return model.fit(dataset(frame), num_threads=1, verbose=False)


def first_data(rng: np.random.Generator) -> pl.DataFrame:
    """Return transactions that every model can be fitted to: TwoStage needs periods, BuyAgain repeats."""
    return transactions(rng, 220, USERS[:10], ITEMS[:9])


def state(model: Recommender) -> dict[str, Any]:
    """Return everything that is stored of a model, apart from which rows of which dataset it was fitted to."""
    stored = model.artifact()
    arrays = {name: array for name, array in stored.arrays.items() if not name.startswith("fitted.")}
    values = without_seconds({name: value for name, value in stored.state.items() if name != "fitted"})
    tables = {name: table.to_dict(as_series=False) for name, table in stored.tables.items()}
    return {"arrays": arrays, "state": values, "tables": tables}


def without_seconds(values: Any) -> Any:
    """Return JSON values without the times that training took."""
    if isinstance(values, dict):
        return {name: without_seconds(value) for name, value in values.items() if name != "seconds"}
    return [without_seconds(value) for value in values] if isinstance(values, list) else values


def assert_same(one: Recommender, other: Recommender) -> None:
    left, right = state(one), state(other)
    assert left["tables"] == right["tables"]
    assert left["state"] == right["state"]
    assert left["arrays"].keys() == right["arrays"].keys()
    for name, array in left["arrays"].items():
        np.testing.assert_array_equal(array, right["arrays"][name], err_msg=name, strict=True)
    assert one.recommend(k=5).equals(other.recommend(k=5))


@dataclass
class Stream:
    """Batches of transactions, and the users who are forgotten after each."""

    first: pl.DataFrame
    batches: list[pl.DataFrame]
    forgotten: list[list[str]]

    @classmethod
    def random(cls, seed: int, n_batches: int, forget: bool) -> "Stream":
        rng = np.random.default_rng(seed)
        first = first_data(rng)
        batches = [transactions(rng, int(rng.integers(1, 15)), USERS, ITEMS) for _ in range(n_batches)]
        forgotten = [[str(rng.choice(USERS[:10]))] if forget and rng.random() < 0.4 else [] for _ in batches]
        return cls(first, batches, forgotten)

    def replay(self, case: Any) -> Recommender:
        model = fitted(case, self.first)
        for batch, users in zip(self.batches, self.forgotten, strict=True):
            model.update(dataset(batch), num_threads=1)
            known = set(model.training_data_.user_ids.values)
            for user in sorted(known.intersection(users)):
                model.forget(user, num_threads=1)
        return model

    def rest(self) -> pl.DataFrame:
        """Return the transactions that are left at the end: those of a user after they were forgotten, too."""
        rows = self.first
        for batch, users in zip(self.batches, self.forgotten, strict=True):
            rows = pl.concat([rows, batch]).filter(~pl.col("user_id").is_in(users))
        return rows


def check_exact(case: Any, seed: int, n_batches: int, forget: bool) -> None:
    """Check that updates give the bits of a fit to all rows."""
    stream = Stream.random(seed, n_batches, forget)
    assert_same(stream.replay(case), fitted(case, stream.rest()))


def check_fixed(case: Any, seed: int, n_batches: int, forget: bool) -> None:
    """Check that the bits do not depend on how the rows were cut into updates."""
    stream = Stream.random(seed, n_batches, forget)
    users = sorted({user for users in stream.forgotten for user in users})
    # Users who come back after they were forgotten are new ones, as in any other cut.
    stream.batches = [batch.filter(~pl.col("user_id").is_in(users)) for batch in stream.batches]
    stream.batches = [batch for batch in stream.batches if batch.height]
    stream.forgotten = [[] for _ in stream.batches[:-1]] + [users]
    if not stream.batches:
        return
    one = stream.replay(case)
    other = fitted(case, stream.first)
    if users:
        other.forget(users)
    assert_same(one, other.update(dataset(pl.concat(stream.batches)), num_threads=1))


def main() -> None:
    """Run random streams over all models until there were so many operations."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=10_000)
    operations, seed, failures = 0, 0, list[str]()
    wanted = parser.parse_args().operations
    while operations < wanted:
        for case in (*EXACT, *FIXED):
            check = check_exact if case in EXACT else check_fixed
            n_batches = 1 + seed % 5
            try:
                check(case, seed, n_batches, seed % 2 == 1)
            except AssertionError as error:
                failures.append(f"{case.name}, seed {seed}: {str(error)[:200]}")
            operations += n_batches + 1
        seed += 1
    print(f"updates: {operations:,} operations of {len(EXACT) + len(FIXED)} models, {len(failures)} failures")
    print("\n".join(failures[:5]))
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
