"""Load damaged artifacts of every kind of model, and use those that are accepted.

Damaged artifacts have right checksums. Each must be refused with an `ArtifactError` when it is loaded, or work: all
that is done with the model returns finite scores or raises a `GinghamError`. They are tried in a process of their own,
which is started again after a crash.
"""

import argparse
import faulthandler
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from gingham import store
from gingham.errors import ArtifactError, GinghamError
from tests.fuzz import damages
from tests.fuzz.models import MODELS, check_complete, load, stored, use

SORTS = ("arrays", "values", "tables", "trees", "files")
# Seconds after which an attempt counts as a crash.
_PATIENCE = 60


def attempt(sort: str, number: int, seed: int, folder: Path) -> tuple[str, str]:
    """Load one damaged artifact; return the outcome and a description."""
    rng = np.random.default_rng((seed, SORTS.index(sort), number))
    names = [name for name in MODELS if sort != "trees" or name == "TwoStage"]
    name, path, how = names[number % len(names)], folder / "damaged", "bytes"
    original = stored(name, folder)
    shutil.rmtree(path, ignore_errors=True)
    try:
        if sort == "files":
            store.write(path, original)
            how = damages.damage_files(path, rng)
        else:
            how, damaged = getattr(damages, f"damage_{sort}")(original, rng)
            store.write(path, damaged)
    except (ValueError, TypeError) as error:  # what cannot be written cannot be read
        return "not written", f"{name} {how}: {error!r}"
    try:
        model = load(name, path)
    except ArtifactError as error:
        return "refused", f"{name} {how}: {error}"
    except BaseException:
        return "raw error", f"{name} {how} when loaded: {traceback.format_exc()}"
    try:
        results = use(model, folder / "again")
    except GinghamError as error:
        return "refused later", f"{name} {how}: {error!r}"
    except BaseException:
        return "raw error", f"{name} {how} when used: {traceback.format_exc()}"
    if not all(np.isfinite(part).all() for part in results if part.dtype.kind == "f"):
        return "raw error", f"{name} {how}: a score is not finite"
    expected = _expected(name, folder)
    same = len(results) == len(expected) and all(map(np.array_equal, results, expected))
    return ("accepted, the same" if same else "accepted, other results"), f"{name} {how}"


@cache
def _expected(name: str, folder: Path) -> list[Any]:
    return use(load(name, folder / name), folder / "again")


def work(plan: list[tuple[str, int]], seed: int) -> None:
    """Print the outcome of each attempt as a line of JSON, then the peak of the memory in megabytes."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        for sort, number in plan:
            faulthandler.dump_traceback_later(_PATIENCE, exit=True)
            print(json.dumps([sort, *attempt(sort, number, seed, Path(folder))]), flush=True)
        faulthandler.cancel_dump_traceback_later()
    print(json.dumps(["memory", str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024), ""]), flush=True)


def run(counts: dict[str, int], seed: int, verbose: bool) -> tuple[dict[str, Counter[str]], int]:
    """Try damaged artifacts in processes; return how often each outcome occurred, and the peak of the memory."""
    plan = [(sort, number) for sort, count in counts.items() for number in range(count)]
    outcomes, memory = {sort: Counter[str]() for sort in counts}, 0
    while plan:
        command = [sys.executable, "-m", "tests.fuzz", "--work", "--seed", str(seed)]
        done = subprocess.run(command, input=json.dumps(plan), capture_output=True, text=True, check=False)
        for line in done.stdout.splitlines():
            sort, outcome, what = json.loads(line)
            if sort == "memory":
                memory = max(memory, int(outcome))
                continue
            outcomes[sort][outcome] += 1
            _, number = plan.pop(0)
            if outcome == "raw error" or (verbose and outcome.startswith(("accepted", "refused later"))):
                print(sort, number, outcome, what, flush=True)
        if done.returncode:
            sort, number = plan.pop(0)
            outcomes[sort]["crash"] += 1
            print(sort, number, "crash", done.returncode, done.stderr[-3000:], flush=True)
    return outcomes, memory


def main() -> int:
    """Run the fuzz and print the counts; the exit code is 1 after a crash or a raw error."""
    parser = argparse.ArgumentParser(description=__doc__)
    for sort in SORTS:
        parser.add_argument(f"--{sort}", type=int, default=0, help=f"how many artifacts with damaged {sort}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbose", action="store_true", help="print the accepted ones too")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    check_complete()
    if arguments.work:
        work(json.load(sys.stdin), arguments.seed)
        return 0
    counts = {sort: getattr(arguments, sort) for sort in SORTS}
    outcomes, memory = run(counts, arguments.seed, arguments.verbose)
    failures = sum(counter[outcome] for counter in outcomes.values() for outcome in ("crash", "raw error"))
    for sort, counter in outcomes.items():
        print(f"{sort}: {counts[sort]} tried;", ", ".join(f"{what} {n}" for what, n in sorted(counter.items())))
    print(f"failures: {failures}, memory: {memory} MB")
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main())
