import inspect
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from gingham.config.space import distribution
from gingham.errors import ParameterError
from gingham.models import EASE, BuyAgain, GraphFilter, ItemKNN, NextBasket, Popularity
from tests.models.samples import noise

MODELS = [Popularity, BuyAgain, ItemKNN, EASE, GraphFilter, NextBasket]


@pytest.mark.parametrize("model", MODELS)
def test_fit_has_the_common_signature(model: Any) -> None:
    assert list(inspect.signature(model.fit).parameters) == [
        "self",
        "interactions",
        "y",
        "num_threads",
        "callbacks",
        "verbose",
    ]


@pytest.mark.parametrize("model", MODELS)
def test_threads_callbacks_and_verbose_have_no_effect_on_the_result(model: Any) -> None:
    def callback(*_: object) -> bool:
        raise AssertionError("a model without epochs has no epoch to report")

    expected = model().fit(noise()).recommend(k=5)
    fitted = model().fit(noise(), num_threads=2, callbacks=[callback], verbose=False)
    assert fitted.recommend(k=5).equals(expected)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("num_threads", [-1, "2", None])
def test_a_wrong_number_of_threads_is_refused_and_keeps_the_earlier_fit(model: Any, num_threads: Any) -> None:
    fitted = model().fit(noise())
    before = fitted.recommend(k=5)
    with pytest.raises(ParameterError, match="num_threads must be an integer"):
        fitted.fit(sp.csr_matrix(np.ones((2, 5))), num_threads=num_threads)
    assert fitted.recommend(k=5).equals(before)


@pytest.mark.parametrize("model", MODELS)
def test_every_parameter_has_a_check_that_allows_its_default(model: Any) -> None:
    assert set(model.constraints) == set(model.param_names())
    model().validate()


@pytest.mark.parametrize("model", MODELS)
def test_the_default_space_consists_of_parameters_and_distributions(model: Any) -> None:
    assert set(model.default_space) <= set(model.param_names())
    for written in model.default_space.values():
        distribution(written)
