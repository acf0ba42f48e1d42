from datetime import date
from typing import Any

import pytest

from gingham import split
from gingham.errors import ConfigError
from gingham.split import SplitSpec
from tests.split.samples import dataset, numbers


def test_the_kind_chooses_the_function() -> None:
    whole = dataset([(hour % 5, hour % 4, hour * 24) for hour in range(30)])
    for spec, expected in (
        (SplitSpec(), split.by_time(whole)),
        (SplitSpec(test="3d"), split.by_time(whole, "3d")),
        (SplitSpec(test=date(2019, 9, 20)), split.by_time(whole, date(2019, 9, 20))),
        (SplitSpec(kind="random"), split.random(whole, random_state=42)),
        (SplitSpec(kind="random", test=0.5, random_state=1), split.random(whole, 0.5, 1)),
        (SplitSpec(kind="random", by="user"), split.random(whole, random_state=42, by="user")),
        (SplitSpec(kind="last-n"), split.last_n(whole)),
        (SplitSpec(kind="last-n", test=2), split.last_n(whole, 2)),
    ):
        assert [numbers(part) for part in spec.apply(whole)] == [numbers(part) for part in expected]


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "time", "test": 0.2},
        {"kind": "time", "test": "7 days"},
        {"kind": "random", "test": "7d"},
        {"kind": "random", "test": True},
        {"kind": "last-n", "test": 0.2},
        {"kind": "last-n", "test": 0},
        {"kind": "rolling"},
        {"kind": "random", "by": "item"},
        {"kind": "random", "random_state": -1},
        {"kind": "time", "by": "user"},
    ],
)
def test_invalid_sections(spec: Any) -> None:
    with pytest.raises(ConfigError):
        SplitSpec(**spec)
