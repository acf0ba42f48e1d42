from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import scipy.sparse as sp

from gingham import models
from gingham.errors import ParameterError
from gingham.models import EASE
from gingham.models import ease as room
from tests.models.samples import noise


def twin(had: npt.NDArray[np.float64], l2: float) -> npt.NDArray[np.float64]:
    """Each item's weights by a ridge regression of its own on the other items: what EASE solves for at once."""
    n_items = had.shape[1]
    weights = np.zeros((n_items, n_items))
    for item in range(n_items):
        others = np.arange(n_items) != item
        known = had[:, others]
        weights[others, item] = np.linalg.solve(known.T @ known + l2 * np.eye(n_items - 1), known.T @ had[:, item])
    return had @ weights


def scores_of(model: EASE, n_users: int) -> npt.NDArray[np.float32]:
    return np.array([model.predict(user, range(model.n_items)) for user in range(n_users)])


@pytest.mark.parametrize("l2", [0.5, 1, 30])
@pytest.mark.parametrize("rows", [1024, 5])
def test_weights_are_those_of_a_regression_an_item(l2: float, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_ROWS", rows)
    matrix = noise()
    expected = twin((matrix.toarray() > 0).astype(float), l2)
    found = scores_of(EASE(l2).fit(matrix), 24)  # the last user has no history
    np.testing.assert_allclose(found, expected[:24], atol=1e-5)


def test_who_had_nothing_gets_what_most_users_had() -> None:
    matrix = sp.csr_matrix(np.array([[5, 1, 0, 0], [0, 1, 1, 0], [0, 2, 1, 0], [0, 0, 0, -3]]))
    assert EASE(1).fit(matrix).recommend([3], k=4)["item_id"].to_list() == [1, 2, 0, 3]


def test_of_a_large_catalogue_the_items_of_most_users_take_part() -> None:
    rng = np.random.default_rng(2)
    matrix = sp.csr_matrix((rng.random((60, 12)) < np.linspace(0.1, 0.9, 12)).astype(float))
    users = matrix.toarray().sum(axis=0)
    chosen = np.sort(np.argsort(-users, kind="stable")[:7])
    with pytest.warns(UserWarning, match="EASE learns of the 7 items that most users had, of 12"):
        model = EASE(2, max_items=7).fit(matrix)
    expected = twin(matrix.toarray()[:, chosen], 2)
    found = scores_of(model, 60)
    np.testing.assert_allclose(found[:, chosen], expected, atol=1e-5)
    rest = np.setdiff1d(np.arange(12), chosen)
    assert (found[:, rest].max(axis=1) < found[:, chosen].min(axis=1)).all()
    order = rest[np.argsort(-users[rest], kind="stable")]
    assert (np.diff(found[:, order], axis=1) < 0).all()


def test_what_took_part_is_stored(tmp_path: Path) -> None:
    matrix = sp.random(40, 9, 0.4, "csr", random_state=np.random.default_rng(1))
    with pytest.warns(UserWarning, match="4 items"):
        model = EASE(max_items=4).fit(matrix)
    model.save(tmp_path / "ease")
    loaded = models.load(tmp_path / "ease")
    assert loaded.recommend(k=9).equals(model.recommend(k=9))


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"l2": 0}, "l2 must be a finite number .*, not 0"),
        ({"l2": float("nan")}, "l2 must be a finite number .*, not nan"),
        ({"max_items": 0}, "max_items must be (a positive integer|an integer of at least 0), not 0"),
    ],
)
def test_wrong_parameters_are_named(params: dict[str, float], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        EASE(**params).fit(noise())


@pytest.mark.parametrize("n_users", [0, 3])
def test_where_there_are_no_items_none_are_ranked(n_users: int) -> None:
    model = EASE().fit(sp.csr_matrix((n_users, 0)))
    assert model.n_items == 0
    assert model.rank(k=0).items.shape == (n_users, 0)


def test_a_penalty_too_small_to_invert_is_named() -> None:
    with pytest.raises(ParameterError, match="l2=1e-30 is too small"):
        EASE(1e-30).fit(sp.csr_matrix(np.ones((3, 4))))


def test_a_lack_of_memory_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(room.lapack, "spotrf", fails)
    with pytest.raises(ParameterError, match=r"EASE of 18 items takes .* GB, which there is not; set max_items"):
        EASE().fit(noise())
