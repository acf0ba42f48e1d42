"""A shop's tables at the size of H&M's: `make bench-scale`.

Makes the tables (3.7 GB) in build/hm if they are not there, races reading, cleaning and encoding them with Polars' bare
scan and with the same steps in pandas, and times the profile and the whole run. Prints a table and writes it to
benchmarks/results/. Each side runs in a process of its own, whose peak memory counts.
"""

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import scipy.sparse as sp

import gingham as gg
from gingham import pipeline
from gingham.cli.init import Shop, recipe_text
from gingham.config import models as fitting
from gingham.synth import fashion as synth
from side_by_side import REPEATS
from table import Row, report

FOLDER = Path(__file__).parent.parent / "build" / "hm"
STUDY, EVERYBODY, TWO_STAGE = (FOLDER / f"{name}.toml" for name in ("hm", "everybody", "two-stage"))
SALES, CUSTOMERS, ARTICLES = (
    FOLDER / name for name in (synth.TRANSACTIONS_FILE, synth.CUSTOMERS_FILE, synth.ARTICLES_FILE)
)
# How many items the four lists have together is printed.
_SOURCES = """
[features.users]
categorical = ["club_member_status"]
quantile = { age = 5 }
[features.items]
categorical = ["product_type_name", "garment_group_name"]

[model]
kind = "two-stage"
n_candidates = 50
random_state = 42
ranker = { learning_rate = 0.1, num_leaves = 31 }
candidates = [
  { kind = "next-basket" },
  { kind = "popularity", n_candidates = 20 },
  { kind = "item-knn" },
  { kind = "hybrid", n_components = 32, epochs = 3, random_state = 42 },
]
"""


def scan() -> object:
    """Read the three columns that matter with Polars alone."""
    wanted = pl.scan_csv(SALES).select("t_dat", "customer_id", "article_id")
    return wanted.collect(engine="streaming").height


def gingham() -> object:
    """Read, clean and encode by the recipe of the study."""
    dataset = gg.read_dataset(STUDY)
    return [len(dataset.interactions), dataset.matrix().nnz]


def pandas() -> object:
    """Take the same steps as a notebook writes them."""
    sales = pd.read_csv(SALES, dtype={"article_id": str}, parse_dates=["t_dat"])
    customers = pd.read_csv(CUSTOMERS)
    articles = pd.read_csv(ARTICLES, dtype={"article_id": str})
    sales = sales[(sales["t_dat"] >= "2019-01-01") & (sales["t_dat"] < "2020-01-01")]
    times = sales["customer_id"].value_counts()
    sales = sales[sales["customer_id"].isin(times[(times > 10) & (times < 100)].index)]
    customers = customers[(customers["age"] > 16) & (customers["age"] < 38)]
    sales = sales[sales["customer_id"].isin(customers["customer_id"])]
    sales = sales.merge(articles[["article_id", "index_name"]], on="article_id")
    sales = sales[sales["index_name"] == "Ladieswear"]
    users = pd.Categorical(sales["customer_id"], categories=sorted(set(customers["customer_id"])))
    items = pd.Categorical(sales["article_id"], categories=sorted(set(sales["article_id"])))
    ones = [1.0] * len(sales)
    shape = (len(users.categories), len(items.categories))
    return [len(sales), sp.csr_matrix((ones, (users.codes, items.codes)), shape=shape).nnz]


def profile() -> object:
    """`gingham profile` of all transactions, the recipe's filters left out."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "profile.html"
        gg.profile(gg.read_tables(EVERYBODY)).save(page)
        return page.stat().st_size / 1e6


def run() -> object:
    """`gingham run` for everybody."""
    with tempfile.TemporaryDirectory() as folder:
        pipeline.run(EVERYBODY, Path(folder) / "run")
        return pl.scan_parquet(Path(folder) / "run" / "recommendations.parquet").select(pl.len()).collect().item()


def two_stage() -> object:
    """Read everybody's purchases, fit two stages to them, recommend 12 to everybody."""
    dataset = gg.read_dataset(TWO_STAGE)
    model = fitting.build(gg.Recipe.read(TWO_STAGE).model).fit(dataset)
    rows = model.recommend(k=12).height
    some = np.arange(0, dataset.n_users, 1000, dtype=np.int32)
    return [dataset.n_users, rows, len(model._stage.candidates.of(some)) / len(some)]


SIDES: dict[str, Callable[[], object]] = {
    side.__name__: side for side in (scan, gingham, pandas, profile, run, two_stage)
}


def measure(side: str) -> None:
    """Run one side in this process; print what came out, its seconds, and the peak of memory in GB."""
    Path("/proc/self/clear_refs").write_text("5")
    start = time.perf_counter()
    came_out = SIDES[side]()
    seconds = time.perf_counter() - start
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert peak is not None
    print(json.dumps([came_out, seconds, int(peak[1]) * 1024 / 1e9]))


