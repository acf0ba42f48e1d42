"""Peak memory of recommending to everybody, in a process of its own: python memory.py ARTIFACT prints megabytes."""

import sys
from pathlib import Path

import gingham as gg


def megabytes(name: str) -> float:
    """Read one of the sizes that the system keeps of this process: VmRSS is what it holds, VmHWM the most it held."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024 / 1e6


model = gg.load(sys.argv[1])
# Forget the peak of loading, and that of the process that started this one, which the system hands down.
Path("/proc/self/clear_refs").write_text("5")
before = megabytes("VmRSS")
recommended = model.recommend(k=12)
print(f"{megabytes('VmHWM') - before:.1f} {recommended.height}")
