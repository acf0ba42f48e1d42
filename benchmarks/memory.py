"""Peak memory of recommending to all users, in a separate process: python memory.py ARTIFACT prints megabytes."""

import sys
from pathlib import Path

import gingham as gg


def megabytes(name: str) -> float:
    """Read a memory size of this process: VmRSS is the current size, VmHWM the maximum."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024 / 1e6


model = gg.load(sys.argv[1])
# Reset the peak, which includes loading the model and is inherited from the parent process.
Path("/proc/self/clear_refs").write_text("5")
before = megabytes("VmRSS")
recommendations = model.recommend(k=12)
print(f"{megabytes('VmHWM') - before:.1f} {recommendations.height}")
