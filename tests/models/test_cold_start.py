"""Recommendations to users outside the training data: the same lists as those of users with the same history."""

import logging
from datetime import timedelta
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
from polars.testing import assert_frame_equal

import gingham as gg
from gingham.dataset import Dataset
from gingham.errors import DataError, NotFittedError, ParameterError, TableError, UnknownIdError
from gingham.models import Recommender, cold_start
from tests.contract import Case
from tests.contract.cases import N_ITEMS, N_USERS, WITHOUT_HISTORY
from tests.models.test_contract import CASES

# Their scores depend on what the fit learned of the user alone.
LEARNED = ("ALS", "HybridMF", "NextBasket, neighbours", "TwoStage, mixed")
COUNTED = [case for case in CASES if not case.name.startswith(LEARNED)]


def histories(data: Dataset, users: Any) -> pl.DataFrame:
    """The transactions of some users, in their order, as a caller passes them."""
    rows = data.interactions
    columns = {
        "user_id": data.user_ids.ids(rows.user_index),
        "item_id": data.item_ids.ids(rows.item_index),
        "value": rows.value,
    }
    if rows.timestamp is not None:
        columns["timestamp"] = pl.Series(rows.timestamp)
    frame = pl.DataFrame(columns)
    return pl.concat([frame.filter(pl.col("user_id") == user) for user in users])


@cache
def fitted(case: Case) -> Recommender:
    return case.fitted()


def passed(case: Case, data: Dataset, users: Any) -> dict[str, Any]:
    """The histories and features of users as a caller passes them."""
    arguments: dict[str, Any] = {"history": histories(data, users)}
    if case.features:
        assert data.user_features is not None
        n = data.user_features.n_identities
        matrix = data.user_features.matrix[data.user_ids.index(users)].copy()
        matrix.data[matrix.indices < n] = 0
        matrix.eliminate_zeros()
        arguments["features"] = matrix
    return arguments


