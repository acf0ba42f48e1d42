import random

import pytest

from gingham.profiling.ranges import in_natural_order


@pytest.mark.parametrize(
    "labels",
    [
        ["Under 15K", "15-24K", "25-34K", "100-124K", "250K+", "unknown"],
        ["19-24", "25-34", "65+"],
        ["1", "2", "3+", "None/Unknown"],
        ["< 18", "18 to 30", "30–40", "over 40"],
        ["$0 - $999", "$1,000 - $9,999", "$10,000 or more"],
        ["0-20%", "20-40%", "100%"],
        ["up to 5 years", "5 years", "6-10 years"],
        ["500K", "1M", "2M+"],
    ],
)
def test_ranges_are_sorted_by_their_numbers(labels: list[str]) -> None:
    shuffled = random.Random(3).sample(labels, len(labels))
    assert in_natural_order(shuffled) == labels


@pytest.mark.parametrize("labels", [["red", "blue"], ["5"], ["a1", "b2"], ["12", "x", "y"], [], ["1.2.3", "1.2.4"]])
def test_other_labels_have_no_natural_order(labels: list[str]) -> None:
    assert in_natural_order(labels) is None
