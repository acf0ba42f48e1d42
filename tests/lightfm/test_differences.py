"""One test per entry of docs/differences-from-lightfm.md."""

import re
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_score

from gingham.arrays import Floats
from gingham.lightfm import LightFM
from gingham.lightfm.data import Dataset
from gingham.lightfm.evaluation import auc_score, precision_at_k, recall_at_k, reciprocal_rank
from gingham.models.side import Side
from tests.lightfm.tables import N_ITEMS, N_USERS, bought, features, same

PAGE = Path(__file__).parents[2] / "docs" / "differences-from-lightfm.md"
RANKING_LOSSES = ("bpr", "warp", "warp-kos")


def scoring(*rows: list[float]) -> LightFM:
    """Return a model with these scores, one row per user."""
    scores = np.array(rows)
    model = LightFM(len(scores)).fit(sp.coo_matrix(scores.shape), epochs=0)
    model.user_embeddings, model.item_embeddings = np.eye(len(scores)), scores.T
    return model


def test_the_page_lists_these_tests() -> None:
    listed = re.findall(r"`(test_\w+)`", PAGE.read_text(encoding="utf-8"))
    tests = [name for name in globals() if name.startswith("test_") and name != "test_the_page_lists_these_tests"]
    assert sorted(listed) == sorted(tests)


# Training ------------------------------------------------------------------------------------------------------------


def test_kos_stays_finite_with_few_items_and_many_samples() -> None:
    pairs = sp.coo_matrix((np.random.default_rng(0).random((30, 4)) < 0.5).astype(np.int32))
    for seed in range(5):
        model = LightFM(loss="warp-kos", k=1, n=2, max_sampled=20, random_state=seed).fit(pairs, epochs=20)
        assert np.isfinite(model.item_embeddings).all()
        assert np.abs(model.item_embeddings).max() < 10


def test_kos_ignores_negatives() -> None:
    start, end = (LightFM(loss="warp-kos", k=1, random_state=1).fit(-bought(), epochs=epochs) for epochs in (0, 5))
    np.testing.assert_array_equal(start.item_embeddings, end.item_embeddings)


@pytest.mark.parametrize("loss", ["warp", "warp-kos"])
def test_explicit_negatives_can_be_sampled(loss: str) -> None:
    # Every user has the first item and not the others; there are no other negatives.
    pairs = sp.coo_matrix(np.tile([1, -1, -1], (20, 1)))
    model = LightFM(loss=loss, k=1, n=1, random_state=1).fit(pairs, epochs=10)
    assert model.item_biases[1:].max() < 0 < model.item_biases[0]


@pytest.mark.parametrize("loss", RANKING_LOSSES)
def test_positives_are_never_sampled_as_negatives(loss: str) -> None:
    # A user with all items has no negatives.
    start, end = (
        LightFM(loss=loss, k=1, n=1, random_state=1).fit(sp.coo_matrix(np.ones((5, 6))), epochs=epochs)
        for epochs in (0, 10)
    )
    np.testing.assert_array_equal(start.item_embeddings, end.item_embeddings)
    np.testing.assert_array_equal(start.item_biases, end.item_biases)


def test_kos_supports_weights() -> None:
    pairs = bought()
    light, heavy = (
        LightFM(loss="warp-kos", k=1, random_state=1).fit(
            pairs, sample_weight=sp.coo_matrix((np.full(pairs.nnz, weight), (pairs.row, pairs.col)), pairs.shape)
        )
        for weight in (0.1, 1.0)
    )
    assert np.abs(light.item_biases).max() < np.abs(heavy.item_biases).max()


@pytest.mark.parametrize("loss", RANKING_LOSSES)
def test_ranking_losses_do_not_change_user_biases(loss: str) -> None:
    model = LightFM(loss=loss, k=1, random_state=1).fit(bought(), epochs=5)
    assert not model.user_biases.any()
    assert model.item_biases.any()


