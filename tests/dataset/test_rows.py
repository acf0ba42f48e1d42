import numpy as np
import pytest

from gingham.dataset import Interactions
from gingham.dataset.rows import Rows

USERS, ITEMS = np.array([0, 1, 1, 2, 0]), np.array([1, 0, 0, 2, 1])
TIMES = np.array(["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-03", "2024-01-04"], "datetime64[us]")


def interactions(**other: object) -> Interactions:
    arguments = {"user_index": USERS, "item_index": ITEMS, "n_users": 3, "n_items": 3, "timestamp": TIMES, **other}
    return Interactions(**arguments)  # type: ignore[arg-type]


def test_a_dataset_has_all_its_rows() -> None:
    rows = interactions().rows
    assert (rows.size, rows.numbers) == (5, None)
    assert rows.mask().tolist() == [True] * 5


def test_parts_of_parts_refer_to_rows_of_the_dataset() -> None:
    whole = interactions()
    part = whole.take(np.array([True, False, True, True, True]))
    assert part.rows.source == whole.rows.source
    assert part.take(np.array([False, True, False, True])).rows.mask().tolist() == [False, False, True, False, True]
    assert part.take(np.array([3, 0])).rows.mask().tolist() == [True, False, False, False, True]
    assert part.take(np.array([3, 0])).take(np.array([1])).rows.mask().tolist() == [True, False, False, False, False]
    assert not part.take(np.zeros(4, bool)).rows.mask().any()


def test_the_fingerprint_depends_on_rows_and_not_on_their_values() -> None:
    again = interactions(user_index=USERS.astype(np.int64), value=np.arange(5) + 1.0)
    assert again.rows.source == interactions().rows.source


@pytest.mark.parametrize(
    "other",
    [
        {"user_index": USERS[::-1]},
        {"item_index": ITEMS[::-1]},
        {"timestamp": TIMES + np.timedelta64(1, "us")},
        {"timestamp": None},
        {"user_index": USERS[:4], "item_index": ITEMS[:4], "timestamp": TIMES[:4]},
    ],
)
def test_other_rows_have_another_fingerprint(other: dict[str, object]) -> None:
    assert interactions(**other).rows.source != interactions().rows.source


@pytest.mark.parametrize("size", [0, 1, 127, 128, 40_000])
def test_numbers_fit_any_size(size: int) -> None:
    rows = Rows("whole", size).take(np.arange(size)[::-1])
    assert rows.numbers is not None
    assert rows.numbers.tolist() == list(range(size))[::-1]
    assert rows.take(np.ones(size, bool)).mask().all()


def test_no_rows() -> None:
    nothing = Interactions([], [], 2, 2)
    assert nothing.rows.size == 0
    assert nothing.take(np.empty(0, bool)).rows.mask().shape == (0,)
