"""Work that runs of equal values share: a basket's rows have one customer, a day's rows one date."""

from collections.abc import Callable

import polars as pl

# So many rows tell whether equal values follow one another.
_SAMPLE = 1_000


def once_a_run(values: pl.Series, function: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Apply a function that looks at each value by itself, once to each run of equal ones if they are long."""
    sample = values.head(_SAMPLE)
    if not len(values) or sample.rle_id()[-1] > len(sample) / 2:
        return function(values)
    run = values.rle_id()
    return function(values.filter(run.ne_missing(run.shift(1)))).gather(run)
