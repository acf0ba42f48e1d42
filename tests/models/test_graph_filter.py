from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.sparse as sp

from gingham import store
from gingham.errors import ArtifactError, ParameterError
from gingham.loading import load
from gingham.models import GraphFilter, graph_filter
from tests.models.samples import noise

FORMULAS = {
    "exponential": lambda g, s: g * np.exp(-s * g),
    "quadratic": lambda g, s: g * (1 - s * g),
    "ridge": lambda g, s: g / (1 + s * g),
    "plateau": lambda g, s: 0.5 / (1 + s) * (1 - np.sign(1 - 2 * g) * np.abs(1 - 2 * g) ** (1 + s)),
}


def twin(
    history: npt.NDArray[np.float64],
    n_components: int = 256,
    low_pass: float = 0.1,
    sharpening: float = 2.0,
    user: float = 0.5,
    item: float = 0.5,
    filter: str = "exponential",
    score: float = 0.5,
) -> npt.NDArray[np.float64]:
    """The filter by all eigenvectors of the dense co-occurrence, without a polynomial."""
    per_user, per_item = np.maximum(history.sum(axis=1), 1), np.maximum(history.sum(axis=0), 1)
    graph = np.diag(per_user**-user) @ history @ np.diag(per_item**-item)
    values, vectors = np.linalg.eigh(graph.T @ graph)
    values = np.maximum(values / values[-1], 0)
    leading = np.arange(len(values)) >= len(values) - n_components
    passed = FORMULAS[filter](values, sharpening) + low_pass * leading
    return history @ np.diag(per_item**-score) @ (vectors * passed) @ vectors.T @ np.diag(per_item**score)


def scores_of(model: GraphFilter, n_users: int) -> npt.NDArray[np.float32]:
    users, items = np.indices((n_users, model.n_items)).reshape(2, -1)
    return model.predict(users, items).reshape(n_users, model.n_items)


@pytest.mark.parametrize("n_components", [1, 5])
@pytest.mark.parametrize("low_pass", [0, 0.4])
@pytest.mark.parametrize("filter", FORMULAS)
@pytest.mark.parametrize("sharpening", [0, 0.8, 2, 5])
@pytest.mark.parametrize("exponents", [(0.5, 0.5, 0.5), (0.2, 0.3, 0.1), (0, 1, 0)])
def test_scores_agree_with_dense_matrices(
    n_components: int, low_pass: float, filter: str, sharpening: float, exponents: tuple[float, float, float]
) -> None:
    matrix = noise()
    params = (n_components, low_pass, sharpening, *exponents[:2], filter, exponents[2])
    expected = twin((matrix.toarray() > 0).astype(float), *params)
    scores = scores_of(GraphFilter(*params).fit(matrix), 24)  # the last user has no history
    np.testing.assert_allclose(scores, expected[:24], atol=0.02 * np.abs(expected).max())


def test_a_polynomial_of_low_degree_is_exact() -> None:
    assert len(graph_filter._coefficients("quadratic", 0.8)) == 2
    assert len(graph_filter._coefficients("exponential", 0)) == 1
    expected = twin((noise().toarray() > 0).astype(float), sharpening=0.8, filter="quadratic")
    scores = scores_of(GraphFilter(256, 0.1, 0.8, 0.5, 0.5, "quadratic", 0.5).fit(noise()), 24)
    np.testing.assert_allclose(scores, expected[:24], atol=2e-6)


@pytest.mark.parametrize("filter", FORMULAS)
def test_without_sharpening_all_filters_are_the_same(filter: str) -> None:
    linear = GraphFilter(3, sharpening=0).fit(noise())
    scores = scores_of(GraphFilter(3, sharpening=0, filter=filter).fit(noise()), 24)
    np.testing.assert_allclose(scores, scores_of(linear, 24), atol=1e-6)


def test_n_components_is_clipped_to_the_rank() -> None:
    whole, clipped = (GraphFilter(n).fit(noise()).recommend([3], k=18) for n in (18, 256))
    assert clipped.equals(whole)


def test_subspace_iterations_find_the_leading_vectors() -> None:
    tastes = np.equal.outer(np.arange(300) % 4, np.arange(200) % 4)
    history = (np.random.default_rng(0).random(tastes.shape) < np.where(tastes, 0.5, 0.05)).astype(float)
    expected = twin(history, 4, 5, 0)
    model = GraphFilter(4, 5, 0, 0.5, 0.5, score_exponent=0.5).fit(sp.csr_matrix(history))
    for user in range(0, 300, 13):
        np.testing.assert_allclose(model.predict(user, range(200)), expected[user], atol=1e-4)


