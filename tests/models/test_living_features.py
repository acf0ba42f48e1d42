"""Updates with features, new items, errors, and stored models."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import gingham as gg
from gingham.errors import DataError, NotFittedError, ParameterError, TableError, UnknownIdError
from gingham.models import Recommender
from gingham.models.training_data import TrainingData
from gingham.scores import Scores, SharedScores
from tests.models.streams import ITEMS, USERS, assert_same, dataset, first_data, fitted, state, transactions
from tests.models.test_contract import CASES

CLUBS = pl.DataFrame({"user_id": USERS, "group": [["gold", "blue", None][number % 3] for number in range(len(USERS))]})
KINDS = pl.DataFrame(
    {"item_id": ITEMS, "type": [["tea", "jam"][number % 2] for number in range(len(ITEMS))], "name": ITEMS}
)
WITH_FEATURES = [case for case in CASES if case.features]


def described(frame: pl.DataFrame) -> gg.Dataset:
    """Return transactions with features of users and items."""
    users, items = (
        table.filter(pl.col(key).is_in(frame[key].implode())) for table, key in ((CLUBS, "user_id"), (KINDS, "item_id"))
    )
    tables = gg.Tables(
        frame,
        users,
        items,
        user_features=gg.FeatureSpec(categorical=["group"]),
        item_features=gg.FeatureSpec(categorical=["type"]),
        item_name="name",
    )
    return gg.Dataset.from_tables(gg.clean(tables, gg.CleanSpec(value="quantity")))


def fit(case: Any, data: gg.Dataset) -> Recommender:
    model: Recommender = case.make()
    return model.fit(data, num_threads=1, verbose=False)


@pytest.mark.parametrize("case", WITH_FEATURES, ids=lambda case: case.name)
def test_new_users_and_items_come_with_features(case: Any) -> None:
    rng = np.random.default_rng(5)
    first = described(first_data(rng))
    batches = [transactions(rng, 9, USERS, ITEMS) for _ in range(3)]
    one = fit(case, first)
    for batch in batches:
        one.update(dataset(batch), CLUBS, KINDS, num_threads=1)
    if one.guarantee == "exact":
        whole = first.extended(dataset(pl.concat(batches)), CLUBS, KINDS)
        assert_same(one, fit(case, whole))
    else:
        assert_same(one, fit(case, first).update(dataset(pl.concat(batches)), CLUBS, KINDS, num_threads=1))
    assert one.n_users > first.n_users


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_updated_model_is_stored(case: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    first, batch = first_data(rng), dataset(transactions(rng, 12, USERS, ITEMS))
    model = fit(case, described(first) if case.features else dataset(first)).update(batch, num_threads=1)
    model.forget("u03", num_threads=1)
    model.save(tmp_path / "model")
    loaded = gg.load(tmp_path / "model")
    assert_same(loaded, model)
    later = dataset(transactions(rng, 12, USERS, ITEMS))
    assert_same(loaded.update(later, num_threads=1), model.update(later, num_threads=1))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_error_leaves_the_model_as_it_was(case: Any) -> None:
    first = first_data(np.random.default_rng(7))
    model = fit(case, described(first) if case.features else dataset(first))
    before = pickle.dumps(state(model))
    with pytest.raises(DataError, match="no column 'price'"):
        model.update(first.drop("price", "quantity"))
    with pytest.raises(UnknownIdError, match="'nobody'"):
        model.forget(["u01", "nobody"])
    assert pickle.dumps(state(model)) == before


def test_als_recommends_a_new_item_to_its_buyers() -> None:
    rng = np.random.default_rng(8)
    tea = transactions(rng, 150, USERS[:6], ITEMS[:5])
    jam = transactions(rng, 150, USERS[6:12], ITEMS[5:10])
    model = gg.ALS(8, epochs=5, random_state=1).fit(dataset(pl.concat([tea, jam])), verbose=False)
    model.update(dataset(tea[:6].with_columns(item_id=pl.lit("new tea"))))
    scores = dict(zip(USERS[:12], model.predict(USERS[:12], "new tea").tolist(), strict=True))
    buyers = set(tea[:6]["user_id"])
    of_buyers, of_others = (
        [score for user, score in scores.items() if (user in buyers) == bought] for bought in (1, 0)
    )
    assert np.mean(of_buyers) > 2 * np.mean(of_others)
    assert max(of_buyers) > max(of_others)


def test_hybrid_trains_on_from_the_state_of_its_optimizer() -> None:
    rng = np.random.default_rng(9)
    first, batch = dataset(first_data(rng)), dataset(transactions(rng, 20, USERS, ITEMS))
    one = gg.HybridMF(4, epochs=2, random_state=1).fit(first, num_threads=1).update(batch, epochs=3, num_threads=1)
    other = gg.HybridMF(4, epochs=2, random_state=1).fit(first, num_threads=1).update(batch, num_threads=1)
    other.fit_partial(first.extended(batch), epochs=3, num_threads=1)
    assert_same(one, other)
    assert len(one.history_) == 5


def test_matrices_grow_by_their_numbers() -> None:
    matrix = dataset(first_data(np.random.default_rng(10))).matrix()
    model = gg.BuyAgain().fit(matrix).update(pl.DataFrame({"user_id": [0, 99], "item_id": [2, 50]}))
    assert (model.n_users, model.n_items) == (matrix.shape[0] + 1, matrix.shape[1] + 1)
    assert model.recommend(99, k=1)["item_id"].to_list() == [50]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"transactions": "today.csv"}, ParameterError, "transactions must be a data frame"),
        ({"epochs": 2}, ParameterError, "epochs=2 needs a model with fit_partial, which Popularity is not"),
        ({"transactions": pl.DataFrame({"user_id": ["a"]})}, TableError, "has no column 'item_id'"),
        ({"users": pl.DataFrame({"name": ["a"]})}, TableError, "has no column 'user_id'"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    model = gg.Popularity().fit(dataset(first_data(np.random.default_rng(11))))
    with pytest.raises(error, match=message):
        model.update(**arguments)


def test_a_model_that_is_not_fitted() -> None:
    with pytest.raises(NotFittedError):
        gg.Popularity().update()
    with pytest.raises(NotFittedError):
        gg.Popularity().forget("u00")


def test_an_update_without_anything_changes_nothing() -> None:
    first = dataset(first_data(np.random.default_rng(12)))
    case = next(case for case in CASES if case.name == "NextBasket")
    assert_same(fit(case, first).update(), fitted(case, first_data(np.random.default_rng(12))))


class Alphabet(Recommender):
    """A user's own model, without an update."""

    def fit(self, interactions: Any, y: None = None, **options: Any) -> "Alphabet":
        self._training_data = TrainingData.of(interactions)
        return self

    def _scores(self) -> Scores:
        return SharedScores(-np.arange(self.n_items, dtype=np.float32))

    def _learned(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return {}, {}

    def _relearn(self, state: Any, arrays: Any) -> None:
        pass


def test_a_model_without_an_update_says_so() -> None:
    model = Alphabet().fit(dataset(first_data(np.random.default_rng(13))))
    with pytest.raises(ParameterError, match="A Alphabet cannot be updated; call fit"):
        model.forget("u00")
    assert model.n_users == 10
