"""Cold users of HybridMF, and baskets, which every model of embeddings recommends to in the same way."""

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp

from gingham.dataset import Dataset, Ids, Interactions
from gingham.errors import DataError, NotFittedError, ParameterError, UnknownIdError
from gingham.models import HybridMF, Recommender
from gingham.models import loss as losses
from gingham.models.fold_in import fold_in
from gingham.models.hybrid import HybridState
from gingham.models.side import Side
from gingham.models.training_pairs import TrainingPairs
from tests.models.samples import LOSSES, RANKING, SCHEDULES, assert_same, clustered_shop, groups, noise, state


def model(loss: str = "warp", schedule: str = "adagrad", **params: float) -> HybridMF:
    return HybridMF(6, loss, schedule, random_state=1, **params)  # type: ignore[arg-type]


def fitted(loss: str = "warp", schedule: str = "adagrad", **params: float) -> HybridMF:
    return model(loss, schedule, epochs=4, **params).fit(
        noise(), user_features=groups(25, 3), item_features=groups(18, 4), verbose=False, num_threads=1
    )


def descended(hybrid: HybridMF, item: int, shared: np.ndarray, weight: float, epochs: int) -> np.ndarray:
    """What logistic loss and adagrad make of someone with one item: a bias and an embedding."""
    embeddings, biases = (part.astype(np.float64) for part in hybrid.item_representations())
    row, bias = np.append(embeddings[item], 1.0), biases[item]
    own, memory = np.zeros(7), np.ones(7)
    for _ in range(epochs):
        score = row @ (own + np.append(shared, 0.0)) + bias
        gradient = -weight / (1 + np.exp(score)) * row + hybrid.regularization * own
        own -= hybrid.learning_rate * gradient / np.sqrt(memory)
        memory += gradient**2
    return np.asarray(own[:6] + shared)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_who_has_one_item_is_trained_by_descent_while_all_else_stays(schedule: str) -> None:
    hybrid = fitted("logistic", schedule, regularization=0.3)
    before = state(hybrid)
    baskets = sp.csr_matrix((np.ones(3), ([0, 1, 2], [4, 4, 9])), (3, 18))
    weights = sp.csr_matrix((np.array([1, 2.5, 1]), ([0, 1, 2], [4, 4, 9])), (3, 18))
    shared = sp.csr_matrix(sp.hstack([sp.csr_matrix((3, 25)), sp.csr_matrix([[0, 0, 0], [0.5, 0, 0], [0, 0, 2]])]))
    centre = hybrid.user_representations(shared)[0].astype(np.float64)
    for features, weighed, start, weight in (
        (None, None, np.zeros((3, 6)), [1, 1, 1]),
        (shared, None, centre, [1, 1, 1]),
        (shared, weights, centre, [1, 2.5, 1]),
    ):
        folded = hybrid.fold_in(baskets, user_features=features, sample_weight=weighed)
        assert folded.dtype == np.float32
        wanted = [descended(hybrid, item, start[user], weight[user], 4) for user, item in enumerate((4, 4, 9))]
        np.testing.assert_allclose(folded, wanted, atol=1e-5)
    assert_same(state(hybrid), before)


@pytest.mark.parametrize("loss", LOSSES)
def test_nobodys_embedding_depends_on_the_others_or_on_the_number_of_threads(loss: str) -> None:
    hybrid, before = fitted(loss), state(fitted(loss))
    baskets = sp.random(9, 18, 0.3, "csr", np.float64, np.random.default_rng(3))
    together = hybrid.fold_in(baskets)
    np.testing.assert_array_equal(hybrid.fold_in(baskets, num_threads=1), together)
    for user in range(9):
        np.testing.assert_array_equal(hybrid.fold_in(baskets[[user]])[0], together[user])
    assert_same(state(hybrid), before)
    assert hybrid.fold_in(sp.csr_matrix((0, 18))).shape == (0, 6)


@pytest.mark.parametrize("loss", LOSSES)
def test_fold_in_has_no_alpha(loss: str) -> None:
    model = fitted(loss)
    baskets = sp.random(9, 18, 0.3, "csr", np.float64, np.random.default_rng(3))
    shared = sp.csr_matrix(
        sp.hstack([sp.csr_matrix((9, 25)), sp.random(9, 3, 0.5, "csr", rng=np.random.default_rng(4))])
    )
    embeddings = model.fold_in(baskets, user_features=shared)
    model.set_params(user_alpha=0.5, item_alpha=0.5)
    np.testing.assert_array_equal(model.fold_in(baskets, user_features=shared), embeddings)


def test_training_a_cold_user_changes_only_the_users_own_row() -> None:
    sides: list[tuple[np.ndarray, ...]] = []

    def train_user(pairs: TrainingPairs, user: Side, items: Side) -> None:
        before = user.state.copy(), items.state.copy()
        cold = HybridMF(6, learning_rate=0.5, regularization=0.25)
        cold._run_epoch(HybridState(user, items, seed=1, schedule="adagrad"), pairs, 1, None)
        sides.append((*before, user.state, items.state))

    rng = np.random.default_rng(0)
    items = Side.of_parts([(rng.normal(size=(18, 6)).astype(np.float32), np.ones(18, np.float32))], None)
    baskets = sp.random(2, 18, 0.3, "csr", np.float32, rng)
    options = {"pool": baskets.indices, "loss": losses.LOSSES["warp"], "seed": 0, "n_threads": 1}
    fold_in(train_user, items.fixed_copy(), rng.normal(size=(2, 6)).astype(np.float32), baskets, None, **options)
    assert len(sides) == 2
    for user_before, items_before, user, items_after in sides:
        np.testing.assert_array_equal(items_after, items_before)
        np.testing.assert_array_equal(user[1], user_before[1])
        assert (user[0, :6] != user_before[0, :6]).all()


