from dataclasses import replace

import numpy as np
import pytest

import gingham as gg
from gingham.selection import sample
from gingham.selection.sample import validation_parts
from gingham.split import SplitSpec


def test_small_data_are_split_as_they_are() -> None:
    data = gg.synth.sample_dataset()
    parts = validation_parts(data, SplitSpec(test="7d"))
    train, validation = gg.split.by_time(data, "7d")
    assert (parts.parts.train.digest(), parts.parts.test.digest()) == (train.digest(), validation.digest())
    assert parts.messages == ()


def test_users_of_large_data_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "MAX_ROWS", 400)
    data = gg.synth.sample_dataset()
    parts = validation_parts(data, SplitSpec(test="7d"))
    (message,) = parts.messages
    assert message == "The models are fitted to a sample of 46% of the users."
    train, validation = (set(part.interactions.user_index.tolist()) for part in parts.parts)
    assert validation <= train
    assert len(train) == 23
    again = validation_parts(data, SplitSpec(test="7d"))
    assert again.parts.train.digest() == parts.parts.train.digest()


def test_at_most_so_many_users_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "MAX_USERS", 5)
    parts = validation_parts(gg.synth.sample_dataset(), SplitSpec(test="7d")).parts
    assert len(np.unique(parts.test.interactions.user_index)) == 5
    assert len(np.unique(parts.train.interactions.user_index)) == 50


def test_data_of_one_moment_are_split_at_random() -> None:
    data = gg.synth.sample_dataset()
    rows = data.interactions
    assert rows.timestamp is not None
    data = data.with_interactions(replace(rows, timestamp=np.full_like(rows.timestamp, rows.timestamp[0])))
    parts = validation_parts(data, SplitSpec(test="7d"))
    assert parts.spec == SplitSpec(kind="random")
    (message,) = parts.messages
    assert message.startswith("The validation part is a random fifth of the train part instead: ")
