from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
from polars.testing import assert_frame_equal

from gingham import _native
from gingham.dataset import Dataset
from gingham.errors import DataError, NotFittedError, ParameterError
from gingham.loading import load
from gingham.models import HybridMF
from gingham.tables import FeatureSpec, Tables
from tests.models.samples import (
    LOSSES,
    SCHEDULES,
    assert_same,
    dataset,
    differs,
    groups,
    noise,
    positives,
    scores_of,
    state,
)

# Reproducibility ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("with_features", [False, True])
def test_a_seed_gives_the_same_bits(loss: str, with_features: bool) -> None:
    matrices: dict[str, Any] = {"user_features": groups(25, 3), "item_features": groups(18, 4)} if with_features else {}

    def fitted(random_state: Any) -> HybridMF:
        return HybridMF(7, loss, random_state=random_state, epochs=4).fit(noise(), **matrices, num_threads=1)

    first = fitted(42)
    assert_same(state(first), state(fitted(42)))
    assert [epoch.loss for epoch in first.history_] == [epoch.loss for epoch in fitted(42).history_]
    assert differs(state(first), state(fitted(43)))


@pytest.mark.parametrize("source", [np.random.default_rng, np.random.RandomState])
def test_sources_of_randomness_with_the_same_seed_give_the_same(source: Any) -> None:
    first, second, third = (
        HybridMF(4, random_state=source(seed), epochs=2).fit(noise(), num_threads=1) for seed in (8, 8, 9)
    )
    assert_same(state(first), state(second))
    assert differs(state(first), state(third))


def test_without_a_seed_each_fit_differs() -> None:
    first, second = (HybridMF(4, epochs=0).fit(noise(), num_threads=1) for _ in range(2))
    assert differs(state(first), state(second))


def test_fitting_again_forgets_what_was_learned() -> None:
    model = HybridMF(4, random_state=1, epochs=2).fit(noise(), num_threads=1)
    once = state(model)
    model.set_params(epochs=2).fit(noise(), num_threads=1)
    assert_same(state(model), once)
    assert [epoch.epoch for epoch in model.history_] == [1, 2]


@pytest.mark.parametrize(
    "convert",
    [
        sp.coo_matrix,
        sp.csc_matrix,
        sp.lil_matrix,
        sp.csr_array,
        sp.coo_array,
        lambda matrix: matrix.astype(np.float64),
        lambda matrix: matrix.astype(np.int64),
        lambda matrix: sp.csr_matrix(
            (matrix.data, matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64)), matrix.shape
        ),
    ],
)
def test_every_kind_of_sparse_matrix_is_taken(convert: Any) -> None:
    model = HybridMF(4, random_state=1, epochs=2).fit(noise(), user_features=groups(25, 2), num_threads=1)
    matrix, features = convert(noise()), convert(2 * groups(25, 2))
    other = HybridMF(4, random_state=1, epochs=2).fit(matrix, user_features=features / 2, num_threads=1)
    assert_same(state(model), state(other))
    test = noise(seed=3)
    np.testing.assert_array_equal(other.predict_rank(convert(test)).toarray(), model.predict_rank(test).toarray())
    np.testing.assert_array_equal(
        other.user_representations(features / 2)[0], model.user_representations(groups(25, 2))[0]
    )


def test_the_identity_as_features_is_none_at_all() -> None:
    plain = HybridMF(4, random_state=1, epochs=2).fit(noise(), num_threads=1)
    given = HybridMF(4, random_state=1, epochs=2).fit(
        noise(), user_features=sp.identity(25, format="coo"), item_features=sp.identity(18), num_threads=1
    )
    assert_same(state(plain), state(given))
    # One weight more or other than one, and it is no identity.
    for change in ((3, 4, 0.5), (3, 3, 2)):
        features = sp.identity(25, format="lil")
        features[change[0], change[1]] = change[2]
        assert differs(
            state(plain),
            state(HybridMF(4, random_state=1, epochs=2).fit(noise(), user_features=features, num_threads=1)),
        )