@pytest.mark.parametrize("case", COUNTED, ids=lambda case: case.name)
class TestCountModels:
    def test_a_history_of_the_training_data_gets_the_same_list(self, case: Case) -> None:
        model, data = fitted(case), case.shop()
        users = [user for number, user in enumerate(data.user_ids.values) if number not in WITHOUT_HISTORY]
        chosen = [users[number] for number in (4, 9, 0, 21)]
        for group in (chosen, chosen[:1], users):
            for options in ({"k": N_ITEMS}, {"k": 3, "filter_seen": True}, {"k": 4, "exclude": [7, 21]}):
                wanted = model.recommend(group, num_threads=1, **options)
                result = model.recommend_for(**passed(case, data, group), num_threads=1, **options)
                assert_frame_equal(result, wanted, check_exact=True)

    def test_users_without_history_get_the_list_of_such_users(self, case: Case) -> None:
        model, data = fitted(case), case.shop()
        user = data.user_ids.values[WITHOUT_HISTORY[0]]
        features = passed(case, data, [user]).get("features")
        history: Any
        for history in ([], None):
            result = model.recommend_for(history, features, k=N_ITEMS)
            assert result["user_id"].to_list() == [None] * N_ITEMS
            assert_frame_equal(result.drop("user_id"), model.recommend(user, k=N_ITEMS).drop("user_id"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
class TestEveryModel:
    def test_the_list_of_a_user_does_not_depend_on_the_others(self, case: Case) -> None:
        model = fitted(case)
        lists = {"a": [7, 21], "b": [], "c": [0] * 30 + [14], "d": [126, 7, 7]}
        together = model.recommend_for(lists, k=5)
        assert together.schema == {"user_id": pl.String, "item_id": pl.Int64, "rank": pl.Int32, "score": pl.Float32}
        for user, items in lists.items():
            alone = model.recommend_for({user: items}, k=5)
            of_user = together.filter(pl.col("user_id") == user)
            assert_frame_equal(alone.drop("score"), of_user.drop("score"))
            np.testing.assert_allclose(alone["score"], of_user["score"], rtol=1e-5, atol=1e-6)

    def test_forms_of_a_history(self, case: Case) -> None:
        model = fitted(case)
        wanted = model.recommend_for([7, 21, 0], k=5)
        frame = pl.DataFrame({"item_id": [7, 21, 0]})
        forms = [(7, 21, 0), np.array([7, 21, 0]), pl.Series([7, 21, 0]), frame, frame.to_pandas(), {None: [7, 21, 0]}]
        for history in forms:
            result = model.recommend_for(history, k=5)
            assert_frame_equal(result.drop("user_id"), wanted.drop("user_id"), check_exact=True)
        named = model.recommend_for(frame.with_columns(user_id=pl.lit("ann")), k=5)
        assert named["user_id"].to_list() == ["ann"] * 5
        assert_frame_equal(named.drop("user_id"), wanted.drop("user_id"), check_exact=True)

    def test_a_loaded_model_gives_the_same_lists(self, case: Case, tmp_path: Any) -> None:
        model = fitted(case)
        model.save(tmp_path / "model")
        loaded = Recommender.load(tmp_path / "model")
        history = {"a": [7, 21], "b": []}
        assert_frame_equal(loaded.recommend_for(history, k=9), model.recommend_for(history, k=9), check_exact=True)

    def test_unknown_items_are_ignored_and_counted(self, case: Case, caplog: pytest.LogCaptureFixture) -> None:
        model = fitted(case)
        result = model.recommend_for([7, 1, 21, 2], k=5)
        assert "Ignored 2 unknown ids in history: 1, 2; the" in caplog.text
        assert_frame_equal(result, model.recommend_for([7, 21], k=5), check_exact=True)
        assert_frame_equal(model.recommend_for(["?"], k=5), model.recommend_for(k=5), check_exact=True)
        with pytest.raises(UnknownIdError, match="1 unknown id in history: 1"):
            model.recommend_for([7, 1], strict=True)

    def test_a_long_history_is_one(self, case: Case) -> None:
        rng = np.random.default_rng(1)
        result = fitted(case).recommend_for(7 * rng.integers(0, N_ITEMS, 10_000), k=N_ITEMS)
        assert result["score"].is_finite().all()
        assert result.height == N_ITEMS

    def test_the_number_of_threads_changes_nothing(self, case: Case) -> None:
        model = fitted(case)
        history = {user: list(range(0, 7 * user, 7)) for user in range(9)}
        alone = model.recommend_for(history, num_threads=1)
        assert_frame_equal(model.recommend_for(history, num_threads=3), alone, check_exact=True)


def sample() -> tuple[Dataset, pl.DataFrame]:
    users = gg.synth.sample_tables().users
    assert users is not None
    return gg.synth.sample_dataset(), users.collect()


SEGMENTS = gg.Popularity(window=None, by="age_group")


def test_features_of_columns() -> None:
    data, users = sample()
    model = SEGMENTS.copy().fit(data)
    wanted = model.recommend(k=20)
    assert_frame_equal(model.recommend_for(features=users.sort("user_id"), k=20), wanted, check_exact=True)
    row = users.row(3, named=True)
    of_user = wanted.filter(pl.col("user_id") == row.pop("user_id")).drop("user_id")
    assert_frame_equal(model.recommend_for(features=row, k=20).drop("user_id"), of_user, check_exact=True)
    both = model.recommend_for({"ann": ["i03"]}, users.head(2), k=1)
    assert both["user_id"].to_list() == ["ann", *users["user_id"].head(2)]
    # An unknown value is like none.
    unknown = model.recommend_for(features={"age_group": "older"}, k=20)
    assert_frame_equal(unknown, model.recommend_for(k=20), check_exact=True)


def test_a_model_that_cannot_use_features_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    cold_start._warn_of_features.cache_clear()
    model = gg.EASE(l2=20).fit(gg.synth.sample_dataset())
    for _ in range(2):
        result = model.recommend_for(["i03"], {"age_group": "25-34"}, k=3)
        assert_frame_equal(result, model.recommend_for(["i03"], k=3))
    assert [(record.levelno, record.message) for record in caplog.records] == [
        (logging.WARNING, "EASE: this model does not use features of users, and ignored them.")
    ]


def test_times_and_values_of_a_history_count() -> None:
    data = gg.synth.sample_dataset()
    model = gg.NextBasket("7d", smoothing=0.1, loyalty=0).fit(data)
    assert data.interactions.timestamp is not None
    now = data.interactions.timestamp.max().astype(object)

    def best(**columns: Any) -> list[str]:
        frame = pl.DataFrame({"item_id": ["i10", "i11"], **columns})
        return model.recommend_for(frame, k=2)["item_id"].to_list()

    days = timedelta(days=1)
    assert best(timestamp=[now - 9 * days, now]) == ["i11", "i10"]
    assert best(timestamp=[now, now - 9 * days]) == ["i10", "i11"]
    assert best(timestamp=[now - 9 * days, None], value=[9, 1]) == ["i10", "i11"]
    assert best(quantity=[1, 2]) == ["i11", "i10"]
    text = [time.isoformat() for time in (now - 9 * days, now)]
    assert best(timestamp=text) == ["i11", "i10"]
    # A later time is that of the last transaction of the training data.
    scores = model.recommend_for(pl.DataFrame({"item_id": ["i10"], "timestamp": [now + 900 * days]}), k=1)["score"]
    assert scores[0] == model.recommend_for(["i10"], k=1)["score"][0]
    # What was returned is not a purchase.
    returned = model.recommend_for(pl.DataFrame({"item_id": ["i10", "i10"], "value": [1, -1]}), k=20)
    assert_frame_equal(returned, model.recommend_for(k=20))


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"history": 7.5}, DataError, "Ids are Float64"),
        (
            {"history": pl.DataFrame({"user_id": ["a"]})},
            DataError,
            "history has the columns 'user_id'; it needs item_id",
        ),
        (
            {"history": pl.DataFrame({"user_id": ["a", None], "item_id": ["i01", "i02"]})},
            DataError,
            "history has no user_id in row 1",
        ),
        (
            {"history": pl.DataFrame({"item_id": ["i01"], "value": ["much"]})},
            DataError,
            "value is 'much' in row 0 of history; pass a number",
        ),
        ({"history": pl.DataFrame({"item_id": ["i01"], "value": [np.inf]})}, DataError, r"value\[0\] is inf"),
        (
            {"history": pl.DataFrame({"item_id": ["i01"], "timestamp": ["soon"]})},
            TableError,
            "history table has 'soon' in column 'timestamp'",
        ),
        ({"history": pl.DataFrame({"item_id": ["i01"], "order": [None]})}, DataError, "order is None in row 0"),
        ({"features": {"age": 3}}, TableError, "The features have no column 'age'; use one of .'age_group'"),
        ({"features": pl.DataFrame({"user_id": ["a"]})}, TableError, "has no column 'age_group' to encode"),
        (
            {"features": pl.DataFrame({"user_id": ["a", "b", "a"], "age_group": ["25-34"] * 3})},
            DataError,
            "user_id 'a' appears twice in features; pass one row per user",
        ),
        (
            {"features": pl.DataFrame({"age_group": ["25-34"] * 3})},
            DataError,
            "features has 3 rows without user_id for 1 users; add a column user_id",
        ),
        (
            {"history": ["i01"], "features": pl.DataFrame({"user_id": ["a"], "age_group": ["25-34"]})},
            DataError,
            "features has a column user_id, but history is that of one user without an id",
        ),
        (
            {"history": {"a": [], "b": []}, "features": {"age_group": "25-34"}},
            DataError,
            "features is those of one user, but history has 2 users",
        ),
        ({"features": sp.csr_matrix((2, 5))}, DataError, "features has 2 rows for 1 users"),
        ({"features": [1]}, ParameterError, "values must be a mapping"),
        ({"k": 0}, ParameterError, "k must be a positive integer"),
        ({"filter_seen": 1}, ParameterError, "filter_seen must be"),
        ({"strict": 1}, ParameterError, "strict must be"),
    ],
)
def test_wrong_arguments_are_refused_in_one_sentence(given: Any, error: type[Exception], words: str) -> None:
    model = SEGMENTS.copy().fit(gg.synth.sample_dataset())
    with pytest.raises(error, match=words) as raised:
        model.recommend_for(**given)
    assert "\n" not in str(raised.value)


