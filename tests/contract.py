"""What every model must do; `tests/models/test_contract.py` runs it for each of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
import scipy.sparse as sp
from polars.testing import assert_frame_equal

import gingham
from gingham import models
from gingham.dataset import Dataset, Feature, Features, Ids, Interactions
from gingham.errors import ArtifactError, DataError, NotFittedError, ParameterError, UnknownIdError
from gingham.metrics import rank_test
from gingham.models import BuyAgain, HybridMF, Popularity, Recommender
from gingham.models.embedding import EmbeddingModel

N_USERS, N_ITEMS = 30, 20
WITHOUT_HISTORY = (3, 29)
GREEDY = 5  # has had all items but two
NEVER_SOLD = 19
# A sum of products in float32 against the same in float64.
ROUNDING = 1e-5


@dataclass(frozen=True)
class Case:
    """A model to run the contract for, and how it is fitted."""

    name: str
    make: Callable[[], Recommender]
    features: bool = False
    fit: dict[str, Any] = field(default_factory=dict)
    timed: bool = False
    named: bool = False  # whether it needs the names of features, which matrices don't have

    def shop(self, text: bool = False) -> Dataset:
        return shop(self.features, text, self.timed)

    def fitted(self, data: Any = None, **more: Any) -> Recommender:
        return self.make().fit(self.shop() if data is None else data, **self.fit, **more)

    def fitted_to_matrices(self) -> Recommender:
        data = self.shop()
        matrices: dict[str, Any] = {}
        if data.user_features is not None and data.item_features is not None:
            matrices = {"user_features": data.user_features.matrix, "item_features": data.item_features.matrix}
        return self.fitted(data.matrix(), **matrices)


def shop(features: bool = False, text: bool = False, timed: bool = False) -> Dataset:
    """A seeded shop with repeats, worthless interactions, users without history and an item nobody bought."""
    rng = np.random.default_rng(7)
    users, items = rng.integers(0, N_USERS, 250), rng.integers(0, NEVER_SOLD, 250)
    kept = ~np.isin(users, (*WITHOUT_HISTORY, GREEDY))
    users = np.concatenate([users[kept], np.full(N_ITEMS - 2, GREEDY)])
    items = np.concatenate([items[kept], np.arange(N_ITEMS - 2)])
    values = (rng.random(len(users)) < 0.9).astype(np.float32)
    timestamps = np.datetime64("2024-03-01", "us") + rng.integers(0, 60 * 86400, len(users)) * np.timedelta64(1, "s")
    user_ids = [f"u{user:02}" if text else 100 + 3 * user for user in range(N_USERS)]
    item_ids = [f"i{item:02}" if text else 7 * item for item in range(N_ITEMS)]
    labels = pl.DataFrame({"item_id": item_ids, "name": [f"thing {item}" for item in range(N_ITEMS)]})
    return Dataset(
        Ids.from_series(pl.Series(user_ids)),
        Ids.from_series(pl.Series(item_ids)),
        Interactions(users, items, N_USERS, N_ITEMS, values, timestamps if timed else None),
        _features(N_USERS, 3) if features else None,
        _features(N_ITEMS, 4) if features else None,
        labels,
    )


def _features(n_rows: int, n_groups: int) -> Features:
    groups = sp.csr_matrix(np.eye(n_groups, dtype=np.float32)[np.arange(n_rows) % n_groups])
    matrix = sp.hstack([sp.identity(n_rows, dtype=np.float32), groups], format="csr")
    return Features(matrix, [Feature("group", str(group)) for group in range(n_groups)])


def held_out(seed: int = 3) -> sp.csr_matrix:
    """A test matrix: some pairs new, some seen."""
    return sp.random(N_USERS, N_ITEMS, 0.2, "csr", np.float32, np.random.default_rng(seed))


def item_lists(table: pl.DataFrame) -> dict[Any, list[Any]]:
    """The items recommended to each user, in order."""
    lists: dict[Any, list[Any]] = {}
    for user, item in table.select("user_id", "item_id").iter_rows():
        lists.setdefault(user, []).append(item)
    return lists


def scores_of(model: Recommender) -> npt.NDArray[np.float64]:
    """All scores: of representations where there are any, else as the model says."""
    if isinstance(model, EmbeddingModel):
        users, user_biases = (part.astype(np.float64) for part in model.user_representations())
        items, item_biases = (part.astype(np.float64) for part in model.item_representations())
        return np.asarray(users @ items.T + user_biases[:, None] + item_biases)
    table = model.recommend(k=model.n_items)
    scores = np.full((model.n_users, model.n_items), np.nan)
    users, items = (
        model.training_data_.user_ids.index(table["user_id"]),
        model.training_data_.item_ids.index(table["item_id"]),
    )
    scores[users, items] = table["score"].to_numpy()
    return scores


class Contract:
    """The tests; a subclass is parametrised with a `Case` named ``case``."""

    # Fitting ---------------------------------------------------------------------------------------------------------

    def test_fit_gives_the_model_back(self, case: Case) -> None:
        model = case.make()
        assert model.fit(case.shop(), **case.fit) is model
        assert (model.n_users, model.n_items) == (N_USERS, N_ITEMS)

    def test_nothing_can_be_asked_before_fit(self, case: Case, tmp_path: Path) -> None:
        model, test = case.make(), held_out()
        questions: list[Callable[[], object]] = [
            lambda: model.recommend(),
            lambda: model.recommend([1], k=0),
            lambda: model.rank(),
            lambda: model.predict([1], [1]),
            lambda: model.predict_rank(test),
            lambda: rank_test(model, test),
            lambda: model.save(tmp_path / "model"),
            lambda: model.training_data_,
            lambda: model.n_users,
            lambda: model.n_items,
        ]
        for question in questions:
            with pytest.raises(NotFittedError, match=f"{type(model).__name__} is not fitted"):
                question()
        assert list(tmp_path.iterdir()) == []

    def test_ids_of_text_and_of_numbers_give_the_same(self, case: Case) -> None:
        numbers = case.fitted().recommend(k=N_ITEMS)
        texts = case.fitted(case.shop(text=True)).recommend(k=N_ITEMS)
        assert texts.schema == {"user_id": pl.String, "item_id": pl.String, "rank": pl.Int32, "score": pl.Float32}
        as_numbers = texts.with_columns(
            user_id=100 + 3 * pl.col("user_id").str.slice(1).cast(pl.Int64),
            item_id=7 * pl.col("item_id").str.slice(1).cast(pl.Int64),
        )
        assert_frame_equal(as_numbers, numbers, check_exact=True)

    @pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
    def test_a_value_that_is_not_finite_is_named_and_leaves_the_model_as_it_was(self, case: Case, wrong: float) -> None:
        model = case.fitted()
        before = model.recommend()
        bad = shop().matrix()
        bad[11, 13] = wrong
        with pytest.raises(DataError, match=rf"interactions holds {wrong} in row 11, column 13"):
            model.fit(bad)
        assert_frame_equal(model.recommend(), before, check_exact=True)

    @pytest.mark.parametrize("wrong", [np.eye(3), [[1, 0]], None, "data", pl.DataFrame({"a": [1]})])
    def test_what_is_no_matrix_is_refused(self, case: Case, wrong: Any) -> None:
        with pytest.raises(DataError, match=f"is a {type(wrong).__name__}"):
            case.make().fit(wrong)

    # Recommending ----------------------------------------------------------------------------------------------------

    def test_everybody_gets_k_items(self, case: Case) -> None:
        model, data = case.fitted(), shop()
        for given, k in (({}, 12), ({"k": 1}, 1), ({"k": np.int64(3)}, 3), ({"k": N_ITEMS}, N_ITEMS)):
            table = model.recommend(**given)
            assert table.schema == {"user_id": pl.Int64, "item_id": pl.Int64, "rank": pl.Int32, "score": pl.Float32}
            assert table["user_id"].to_list() == np.repeat(data.user_ids.values.to_numpy(), k).tolist()
            assert table["rank"].to_list() == list(range(1, k + 1)) * N_USERS
            assert table["score"].is_finite().all()
            assert not table.select("user_id", "item_id").is_duplicated().any()

    def test_best_items_come_first_and_of_equal_ones_the_lower_id(self, case: Case) -> None:
        table = case.fitted().recommend(k=N_ITEMS)
        order = table.sort("user_id", pl.col("score"), "item_id", descending=[False, True, False])
        assert_frame_equal(table, order, check_exact=True)

    def test_fewer_items_are_the_first_of_more(self, case: Case) -> None:
        model = case.fitted()
        whole = model.recommend(k=N_ITEMS)
        for k in (1, 4, N_ITEMS - 1):
            assert_frame_equal(model.recommend(k=k), whole.filter(pl.col("rank") <= k), check_exact=True)

    def test_scores_are_those_of_the_model(self, case: Case) -> None:
        model = case.fitted()
        table = model.recommend(k=5)
        users, items = (
            model.training_data_.user_ids.index(table["user_id"]),
            model.training_data_.item_ids.index(table["item_id"]),
        )
        np.testing.assert_allclose(table["score"], scores_of(model)[users, items], atol=ROUNDING)

    def test_pairs_have_the_scores_that_lists_have(self, case: Case) -> None:
        model = case.fitted()
        table = model.recommend(k=N_ITEMS).sample(fraction=1, shuffle=True, seed=2)
        scores = model.predict(table["user_id"], table["item_id"])
        assert scores.dtype == np.float32
        np.testing.assert_allclose(scores, table["score"], atol=ROUNDING, rtol=ROUNDING)
        item, user = table.filter(pl.col("item_id") == 21), table.filter(pl.col("user_id") == 130)
        np.testing.assert_allclose(model.predict(item["user_id"], 21), item["score"], atol=ROUNDING, rtol=ROUNDING)
        np.testing.assert_allclose(model.predict(130, user["item_id"]), user["score"], atol=ROUNDING, rtol=ROUNDING)
        np.testing.assert_allclose(model.predict([130, 130], [21, 21]), [model.predict(130, 21)[0]] * 2)
        assert model.predict([], []).shape == (0,)

    def test_pairs_of_unknown_ids_or_of_two_lengths_are_refused(self, case: Case) -> None:
        model = case.fitted()
        with pytest.raises(UnknownIdError, match="1 unknown user id: 101"):
            model.predict([101], [0])
        with pytest.raises(UnknownIdError, match="1 unknown item id: 1"):
            model.predict([100], [1])
        with pytest.raises(DataError, match="2 user ids and 3 item ids"):
            model.predict([100, 103], [0, 7, 14])

    def test_users_without_history_get_the_same_list(self, case: Case) -> None:
        if not case.features:
            first, second = item_lists(case.fitted().recommend([100 + 3 * user for user in WITHOUT_HISTORY])).values()
            assert first == second

    def test_users_come_in_the_order_given(self, case: Case) -> None:
        model = case.fitted()
        everybody = item_lists(model.recommend(k=4))
        wanted = [130, 100, 109, 187]
        given: list[Any] = [wanted, tuple(wanted), np.array(wanted, np.int32), pl.Series(wanted), iter(wanted)]
        for users in given:
            table = model.recommend(users, k=4)
            assert table["user_id"].to_list() == [user for user in wanted for _ in range(4)]
            assert item_lists(table) == {user: everybody[user] for user in wanted}
        assert model.recommend([130, 130], k=2)["rank"].to_list() == [1, 2, 1, 2]
        assert model.recommend([], k=2).height == 0

    def test_what_was_seen_can_be_left_out(self, case: Case) -> None:
        model, data = case.fitted(), shop()
        whole, seen = item_lists(model.recommend(k=N_ITEMS)), data.matrix()
        for k in (3, N_ITEMS):
            lists = item_lists(model.recommend(k=k, filter_seen=True))
            for user, user_id in enumerate(data.user_ids.values):
                had = set(data.item_ids.ids(seen[user].indices))
                assert lists[user_id] == [item for item in whole[user_id] if item not in had][:k]
        greedy = 100 + 3 * GREEDY
        assert model.recommend([greedy], filter_seen=True)["rank"].to_list() == [1, 2]

    def test_allow_and_deny_lists(self, case: Case) -> None:
        model = case.fitted()
        whole = item_lists(model.recommend(k=N_ITEMS))
        allow, deny = [21, 7, 133, 63, 7], [63, 84, 0]
        for given, allowed in (
            ({"items": allow}, set(allow)),
            ({"exclude": deny}, {7 * item for item in range(N_ITEMS)} - set(deny)),
            ({"items": allow, "exclude": deny}, set(allow) - set(deny)),
            ({"items": np.array(allow), "exclude": pl.Series(deny)}, set(allow) - set(deny)),
        ):
            for k in (2, 12):
                lists = item_lists(model.recommend(k=k, **given))
                assert lists == {user: [item for item in items if item in allowed][:k] for user, items in whole.items()}

    def test_lists_and_what_was_seen_work_together(self, case: Case) -> None:
        model, data = case.fitted(), shop()
        whole, seen = item_lists(model.recommend(k=N_ITEMS)), data.matrix()
        allow = [7 * item for item in range(0, N_ITEMS, 2)]
        lists = item_lists(model.recommend(k=4, items=allow, exclude=[14], filter_seen=True))
        for user, user_id in enumerate(data.user_ids.values):
            allowed = set(allow) - {14} - set(data.item_ids.ids(seen[user].indices))
            assert lists.get(user_id, []) == [item for item in whole[user_id] if item in allowed][:4]

    @pytest.mark.parametrize("given", [{"items": []}, {"items": [7], "exclude": [7]}])
    def test_where_nothing_is_allowed_nothing_is_recommended(self, case: Case, given: Any) -> None:
        table = case.fitted().recommend(k=3, **given)
        assert table.height == 0
        assert table.columns == ["user_id", "item_id", "rank", "score"]

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"user_ids": [100, 101]}, "1 unknown user id: 101"),
            ({"user_ids": ["u00"]}, "1 unknown user id: 'u00'"),
            ({"user_ids": [None]}, "unknown user id: None"),
            ({"user_ids": [2**63]}, f"unknown user id: {2**63}"),
            ({"items": [0, 1, 2]}, "2 unknown item ids: 1, 2"),
            ({"exclude": [0, 1]}, "1 unknown item id: 1"),
        ],
    )
    def test_unknown_ids_are_named(self, case: Case, given: Any, words: str) -> None:
        with pytest.raises(UnknownIdError, match=words):
            case.fitted().recommend(**given)

    @pytest.mark.parametrize("k", [0, -1, True, False, 2.0, "3", None, N_ITEMS + 1])
    def test_a_wrong_k_is_refused(self, case: Case, k: Any) -> None:
        with pytest.raises(ParameterError, match=f"k must be a positive integer, not {k!r}|k={N_ITEMS + 1} is larger"):
            case.fitted().recommend(k=k)

    def test_a_single_text_is_no_list_of_ids(self, case: Case) -> None:
        model = case.fitted(case.shop(text=True))
        with pytest.raises(DataError, match="'u00' is one id"):
            model.recommend("u00")

    def test_the_number_of_threads_changes_nothing(self, case: Case) -> None:
        model, test = case.fitted(), held_out()
        alone = model.recommend(num_threads=1)
        for num_threads in (0, 2, 5):
            assert_frame_equal(model.recommend(num_threads=num_threads), alone, check_exact=True)
            ranks = model.predict_rank(test, num_threads=num_threads)
            np.testing.assert_array_equal(ranks.data, model.predict_rank(test, num_threads=1).data)
        for question in (lambda: model.recommend(num_threads=-1), lambda: model.predict_rank(test, num_threads=-1)):
            with pytest.raises(ParameterError, match="num_threads must be an integer from 0"):
                question()

    # Ranking a test --------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("filter_seen", [False, True])
    def test_ranks_agree_with_numpy(self, case: Case, filter_seen: bool) -> None:
        model, test = case.fitted(), held_out()
        ranks, scores, seen = model.predict_rank(test, filter_seen), scores_of(model), model.training_data_.matrix
        assert isinstance(ranks, sp.csr_matrix)
        assert ranks.dtype == np.int32
        np.testing.assert_array_equal(ranks.indices, test.indices)
        np.testing.assert_array_equal(ranks.indptr, test.indptr)
        tolerance = ROUNDING if isinstance(model, EmbeddingModel) else 0
        for user in range(N_USERS):
            candidate = np.ones(N_ITEMS, bool)
            if filter_seen:
                candidate[seen[user].indices] = False
            mine = scores[user]
            for item, rank in zip(ranks[user].indices, ranks[user].data, strict=True):
                if not candidate[item]:
                    assert rank == N_ITEMS
                    continue
                others = candidate & (np.arange(N_ITEMS) != item)
                earlier = np.arange(N_ITEMS) < item
                surely = others & ((mine > mine[item] + tolerance) | (earlier & (mine == mine[item]) & (not tolerance)))
                perhaps = others & ((mine > mine[item] - tolerance) | (earlier & (mine == mine[item])))
                assert surely.sum() <= rank <= perhaps.sum()

    @pytest.mark.parametrize("filter_seen", [False, True])
    def test_ranks_are_places_in_the_list(self, case: Case, filter_seen: bool) -> None:
        model, test = case.fitted(), held_out()
        ranks = model.predict_rank(test, filter_seen)
        lists = item_lists(model.recommend(k=N_ITEMS, filter_seen=filter_seen))
        for user, user_id in enumerate(model.training_data_.user_ids.values):
            items = model.training_data_.item_ids.ids(ranks[user].indices)
            places = [lists[user_id].index(item) if item in lists[user_id] else N_ITEMS for item in items]
            assert ranks[user].data.tolist() == places

    @pytest.mark.parametrize("filter_seen", [False, True])
    def test_test_ranks_are_those_of_users_with_a_test(self, case: Case, filter_seen: bool) -> None:
        model, test = case.fitted(), held_out()
        test = sp.csr_matrix(test.multiply(np.arange(N_USERS)[:, None] % 3 > 0))
        test.eliminate_zeros()
        whole, found = model.predict_rank(test, filter_seen), rank_test(model, test, filter_seen=filter_seen)[0]
        tested = np.flatnonzero(np.diff(test.indptr))
        assert len(tested) < N_USERS
        np.testing.assert_array_equal(found.users, tested)
        np.testing.assert_array_equal(found.ranks, whole.data)
        np.testing.assert_array_equal(found.n_test, np.diff(test.indptr)[tested])
        n_seen = np.diff(model.training_data_.matrix.indptr)[tested] if filter_seen else np.zeros(len(tested))
        np.testing.assert_array_equal(found.n_candidates, N_ITEMS - n_seen)

    @pytest.mark.parametrize("filter_seen", [False, True])
    def test_one_pass_gives_the_best_items_and_the_ranks(self, case: Case, filter_seen: bool) -> None:
        model, test, wanted = case.fitted(), held_out(), [130, 100, 187, 130]
        index = model.training_data_.user_ids.index(wanted)
        ranking = model.rank(wanted, test, k=4, filter_seen=filter_seen)
        table = model.recommend(wanted, k=4, filter_seen=filter_seen)
        there = ranking.items >= 0
        assert model.training_data_.item_ids.ids(ranking.items[there]).to_list() == table["item_id"].to_list()
        np.testing.assert_array_equal(ranking.scores[there], table["score"])
        whole = model.predict_rank(test, filter_seen)
        assert ranking.ranks.tolist() == [rank for user in index for rank in whole[user].data]
        everybody = model.rank()
        assert everybody.items.shape == (N_USERS, 0)
        assert everybody.ranks.shape == (0,)

    def test_a_test_may_be_a_dataset(self, case: Case) -> None:
        data = case.shop()
        model = case.fitted(data)
        rows = np.arange(len(data.interactions))
        test = data.with_interactions(data.interactions.take(rows[::5]))
        of_dataset, of_matrix = model.predict_rank(test), model.predict_rank(test.matrix())
        np.testing.assert_array_equal(of_dataset.toarray(), of_matrix.toarray())
        np.testing.assert_array_equal(of_dataset.data, of_matrix.data)

    def test_a_test_about_others_is_refused(self, case: Case) -> None:
        model = case.fitted()
        wrong: list[tuple[Any, str]] = [
            (sp.csr_matrix((N_USERS, N_ITEMS + 1)), rf"shape \({N_USERS}, {N_ITEMS + 1}\)"),
            (sp.csr_matrix((N_USERS - 1, N_ITEMS)), rf"shape \({N_USERS - 1}, {N_ITEMS}\)"),
            (shop(text=True), "other ids"),
            (np.zeros((N_USERS, N_ITEMS)), "ndarray"),
        ]
        for test, words in wrong:
            with pytest.raises(DataError, match=words):
                model.predict_rank(test)
            with pytest.raises(DataError, match=words):
                rank_test(model, test)
            with pytest.raises(DataError, match=words):
                model.rank([100], test)

    # Parameters ------------------------------------------------------------------------------------------------------

    def test_parameters_can_be_read_set_and_printed(self, case: Case) -> None:
        model = case.make()
        params = model.get_params()
        assert list(params) == model.param_names()
        assert model.get_params(deep=False) == params
        clone = type(model)(**params)
        assert clone.get_params() == params
        assert repr(eval(repr(model), {name: getattr(gingham, name) for name in gingham.__all__})) == repr(model)
        assert type(model)().set_params(**params).get_params() == params
        assert model.set_params() is model
        with pytest.raises(ParameterError, match=f"{type(model).__name__} has no parameter 'colour'"):
            model.set_params(colour="red")

    def test_a_clone_learns_the_same(self, case: Case) -> None:
        model = case.fitted()
        clone = type(model)(**model.get_params()).fit(case.shop(), **case.fit)
        assert_frame_equal(clone.recommend(), model.recommend(), check_exact=True)

    # Storing ---------------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("text", [False, True])
    def test_what_is_loaded_recommends_the_same(self, case: Case, text: bool, tmp_path: Path) -> None:
        model = case.fitted(case.shop(text))
        model.save(tmp_path / "model")
        for loaded in (
            models.load(tmp_path / "model"),
            type(model).load(str(tmp_path / "model")),
            Recommender.load(tmp_path / "model"),
        ):
            assert type(loaded) is type(model)
            assert repr(loaded) == repr(model)
            for given in ({"k": N_ITEMS}, {"filter_seen": True}):
                assert_frame_equal(loaded.recommend(**given), model.recommend(**given), check_exact=True)
            np.testing.assert_array_equal(
                loaded.predict_rank(held_out(), True).data, model.predict_rank(held_out(), True).data
            )
            before, after = model.training_data_.item_labels, loaded.training_data_.item_labels
            assert before is not None
            assert after is not None
            assert_frame_equal(after, before)

    def test_another_kind_of_model_is_refused(self, case: Case, tmp_path: Path) -> None:
        model = case.fitted()
        model.save(tmp_path / "model")
        for other in {HybridMF, Popularity, BuyAgain} - {type(model)}:
            with pytest.raises(ArtifactError, match=f"holds a {type(model).__name__}, no {other.__name__}"):
                other.load(tmp_path / "model")


class MatrixContract:
    """What a model that learns from bare matrices too keeps to besides."""

    def test_a_dataset_and_its_matrices_give_the_same(self, case: Case) -> None:
        data = shop(case.features)  # a matrix knows no time
        of_dataset = case.fitted(data).recommend(k=N_ITEMS)
        of_matrices = case.fitted_to_matrices().recommend(k=N_ITEMS)
        assert of_matrices["user_id"].dtype == of_matrices["item_id"].dtype == pl.Int64
        users, items = (of_matrices[column].to_numpy() for column in ("user_id", "item_id"))
        assert_frame_equal(
            of_dataset,
            of_matrices.with_columns(
                user_id=data.user_ids.ids(users),
                item_id=data.item_ids.ids(items),
            ),
            check_exact=True,
        )

    def test_nothing_of_the_callers_is_changed(self, case: Case) -> None:
        rng = np.random.default_rng(1)

        def untidy(n_rows: int, n_columns: int, per_row: int) -> sp.csr_matrix:
            # Unsorted columns, duplicates and explicit zeros: all that a careless in-place clean-up would touch.
            columns = rng.integers(0, n_columns, n_rows * per_row)
            offsets = np.arange(0, n_rows * per_row + 1, per_row)
            return sp.csr_matrix((rng.integers(0, 3, len(columns)) * 0.5, columns, offsets), (n_rows, n_columns))

        train, test = untidy(N_USERS, N_ITEMS, 6), untidy(N_USERS, N_ITEMS, 3)
        matrices = {"user_features": untidy(N_USERS, 5, 3), "item_features": untidy(N_ITEMS, 4, 3)}
        given = (train, test, *matrices.values())
        before = [[part.copy() for part in (matrix.data, matrix.indices, matrix.indptr)] for matrix in given]
        model = case.fitted(train, **(matrices if case.features else {}))
        model.recommend(filter_seen=True)
        model.predict_rank(test, filter_seen=True)
        rank_test(model, test)
        for matrix, parts in zip(given, before, strict=True):
            for now, part in zip((matrix.data, matrix.indices, matrix.indptr), parts, strict=True):
                np.testing.assert_array_equal(now, part)
                assert now.dtype == part.dtype

    def test_what_is_loaded_can_be_fitted_again_and_saved(self, case: Case, tmp_path: Path) -> None:
        model = case.fitted_to_matrices()
        model.save(tmp_path / "model")
        loaded = models.load(tmp_path / "model")
        assert loaded.training_data_.item_labels is None
        loaded.save(tmp_path / "model")
        assert_frame_equal(models.load(tmp_path / "model").recommend(), model.recommend(), check_exact=True)
        again = loaded.fit(case.shop(), **case.fit)
        assert again is loaded
        assert_frame_equal(again.recommend(), case.fitted().recommend(), check_exact=True)
