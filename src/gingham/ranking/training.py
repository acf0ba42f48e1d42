"""The periods that a ranker is trained on, and their examples."""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any

import numpy as np
from tqdm import tqdm

from gingham.arrays import Indices
from gingham.dataset import Dataset
from gingham.duration import period_starts
from gingham.ranking.examples import Examples, Labels, Stage
from gingham.ranking.snapshot import Snapshot, times


def training_moments(dataset: Dataset, period: timedelta, stride: timedelta, n_periods: int) -> Iterator[np.datetime64]:
    """Yield the starts of the last periods that have purchases, and purchases before them; the earliest first."""
    when = times(dataset)[dataset.interactions.value > 0]
    if not len(when):
        return
    for start in period_starts(times(dataset), stride, n_periods):
        if (when < start).any() and ((when >= start) & (when < start + np.timedelta64(period))).any():
            yield start


def training_examples(
    dataset: Dataset,
    moments: Iterable[np.datetime64],
    period: timedelta,
    fit_stage: Callable[[Indices, Snapshot], Stage],
    max_users: int,
    rng: np.random.Generator,
    bar: "tqdm[Any]",
) -> tuple[list[Examples], tuple[str, ...]]:
    """Fit the candidate models as of each moment, and return the examples of the periods that have some.

    Parameters
    ----------
    dataset : Dataset
        All data, with timestamps.
    moments : iterable of datetime64
        The starts of the periods.
    period : timedelta
        The length of a period.
    fit_stage : callable
        Fits the candidate models to a snapshot, to score some users.
    max_users : int
        The maximum number of users of each period.
    rng : Generator
        For the sample of users.
    bar : tqdm
        Advances by two steps per period.

    Returns
    -------
    periods : list of Examples
        The earliest first.
    names : tuple of str
        The names of the features; empty without periods.
    """
    periods: list[Examples] = []
    names: tuple[str, ...] = ()
    for moment in moments:
        bar.set_postfix_str(f"models until {moment.item():%Y-%m-%d}")
        labels = Labels.of(dataset, moment, period, max_users, rng)
        stage = fit_stage(labels.users, Snapshot.before(dataset, moment, period))
        bar.update()
        bar.set_postfix_str(f"features as of {moment.item():%Y-%m-%d}")
        examples = Examples.of(stage, labels)
        bar.update()
        if len(examples.sizes):
            periods.append(examples)
            names = stage.features.names
    return periods, names
