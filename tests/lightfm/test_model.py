import copy
import inspect
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from gingham import HybridMF
from gingham.errors import ArtifactError, DataError
from gingham.lightfm import LightFM, __version__
from gingham.lightfm.errors import DivergedError, NotFittedError, ParameterError
from gingham.lightfm.state import ARRAYS
from tests.lightfm.tables import N_ITEMS, N_USERS, bought, features

LOSSES = ("logistic", "bpr", "warp", "warp-kos")


def fitted(**params: Any) -> LightFM:
    return LightFM(**{"random_state": 3, "loss": "warp", **params}).fit(bought(), epochs=3)


def same(a: LightFM, b: LightFM) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ARRAYS)


# Construction --------------------------------------------------------------------------------------------------------


def test_its_signature_is_lightfms() -> None:
    assert str(inspect.signature(LightFM.__init__).replace(return_annotation=inspect.Signature.empty)).count("=") == 12
    assert LightFM().get_params() == {
        "no_components": 10,
        "k": 5,
        "n": 10,
        "learning_schedule": "adagrad",
        "loss": "logistic",
        "learning_rate": 0.05,
        "rho": 0.95,
        "epsilon": 1e-6,
        "item_alpha": 0.0,
        "user_alpha": 0.0,
        "max_sampled": 10,
        "random_state": None,
    }
    assert __version__ == "1.17"


@pytest.mark.parametrize(
    "wrong",
    [
        {"no_components": 0},
        {"item_alpha": -1.0},
        {"user_alpha": -1.0},
        {"k": 0},
        {"n": 0},
        {"rho": 1.0},
        {"epsilon": -1.0},
        {"learning_schedule": "adam"},
        {"loss": "hinge"},
        {"max_sampled": 0},
    ],
)
def test_parameters_out_of_range_are_refused_as_lightfm_does_and_as_gingham_does(wrong: dict[str, Any]) -> None:
    for kind in (ParameterError, AssertionError, ValueError):
        with pytest.raises(kind, match=next(iter(wrong))):
            LightFM(**wrong)


def test_parameters_may_be_numpys() -> None:
    params = {"no_components": np.int64(7), "k": np.int32(3), "learning_rate": np.float32(0.05), "rho": np.float64(0.9)}
    names = {"loss": np.str_("warp-kos"), "learning_schedule": np.str_("adadelta")}
    model = LightFM(**params, **names, max_sampled=np.int64(5), random_state=np.int64(1)).fit(bought())
    assert model.item_embeddings.shape == (N_ITEMS, 7)


def test_k_may_be_larger_than_n() -> None:
    first, second = (LightFM(loss="warp-kos", k=k, n=3, random_state=1).fit(bought(), epochs=2) for k in (3, 9))
    assert same(first, second)


def test_params_come_and_go_as_scikit_learn_wants() -> None:
    model = LightFM(loss="bpr")
    assert LightFM(**model.get_params()).get_params() == model.get_params()
    assert model.set_params(random_state=42, no_components=4) is model
    assert same(model.fit(bought()), LightFM(4, loss="bpr", random_state=42).fit(bought()))
    with pytest.raises(ValueError, match="no parameter 'depth'"):
        model.set_params(depth=3)
    with pytest.raises(ValueError, match=r"loss must be one of .*, not 'hinge'"):
        model.set_params(loss="hinge").fit(bought())


# Training ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [sp.coo_matrix, sp.csr_matrix, sp.csc_matrix, sp.lil_matrix, sp.coo_array])
@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float32, np.float64])
def test_any_matrix_of_any_type_trains_the_same(kind: Any, dtype: Any) -> None:
    given = {"user_features": features(N_USERS, 1), "item_features": features(N_ITEMS, 2)}
    model = LightFM(loss="warp", random_state=1).fit(
        kind(bought().astype(dtype)), **{name: kind(matrix.astype(dtype)) for name, matrix in given.items()}
    )
    expected = LightFM(loss="warp", random_state=1).fit(bought().tocsr().tocoo(), **given)
    if kind is sp.csc_matrix:  # another order of the entries
        assert model.item_embeddings.shape == expected.item_embeddings.shape
    else:
        assert same(model, expected)


