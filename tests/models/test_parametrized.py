from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, RandomizedSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler
from sklearn.utils.validation import check_is_fitted

import gingham.loading  # noqa: F401 (registers every model)
from gingham.errors import ParameterError
from gingham.lightfm import LightFM
from gingham.models import EarlyStopping, HybridMF, Recommender, model_class
from gingham.ranking import CandidateSource, LightGBMRanker, TwoStage
from tests.models.samples import MATRIX_KINDS, noise, positives

# scikit-learn's tools split the rows of a matrix, which are users.


class AllUsers:
    """Folds in which all users are in both parts."""

    def split(self, X: Any, y: None = None, groups: None = None) -> Iterator[tuple[Any, Any]]:
        users = np.arange(X.shape[0])
        yield users, users
        yield users, users

    def get_n_splits(self, X: Any = None, y: None = None, groups: None = None) -> int:
        return 2


def mean_score(model: Any, matrix: sp.csr_matrix, y: None = None) -> float:
    users, items = matrix.nonzero()
    return float(model.predict(users, items).mean())


def mean_best_score(model: Recommender, matrix: sp.csr_matrix) -> float:
    return float(model.recommend(k=2)["score"].mean()) * matrix.shape[1]


@pytest.mark.parametrize("kind", MATRIX_KINDS)
def test_sklearn_searches_and_validates_every_model(kind: str) -> None:
    model, matrix = model_class(kind)(), positives(noise())
    name = model.param_names()[0]
    search = GridSearchCV(model, {name: [getattr(model, name)]}, scoring=mean_score, cv=AllUsers(), error_score="raise")
    search.fit(matrix.tocoo())
    assert np.isfinite(search.best_score_)
    assert search.best_estimator_.recommend([0], k=2).height == 2
    assert check_is_fitted(search.best_estimator_) is None
    with pytest.raises(NotFittedError):
        check_is_fitted(model)
    scores = cross_val_score(model, matrix, scoring=mean_best_score, cv=KFold(2), error_score="raise")
    assert np.isfinite(scores).all()


@pytest.mark.parametrize(
    "model",
    [
        LightFM(loss="warp", random_state=np.random.RandomState(2)),
        HybridMF(8, early_stopping=EarlyStopping(validation=noise()), random_state=np.random.default_rng(1)),
        TwoStage([HybridMF(4), CandidateSource(HybridMF(5), 3)], LightGBMRanker(num_leaves=4)),
        LightGBMRanker(num_leaves=5),
    ],
    ids=lambda model: type(model).__name__,
)
def test_sklearn_clones_models(model: Any) -> None:
    cloned = clone(model)
    assert cloned is not model
    params, others = (
        {name: repr(value).partition(" at ")[0] for name, value in each.get_params().items()}
        for each in (model, cloned)
    )
    assert params == others


@pytest.mark.parametrize(
    "model", [*(model_class(kind)() for kind in MATRIX_KINDS), LightFM()], ids=lambda m: type(m).__name__
)
def test_a_pipeline_can_end_with_a_model(model: Any) -> None:
    pipeline = make_pipeline(MaxAbsScaler(), model)
    search = GridSearchCV(
        pipeline, {}, scoring=lambda fitted, matrix, y=None: mean_score(fitted[-1], matrix), cv=AllUsers()
    )
    assert np.isfinite(search.fit(positives(noise())).best_score_)


@pytest.mark.parametrize("kind", MATRIX_KINDS)
def test_models_have_no_target(kind: str) -> None:
    with pytest.raises(ParameterError, match=r"y must be None, not .*; pass features, weights and options by name"):
        model_class(kind)().fit(positives(noise()), np.ones(25))


def test_parameters_of_parameters_can_be_set() -> None:
    model = TwoStage([HybridMF(4)], LightGBMRanker(num_leaves=4))
    assert clone(model).set_params(ranker__num_leaves=9, n_periods=2).ranker.num_leaves == 9
    assert model.ranker.num_leaves == 4
    for name in ("ranker__colour", "period__colour", "colour__period"):
        with pytest.raises(ParameterError, match=f"has no parameter '{name.removeprefix('ranker__')}'"):
            model.set_params(**{name: 1})


@pytest.mark.parametrize("base", [LightFM, HybridMF])
def test_a_subclass_can_pass_parameters_on(base: type[Any]) -> None:
    class Shop(base):
        def __init__(self, colour: str = "red", *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.colour = colour

    model = Shop("blue", loss="bpr", random_state=1)
    assert model.param_names() == ["colour", *base.param_names()]
    assert (clone(model).colour, clone(model).loss) == ("blue", "bpr")


def test_searches_find_the_best_parameters() -> None:
    matrix = positives(noise())
    space = {"n_components": [2, 8], "epochs": [1, 20]}
    for search in (
        GridSearchCV(HybridMF(random_state=1), space, scoring=mean_score, cv=AllUsers()),
        RandomizedSearchCV(HybridMF(random_state=1), space, n_iter=4, scoring=mean_score, cv=AllUsers()),
    ):
        assert search.fit(matrix).best_params_["epochs"] == 20