def test_who_has_nothing_is_what_they_share() -> None:
    hybrid = fitted()
    shared = sp.csr_matrix(sp.hstack([sp.csr_matrix((1, 25)), sp.csr_matrix([[0, 0.5, 0]])]))
    np.testing.assert_array_equal(hybrid.fold_in(sp.csr_matrix((1, 18))), np.zeros((1, 6)))
    np.testing.assert_array_equal(
        hybrid.fold_in(sp.csr_matrix((1, 18)), user_features=shared), hybrid.user_representations(shared)[0]
    )


@pytest.mark.parametrize("loss", RANKING)
def test_strangers_get_what_others_of_their_kind_buy(loss: str) -> None:
    train, _ = clustered_shop(loss)
    strangers = train[:8]
    hybrid = HybridMF(8, loss, random_state=1, epochs=30).fit(train[8:], verbose=False, num_threads=1)
    scores = hybrid.fold_in(strangers) @ hybrid.item_representations()[0].T + hybrid.item_representations()[1]
    unseen = np.where(strangers.toarray() > 0, -np.inf, scores)
    assert (unseen.argmax(axis=1) % 4 == np.arange(8) % 4).all()


def test_what_is_folded_in_is_checked() -> None:
    hybrid = fitted()
    with pytest.raises(NotFittedError):
        model().fold_in(sp.csr_matrix((2, 18)))
    with pytest.raises(DataError, match=r"interactions has shape \(2, 17\)"):
        hybrid.fold_in(sp.csr_matrix((2, 17)))
    with pytest.raises(DataError, match="user_features has 3 rows for 2 users"):
        hybrid.fold_in(sp.csr_matrix((2, 18)), user_features=sp.csr_matrix((3, 28)))
    with pytest.raises(DataError, match="user_features has 4 columns"):
        hybrid.fold_in(sp.csr_matrix((2, 18)), user_features=sp.csr_matrix((2, 4)))
    with pytest.raises(ParameterError, match="num_threads must be"):
        hybrid.fold_in(sp.csr_matrix((2, 18)), num_threads=-1)


def test_baskets_are_recommended_to() -> None:
    train, _ = clustered_shop("warp")
    pairs = train.tocoo()
    ids = Ids.from_series(pl.Series([f"i{item:02}" for item in range(40)]))
    data = Dataset(Ids.from_series(pl.Series(range(40))), ids, Interactions(pairs.row, pairs.col, 40, 40))
    hybrid = HybridMF(8, random_state=0, epochs=30).fit(data, verbose=False, num_threads=1)
    baskets = {"new": ["i04", "i12", "i12"], "none": [], "one": "i07"}
    table = hybrid.recommend_baskets(baskets, k=3)
    assert table["user_id"].to_list() == ["new"] * 3 + ["none"] * 3 + ["one"] * 3
    assert all(int(item[1:]) % 4 == 0 for item in table["item_id"][:3])
    embeddings, biases = hybrid.item_representations()
    np.testing.assert_allclose(table["score"][3:6], np.sort(biases)[:-4:-1], atol=1e-6)
    basket = sp.csr_matrix((np.ones(2), ([0, 0], [4, 12])), (1, 40))
    scores = (hybrid.fold_in(basket) @ embeddings.T + biases)[0]
    np.testing.assert_allclose(table["score"][:3], np.sort(scores)[:-4:-1], atol=1e-5)
    unseen = hybrid.recommend_baskets(baskets, k=40, filter_seen=True, exclude=["i00"])
    assert unseen["user_id"].value_counts(sort=True)["count"].to_list() == [39, 38, 37]
    with pytest.raises(UnknownIdError, match="'i99'"):
        hybrid.recommend_baskets({"x": ["i99"]}, strict=True)
    with pytest.raises(ParameterError, match="k=41 is larger"):
        hybrid.recommend_baskets(baskets, k=41)


def test_a_model_that_was_loaded_recommends_the_same(tmp_path: object) -> None:
    hybrid = fitted()
    hybrid.save(f"{tmp_path}/model")
    loaded = Recommender.load(f"{tmp_path}/model")
    assert isinstance(loaded, HybridMF)
    assert loaded.recommend_baskets({1: [3, 4]}).equals(hybrid.recommend_baskets({1: [3, 4]}))


def test_a_fixed_side_is_what_it_was_made_of() -> None:
    rows = np.random.default_rng(0).random((3, 5)).astype(np.float32)
    side = Side.fixed(rows)
    np.testing.assert_array_equal(side.embeddings, rows[:, :4])
    np.testing.assert_array_equal(side.biases, rows[:, 4])