def test_fit_does_not_change_its_arguments() -> None:
    pairs = sp.coo_matrix(([3, 5], ([0, 1], [1, 0])), shape=(2, 2))
    weights = sp.coo_matrix(([2, 1], ([0, 1], [1, 0])), shape=(2, 2))
    side = sp.csr_matrix(np.eye(2, dtype=np.int64))
    LightFM().fit(pairs, side, side, weights)
    assert {matrix.dtype for matrix in (pairs, weights, side)} == {np.dtype(np.int64)}
    assert (pairs.data.tolist(), weights.data.tolist()) == ([3, 5], [2, 1])


# Arguments -----------------------------------------------------------------------------------------------------------


def test_set_params_can_set_a_seed() -> None:
    model = LightFM().set_params(random_state=42).fit(bought())
    np.testing.assert_array_equal(model.item_embeddings, LightFM(random_state=42).fit(bought()).item_embeddings)


def test_numpy_integers_are_accepted() -> None:
    model = LightFM(np.int64(5), max_sampled=np.int32(4), random_state=np.int64(1))
    model.fit(bought(), epochs=np.int64(2), num_threads=np.int64(1))
    for user in (np.int64(1), np.int32(1), np.uint8(1)):
        np.testing.assert_array_equal(model.predict(user, np.arange(N_ITEMS)), model.predict(1, np.arange(N_ITEMS)))


def test_sklearn_searches_for_parameters() -> None:
    def scorer(model: LightFM, matrix: sp.csr_matrix, y: None = None, sample_weight: object = None) -> float:
        given = None if model.user_embeddings.shape[0] == N_USERS else features(N_USERS)
        return float(precision_at_k(model, matrix, k=3, user_features=given).mean())

    rows = [(np.arange(N_USERS), np.arange(N_USERS))]
    model, space = LightFM(loss="warp", random_state=1), {"learning_rate": [1e-6, 0.5]}
    for search in (GridSearchCV, RandomizedSearchCV):
        options = {"n_iter": 2, "random_state": 1} if search is RandomizedSearchCV else {}
        found = search(model, space, scoring=scorer, cv=rows, error_score="raise", **options).fit(bought())
        assert found.best_params_ == {"learning_rate": 0.5}
        assert found.best_estimator_.user_embeddings.shape == (N_USERS, 10)
        others = {"user_features": features(N_USERS), "sample_weight": bought() * 2.0}
        assert found.fit(bought(), **others).best_estimator_.user_embeddings.shape == (N_USERS + 5, 10)
    assert len(cross_val_score(model, bought(), scoring=scorer, cv=rows, error_score="raise")) == 1


def test_texts_are_not_lists_of_names() -> None:
    dataset = Dataset()
    dataset.fit(["ann"], ["i1"], item_features=["red", "r", "e", "d"])
    with pytest.raises(ValueError, match=r"features of item 'i1' must be a list, not the text 'red'; pass \['red'\]"):
        dataset.build_item_features([("i1", "red")])
    with pytest.raises(ValueError, match="users must be a list, not the text 'ann'"):
        dataset.fit_partial(users="ann")


@pytest.mark.parametrize("weight", [None, np.nan, np.inf])
def test_weights_must_be_finite_numbers(weight: float | None) -> None:
    dataset = Dataset()
    dataset.fit(["ann"], ["hat"], user_features=["young"])
    with pytest.raises(ValueError, match=r"weight of \('ann', 'hat'\) is .*; pass a finite number"):
        dataset.build_interactions([("ann", "hat", weight)])
    with pytest.raises(ValueError, match=r"weight of feature 'young' of user 'ann' is .*; pass a finite number"):
        dataset.build_user_features([("ann", {"young": weight})])


def test_weights_may_have_any_sparse_format() -> None:
    weights = bought() * 2.0
    models = [
        LightFM(random_state=1).fit(bought(), sample_weight=kind(weights))
        for kind in (sp.coo_matrix, sp.csr_matrix, sp.coo_array)
    ]
    assert same(models[0], models[1])
    assert same(models[0], models[2])