def test_a_model_must_be_fitted() -> None:
    with pytest.raises(NotFittedError):
        gg.ALS().recommend_for(["i01"])


def test_users_are_counted_in_the_contract() -> None:
    assert len(COUNTED) > len(CASES) / 2
    assert max(WITHOUT_HISTORY) < N_USERS


@pytest.mark.parametrize("model", [gg.ALS(6, epochs=3, random_state=1), gg.HybridMF(6, epochs=3, random_state=1)])
def test_models_of_embeddings_fold_in_histories_and_mix_them_with_features(model: Any) -> None:
    data, users = sample()
    model.fit(data, num_threads=1, verbose=False)
    items = ["i03", "i15", "i07"]
    history = sp.csr_matrix((np.ones(3), ([0, 0, 0], data.item_ids.index(items))), shape=(1, 20))
    assert data.user_encoder is not None
    row = {"age_group": users["age_group"].drop_nulls()[0]}
    prior, bias = model.user_representations(data.user_encoder.encode_one(row))
    own = model.fold_in(history)
    weight = (3 + 1) ** 2 / ((3 + 1) ** 2 + model.prior)
    embeddings, biases = model.item_representations()
    for given, representation, offset in (
        ({"history": items}, own, 0),
        ({"features": row}, prior, bias),
        ({"history": items, "features": row}, weight * own + (1 - weight) * prior, bias),
    ):
        wanted = (representation @ embeddings.T)[0] + biases + offset
        table = model.recommend_for(**given, k=20)
        np.testing.assert_allclose(table["score"], np.sort(wanted)[::-1], rtol=1e-4, atol=1e-5)


def test_neighbours_of_a_new_user_are_the_users_with_the_most_similar_habits() -> None:
    data = gg.synth.sample_dataset()
    model = gg.NextBasket("30d", smoothing=2, n_neighbours=4, alpha=0.6, loyalty=0.5).fit(data)
    habits, own = model._habits.toarray().astype(np.float64), np.zeros(20)
    assert model._loyalty is not None
    bought = data.item_ids.index(["i03", "i15", "i11"])
    own[bought] = model._loyalty[bought]
    cosines = habits @ own / np.maximum(np.linalg.norm(habits, axis=1), 1e-12)
    nearest = np.argsort(-cosines, kind="stable")[:4]
    wanted = 0.6 * own + 0.4 * habits[nearest].mean(axis=0) + model._shared
    table = model.recommend_for(["i03", "i15", "i11"], k=20)
    np.testing.assert_allclose(table["score"], np.sort(wanted)[::-1], rtol=1e-5)