class Processes:
    """Runs sides in processes of their own, and keeps what they tell."""

    def __init__(self) -> None:
        self.came_out: dict[str, object] = {}
        self.peak: dict[str, float] = {}

    def run(self, side: str) -> float:
        """Run one side; give its seconds, which imports are no part of."""
        command = [sys.executable, __file__, "--side", side]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        self.came_out[side], seconds, peak = json.loads(output.splitlines()[-1])
        self.peak[side] = max(peak, self.peak.get(side, 0.0))
        return float(seconds)

    def race(self, *sides: str) -> dict[str, float]:
        """Give each side's median seconds: alternating, after a warm-up."""
        rounds = [{side: self.run(side) for side in sides} for _ in range(1 + REPEATS)]
        return {side: statistics.median(one[side] for one in rounds[1:]) for side in sides}


def reading(processes: Processes) -> Iterator[Row]:
    """Read, clean and encode by the recipe of the study."""
    seconds = processes.race("scan", "gingham", "pandas")
    assert processes.came_out["gingham"] == processes.came_out["pandas"], processes.came_out
    ours, bare, theirs = seconds["gingham"], seconds["scan"], seconds["pandas"]
    peak, their_peak = processes.peak["gingham"], processes.peak["pandas"]
    yield Row(
        "read + clean + encode, beside Polars' scan of three columns",
        "<= 2.5x",
        f"{ours / bare:.2f}x",
        ours / bare <= 2.5,
        f"{ours:.1f} s / {bare:.1f} s",
    )
    yield Row("peak memory of read + clean + encode", "<= 6 GB", f"{peak:.2f} GB", peak <= 6, "")
    yield Row(
        "the same steps in pandas: time",
        ">= 6x",
        f"{theirs / ours:.2f}x",
        theirs / ours >= 6,
        f"{theirs:.1f} s / {ours:.1f} s",
    )
    yield Row(
        "the same steps in pandas: memory",
        ">= 4x",
        f"{their_peak / peak:.2f}x",
        their_peak / peak >= 4,
        f"{their_peak:.2f} GB / {peak:.2f} GB",
    )


def profiling(processes: Processes) -> Iterator[Row]:
    """Profile all transactions; reading them is part of it."""
    seconds = processes.race("gingham", "profile")
    ratio, peak = seconds["profile"] / seconds["gingham"], processes.peak["profile"]
    megabytes = processes.came_out["profile"]
    assert isinstance(megabytes, float)
    detail = f"{seconds['profile']:.1f} s / {seconds['gingham']:.1f} s"
    yield Row("profile, reading included, beside read + clean + encode", "<= 3x", f"{ratio:.2f}x", ratio <= 3, detail)
    yield Row("peak memory of the profile", "<= 6 GB", f"{peak:.2f} GB", peak <= 6, "")
    yield Row("size of the page", "<= 6 MB", f"{megabytes:.1f} MB", megabytes <= 6, "")


def running(processes: Processes) -> Iterator[Row]:
    """Run everything for everybody, once."""
    minutes, peak = processes.run("run") / 60, processes.peak["run"]
    detail = f"{processes.came_out['run']:,} rows of recommendations"
    yield Row(
        "gingham run for everybody, 64 components, 10 epochs", "<= 15 min", f"{minutes:.1f} min", minutes <= 15, detail
    )
    yield Row("peak memory of the run", "<= 12 GB", f"{peak:.2f} GB", peak <= 12, "")


def ranking(processes: Processes) -> Iterator[Row]:
    """Rank in two stages for everybody, once."""
    minutes, peak = processes.run("two_stage") / 60, processes.peak["two_stage"]
    users, rows, candidates = processes.came_out["two_stage"]  # type: ignore[misc]
    detail = f"{rows:,} recommendations to {users:,} users of {candidates:.0f} candidates each; reading included"
    yield Row("two stages, fitted, and 12 for everybody", "<= 60 min", f"{minutes:.1f} min", minutes <= 60, detail)
    yield Row("peak memory of two stages for everybody", "<= 16 GB", f"{peak:.2f} GB", peak <= 16, "")


def main() -> None:
    """Make the tables, run everything, or the parts named."""
    prepare()
    packages = ("gingham", "polars", "pandas", "numpy")
    report((reading, profiling, running, ranking), "scale", packages, Processes())


def prepare() -> None:
    """Make the tables at full size and the two recipes, unless they are there."""
    if not (FOLDER / synth.LABEL).exists():
        synth.hm(FOLDER)
    study = recipe_text(Shop.HM)
    STUDY.write_text(study)
    everybody = re.sub(r"(?ms)^\[clean\]\n.*?(?=^$)", "", study)
    for key, value in (("n_components", 64), ("epochs", 10), ("num_threads", 0)):
        everybody = re.sub(rf"(?m)^{key} = \d+", f"{key} = {value}", everybody)
    EVERYBODY.write_text(everybody)
    TWO_STAGE.write_text(everybody[: everybody.index("# Features are not")] + _SOURCES)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--side"]:
        measure(sys.argv[2])
    else:
        main()