# Training on ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_training_three_times_is_training_for_three_epochs(loss: str, schedule: str, tmp_path: Path) -> None:
    features = groups(18, 4)

    def fresh(epochs: int) -> HybridMF:
        return HybridMF(5, loss, schedule, epochs=epochs, random_state=3)

    whole = fresh(3).fit(noise(), item_features=features, num_threads=1)
    parts = fresh(1).fit(noise(), item_features=features, num_threads=1)
    parts.fit_partial(noise(), item_features=features, num_threads=1)
    parts.fit_partial(noise(), item_features=features, num_threads=1)
    assert_same(state(parts), state(whole))
    assert [(epoch.epoch, epoch.loss) for epoch in parts.history_] == [(e.epoch, e.loss) for e in whole.history_]

    stored = fresh(1).fit(noise(), item_features=features, num_threads=1)
    for _ in range(2):
        stored.save(tmp_path / "model")
        loaded = load(tmp_path / "model")
        assert isinstance(loaded, HybridMF)
        stored = loaded.fit_partial(noise(), item_features=features, num_threads=1)
    assert_same(state(stored), state(whole))


def test_every_epoch_draws_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    train_epoch, seeds = _native.train_epoch, []

    def spied(**given: Any) -> float:
        seeds.append(given["seed"])
        return float(train_epoch(**given))

    monkeypatch.setattr(_native, "train_epoch", spied)
    model = HybridMF(5, random_state=3, epochs=3).fit(noise(), num_threads=1).fit_partial(noise(), num_threads=1)
    model.save(tmp_path / "model")
    load(tmp_path / "model").fit_partial(noise(), epochs=2, num_threads=1)  # type: ignore[attr-defined]
    assert len(set(seeds)) == len(seeds) == 6


def test_training_on_without_a_fit_is_a_fit() -> None:
    weights = positives(noise())
    model = HybridMF(5, random_state=3)
    assert (
        model.fit_partial(positives(noise()), sample_weight=weights, user_features=groups(25, 2), num_threads=1)
        is model
    )
    fitted = HybridMF(5, random_state=3, epochs=1).fit(
        positives(noise()), sample_weight=weights, user_features=groups(25, 2), num_threads=1
    )
    assert_same(state(model), state(fitted))


def test_what_was_trained_on_last_counts_as_seen() -> None:
    model = HybridMF(5, random_state=3, epochs=1).fit(noise(seed=1), num_threads=1)
    model.fit_partial(noise(seed=2), num_threads=1)
    np.testing.assert_array_equal(model.training_data_.matrix.toarray(), np.maximum(noise(seed=2).toarray(), 0))
    model.fit_partial(noise(seed=2), user_features=sp.identity(25), num_threads=1)


@pytest.mark.parametrize(
    ("data", "features", "words"),
    [
        (noise(24), {}, r"users \(24\) differ from .* \(25\)"),
        (noise(n_items=19), {}, r"items \(19\) differ from .* \(18\)"),
        (dataset(first_user=1), {}, "users .* differ"),
        (noise(), {"user_features": groups(25, 2)}, "user features"),
        (noise(), {"item_features": groups(18, 2, identity=False)}, "item features"),
        (dataset(features=True), {}, "user features"),
    ],
)
def test_training_on_about_others_is_refused(data: Any, features: Any, words: str) -> None:
    model = HybridMF(5, random_state=3, epochs=1).fit(noise(), num_threads=1)
    before, seen = state(model), model.training_data_
    with pytest.raises(DataError, match=words):
        model.fit_partial(data, **features, num_threads=1)
    assert_same(state(model), before)
    assert model.training_data_ is seen


def test_training_on_with_features_of_another_meaning_is_refused() -> None:
    def shop(town: str) -> Dataset:
        users = pl.DataFrame({"user_id": [1, 2, 3], "town": ["York", "York", town]})
        sales = pl.DataFrame({"user_id": [1, 2, 3, 1], "item_id": [1, 2, 1, 2]})
        return Dataset.from_tables(Tables(sales, users, user_features=FeatureSpec(categorical=["town"])))

    model = HybridMF(4, random_state=1, epochs=1).fit(shop("Bath"), num_threads=1)
    model.fit_partial(shop("Bath"), num_threads=1)
    with pytest.raises(DataError, match="for example 'town=Leeds'"):
        model.fit_partial(shop("Leeds"), num_threads=1)


