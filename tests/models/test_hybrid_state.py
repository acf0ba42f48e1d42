"""Priors of HybridMF: how they are trained, what follows from them, and how they are kept."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from gingham.errors import DataError, ParameterError
from gingham.loading import load
from gingham.models import ALS, HybridMF
from gingham.models.hybrid_state import restored_sides_and_priors
from gingham.models.side import Side
from tests.models.samples import LOSSES, SCHEDULES, assert_same, groups, noise, scores_of, state


def fitted(loss: str = "warp", schedule: str = "adagrad", **params: float | None) -> HybridMF:
    return HybridMF(6, loss, schedule, random_state=1, epochs=3, **params).fit(  # type: ignore[arg-type]
        noise(), user_features=groups(25, 3), item_features=groups(18, 4), num_threads=1
    )


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("loss", LOSSES)
def test_without_strength_scores_of_the_known_are_those_without_features(loss: str, schedule: str) -> None:
    plain = HybridMF(6, loss, schedule, random_state=1, epochs=3).fit(noise(), num_threads=1)
    scores = scores_of(fitted(loss, schedule, prior=0.0))[:-1]  # the last user has no history
    np.testing.assert_allclose(scores, scores_of(plain)[:-1], atol=1e-6)


def test_a_prior_descends_against_fixed_identities() -> None:
    # One user with one item, so logistic loss has one example. The user's other feature weighs 0.5.
    one, features = sp.csr_matrix([[1.0]]), sp.csr_matrix([[1, 0.5]])
    start = HybridMF(3, "logistic", random_state=1, epochs=0).fit(one, user_features=features, num_threads=1)
    end = HybridMF(3, "logistic", random_state=1, epochs=1).fit(one, user_features=features, num_threads=1)
    row, bias = np.append(end.item_embeddings[0], 1.0).astype(float), float(end.item_biases[0])
    shared = np.append(start.user_embeddings[1], start.user_biases[1]).astype(float)
    score = row @ (0.5 * shared) + bias
    shared += 0.05 * 0.5 * row / (1 + np.exp(score))  # the memory of adagrad is 1 before its first step
    np.testing.assert_allclose(np.append(end.user_embeddings[1], end.user_biases[1]), shared, atol=1e-6)


def test_a_user_without_history_is_represented_by_features() -> None:
    model = fitted()
    embeddings, biases = model.user_representations()
    alone, alone_biases = model.user_representations(sp.csr_matrix(groups(25, 3) @ sp.diags([0.0] * 25 + [1.0] * 3)))
    np.testing.assert_allclose(embeddings[-1], alone[-1], atol=1e-7)
    np.testing.assert_allclose(biases[-1], alone_biases[-1], atol=1e-7)
    assert np.abs(embeddings[:-1] - alone[:-1]).max() > 0.01


def test_features_rank_new_items() -> None:
    # Users buy one of two kinds of items; nobody has yet bought the last item of each kind.
    likes = np.arange(30)[:, None] % 2 == np.arange(20) % 2
    likes[:, 18:] = False
    train = sp.csr_matrix(likes, dtype=np.float32)
    model = HybridMF(8, random_state=0, epochs=20).fit(train, item_features=groups(20, 2), num_threads=1)
    new = scores_of(model)[:, 18:]
    assert (new.argmax(axis=1) == np.arange(30) % 2).all()


def test_without_a_prior_or_identities_all_features_are_trained_together() -> None:
    for model in (fitted(prior=None), fitted(prior=None, averaging=0.5)):
        assert set(state(model)) == {"user.state", "item.state"}
    alone = HybridMF(6, random_state=1, epochs=2).fit(noise(), user_features=groups(25, 3, False), num_threads=1)
    together = alone.copy(prior=None).fit(noise(), user_features=groups(25, 3, False), num_threads=1)
    assert_same(state(alone), state(together))


def test_training_goes_on_from_a_stored_prior(tmp_path: Path) -> None:
    model = fitted(averaging=0.3)
    inputs: dict[str, Any] = {"user_features": groups(25, 3), "item_features": groups(18, 4)}
    model.save(tmp_path / "model")
    stored = load(tmp_path / "model")
    assert isinstance(stored, HybridMF)
    for part in (model, stored):
        part.fit_partial(noise(), **inputs, epochs=2, num_threads=1)
    once, again = state(model), state(stored)
    assert (
        set(once)
        == set(again)
        == {f"{what}.state" for side in ("user", "item") for what in (side, f"{side}.identities", f"{side}.shared")}
    )
    for name, array in once.items():
        np.testing.assert_array_equal(array, again[name])


def test_a_user_whose_history_is_left_out_of_new_data_stays_known() -> None:
    model, recent = fitted(), noise()
    recent.data[: recent.indptr[1]] = 0
    before = model.user_representations()[0][0]
    model.fit_partial(recent, user_features=groups(25, 3), item_features=groups(18, 4), epochs=0, num_threads=1)
    np.testing.assert_array_equal(model.user_representations()[0][0], before)


def test_a_prior_cannot_be_switched_while_training_goes_on() -> None:
    inputs: dict[str, Any] = {"user_features": groups(25, 3), "item_features": groups(18, 4)}
    for before, after in ((1.0, None), (None, 1.0)):
        model = fitted(prior=before)
        with pytest.raises(ParameterError, match=f"prior={after!r} or the identities among the features differ"):
            model.set_params(prior=after).fit_partial(noise(), **inputs)
    with pytest.raises(ParameterError, match="prior must be"):
        fitted(prior=-1.0)


def test_stored_priors_are_checked() -> None:
    model = fitted()
    arrays, data = dict(model.artifact().arrays), model.training_data_
    users, items, priors = restored_sides_and_priors(6, "adagrad", arrays, data)
    assert None not in priors
    np.testing.assert_array_equal(users.state, arrays["user.state"])
    np.testing.assert_array_equal(items.state, arrays["item.state"])
    wrong = {name: array for name, array in arrays.items() if not name.startswith("user.features")}
    wrong["user.state"] = arrays["user.identities.state"][:, : Side.shape(25, 6, None)[1]]
    for changed, message in (
        (arrays | {"user.evidence": -arrays["user.evidence"] - 1}, "user.evidence"),
        (arrays | {"item.shared.state": arrays["item.shared.state"][:2]}, "item.shared.state"),
        (arrays | {"item.identities.state": -arrays["item.identities.state"]}, "item.identities"),
        (wrong, "'user.identities.state' belongs to no features"),
    ):
        with pytest.raises(DataError, match=message):
            restored_sides_and_priors(6, "adagrad", changed, data)


@pytest.mark.parametrize("model", [HybridMF(3), ALS(3)])
def test_models_of_version_0_1_have_no_prior(model: HybridMF | ALS) -> None:
    stored = {name: value for name, value in model.get_params().items() if name != "prior"}
    restored = type(model).unfitted(stored)
    assert restored.prior is None
    assert type(model).unfitted(stored | {"prior": 0.5}).prior == 0.5
