"""Peak memory of recommending to everybody, in a process of its own: python memory.py ARTIFACT prints megabytes."""

import resource
import sys
from pathlib import Path

import gingham as gg


def resident() -> float:
    """Megabytes this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


model = gg.load(sys.argv[1])
before = resident()
recommended = model.recommend(k=12)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
print(f"{peak - before:.1f} {recommended.height}")
