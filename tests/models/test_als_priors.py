"""Priors of ALS against dense linear algebra."""

from typing import Any

import numpy as np

from gingham.models import ALS
from tests.models.samples import groups, noise

WEIGHT, L2, EXPONENT = 0.3, 0.05, 0.5


def model(**params: Any) -> ALS:
    given = {"n_components": 6, "unobserved_weight": WEIGHT, "l2": L2, "l2_exponent": EXPONENT, "random_state": 1}
    return ALS(**{**given, **params})


def test_priors_are_solved_for_with_identities_fixed() -> None:
    features, there = groups(18, 4, identity=False).toarray().astype(float), (noise() > 0).toarray().astype(float)
    fitted = model(n_components=3, epochs=300, prior=2.0).fit(noise(), item_features=groups(18, 4))
    users = fitted.user_embeddings.astype(float)
    met = there.sum(axis=0) + WEIGHT * len(users)
    # The equations of all features' embeddings at once, one feature's components after the other's.
    system = np.diag(np.repeat(L2 * ((features**2).T @ met) ** EXPONENT, 3))
    right = np.zeros((4, 3))
    for row, bought in zip(features, there.T, strict=True):
        system += np.kron(np.outer(row, row), users.T @ ((bought + WEIGHT)[:, None] * users))
        right += np.outer(row, users.T @ bought)
    said = np.linalg.solve(system, right.ravel()).reshape(4, 3)
    np.testing.assert_allclose(fitted.item_embeddings[18:], said, atol=1e-3)
    plain, known = model(n_components=3, epochs=300).fit(noise()), (1 + there.sum(axis=0)[:, None]) ** 2
    scores = plain.user_embeddings @ plain.item_embeddings.T, users @ (features @ said).T
    expected = (known.T * scores[0] + 2 * scores[1]) / (known.T + 2)
    np.testing.assert_allclose(users @ fitted.item_representations()[0].T, expected, atol=1e-3)


def test_without_strength_priors_change_no_score() -> None:
    inputs: dict[str, Any] = {"user_features": groups(25, 3), "item_features": groups(18, 4)}
    plain, fitted = model(epochs=4).fit(noise()), model(epochs=4, prior=0.0).fit(noise(), **inputs)
    for one, other in zip(
        (*fitted.user_representations(), *fitted.item_representations()),
        (*plain.user_representations(), *plain.item_representations()),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, atol=1e-5)
