"""How scores of embeddings are divided among the items of the history and features."""

import numpy as np
import pytest

import gingham as gg
from gingham.models.attribution import Components, NormalEquations, Projection
from gingham.models.contributions import sums

DATA = gg.synth.sample_dataset()


def grid(model: gg.models.Recommender) -> tuple[np.ndarray, np.ndarray]:
    users, items = np.mgrid[: model.n_users, : model.n_items]
    return users.ravel().astype(np.int32), items.ravel().astype(np.int32)


def test_normal_equations_give_the_same_as_dense_ones() -> None:
    """Item i contributes y' (w Y'Y + penalty I + sum c y y')^-1 c_i y_i."""
    model = gg.ALS(6, random_state=1).fit(DATA.matrix())
    state, items = model._state, model._state.items.rows()[:, :6].astype(float)
    users = np.arange(5, dtype=np.int32)
    attribution = model._attribution(DATA.matrix()[users])
    assert isinstance(attribution, NormalEquations)
    vectors = np.random.default_rng(0).standard_normal((3, 6))
    for user in users:
        row = attribution.weights[[int(user)]]
        weighted = items[row.indices] * row.data[:, None]
        dense = state.unobserved_weight * items.T @ items + weighted.T @ items[row.indices]
        dense += float(attribution.penalty[user]) * np.eye(6)
        expected = weighted @ np.linalg.inv(dense) @ vectors.T
        np.testing.assert_allclose(attribution(int(user), row.indices, np.zeros(6), vectors), expected, rtol=1e-8)


def test_a_user_that_was_folded_in_is_explained_by_the_history_alone() -> None:
    model = gg.ALS(6, weighted=True, random_state=1).fit(DATA.matrix())
    users = np.arange(5, dtype=np.int32)
    folded, items = model.fold_in(DATA.matrix()[users]), model._state.items.rows()[:, :6].astype(float)
    attribution = model._attribution(DATA.matrix()[users])
    for user in users:
        history = attribution.weights[[int(user)]].indices  # type: ignore[attr-defined]
        total = attribution(int(user), history, np.zeros(6), items).sum(axis=0)
        np.testing.assert_allclose(total, folded[user] @ items.T, rtol=1e-3, atol=1e-5)


def test_a_projection_divides_an_embedding_that_the_history_spans() -> None:
    rng = np.random.default_rng(3)
    items = rng.standard_normal((9, 4)).astype(np.float32)
    history, weights = np.array([1, 4], np.int32), np.array([2.0, -1])
    own, vectors = weights @ items[history], rng.standard_normal((3, 4))
    rows = items[history].astype(float)
    penalty = 0.1 * np.square(rows).sum() / 2
    coefficients = np.linalg.inv(rows @ rows.T + penalty * np.eye(2)) @ rows @ own
    values = Projection(items)(0, history, own, vectors)
    np.testing.assert_allclose(values, coefficients[:, None] * (rows @ vectors.T), rtol=1e-6)


@pytest.mark.parametrize("prior", [0.25, None])
@pytest.mark.parametrize("kind", [gg.ALS, gg.HybridMF])
def test_features_have_their_columns(kind: type[gg.ALS] | type[gg.HybridMF], prior: float | None) -> None:
    model = kind(5, epochs=3, prior=prior, random_state=1).fit(DATA, num_threads=1, verbose=False)
    users, items = grid(model)
    parts = model._contributions(users, items)
    assert {(part.cause.value, part.detail) for part in parts} >= {
        ("user feature", "age_group"),
        ("item feature", "type"),
    }
    side, representations = model._state.users, model.user_representations()[0]
    assert side.features is not None
    names, never = model.training_data_.features("user"), np.zeros(50, np.int64)
    components = Components.of(side, representations, side.features, names, never, None)
    assert [name for name, _ in components.groups] == ["age_group"]
    shared = side.features[:, 50:] @ side.embeddings[50:].astype(float)
    np.testing.assert_allclose(components.groups[0][1], shared)
    np.testing.assert_allclose(components.own + shared, representations, atol=1e-6)


def test_a_user_without_history_is_explained_by_features_alone() -> None:
    rows = DATA.interactions
    data = DATA.with_interactions(rows.take(rows.user_index != 0))
    model = gg.HybridMF(5, epochs=3, random_state=1).fit(data, num_threads=1, verbose=False)
    items = np.arange(20, dtype=np.int32)
    parts = model._contributions(np.zeros(20, np.int32), items)
    named = {part.cause.value for part in parts if np.abs(part.value).max(initial=0) > 1e-6}
    assert named <= {"user feature", "best seller", "base", "item feature"}
    np.testing.assert_allclose(sums(parts, 20), model._scores().pairs(np.zeros(20, np.int32), items), atol=1e-6)