@pytest.mark.parametrize("name", ["learning_rate", "epsilon"])
def test_steps_must_be_positive(name: str) -> None:
    with pytest.raises(AssertionError, match=f"{name} must be a finite number above 0, not 0"):
        LightFM(**{name: 0})


def test_matrices_without_users_or_items_are_refused() -> None:
    for shape in ((0, 5), (5, 0)):
        with pytest.raises(ValueError, match="None of the 0 interactions has a value above zero"):
            LightFM(loss="warp").fit(sp.coo_matrix(shape))


def test_an_id_equal_to_a_feature_name_has_its_own_column() -> None:
    dataset = Dataset()
    dataset.fit(["red", "bob"], [1], user_features=["red"])
    assert dataset.user_features_shape() == (2, 3)
    matrix = dataset.build_user_features([("bob", ["red"])], normalize=False)
    np.testing.assert_array_equal(matrix.toarray(), [[1, 0, 0], [0, 1, 1]])
    assert dataset.mapping()[1] == {("identity", "red"): 0, "bob": 1, "red": 2}


# Evaluation ----------------------------------------------------------------------------------------------------------


def test_auc_is_a_half_without_negatives() -> None:
    model = scoring([3, 2, 1], [3, 2, 1])
    test = sp.csr_matrix([[1, 1, 0], [1, 0, 0]])
    train = sp.csr_matrix([[0, 0, 1], [0, 0, 1]])
    np.testing.assert_array_equal(auc_score(model, test, train), [0.5, 1.0])
    np.testing.assert_array_equal(auc_score(model, sp.csr_matrix(np.ones((2, 3)))), [0.5, 0.5])


def test_equal_scores_count_half_in_auc() -> None:
    test = sp.csr_matrix([[1, 1, 0, 0], [1, 1, 0, 0]])
    np.testing.assert_array_equal(auc_score(scoring([1, 1, 1, 1], [2, 2, 1, 1]), test), [0.5, 1.0])


def test_repeated_train_entries_count_once_in_auc() -> None:
    train = sp.coo_matrix(([1, 1], ([0, 0], [3, 3])), shape=(1, 4))
    np.testing.assert_array_equal(auc_score(scoring([2, 3, 1, 4]), sp.csr_matrix([[1, 0, 0, 0]]), train), [0.5])


def test_recall_without_test_items_is_zero() -> None:
    test = sp.csr_matrix([[1, 0], [0, 0]])
    assert recall_at_k(scoring([2, 1], [1, 2]), test, k=1, preserve_rows=True).tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("metric", "value"), [(precision_at_k, 0.1), (recall_at_k, 1.0), (auc_score, 0.5), (reciprocal_rank, 0.5)]
)
def test_a_single_user_can_be_evaluated(metric: object, value: float) -> None:
    assert callable(metric)
    for preserve_rows in (False, True):
        got = metric(scoring([2, 3, 1]), sp.csr_matrix([[1, 0, 0]]), preserve_rows=preserve_rows)
        np.testing.assert_allclose(got, [value])


def test_ranking_represents_items_once(monkeypatch: pytest.MonkeyPatch) -> None:
    side_features = {"user_features": features(N_USERS), "item_features": features(N_ITEMS)}
    model, test = LightFM(random_state=1).fit(bought(), **side_features), bought(5)
    represented: list[int] = []
    rows = Side.rows

    def counted(side: Side, some: sp.csr_matrix | None = None) -> Floats:
        if len(side.features.indptr) == N_ITEMS + 1:
            represented.append((side.features if some is None else some).shape[0])
        return rows(side, some)

    monkeypatch.setattr(Side, "rows", counted)
    model.predict_rank(test, **side_features)
    assert represented == [N_ITEMS]
