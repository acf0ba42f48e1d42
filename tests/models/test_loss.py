from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from gingham.models import HybridMF
from tests.models.samples import (
    LOSSES,
    SCHEDULES,
    clustered_shop,
    differs,
    groups,
    mean_auc,
    noise,
    scores_of,
    state,
)

# Learning -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("with_features", [False, True])
def test_a_clustered_shop_is_learned(loss: str, schedule: str, with_features: bool) -> None:
    train, held = clustered_shop(loss)
    matrices: dict[str, Any] = {"user_features": groups(40, 3), "item_features": groups(40, 5)} if with_features else {}
    start = HybridMF(8, loss, schedule, random_state=0, epochs=0).fit(train, **matrices, num_threads=1)
    assert 0.3 < mean_auc(start, held) < 0.7
    model = HybridMF(8, loss, schedule, random_state=0, epochs=40).fit(train, **matrices, num_threads=1)
    assert mean_auc(model, held) > 0.85


def test_features_alone_can_tell_clusters_apart() -> None:
    train, held = clustered_shop("warp")
    model = HybridMF(8, random_state=0, epochs=40).fit(
        train, user_features=groups(40, 4, identity=False), item_features=groups(40, 4, identity=False), num_threads=1
    )
    assert model.user_embeddings.shape == model.item_embeddings.shape == (4, 8)
    assert mean_auc(model, held) > 0.9
    # A user the model has never seen, of the third cluster.
    stranger = sp.csr_matrix(np.eye(4, dtype=np.float32)[[2]] * 0.5)
    embeddings, biases = model.user_representations(stranger)
    items, item_biases = model.item_representations()
    best = np.argsort(-(embeddings @ items.T + item_biases + biases[:, None])[0])[:10]
    assert set(best % 4) == {2}


@pytest.mark.parametrize(
    ("penalised", "name"),
    [
        ("user_alpha", "user_embeddings"),
        ("item_alpha", "item_embeddings"),
        ("regularization", "user_embeddings"),
        ("regularization", "item_embeddings"),
    ],
)
def test_penalties_keep_parameters_small(penalised: str, name: str) -> None:
    train, _ = clustered_shop("warp")
    free = HybridMF(8, random_state=0, epochs=20).fit(train, num_threads=1)
    bound = HybridMF(8, random_state=0, epochs=20, **{penalised: 2.0}).fit(train, num_threads=1)
    assert np.linalg.norm(getattr(bound, name)) < 0.75 * np.linalg.norm(getattr(free, name))


@pytest.mark.parametrize("alpha", [0.1, 1e-6, 1, np.float64(0.3), np.float32(0.3), np.int64(1)])
@pytest.mark.parametrize("penalised", ["user_alpha", "item_alpha", "regularization"])
def test_a_penalty_may_be_any_number(penalised: str, alpha: float) -> None:
    free = HybridMF(4, random_state=0, epochs=2).fit(noise(), num_threads=1)
    bound = HybridMF(4, random_state=0, epochs=2, **{penalised: alpha}).fit(noise(), num_threads=1)
    assert differs(state(free), state(bound))


@pytest.mark.parametrize("loss", LOSSES)
def test_who_has_no_history_has_no_noise(loss: str) -> None:
    model = HybridMF(6, loss, random_state=1, epochs=5).fit(noise(), num_threads=1)
    assert not model.user_embeddings[24].any()
    assert model.user_biases[24] == 0
    assert model.user_embeddings[:24].any(axis=1).all()
    # What is left are the items' biases.
    table = model.recommend([24], k=18)
    assert table["item_id"].to_list() == np.argsort(-model.item_biases, kind="stable").tolist()


@pytest.mark.parametrize("loss", LOSSES)
def test_who_has_no_history_has_what_shared_features_say(loss: str) -> None:
    features = groups(25, 3)
    model = HybridMF(6, loss, random_state=1, epochs=5).fit(noise(), user_features=features, num_threads=1)
    assert not model.user_embeddings[24].any()
    group = 25 + 24 % 3
    assert model.user_embeddings[group].any()
    embeddings, biases = model.user_representations()
    np.testing.assert_array_equal(embeddings[24], 0.5 * model.user_embeddings[group])
    assert biases[24] == 0.5 * model.user_biases[group]
    scores = scores_of(model)[24]
    np.testing.assert_allclose(model.recommend([24], k=18)["score"], np.sort(scores)[::-1], atol=1e-6)


@pytest.mark.parametrize("loss", ["bpr", "logistic"])
def test_items_that_training_cannot_meet_have_no_noise(loss: str) -> None:
    matrix = sp.csr_matrix(np.hstack([noise().toarray(), np.zeros((25, 1))]))
    model = HybridMF(6, loss, random_state=1, epochs=5).fit(matrix, num_threads=1)
    assert not model.item_embeddings[18].any()
    assert model.item_biases[18] == 0