@pytest.mark.parametrize("changed", [{"n_components": 40}, {"n_components": 7}, {"learning_schedule": "adadelta"}])
def test_training_on_with_other_sizes_is_refused(changed: Any) -> None:
    # 5 and 7 components have rows of the same padded length.
    model = HybridMF(5, random_state=3, epochs=1).fit(noise(), num_threads=1)
    before = state(model)
    with pytest.raises(ParameterError, match=r"n_components=.* or learning_schedule=.* differs"):
        model.set_params(**changed).fit_partial(noise(), num_threads=1)
    assert_same(state(model), before)


def test_parameters_set_after_a_fit_wait_for_the_next() -> None:
    model = HybridMF(5, random_state=3, epochs=2).fit(noise(), num_threads=1)
    asked = [lambda: model.recommend(), lambda: model.similar_items([1, 2], k=3), lambda: model.similar_users(4, k=3)]
    before, scores, pairs = [question() for question in asked], scores_of(model), model.predict(3, range(18))
    model.set_params(n_components=7, loss="bpr", learning_schedule="adadelta", random_state=9)
    for question, table in zip(asked, before, strict=True):
        assert_frame_equal(question(), table, check_exact=True)
    np.testing.assert_array_equal(scores_of(model), scores)
    np.testing.assert_array_equal(model.predict(3, range(18)), pairs)


# Parameters -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("loss", ["warpp", "WARP", None, 1]),
        ("learning_schedule", ["sgd", None]),
        ("n_components", [0, -1, 2.5, True, "8", None]),
        ("max_sampled", [0, -1, 2.5, True, None]),
        ("k", [0, -1, 2.5, True, 11]),
        ("n", [0, -1, 2.5, True, 4]),
        ("learning_rate", [0, -0.1, float("nan"), float("inf"), "0.1", True, None]),
        ("epsilon", [0, -1e-9, float("nan"), float("inf"), True]),
        ("rho", [0, 1, -0.5, 1.5, float("nan"), "0.9", None]),
        ("user_alpha", [-1e-9, float("nan"), float("inf"), True, None]),
        ("item_alpha", [-1e-9, float("nan"), float("inf"), True, None]),
        ("regularization", [-1e-9, float("nan"), float("inf"), True, None]),
        ("averaging", [-0.1, 1, float("nan"), "0.5", True, None]),
        ("random_state", [-1, "x", 1.5, [object()]]),
    ],
)
def test_a_wrong_parameter_is_named(name: str, values: list[Any]) -> None:
    for value in values:
        model = HybridMF(**{name: value})  # which only stores it
        with pytest.raises(ParameterError, match=f"{name}( must be|=)"):
            model.set_params(epochs=1).fit(noise(), num_threads=1)
        with pytest.raises(NotFittedError):
            model.recommend()
        fitted = HybridMF(4, random_state=1, epochs=1).fit(noise(), num_threads=1)
        before = state(fitted)
        if name != "random_state":
            with pytest.raises(ParameterError, match=f"{name}( must be|=)"):
                fitted.set_params(**{name: value}).fit_partial(noise(), num_threads=1)
        assert_same(state(fitted), before)


@pytest.mark.parametrize("epochs", [-1, 1.5, True, "3", None])
def test_a_wrong_number_of_epochs_is_named(epochs: Any) -> None:
    with pytest.raises(ParameterError, match=f"epochs must be an integer of at least 0, not {epochs!r}"):
        HybridMF(4, epochs=epochs).fit(noise())
    with pytest.raises(ParameterError, match=f"epochs must be an integer of at least 0, not {epochs!r}"):
        HybridMF(4).fit_partial(noise(), epochs=epochs)


