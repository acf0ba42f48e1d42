from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

import gingham as gg
from gingham.errors import ConfigError, DataError, ParameterError
from gingham.models import EarlyStopping, Epoch, Popularity
from gingham.models.early_stopping import Monitor
from gingham.split import SplitSpec

# Three users bought items 0 to 2; by sales the items rank 0, 1, 2, 3.
TRAIN = sp.csr_matrix(np.array([[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0]]))


def model() -> Popularity:
    return Popularity().fit(TRAIN)


def validation(*items: int) -> sp.csr_matrix:
    """One item each for the first users."""
    return sp.csr_matrix((np.ones(len(items)), (range(len(items)), items)), (3, 4))


def epoch(number: int = 1) -> Epoch:
    return Epoch(number, loss=1.0, seconds=1.0)


@pytest.mark.parametrize(
    ("items", "metric", "filter_seen", "value"),
    [
        # Ranks 4, 1 and 2 of four; there are three others each.
        ((3, 0, 1), "reciprocal_rank", False, (1 / 4 + 1 + 1 / 2) / 3),
        ((3, 0, 1), "hit_rate@2", False, 2 / 3),
        ((3, 0, 1), "auc", False, (0 + 1 + 2 / 3) / 3),
        # Users without a test item do not count.
        ((3,), "reciprocal_rank", False, 1 / 4),
        # With seen items filtered, item 3 is the first user's only candidate, the second's test item is filtered, and
        # the third's ranks first of three.
        ((3, 0, 1), "reciprocal_rank", True, (1 + 0 + 1) / 3),
        # It is undefined for the first two.
        ((3, 0, 1), "auc", True, 1),
    ],
)
def test_the_mean_over_users_is_recorded(items: Any, metric: str, filter_seen: bool, value: float) -> None:
    now = epoch(5)
    monitor = Monitor(EarlyStopping(metric, validation=validation(*items), filter_seen=filter_seen))
    assert monitor.improved(model(), now)
    assert now.metrics == {metric: pytest.approx(value)}
    assert isinstance(now.metrics[metric], float)
    assert (monitor.best_epoch, monitor.best_value) == (5, now.metrics[metric])


def test_only_a_greater_value_is_an_improvement(monkeypatch: pytest.MonkeyPatch) -> None:
    values = iter([0.25, 0.25, 0.5, 0.25])
    monkeypatch.setattr("gingham.models.early_stopping.compute", lambda metric, test: np.array([next(values)]))
    monitor = Monitor(EarlyStopping("reciprocal_rank", validation=validation(3)))
    assert (monitor.best_epoch, monitor.best_value) == (0, -np.inf)
    assert [monitor.improved(model(), epoch(number)) for number in (1, 2, 3, 4)] == [True, False, True, False]
    assert (monitor.best_epoch, monitor.best_value) == (3, 0.5)


def test_patience_is_counted_from_the_best_epoch() -> None:
    monitor = Monitor(EarlyStopping("reciprocal_rank", patience=2, validation=validation(3)))
    monitor.improved(model(), epoch(4))
    assert [monitor.exhausted(epoch(number)) for number in (4, 5, 6, 7)] == [False, False, True, True]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"patience": 0}, "early_stopping.patience must be a positive integer, not 0"),
        ({"patience": 1.5}, "early_stopping.patience must be a positive integer, not 1.5"),
        ({"filter_seen": 1}, "early_stopping.filter_seen must be true or false, not 1"),
        ({"metric": "precisoin@3"}, "'precisoin@3'"),
    ],
)
def test_wrong_parameters_are_named(params: Any, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        EarlyStopping(**params).validate()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (sp.csr_matrix((3, 4)), "no interactions"),
        (sp.csr_matrix((3, 5)), r"shape \(3, 5\)"),
        (np.ones((3, 4)), "ndarray"),
    ],
)
def test_wrong_validation_data_are_refused(data: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        Monitor(EarlyStopping("auc", validation=data)).improved(model(), epoch())


def test_a_metric_that_is_undefined_for_all_users_is_an_error() -> None:
    # Every validation item was seen in training, so no user has anything to rank.
    stopping = EarlyStopping("auc", validation=validation(0, 0, 0), filter_seen=True)
    with pytest.raises(DataError, match="no interactions to measure"):
        Monitor(stopping).improved(model(), epoch())


def test_it_is_built_from_a_recipe_and_stored() -> None:
    keys = {"metric": "auc", "patience": 2, "validation": {"kind": "time", "test": "3d"}, "filter_seen": True}
    stopping = EarlyStopping.from_recipe(keys, "model.early_stopping")
    assert stopping.validation == SplitSpec(test="3d")
    assert EarlyStopping.from_recipe(stopping.to_json(), "model.early_stopping").to_json() == stopping.to_json()
    assert EarlyStopping(validation=TRAIN).to_json()["validation"] is None
    for wrong, words in (
        ({"patient": 3}, r"\[model.early_stopping\] has 'patient'.*did you mean 'patience'"),
        (3, "model.early_stopping must be a table"),
        ({"validation": {"kind": "tim"}}, r"\[model.early_stopping\]: validation.kind is 'tim'"),
    ):
        with pytest.raises(ConfigError, match=words):
            EarlyStopping.from_recipe(wrong, "model.early_stopping")


def test_scikit_learn_does_not_copy_validation_data() -> None:
    stopping = EarlyStopping(validation=TRAIN)
    assert stopping.__sklearn_clone__() is stopping


def test_the_split_ignores_what_is_not_positive() -> None:
    """Returns after the last purchase do not move the validation part."""
    data = gg.synth.sample_dataset()
    rows = data.interactions
    assert rows.timestamp is not None
    later = np.full(2, rows.timestamp.max() + np.timedelta64(30, "D"))
    pairs = np.setdiff1d(np.arange(rows.n_users * rows.n_items), rows.pairs())[:2]
    with_returns = gg.Interactions(
        np.append(rows.user_index, pairs // rows.n_items),
        np.append(rows.item_index, pairs % rows.n_items),
        rows.n_users,
        rows.n_items,
        np.append(rows.value, [-1, 0]),
        np.append(rows.timestamp, later),
    )
    models = [
        gg.ALS(4, epochs=5, early_stopping=gg.EarlyStopping("map@5"), random_state=0).fit(one, num_threads=1)
        for one in (data, data.with_interactions(with_returns))
    ]
    assert models[0].best_epoch_ == models[1].best_epoch_
    np.testing.assert_array_equal(models[0].item_embeddings, models[1].item_embeddings)
