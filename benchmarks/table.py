"""Tables of results, printed and written to files."""

import json
import platform
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from os import cpu_count
from pathlib import Path
from typing import Any

from gingham import _native
from side_by_side import REPEATS

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Row:
    """One figure: what was compared, the target, the measurement."""

    work: str
    wanted: str
    measured: str
    reached: bool | None
    detail: str

    def __str__(self) -> str:
        return f"{self.work:62} {self.wanted:>12} {self.measured:>12}  {self.detail}"


def report(
    parts: Iterable[Callable[..., Iterable[Row]]],
    name: str,
    packages: tuple[str, ...],
    *data: Any,
    rounds: int = REPEATS,
) -> None:
    """Run all parts, or those named as arguments, on `data`; print each row at once and write all at the end."""
    rows: list[Row] = []
    names = sys.argv[1:]
    for part in parts:
        if names and part.__name__ not in names:
            continue
        for row in part(*data):
            rows.append(row)
            print(row, flush=True)
    write(rows, name, packages, rounds)


def write(rows: list[Row], name: str, packages: tuple[str, ...], rounds: int = REPEATS) -> None:
    """Write the results as JSON and as a table; results of parts that did not run are kept."""
    file = RESULTS / f"{name}.json"
    if file.exists():
        new = {row.work: row for row in rows}
        old = {row["work"]: Row(**row) for row in json.loads(file.read_text())["rows"]}
        rows = list((old | new).values())
    about = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{platform.machine()}, {cpu_count()} cores, kernel built for x86-64-{_native.best_module()}",
        "python": platform.python_version(),
        "versions": {package: version(package) for package in packages},
        "method": f"alternating calls after a warm-up, medians of {rounds}",
    }
    RESULTS.mkdir(exist_ok=True)
    file.write_text(json.dumps({"about": about, "rows": [asdict(row) for row in rows]}, indent=2) + "\n")
    lines = ["| work | target | measured | detail |", "|---|---|---|---|"]
    lines += [f"| {row.work} | {row.wanted} | {row.measured} | {row.detail} |" for row in rows]
    (RESULTS / f"{name}.md").write_text("\n".join([*lines, "", json.dumps(about), ""]))