def test_what_is_learned_has_lightfms_shapes() -> None:
    model = LightFM(8).fit(bought(), features(N_USERS), features(N_ITEMS))
    for what, n_features in (("user", N_USERS + 5), ("item", N_ITEMS + 5)):
        for name in ("embeddings", "embedding_gradients", "embedding_momentum"):
            array = getattr(model, f"{what}_{name}")
            assert (array.shape, array.dtype, array.flags.c_contiguous) == ((n_features, 8), np.float32, True)
        for name in ("biases", "bias_gradients", "bias_momentum"):
            array = getattr(model, f"{what}_{name}")
            assert (array.shape, array.dtype) == ((n_features,), np.float32)


def test_without_epochs_a_model_is_as_lightfm_starts_it() -> None:
    for schedule, memory in (("adagrad", 1), ("adadelta", 0)):
        model = LightFM(10, learning_schedule=schedule, random_state=1).fit(bought(density=0.01), epochs=0)
        for side in ("user", "item"):
            embeddings = getattr(model, f"{side}_embeddings")
            assert np.abs(embeddings).max() <= 0.5 / 10
            assert np.abs(embeddings).min() > 0  # also of those whom training does not meet
            assert not getattr(model, f"{side}_biases").any()
            assert (getattr(model, f"{side}_embedding_gradients") == memory).all()
            assert not getattr(model, f"{side}_bias_momentum").any()


@pytest.mark.parametrize("schedule", ["adagrad", "adadelta"])
@pytest.mark.parametrize("loss", LOSSES)
def test_training_goes_on_where_it_ended(loss: str, schedule: str) -> None:
    given = {"user_features": features(N_USERS), "item_features": features(N_ITEMS)}
    once, twice = (LightFM(loss=loss, learning_schedule=schedule, random_state=5) for _ in range(2))
    once.fit(bought(), epochs=4, **given)
    for _ in range(2):
        assert twice.fit_partial(bought(), epochs=2, **given) is twice
    assert same(once, twice)
    assert not same(once, twice.fit(bought(), epochs=1, **given))
    assert same(once, twice.fit(bought(), epochs=4, **given))


@pytest.mark.parametrize("loss", LOSSES)
def test_it_trains_as_the_engine_does(loss: str) -> None:
    ours = LightFM(10, loss=loss, random_state=5).fit(bought(), epochs=3)
    engine = HybridMF(10, loss=loss, random_state=5).fit(bought(), epochs=3, verbose=False)
    np.testing.assert_array_equal(ours.item_embeddings, engine.item_embeddings)
    np.testing.assert_array_equal(ours.user_biases, engine.user_biases)


def test_an_entry_that_is_there_twice_is_trained_twice() -> None:
    pairs = bought()
    twice = sp.coo_matrix((np.tile(pairs.data, 2), (np.tile(pairs.row, 2), np.tile(pairs.col, 2))), shape=pairs.shape)
    memory = [LightFM(random_state=1).fit(given).item_bias_gradients for given in (pairs, twice)]
    assert (memory[1] > memory[0]).all()


def test_empty_matrices_and_negatives_alone_teach_nothing() -> None:
    for loss in LOSSES:
        model = LightFM(loss=loss, random_state=1)
        assert model.fit_partial(sp.coo_matrix((10, 100), dtype=np.int32), epochs=2) is model
        assert model.item_embeddings.shape == (100, 10)
    before = LightFM(loss="bpr", random_state=1).fit(-bought(), epochs=0)
    assert same(before, LightFM(loss="bpr", random_state=1).fit(-bought(), epochs=3))


@pytest.mark.parametrize("loss", LOSSES)
def test_weights_count_in_every_loss(loss: str) -> None:
    pairs = bought()
    ones, twos = (sp.coo_matrix((np.full(pairs.nnz, weight), (pairs.row, pairs.col))) for weight in (1, 2))
    plain, one, two = (LightFM(loss=loss, random_state=1).fit(pairs, sample_weight=w) for w in (None, ones, twos))
    np.testing.assert_allclose(plain.item_embeddings, one.item_embeddings, rtol=1e-5)
    assert not np.allclose(one.item_embeddings, two.item_embeddings, rtol=1e-3)


def test_weights_of_repeated_pairs_are_averaged_where_positives_are_drawn() -> None:
    pairs = sp.coo_matrix(([1, 1, 1, 1], ([0, 0, 0, 1], [1, 1, 2, 3])), shape=(4, 5))
    even, odd = (
        LightFM(loss="warp-kos", random_state=1).fit(
            pairs, sample_weight=sp.coo_matrix((weights, (pairs.row, pairs.col)), pairs.shape)
        )
        for weights in ([2.0, 2.0, 1.0, 1.0], [1.0, 3.0, 1.0, 1.0])
    )
    assert same(even, odd)