@pytest.mark.parametrize("num_threads", [-1, 1.5])
def test_a_wrong_number_of_threads_is_named(num_threads: Any) -> None:
    with pytest.raises(ParameterError, match="num_threads must be an integer from 0"):
        HybridMF(4).fit(noise(), num_threads=num_threads)


@pytest.mark.parametrize("loss", LOSSES)
def test_values_may_be_weights(loss: str) -> None:
    weights = noise()
    weights.data[weights.data <= 0] = 1
    weighted = HybridMF(4, loss, weighted=True, epochs=3, random_state=1).fit(noise(), num_threads=1)
    expected = HybridMF(4, loss, epochs=3, random_state=1).fit(noise(), sample_weight=weights, num_threads=1)
    assert_same(state(weighted), state(expected))
    with pytest.raises(ParameterError, match="leave out sample_weight"):
        weighted.fit(noise(), sample_weight=weights)


def test_numbers_of_numpy_are_taken() -> None:
    numpy_params: dict[str, Any] = {
        "n_components": np.int64(5),
        "learning_rate": np.float32(0.5),
        "rho": np.float64(0.5),
        "epsilon": np.float32(0.25),
        "user_alpha": np.float32(0.5),
        "item_alpha": np.int32(0),
        "regularization": np.float32(0.125),
        "max_sampled": np.int16(3),
        "k": np.uint8(2),
        "n": np.int32(4),
        "random_state": np.int64(3),
    }
    params = {name: value.item() for name, value in numpy_params.items()}
    for loss in ("warp-kos", "logistic"):
        of_numpy = HybridMF(loss=loss, epochs=np.int64(2), **numpy_params).fit(noise(), num_threads=np.int32(1))
        assert_same(state(of_numpy), state(HybridMF(loss=loss, epochs=2, **params).fit(noise(), num_threads=1)))


def test_numbers_of_numpy_are_stored_as_numbers(tmp_path: Path) -> None:
    model = HybridMF(np.int64(5), learning_rate=np.float32(0.5), random_state=np.int64(3), epochs=1).fit(
        noise(), num_threads=1
    )
    model.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert loaded.get_params() == HybridMF(5, learning_rate=0.5, random_state=3, epochs=1).get_params()


@pytest.mark.parametrize("source", [np.random.default_rng, np.random.RandomState])
def test_a_source_of_randomness_is_not_stored(source: Any, tmp_path: Path) -> None:
    model = HybridMF(5, random_state=source(3), epochs=1).fit(noise(), num_threads=1)
    model.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert isinstance(loaded, HybridMF)
    assert loaded.random_state is None
    assert_same(state(loaded), state(model))


@pytest.mark.parametrize("loss", LOSSES)
def test_each_parameter_matters(loss: str) -> None:
    """What the constructor takes reaches the kernel."""
    base: dict[str, Any] = {"n_components": 4, "loss": loss, "random_state": 1}
    changes: dict[str, Any] = {
        "learning_rate": 0.5,
        "user_alpha": 0.125,
        "item_alpha": 0.125,
        "regularization": 0.125,
    }
    if loss in ("warp", "warp-kos"):
        changes["max_sampled"] = 1
    if loss == "warp-kos":
        changes |= {"k": 1, "n": 7}
    start = state(HybridMF(epochs=2, **base).fit(noise(), num_threads=1))
    for name, value in changes.items():
        assert differs(state(HybridMF(epochs=2, **base | {name: value}).fit(noise(), num_threads=1)), start), name
    adadelta = base | {"learning_schedule": "adadelta"}
    start = state(HybridMF(epochs=2, **adadelta).fit(noise(), num_threads=1))
    for name, value in {"rho": 0.5, "epsilon": 1e-3}.items():
        assert differs(state(HybridMF(epochs=2, **adadelta | {name: value}).fit(noise(), num_threads=1)), start), name


def test_a_model_of_nothing_has_no_surprise_left() -> None:
    for shape in ((0, 3), (3, 0), (0, 0)):
        with pytest.raises(DataError, match="no training examples"):
            HybridMF(4).fit(sp.csr_matrix(shape), num_threads=1)
