"""A wrong argument of any public function or method of the drop-in raises one of Gingham's errors."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from gingham.errors import GinghamError
from gingham.lightfm import LightFM, datasets, evaluation
from gingham.lightfm.cross_validation import random_train_test_split
from gingham.lightfm.data import Dataset
from tests.lightfm.tables import N_ITEMS, N_USERS, bought, fitted

WRONG = (
    None,
    -1,
    1.5,
    np.nan,
    2**70,
    1j,
    "text",
    b"text",
    [],
    [[1], [1, 2]],
    [("ann", [["red"]])],
    [(["ann"], "hat", None)],
    {"ann": 1},
    {1},
    object(),
    int,
    pd.NA,
    np.ones((2, 3)),
    np.array([None, 1], object),
    np.array(["2020-01-01"], "M8[D]"),
    pd.DataFrame({"a": [1]}),
    sp.csr_matrix((2, 2)),
    sp.csr_matrix((0, N_ITEMS)),
    sp.csr_matrix(np.full((N_USERS, N_ITEMS), np.nan)),
    sp.coo_array(np.ones(3)),
    LightFM(),
)


def ids() -> Dataset:
    dataset = Dataset()
    dataset.fit(["ann"], ["hat"], ["young"], ["red"])
    return dataset


METRICS = (evaluation.precision_at_k, evaluation.recall_at_k, evaluation.auc_score, evaluation.reciprocal_rank)
# A function that returns what to call with valid arguments, and these.
CALLS: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "LightFM": (lambda: LightFM, {}),
    "from_lightfm": (lambda: LightFM.from_lightfm, {"model": LightFM()}),
    "fit": (lambda: LightFM().fit, {"interactions": bought()}),
    "fit_partial": (lambda: fitted().fit_partial, {"interactions": bought()}),
    "predict": (lambda: fitted().predict, {"user_ids": 0, "item_ids": [1, 2]}),
    "predict_rank": (lambda: fitted().predict_rank, {"test_interactions": bought()}),
    "get_item_representations": (lambda: fitted().get_item_representations, {}),
    "get_user_representations": (lambda: fitted().get_user_representations, {}),
    "to_hybrid": (lambda: fitted().to_hybrid, {}),
    "save": (lambda: fitted().save, {}),
    "load": (lambda: LightFM.load, {"path": "missing"}),
    "random_train_test_split": (lambda: random_train_test_split, {"interactions": bought()}),
    "Dataset": (lambda: Dataset, {}),
    "Dataset.fit": (lambda: Dataset().fit, {"users": ["ann"], "items": ["hat"]}),
    "Dataset.fit_partial": (lambda: ids().fit_partial, {}),
    "Dataset.build_interactions": (lambda: ids().build_interactions, {"data": [("ann", "hat")]}),
    "Dataset.build_user_features": (lambda: ids().build_user_features, {"data": [("ann", ["young"])]}),
    "fetch_movielens": (lambda: datasets.fetch_movielens, {"data_home": "data", "download_if_missing": False}),
    "fetch_stackexchange": (
        lambda: datasets.fetch_stackexchange,
        {"dataset": "crossvalidated", "data_home": "data", "download_if_missing": False},
    ),
    **{
        metric.__name__: (lambda metric=metric: metric, {"model": fitted(), "test_interactions": bought()})
        for metric in METRICS
    },
}


@pytest.mark.parametrize("name", CALLS)
def test_wrong_arguments_raise_our_errors(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make, valid = CALLS[name]
    function, others = make(), []
    for argument in inspect.signature(function).parameters:
        for wrong in WRONG if argument != "download_if_missing" else ():
            try:
                function(**{**valid, argument: wrong})
            except GinghamError:
                pass
            except Exception as error:  # of any type, because none may come
                others.append((argument, wrong, error))
    assert others == []