def test_weights_at_other_places_are_refused() -> None:
    pairs = bought()
    for wrong in (
        np.zeros(3),
        pairs.tocsr(),
        sp.coo_matrix(np.zeros((2, 2))),
        sp.coo_matrix((pairs.data, (pairs.row[::-1], pairs.col[::-1]))),
        sp.coo_matrix((np.full(pairs.nnz, np.nan), (pairs.row, pairs.col))),
    ):
        with pytest.raises(ValueError, match="sample_weight"):
            LightFM().fit(pairs, sample_weight=wrong)


def test_the_callers_matrices_stay_as_they_are() -> None:
    given = [
        sp.coo_matrix(([3, 1, 1], ([2, 0, 0], [1, 1, 1])), shape=(N_USERS, N_ITEMS)),
        features(N_USERS).astype(np.int64),
        features(N_ITEMS).astype(np.float64),
    ]
    weights = sp.coo_matrix((np.array([1, 2, 3]), (given[0].row, given[0].col)), shape=given[0].shape)
    before = copy.deepcopy([*given, weights])
    model = LightFM(loss="warp").fit(*given, sample_weight=weights)
    model.predict_rank(given[0], user_features=given[1], item_features=given[2])
    model.predict([2], [1], given[2], given[1])
    for old, new in zip(before, [*given, weights], strict=True):
        assert old.dtype == new.dtype
        assert all(np.array_equal(vars(old)[name], value) for name, value in vars(new).items() if name != "_shape")


def test_misshapen_features_are_refused() -> None:
    for wrong in ({"user_features": features(N_USERS - 1)}, {"item_features": features(N_ITEMS - 1)}):
        with pytest.raises(ValueError, match="give a row each"):
            LightFM().fit(bought(), **wrong)
    model = LightFM().fit(bought(), features(N_USERS + 3), features(N_ITEMS))  # more rows than users will do
    with pytest.raises(ValueError, match="user features"):
        model.fit_partial(bought())
    with pytest.raises(ValueError, match="holds nan"):
        LightFM().fit(bought() * np.nan)
    with pytest.raises(ValueError, match="ndarray"):
        LightFM().fit(bought().toarray())
    with pytest.raises(ValueError, match="num_threads"):
        LightFM().fit(bought(), num_threads=0)
    for epochs in (-1, 1.5, "many"):
        with pytest.raises(ParameterError, match=f"epochs must be an integer of at least 0, not {epochs!r}"):
            LightFM().fit(bought(), epochs=epochs, verbose=True)  # type: ignore[arg-type]


def test_divergence_is_told_and_undone() -> None:
    model = LightFM(loss="bpr", random_state=1).fit(bought())
    model.set_params(learning_rate=1e30)
    before = copy.deepcopy(model)
    for kind in (DivergedError, ValueError):
        with pytest.raises(kind, match="no longer finite"):
            model.fit_partial(bought(), epochs=5)
    assert same(model, before)


def test_it_may_be_told_to_show_its_progress(capsys: pytest.CaptureFixture[str]) -> None:
    LightFM().fit(bought(), epochs=3)
    assert capsys.readouterr().err == ""
    LightFM().fit(bought(), epochs=3, verbose=True)
    shown = capsys.readouterr().err
    assert "Epoch: 100%" in shown
    assert "3/3" in shown
    assert "loss=" in shown


def test_interruption_leaves_the_last_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []

    class Bar:
        def __init__(self, **_: Any) -> None: ...
        def __enter__(self) -> "Bar":
            return self

        def __exit__(self, *_: object) -> None: ...
        def set_postfix(self, **_: Any) -> None: ...
        def update(self) -> None:
            done.append(1)
            if len(done) == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr("gingham.lightfm.model.tqdm", Bar)
    model = LightFM(random_state=1)
    with pytest.raises(KeyboardInterrupt):
        model.fit(bought(), epochs=9)
    monkeypatch.undo()
    assert same(model, LightFM(random_state=1).fit(bought(), epochs=2))


# Attributes, other models, storing -----------------------------------------------------------------------------------


