from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from gingham.lightfm import LightFM
from gingham.lightfm.arguments import require_flags, require_threads
from gingham.lightfm.data import Dataset
from gingham.lightfm.datasets import fetch_movielens
from gingham.lightfm.errors import ParameterError
from gingham.lightfm.evaluation import auc_score, precision_at_k, recall_at_k, reciprocal_rank
from tests.lightfm.tables import bought


@pytest.mark.parametrize("value", [True, np.True_, False, 1, 0, None])
def test_flags(value: Any) -> None:
    require_flags(verbose=value)


@pytest.mark.parametrize("value", ["yes", 1.5, np.ones(3), sp.eye(3), [True]])
def test_other_values_are_not_flags(value: Any) -> None:
    model = LightFM().fit(bought())
    calls = {
        "verbose": lambda: LightFM().fit(bought(), verbose=value),
        "check_intersections": lambda: model.predict_rank(bought(), check_intersections=value),
        "normalize": lambda: Dataset().build_user_features([], normalize=value),
        "user_identity_features": lambda: Dataset(value),
        "genre_features": lambda: fetch_movielens(genre_features=value, download_if_missing=False),
        "download_if_missing": lambda: fetch_movielens(download_if_missing=value),
    }
    for name, call in calls.items():
        with pytest.raises(ParameterError, match=f"{name} must be True or False, not a {type(value).__name__}"):
            call()
    for metric in (precision_at_k, recall_at_k, auc_score, reciprocal_rank):
        with pytest.raises(ParameterError, match="preserve_rows must be True or False"):
            metric(model, bought(), preserve_rows=value)


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2", None, 100_000])
def test_invalid_numbers_of_threads(threads: Any) -> None:
    with pytest.raises(ParameterError, match="num_threads must be"):
        require_threads(threads)
