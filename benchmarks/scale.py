"""A shop's tables at the size of H&M's: `make bench-scale`.

Writes the tables (3.7 GB) to build/hm if they don't exist, compares reading, cleaning and encoding them with a scan in
Polars and with the same steps in pandas, and times the profile and the whole run. Prints a table and writes it to
benchmarks/results/. Each side runs in a separate process, of which the peak memory is measured.
"""

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import scipy.sparse as sp

import gingham as gg
from gingham import pipeline
from gingham.cli.init import Shop, recipe_text
from gingham.config.models import build
from gingham.models import build_model
from gingham.synth import fashion as synth
from side_by_side import REPEATS
from table import Row, report

FOLDER = Path(__file__).parent.parent / "build" / "hm"
STUDY, ALL_USERS, TWO_STAGE = (FOLDER / f"{name}.toml" for name in ("hm", "all-users", "two-stage"))
SALES, CUSTOMERS, ARTICLES = (
    FOLDER / name for name in (synth.TRANSACTIONS_FILE, synth.CUSTOMERS_FILE, synth.ARTICLES_FILE)
)
# The mean number of candidates per user is printed.
_TWO_STAGE = """
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
    """Read the three relevant columns with Polars."""
    columns = pl.scan_csv(SALES).select("t_dat", "customer_id", "article_id")
    return columns.collect(engine="streaming").height


def gingham() -> object:
    """Read, clean and encode with the recipe of the study."""
    dataset = gg.read_dataset(STUDY)
    return [len(dataset.interactions), dataset.matrix().nnz]


def pandas() -> object:
    """Run the same steps in pandas."""
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
    """Run `gingham profile` on all transactions, without the recipe's filters."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "profile.html"
        gg.profile(gg.read_tables(ALL_USERS)).save(page)
        return page.stat().st_size / 1e6


def run() -> object:
    """Run `gingham run` for all users."""
    with tempfile.TemporaryDirectory() as folder:
        pipeline.run(ALL_USERS, Path(folder) / "run")
        return (
            pl.scan_parquet(Path(folder) / "run" / "current" / "recommendations.parquet")
            .select(pl.len())
            .collect()
            .item()
        )


def two_stage() -> object:
    """Read all transactions, fit a two-stage model and recommend 12 items to each user."""
    dataset = gg.read_dataset(TWO_STAGE)
    model = build(gg.Recipe.read(TWO_STAGE).model).fit(dataset)
    rows = model.recommend(k=12).height
    sample = np.arange(0, dataset.n_users, 1000, dtype=np.int32)
    return [dataset.n_users, rows, len(model._stage.candidates.pairs(sample)) / len(sample)]


def fitting(kind: str) -> object:
    """Read all transactions, fit a model with its defaults, and return the seconds of the fit alone."""
    dataset = gg.read_dataset(ALL_USERS)
    start = time.perf_counter()
    build_model(kind, {}).fit(dataset, verbose=False)
    return time.perf_counter() - start


CLOSED_FORM = ("ease", "graph-filter", "transitions", "basket-regression")
SIDES: dict[str, Callable[[], object]] = {
    side.__name__: side for side in (scan, gingham, pandas, profile, run, two_stage)
} | {kind: partial(fitting, kind) for kind in CLOSED_FORM}


def measure(side: str) -> None:
    """Run one side in this process; print its result, its seconds and its peak memory in GB."""
    Path("/proc/self/clear_refs").write_text("5")
    start = time.perf_counter()
    result = SIDES[side]()
    seconds = time.perf_counter() - start
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert peak is not None
    print(json.dumps([result, seconds, int(peak[1]) * 1024 / 1e9]))


class Processes:
    """Runs sides in separate processes, and collects their results and peak memory."""

    def __init__(self) -> None:
        self.results: dict[str, object] = {}
        self.peak: dict[str, float] = {}

    def run(self, side: str) -> float:
        """Run one side; return its seconds without imports."""
        command = [sys.executable, __file__, "--side", side]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        self.results[side], seconds, peak = json.loads(output.splitlines()[-1])
        self.peak[side] = max(peak, self.peak.get(side, 0.0))
        return float(seconds)

    def compare(self, *sides: str) -> dict[str, float]:
        """Return each side's median seconds; sides alternate, after a warm-up."""
        rounds = [{side: self.run(side) for side in sides} for _ in range(1 + REPEATS)]
        return {side: statistics.median(one[side] for one in rounds[1:]) for side in sides}


