from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import scipy.sparse as sp

from gingham.errors import ParameterError
from gingham.loading import load
from gingham.models import EASE, ease
from tests.models.samples import noise


def twin(history: npt.NDArray[np.float64], l2: float) -> npt.NDArray[np.float64]:
    """Scores from a ridge regression of each item on all others, which is what EASE solves in one step."""
    n_items = history.shape[1]
    weights = np.zeros((n_items, n_items))
    for item in range(n_items):
        others = np.arange(n_items) != item
        inputs = history[:, others]
        gram = inputs.T @ inputs + l2 * np.eye(n_items - 1)
        weights[others, item] = np.linalg.solve(gram, inputs.T @ history[:, item])
    return history @ weights


def scores_of(model: EASE, n_users: int) -> npt.NDArray[np.float32]:
    return np.array([model.predict(user, range(model.n_items)) for user in range(n_users)])


@pytest.mark.parametrize("l2", [0.5, 1, 30])
@pytest.mark.parametrize("rows", [1024, 5])
def test_scores_agree_with_ridge_regressions(l2: float, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ease, "_ROWS", rows)
    matrix = noise()
    expected = twin((matrix.toarray() > 0).astype(float), l2)
    scores = scores_of(EASE(l2).fit(matrix), 24)  # the last user has no history
    np.testing.assert_allclose(scores, expected[:24], atol=1e-5)


def test_users_without_history_get_the_items_of_most_users() -> None:
    matrix = sp.csr_matrix(np.array([[5, 1, 0, 0], [0, 1, 1, 0], [0, 2, 1, 0], [0, 0, 0, -3]]))
    assert EASE(1).fit(matrix).recommend([3], k=4)["item_id"].to_list() == [1, 2, 0, 3]


def test_a_large_catalogue_is_reduced_to_the_items_of_most_users() -> None:
    rng = np.random.default_rng(2)
    matrix = sp.csr_matrix((rng.random((60, 12)) < np.linspace(0.1, 0.9, 12)).astype(float))
    users = matrix.toarray().sum(axis=0)
    chosen = np.sort(np.argsort(-users, kind="stable")[:7])
    with pytest.warns(UserWarning, match="EASE is fitted to the 7 items with the most users, of 12.* set max_items=12"):
        model = EASE(2, max_items=7).fit(matrix)
    expected = twin(matrix.toarray()[:, chosen], 2)
    scores = scores_of(model, 60)
    np.testing.assert_allclose(scores[:, chosen], expected, atol=1e-5)
    rest = np.setdiff1d(np.arange(12), chosen)
    assert (scores[:, rest].max(axis=1) < scores[:, chosen].min(axis=1)).all()
    order = rest[np.argsort(-users[rest], kind="stable")]
    assert (np.diff(scores[:, order], axis=1) < 0).all()


def test_a_reduced_catalogue_is_stored(tmp_path: Path) -> None:
    matrix = sp.random(40, 9, 0.4, "csr", random_state=np.random.default_rng(1))
    with pytest.warns(UserWarning, match="4 items"):
        model = EASE(max_items=4).fit(matrix)
    model.save(tmp_path / "ease")
    loaded = load(tmp_path / "ease")
    assert loaded.recommend(k=9).equals(model.recommend(k=9))


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"l2": 0}, "l2 must be a finite number .*, not 0"),
        ({"l2": float("nan")}, "l2 must be a finite number .*, not nan"),
        ({"max_items": 0}, "max_items must be a positive integer, not 0"),
    ],
)
def test_wrong_parameters_are_refused(params: dict[str, float], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        EASE(**params).fit(noise())


@pytest.mark.parametrize("n_users", [0, 3])
def test_a_catalogue_without_items_is_fitted(n_users: int) -> None:
    model = EASE().fit(sp.csr_matrix((n_users, 0)))
    assert model.n_items == 0
    assert model.rank(k=0).items.shape == (n_users, 0)


def test_a_penalty_that_leaves_a_singular_matrix_is_refused() -> None:
    with pytest.raises(ParameterError, match="l2=1e-30 is too small"):
        EASE(1e-30).fit(sp.csr_matrix(np.ones((3, 4))))


def test_a_lack_of_memory_is_reported_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(ease.lapack, "spotrf", fail)
    with pytest.raises(ParameterError, match=r"EASE of 18 items needs 0\.0 GB of memory, .*; use a smaller max_items"):
        EASE().fit(noise())
