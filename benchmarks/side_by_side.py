"""Median times of several functions, called in turn after a warm-up."""

import statistics
import time
from collections.abc import Callable, Mapping

REPEATS = 5


def alternate(sides: Mapping[str, Callable[[], object]], repeats: int = REPEATS) -> dict[str, float]:
    """Return each side's median seconds; every round runs each side once, so that noise affects all alike."""
    for work in sides.values():
        work()
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, work in sides.items():
            start = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in seconds.items()}