def reading(processes: Processes) -> Iterator[Row]:
    """Compare reading, cleaning and encoding with the recipe of the study."""
    seconds = processes.compare("scan", "gingham", "pandas")
    assert processes.results["gingham"] == processes.results["pandas"], processes.results
    ours, bare, theirs = seconds["gingham"], seconds["scan"], seconds["pandas"]
    peak, their_peak = processes.peak["gingham"], processes.peak["pandas"]
    yield Row(
        "read + clean + encode, compared with Polars' scan of three columns",
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
    """Measure the profile of all transactions, including reading them."""
    seconds = processes.compare("gingham", "profile")
    ratio, peak = seconds["profile"] / seconds["gingham"], processes.peak["profile"]
    megabytes = processes.results["profile"]
    assert isinstance(megabytes, float)
    detail = f"{seconds['profile']:.1f} s / {seconds['gingham']:.1f} s"
    yield Row("profile with reading, compared with read + clean + encode", "<= 3x", f"{ratio:.2f}x", ratio <= 3, detail)
    yield Row("peak memory of the profile", "<= 6 GB", f"{peak:.2f} GB", peak <= 6, "")
    yield Row("size of the page", "<= 6 MB", f"{megabytes:.1f} MB", megabytes <= 6, "")


def running(processes: Processes) -> Iterator[Row]:
    """Measure one run for all users."""
    minutes, peak = processes.run("run") / 60, processes.peak["run"]
    detail = f"{processes.results['run']:,} rows of recommendations"
    yield Row(
        "gingham run for all users, 64 components, 10 epochs", "<= 15 min", f"{minutes:.1f} min", minutes <= 15, detail
    )
    yield Row("peak memory of the run", "<= 12 GB", f"{peak:.2f} GB", peak <= 12, "")


def ranking(processes: Processes) -> Iterator[Row]:
    """Measure ranking in two stages for all users."""
    minutes, peak = processes.run("two_stage") / 60, processes.peak["two_stage"]
    users, rows, candidates = processes.results["two_stage"]  # type: ignore[misc]
    detail = f"{rows:,} recommendations to {users:,} users with {candidates:.0f} candidates each; includes reading"
    yield Row(
        "two stages: fit and recommend 12 items to all users", "<= 60 min", f"{minutes:.1f} min", minutes <= 60, detail
    )
    yield Row("peak memory of two stages for all users", "<= 16 GB", f"{peak:.2f} GB", peak <= 16, "")


def closed_form(processes: Processes) -> Iterator[Row]:
    """Measure the fit of each model in closed form to all transactions."""
    for kind in CLOSED_FORM:
        processes.run(kind)
        seconds, peak = processes.results[kind], processes.peak[kind]
        assert isinstance(seconds, float)
        minutes = seconds / 60
        yield Row(f"{kind}: fit to all users and items", "<= 10 min", f"{minutes:.1f} min", minutes <= 10, "")
        yield Row(f"{kind}: peak memory, with reading", "<= 12 GB", f"{peak:.2f} GB", peak <= 12, "")


def main() -> None:
    """Create the tables; run all parts, or those named as arguments."""
    prepare()
    packages = ("gingham", "polars", "pandas", "numpy")
    report((reading, profiling, running, ranking, closed_form), "scale", packages, Processes())


def prepare() -> None:
    """Write the tables at full size, unless they exist, and the recipes."""
    if not (FOLDER / synth.LABEL).exists():
        synth.hm(FOLDER)
    study = recipe_text(Shop.HM)
    STUDY.write_text(study)
    all_users = re.sub(r"(?ms)^\[clean\]\n.*?(?=^$)", "", study)
    for key, value in (("n_components", 64), ("epochs", 10), ("num_threads", 0)):
        all_users = re.sub(rf"(?m)^{key} = \d+", f"{key} = {value}", all_users)
    ALL_USERS.write_text(all_users)
    TWO_STAGE.write_text(all_users[: all_users.index("# The study uses no features")] + _TWO_STAGE)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--side"]:
        measure(sys.argv[2])
    else:
        main()
