"""The parts of the training data that a panel is fitted to and measured on."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gingham.arrays import Bools
from gingham.dataset import Dataset
from gingham.errors import DataError
from gingham.split import Split, SplitSpec

# Of more interactions, a sample of users is taken: enough to tell models apart, and fitted in minutes.
MAX_ROWS = 2_000_000
# The panel is measured on at most this many users. With 10,000, the standard error of the mean of MAP@12 is near 0.002.
MAX_USERS = 10_000


@dataclass(frozen=True)
class ValidationParts:
    """Two parts of the training data.

    Attributes
    ----------
    parts : Split of Dataset
        The part that models are fitted to, and the part that they are measured on.
    spec : SplitSpec
        How the second part was split off.
    messages : tuple of str
        What differs from the split that was wanted.
    """

    parts: Split[Dataset]
    spec: SplitSpec
    messages: tuple[str, ...] = ()


def validation_parts(train: Dataset, spec: SplitSpec) -> ValidationParts:
    """Split a validation part off the training data, and sample the users of large data.

    If the data are too short for a split by time, the second half of their time is the validation part. If no split of
    the wanted kind is possible, it is a random fifth of the pairs.

    Raises
    ------
    DataError
        If not even a random split is possible.
    """
    spec, (fitted, held_out), messages = _split(train, spec)
    n_rows = len(fitted.interactions)
    if n_rows > MAX_ROWS:
        users = _sample(np.ones(train.n_users, bool), round(train.n_users * MAX_ROWS / n_rows))
        fitted, held_out = _of_users(fitted, users), _of_users(held_out, users)
        messages.append(f"The models are fitted to a sample of {MAX_ROWS / n_rows:.0%} of the users.")
    users = np.bincount(held_out.interactions.user_index, minlength=train.n_users) > 0
    if np.count_nonzero(users) > MAX_USERS:
        held_out = _of_users(held_out, _sample(users, MAX_USERS))
    return ValidationParts(Split(fitted, held_out), spec, tuple(messages))


def _split(train: Dataset, spec: SplitSpec) -> tuple[SplitSpec, Split[Dataset], list[str]]:
    """Return the first split that is possible, and messages about the others."""
    messages: list[str] = []
    for shorter, name in _alternatives(train, spec):
        try:
            return spec, spec.apply(train), messages
        except DataError as error:
            messages.append(f"The validation part is {name} of the train part instead: {error}")
            spec = shorter
    return spec, spec.apply(train), messages


def _alternatives(train: Dataset, spec: SplitSpec) -> Iterator[tuple[SplitSpec, str]]:
    times = train.interactions.timestamp
    if spec.kind == "time" and times is not None and len(times):
        hours = (times.max() - times.min()) // np.timedelta64(2, "h")
        if hours:
            yield SplitSpec(test=f"{hours}h"), f"the last {hours} hours"
    yield SplitSpec(kind="random"), "a random fifth"


def _sample(users: Bools, size: int) -> Bools:
    """Return a mask of `size` of the users of a mask, the same ones for the same data."""
    sampled = np.zeros_like(users)
    sampled[np.random.default_rng(0).permutation(np.flatnonzero(users))[:size]] = True
    return sampled


def _of_users(dataset: Dataset, users: Bools) -> Dataset:
    rows = dataset.interactions
    return dataset.with_interactions(rows.take(users[rows.user_index]))
