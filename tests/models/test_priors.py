"""Priors: what they are made of, and how much they weigh."""

import numpy as np
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from gingham.models.priors import Prior, evidence_of, shared_features, split_features
from gingham.models.side import Side
from tests.models.samples import groups


def test_shared_features_follow_an_identity_for_each_row() -> None:
    features = groups(5, 2)
    shared = shared_features(features)
    assert shared is not None
    np.testing.assert_array_equal(shared.toarray(), groups(5, 2, identity=False).toarray())
    weighed = sp.csr_matrix(sp.diags([2.0, 1, 0.5, 3, 1]) @ features)
    assert shared_features(weighed) is not None
    for other in (
        None,
        sp.identity(5, format="csr"),
        groups(5, 2, identity=False),
        sp.csr_matrix(features[:, ::-1]),
        sp.csr_matrix(np.pad(np.eye(5)[:, [1, 0, 2, 3, 4]], ((0, 0), (0, 1)))),
        sp.csr_matrix(np.pad(np.diag([1.0, 1, 0, 1, 1]), ((0, 0), (0, 1)))),
    ):
        assert shared_features(other) is None


@given(
    counts=st.lists(st.integers(0, 50), min_size=1, max_size=8),
    strength=st.floats(0, 100),
    weight=st.sampled_from([0.25, 1.0, 3.0]),
    seed=st.integers(0, 99),
)
def test_few_interactions_weigh_less_than_many(counts: list[int], strength: float, weight: float, seed: int) -> None:
    rng, n = np.random.default_rng(seed), len(counts)
    own, parts = rng.normal(size=(n, 4)).astype(np.float32), rng.normal(size=(2, 4)).astype(np.float32)
    shared = groups(n, 2, identity=False)
    prior = Prior(
        Side.of_parts([(own[:, :3], own[:, 3])], None),
        Side.of_parts([(parts[:, :3], parts[:, 3])], shared),
        np.array(counts, np.int64),
    )
    side = prior.new_side(sp.csr_matrix(sp.hstack([weight * sp.identity(n), shared]), dtype=np.float32))
    prior.represent(side, strength)
    expected = [
        (count**2 * row + strength * said) / (count**2 + strength) if count else said
        for count, row, said in zip(counts, own.astype(float), shared @ parts.astype(float), strict=True)
    ]
    np.testing.assert_allclose(side.rows()[:, :4], expected, atol=1e-5)
    np.testing.assert_array_equal(side.state[n:, :4], parts)


def test_entities_without_positives_have_the_prior_alone_if_negatives_do_not_count() -> None:
    rng = np.random.default_rng(0)
    own, parts = rng.normal(size=(3, 4)).astype(np.float32), rng.normal(size=(2, 4)).astype(np.float32)
    shared = groups(3, 2, identity=False)
    sides = Side.of_parts([(own[:, :3], own[:, 3])], None), Side.of_parts([(parts[:, :3], parts[:, 3])], shared)
    prior = Prior(*sides, np.array([0, 1, 2], np.int64)).without_negatives()
    assert prior.evidence.tolist() == [0, 0, 2]
    side = prior.new_side(sp.csr_matrix(sp.hstack([sp.identity(3), shared]), dtype=np.float32))
    prior.represent(side, 0.25)
    np.testing.assert_allclose(side.rows()[:2, :4], (shared @ parts)[:2], atol=1e-6)


def test_only_identities_are_trained_together_where_there_is_a_prior() -> None:
    users, items = groups(5, 2), groups(6, 3, identity=False)
    (first, second), (of_users, of_items) = split_features((users, items), 0.0)
    assert (first, of_items) == (None, None)
    assert second is items
    assert of_users is not None
    assert of_users.shape == (5, 2)
    trained, shared = split_features((users, items), None)
    assert trained[0] is users
    assert shared == (None, None)


def test_evidence_counts_positives_and_training() -> None:
    entries = sp.csr_matrix([[2.0, -1, 0], [0, 1, 0], [0, 0, 0]])
    users, items = evidence_of(entries, (np.array([True, True, False]), np.array([True, True, True])))
    assert (users.tolist(), items.tolist()) == ([2, 2, 0], [2, 2, 1])