def test_arrays_may_be_replaced_and_changed_in_place() -> None:
    model = fitted()
    pairs = np.repeat(np.arange(N_USERS), N_ITEMS), np.tile(np.arange(N_ITEMS), N_USERS)
    model.item_embeddings = np.zeros_like(model.item_embeddings)
    model.item_biases[:] = np.arange(N_ITEMS)
    model.user_biases *= 0
    np.testing.assert_array_equal(model.predict(*pairs), pairs[1])
    assert (model.predict_rank(bought()).tocoo().data == N_ITEMS - 1 - bought().tocsr().tocoo().col).all()


def test_a_model_grows_by_an_item_when_all_arrays_do() -> None:
    model = fitted()
    for name in ARRAYS:
        if name.startswith("item_"):
            array = getattr(model, name)
            setattr(model, name, np.concatenate([array, array[:1] * 0 + 1]))
    wider = sp.coo_matrix(np.hstack([bought().toarray(), np.ones((N_USERS, 1))]))
    assert model.fit_partial(wider).item_embeddings.shape == (N_ITEMS + 1, 10)
    model.user_biases = np.zeros(3)
    with pytest.raises(DataError, match="user_biases has shape"):
        model.fit_partial(wider)
    with pytest.raises(ParameterError, match="no_components=4"):
        fitted().set_params(no_components=4).fit_partial(bought())


def test_pickles_and_copies_go_on_training() -> None:
    model = fitted()
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert same(model, other)
        assert same(copy.deepcopy(model).fit_partial(bought()), other.fit_partial(bought()))


def test_it_is_stored_without_pickle(tmp_path: Path) -> None:
    model = fitted(learning_schedule="adadelta")
    model.save(tmp_path / "model")
    loaded = LightFM.load(tmp_path / "model")
    assert loaded.get_params() == model.get_params()
    assert same(loaded, model)
    assert same(loaded.fit_partial(bought()), model.fit_partial(bought()))
    HybridMF().fit(bought(), verbose=False).save(tmp_path / "other")
    with pytest.raises(ArtifactError, match="HybridMF, no LightFM"):
        LightFM.load(tmp_path / "other")
    with pytest.raises(NotFittedError):
        LightFM().save(tmp_path / "nothing")


def test_a_model_of_lightfm_is_taken_by_its_attributes() -> None:
    ours = fitted()
    theirs = SimpleNamespace(**ours.get_params(), **{name: getattr(ours, name) for name in ARRAYS})
    theirs.random_state = np.random.RandomState(1)
    taken = LightFM.from_lightfm(theirs)
    assert same(taken, ours)
    taken.item_biases += 1
    assert not np.array_equal(theirs.item_biases, taken.item_biases)
    taken.fit_partial(bought())
    assert theirs.random_state.randint(1000) == np.random.RandomState(1).randint(1000)
    unfitted = SimpleNamespace(**ours.get_params(), **dict.fromkeys(ARRAYS))
    with pytest.raises(NotFittedError):
        LightFM.from_lightfm(unfitted).predict(0, [1])


def test_what_is_no_model_of_lightfm_is_refused() -> None:
    with pytest.raises(DataError, match="type int, the model has no attribute 'no_components'"):
        LightFM.from_lightfm(3)


def test_a_hybrid_model_scores_the_same() -> None:
    given = {"user_features": features(N_USERS), "item_features": features(N_ITEMS)}
    for model, args in ((fitted(), {}), (LightFM(random_state=1).fit(bought(), **given), given)):
        hybrid = model.to_hybrid(bought(), **args)
        users, items = np.arange(20), np.arange(20)
        np.testing.assert_allclose(hybrid.predict(users, items), model.predict(users, items, **args), rtol=1e-5)
        assert hybrid.recommend(k=3, filter_seen=True).height == 3 * N_USERS
        assert model.to_hybrid(**args).n_items == N_ITEMS
    np.testing.assert_array_equal(
        fitted().to_hybrid().fit_partial(bought(), verbose=False).item_embeddings,
        fitted().fit_partial(bought()).item_embeddings,
    )


def test_not_fitted_is_a_value_error() -> None:
    for call in (
        lambda model: model.predict(0, [0]),
        lambda model: model.predict_rank(bought()),
        lambda model: model.get_item_representations(),
        lambda model: model.to_hybrid(),
    ):
        for kind in (ValueError, NotFittedError):
            with pytest.raises(kind, match="not fitted"):
                call(LightFM())


def test_it_tells_its_parameters() -> None:
    assert repr(LightFM(loss="bpr")).startswith("LightFM(no_components=10, k=5,")
