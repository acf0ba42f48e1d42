"""One epoch of gradient descent; tests of hybrid models and of the kernel cover the steps."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from gingham.models import HybridMF
from gingham.models.descent import Descent
from gingham.models.loss import LOSSES
from gingham.models.side import Side
from gingham.models.training_pairs import TrainingPairs
from tests.models.samples import groups, noise


def descent(**params: float) -> Descent:
    model = HybridMF(**params)  # type: ignore[arg-type]
    return Descent(**{part.name: getattr(model, part.name) for part in fields(Descent)})


def test_a_fixed_side_stays_as_it_is() -> None:
    matrix, rng = noise(), np.random.default_rng(0)
    matrix = sp.csr_matrix(matrix)
    pairs = TrainingPairs.of_matrix(matrix, (groups(25, 3), None), None, LOSSES["warp"], 1)
    users = Side.initial(groups(25, 3), pairs.active[0], 6, "adagrad", rng)
    items = Side.initial(None, pairs.active[1], 6, "adagrad", rng)
    fixed, before = items.fixed_copy(), users.state.copy()
    loss = replace(descent(), item_alpha=0.0).run(users, fixed, pairs, "adagrad", seed=1, done=0, n_threads=1)
    assert loss > 0
    np.testing.assert_allclose(fixed.rows()[:, :7], items.rows()[:, :7], rtol=0, atol=1e-18)
    assert (users.state[:, :7] != before[:, :7]).any()


def test_priors_are_trained_after_identities_and_do_not_change_these() -> None:
    inputs: dict[str, Any] = {"user_features": groups(25, 3), "num_threads": 1}
    with_alpha = HybridMF(6, random_state=1, epochs=2, item_alpha=1e-3).fit(noise(), **inputs)
    plain = HybridMF(6, random_state=1, epochs=2, item_alpha=1e-3).fit(noise(), num_threads=1)
    np.testing.assert_array_equal(with_alpha.item_embeddings, plain.item_embeddings)
