from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.sparse as sp

from gingham.errors import ParameterError
from gingham.models import GraphFilter
from tests.models.samples import noise


def twin(
    history: npt.NDArray[np.float64], n_components: int, low_pass: float, sharpening: float, user: float, item: float
) -> npt.NDArray[np.float64]:
    """The filter as dense matrices, with one Runge-Kutta step written out for the sharpening."""
    per_user, per_item = np.maximum(history.sum(axis=1), 1), np.maximum(history.sum(axis=0), 1)
    graph = np.diag(per_user**-user) @ history @ np.diag(per_item**-item)
    _, values, vectors = np.linalg.svd(graph)
    near = graph.T @ graph / values[0] ** 2
    leading = vectors[:n_components].T @ vectors[:n_components]
    scores = history @ near + low_pass * history @ np.diag(per_item**-item) @ leading @ np.diag(per_item**item)
    first = -scores @ near
    second = -(scores + sharpening / 2 * first) @ near
    third = -(scores + sharpening / 2 * second) @ near
    fourth = -(scores + sharpening * third) @ near
    return np.asarray(scores + sharpening / 6 * (first + 2 * second + 2 * third + fourth))


@pytest.mark.parametrize("n_components", [1, 5, 18])
@pytest.mark.parametrize("low_pass", [0, 0.4])
@pytest.mark.parametrize("sharpening", [0, 0.8, 2.5])
@pytest.mark.parametrize("exponents", [(0.5, 0.5), (0.25, 0.4), (0, 1)])
def test_scores_agree_with_dense_matrices(
    n_components: int, low_pass: float, sharpening: float, exponents: tuple[float, float]
) -> None:
    matrix = noise()
    expected = twin((matrix.toarray() > 0).astype(float), n_components, low_pass, sharpening, *exponents)
    model = GraphFilter(n_components, low_pass, sharpening, *exponents).fit(matrix)
    for user in range(24):  # the last one has no history
        np.testing.assert_allclose(model.predict(user, range(18)), expected[user], atol=2e-5)


def test_n_components_is_clipped_to_the_rank() -> None:
    whole, clipped = (GraphFilter(n).fit(noise()).recommend([3], k=18) for n in (18, 256))
    assert clipped.equals(whole)


def test_subspace_iterations_find_the_leading_vectors() -> None:
    tastes = np.equal.outer(np.arange(300) % 4, np.arange(200) % 4)
    history = (np.random.default_rng(0).random(tastes.shape) < np.where(tastes, 0.5, 0.05)).astype(float)
    expected = twin(history, 4, 5, 0, 0.5, 0.5)
    model = GraphFilter(4, 5).fit(sp.csr_matrix(history))
    for user in range(0, 300, 13):
        np.testing.assert_allclose(model.predict(user, range(200)), expected[user], atol=1e-4)


def test_users_without_history_get_the_items_of_most_users() -> None:
    matrix = sp.csr_matrix(np.array([[5, 1, 0, 0], [0, 1, 1, 0], [0, 2, 1, 0], [0, 0, 0, -3]]))
    assert GraphFilter().fit(matrix).recommend([3], k=4)["item_id"].to_list() == [1, 2, 0, 3]


@pytest.mark.parametrize("matrix", [sp.csr_matrix((3, 4)), sp.csr_matrix([[1.0, 0, 1]]), sp.csr_matrix([[1.0], [1.0]])])
@pytest.mark.parametrize("sharpening", [0, 1])
def test_degenerate_data_give_complete_lists(matrix: sp.csr_matrix, sharpening: float) -> None:
    table = GraphFilter(sharpening=sharpening).fit(matrix).recommend(k=matrix.shape[1])
    assert table["rank"].to_list() == list(range(1, matrix.shape[1] + 1)) * matrix.shape[0]
    assert table["score"].is_finite().all()


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"n_components": 0}, "n_components must be a positive integer, not 0"),
        ({"low_pass": -0.1}, "low_pass must be a finite number .*, not -0.1"),
        ({"sharpening": float("inf")}, "sharpening must be a finite number .*, not inf"),
        ({"user_exponent": 1.5}, "user_exponent must be a finite number .*, not 1.5"),
        ({"item_exponent": -1}, "item_exponent must be a finite number .*, not -1"),
    ],
)
def test_wrong_parameters_are_refused(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        GraphFilter(**params).fit(noise())