def test_results_do_not_depend_on_threads_and_only_in_rounding_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    one, three = (GraphFilter(6).fit(noise(), num_threads=n) for n in (1, 3))
    np.testing.assert_array_equal(scores_of(one, 25), scores_of(three, 25))
    monkeypatch.setattr(graph_filter, "_USERS", 7)
    np.testing.assert_allclose(scores_of(GraphFilter(6).fit(noise()), 25), scores_of(one, 25), atol=1e-5)


def test_users_without_history_get_the_items_of_most_users() -> None:
    matrix = sp.csr_matrix(np.array([[5, 1, 0, 0], [0, 1, 1, 0], [0, 2, 1, 0], [0, 0, 0, -3]]))
    assert GraphFilter().fit(matrix).recommend([3], k=4)["item_id"].to_list() == [1, 2, 0, 3]


@pytest.mark.parametrize("matrix", [sp.csr_matrix((3, 4)), sp.csr_matrix([[1.0, 0, 1]]), sp.csr_matrix([[1.0], [1.0]])])
@pytest.mark.parametrize("sharpening", [0, 1])
def test_degenerate_data_give_complete_lists(matrix: sp.csr_matrix, sharpening: float) -> None:
    table = GraphFilter(sharpening=sharpening).fit(matrix).recommend(k=matrix.shape[1])
    assert table["rank"].to_list() == list(range(1, matrix.shape[1] + 1)) * matrix.shape[0]
    assert table["score"].is_finite().all()


def version_0_1(model: GraphFilter, series: list[float], folder: Path) -> Path:
    """Store a model as version 0.1 did: the factors between the terms of a power series, and fewer parameters."""
    model.save(folder)
    stored = store.read(folder)
    params = {name: stored.params[name] for name in ("n_components", "low_pass", "sharpening", "user_exponent")}
    params["item_exponent"] = stored.params["item_exponent"]
    state = {name: value for name, value in stored.state.items() if name not in ("coefficients", "score_exponent")}
    store.write(folder, replace(stored, params=params, state=state | {"series": series}))
    return folder


@pytest.mark.parametrize("sharpening", [0.0, 1.2])
def test_an_artifact_of_version_0_1_scores_as_before(tmp_path: Path, sharpening: float) -> None:
    history = (noise().toarray() > 0).astype(float)
    model = GraphFilter(4, 0.3, sharpening, 0.5, 0.5, score_exponent=0).fit(noise())
    series = [-sharpening / n for n in range(1, 5)] if sharpening else []
    graph = model._graph.toarray().astype(float)
    near = graph.T @ graph
    total = term = history @ near
    for factor in series:
        term = factor * term @ near
        total = total + term
    expected = total + history @ model._into @ model._out
    loaded = load(version_0_1(model, series, tmp_path / "model"))
    np.testing.assert_allclose(scores_of(loaded, 24), expected[:24], atol=2e-6)
    loaded.save(tmp_path / "again")
    np.testing.assert_array_equal(scores_of(load(tmp_path / "again"), 24), scores_of(loaded, 24))


def test_an_artifact_with_two_filters_is_refused(tmp_path: Path) -> None:
    GraphFilter(4).fit(noise()).save(tmp_path / "model")
    stored = store.read(tmp_path / "model")
    store.write(tmp_path / "model", replace(stored, state=dict(stored.state) | {"series": [-1.0]}))
    with pytest.raises(ArtifactError, match="the filter is stored twice, or not at all"):
        load(tmp_path / "model")


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"n_components": 0}, "n_components must be a positive integer, not 0"),
        ({"low_pass": -0.1}, "low_pass must be a finite number .*, not -0.1"),
        ({"sharpening": float("inf")}, "sharpening must be a finite number .*, not inf"),
        ({"user_exponent": 1.5}, "user_exponent must be a finite number .*, not 1.5"),
        ({"item_exponent": -1}, "item_exponent must be a finite number .*, not -1"),
        ({"score_exponent": 2}, "score_exponent must be a finite number .*, not 2"),
        ({"filter": "ideal"}, "filter must be one of 'exponential', 'quadratic', 'ridge', 'plateau', not 'ideal'"),
    ],
)
def test_wrong_parameters_are_refused(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        GraphFilter(**params).fit(noise())
