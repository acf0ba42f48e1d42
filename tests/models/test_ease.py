from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import scipy.sparse as sp

from gingham import store
from gingham.errors import ArtifactError, ParameterError
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


def sparse_twin(history: npt.NDArray[np.float64], l2: float, n_neighbours: int) -> npt.NDArray[np.float64]:
    """Scores from ridge regressions on the nearest neighbours; of equal cosines, the item with more users is nearer."""
    n_items, users = history.shape[1], history.sum(axis=0)
    counts, order = history.T @ history, np.argsort(-users, kind="stable")
    weights = np.zeros((n_items, n_items))
    for item in range(n_items):
        cosines = (counts[item] / np.sqrt(np.maximum(users, 1)))[order].astype(np.float32)
        cosines[order == item] = 0
        near = order[np.argsort(-cosines, kind="stable")[: min(n_neighbours, (cosines > 0).sum())]]
        gram = counts[np.ix_(near, near)] + l2 * np.eye(len(near))
        weights[near, item] = np.linalg.solve(gram, counts[near, item])
    return history @ weights


@pytest.mark.parametrize("max_items", [1, 7, 100])
@pytest.mark.parametrize("n_neighbours", [1, 4, 17, 300])
@pytest.mark.parametrize("rows", [256, 5])
def test_neighbour_weights_agree_with_ridge_regressions(
    max_items: int, n_neighbours: int, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ease, "_COUNTED_ROWS", rows)
    matrix = noise()
    expected = sparse_twin((matrix.toarray() > 0).astype(float), 2, n_neighbours)
    model = EASE(2, max_items, n_neighbours)
    scores = scores_of(model.fit(matrix, num_threads=1), 24)
    np.testing.assert_allclose(scores, expected[:24], atol=1e-5)
    np.testing.assert_array_equal(scores_of(model.fit(matrix, num_threads=3), 24), scores)


def test_all_neighbours_give_the_weights_of_the_dense_inverse() -> None:
    matrix = sp.random(60, 9, 0.6, "csr", random_state=np.random.default_rng(4))  # all pairs of items share users
    dense, sparse = (scores_of(EASE(3, n_neighbours=n).fit(matrix), 60) for n in (None, 9))
    np.testing.assert_allclose(sparse, dense, atol=1e-5)


def test_a_catalogue_above_max_items_is_fitted_with_100_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ease, "_NEIGHBOURS", 5)
    large, five = (EASE(2, max_items=n, n_neighbours=m).fit(noise()) for n, m in ((9, None), (9, 5)))
    np.testing.assert_array_equal(scores_of(large, 24), scores_of(five, 24))


@pytest.mark.parametrize("params", [{}, {"n_neighbours": 4}, {"max_items": 4}])
def test_a_model_is_stored(tmp_path: Path, params: dict[str, int]) -> None:
    model = EASE(**params).fit(sp.random(40, 9, 0.4, "csr", random_state=np.random.default_rng(1)))
    model.save(tmp_path / "ease")
    assert load(tmp_path / "ease").recommend(k=9).equals(model.recommend(k=9))


def test_an_artifact_of_version_0_1_with_a_part_of_the_items_scores_as_before(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    matrix = sp.csr_matrix((rng.random((60, 12)) < np.linspace(0.1, 0.9, 12)).astype(float))
    users = matrix.toarray().sum(axis=0)
    chosen = np.sort(np.argsort(-users, kind="stable")[:7]).astype(np.int32)
    EASE(2).fit(matrix).save(tmp_path / "model")
    stored, part = store.read(tmp_path / "model"), EASE(2).fit(matrix[:, chosen])
    params = {"l2": 2, "max_items": 7}
    arrays = dict(stored.arrays) | {"items": chosen, "weights": part._weights}
    store.write(tmp_path / "model", replace(stored, params=params, arrays=arrays))
    model = load(tmp_path / "model")
    scores = scores_of(model, 60)
    np.testing.assert_allclose(scores[:, chosen], twin(matrix.toarray()[:, chosen], 2), atol=1e-5)
    rest = np.setdiff1d(np.arange(12), chosen)
    assert (scores[:, rest].max(axis=1) < scores[:, chosen].min(axis=1)).all()
    order = rest[np.argsort(-users[rest], kind="stable")]
    assert (np.diff(scores[:, order], axis=1) < 0).all()


def test_an_item_that_predicts_itself_is_refused(tmp_path: Path) -> None:
    EASE(2, n_neighbours=3).fit(noise()).save(tmp_path / "model")
    stored = store.read(tmp_path / "model")
    arrays = dict(stored.arrays)
    own = np.flatnonzero(np.diff(arrays["near.indptr"]) > 0)[0]
    place = arrays["near.indptr"][own]
    arrays["near.indices"] = np.r_[arrays["near.indices"][:place], own, arrays["near.indices"][place + 1 :]].astype(
        arrays["near.indices"].dtype
    )
    first, last = arrays["near.indptr"][own : own + 2]
    arrays["near.indices"][first:last].sort()
    store.write(tmp_path / "model", replace(stored, arrays=arrays))
    with pytest.raises(ArtifactError, match=r"predicts itself|ascend"):
        load(tmp_path / "model")


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"l2": 0}, "l2 must be a finite number .*, not 0"),
        ({"l2": float("nan")}, "l2 must be a finite number .*, not nan"),
        ({"max_items": 0}, "max_items must be a positive integer, not 0"),
        ({"n_neighbours": 0}, "n_neighbours must be a positive integer, not 0"),
    ],
)
def test_wrong_parameters_are_refused(params: dict[str, float], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        EASE(**params).fit(noise())


@pytest.mark.parametrize("n_users", [0, 3])
@pytest.mark.parametrize("n_neighbours", [None, 5])
def test_a_catalogue_without_items_is_fitted(n_users: int, n_neighbours: int | None) -> None:
    model = EASE(n_neighbours=n_neighbours).fit(sp.csr_matrix((n_users, 0)))
    assert model.n_items == 0
    assert model.rank(k=0).items.shape == (n_users, 0)


def test_a_penalty_that_leaves_a_singular_matrix_is_refused() -> None:
    for n_neighbours in (None, 3):
        with pytest.raises(ParameterError, match="l2=1e-30 is too small"):
            EASE(1e-30, n_neighbours=n_neighbours).fit(sp.csr_matrix(np.ones((3, 4))))


def test_a_lack_of_memory_is_reported_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(ease.lapack, "spotrf", fail)
    with pytest.raises(ParameterError, match=r"EASE of 18 items needs 0\.0 GB of memory, .*; use a smaller max_items"):
        EASE().fit(noise())
    monkeypatch.setattr(ease.lapack, "sposv", fail)
    with pytest.raises(ParameterError, match=r"EASE of 18 items needs more memory than is available; use a smaller"):
        EASE(n_neighbours=3).fit(noise())
