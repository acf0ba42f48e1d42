from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
import scipy.sparse as sp
from polars.testing import assert_frame_equal

from gingham.dataset import Dataset, Ids, Interactions
from gingham.errors import DataError, DivergedError, ParameterError, UnknownIdError
from gingham.loading import load
from gingham.models import ALS, EarlyStopping, Epoch
from tests.models.samples import assert_same, clustered_shop, differs, groups, mean_auc, noise, positives, state

Doubles = npt.NDArray[np.float64]

WEIGHT, L2, EXPONENT = 0.2, 0.05, 0.7
FEATURES: list[dict[str, Any]] = [
    {},
    {"user_features": groups(25, 3), "item_features": groups(18, 4)},
    {"item_features": groups(18, 4, identity=False)},
    # An own feature with a weight, and rows of two features that nobody else has.
    {"user_features": sp.csr_matrix(sp.hstack([groups(25, 3) * 0.5, sp.identity(25)]))},
]


def model(**params: Any) -> ALS:
    given = {"n_components": 6, "unobserved_weight": WEIGHT, "l2": L2, "l2_exponent": EXPONENT, "random_state": 1}
    return ALS(**{**given, **params})


def weights(seed: int = 0) -> sp.csr_matrix:
    matrix = noise()
    return sp.csr_matrix(
        (np.random.default_rng(seed).choice([0, 0.5, 1, 4], matrix.nnz), matrix.indices, matrix.indptr), matrix.shape
    )


def dense(matrix: sp.csr_matrix | None, size: int) -> Doubles:
    return np.eye(size) if matrix is None else np.asarray(matrix.todense(), np.float64)


class Twin:
    """The objective once more, dense and in float64."""

    def __init__(
        self, fitted: ALS, interactions: sp.csr_matrix, sample_weight: sp.csr_matrix | None = None, **given: Any
    ):
        there = np.asarray(positives(interactions).todense() > 0, np.float64)
        self.weights = there * (1 if sample_weight is None else np.asarray(sample_weight.todense()))
        self.features = [
            dense(given.get(name), size)
            for name, size in zip(("user_features", "item_features"), there.shape, strict=True)
        ]
        self.embeddings = [fitted.user_embeddings.astype(np.float64), fitted.item_embeddings.astype(np.float64)]
        self.penalties = []
        for axis, features in enumerate(self.features):
            met = self.weights.sum(axis=1 - axis) + WEIGHT * there.shape[1 - axis]
            self.penalties.append(L2 * ((features**2).T @ met) ** EXPONENT)

    @property
    def representations(self) -> list[Doubles]:
        return [features @ embeddings for features, embeddings in zip(self.features, self.embeddings, strict=True)]

    def loss(self) -> float:
        users, items = self.representations
        scores = users @ items.T
        total = (self.weights * (1 - scores) ** 2).sum() + WEIGHT * (scores**2).sum()
        for penalty, embeddings in zip(self.penalties, self.embeddings, strict=True):
            total += (penalty[:, None] * embeddings**2).sum()
        return float(total / np.count_nonzero(self.weights))

    def item_gradient(self) -> Doubles:
        users, items = self.representations
        scores = users @ items.T
        slope = self.weights * (scores - 1) + WEIGHT * scores
        return self.features[1].T @ (slope.T @ users) + self.penalties[1][:, None] * self.embeddings[1]


# Training ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", FEATURES)
@pytest.mark.parametrize("weighed", [False, True])
def test_the_loss_of_an_epoch_is_the_objective_after_it(given: dict[str, Any], weighed: bool) -> None:
    sample_weight = weights() if weighed else None
    seen: list[float] = []

    def compare(fitted: ALS, epoch: Epoch) -> None:
        seen.append(epoch.loss)
        assert epoch.loss == pytest.approx(Twin(fitted, noise(), sample_weight, **given).loss(), rel=1e-5)

    model(epochs=12, prior=None).fit(noise(), sample_weight=sample_weight, callbacks=[compare], **given)
    assert len(seen) == 12
    assert all(after <= before * (1 + 1e-6) for before, after in pairwise(seen))


def test_items_are_the_solution_given_the_users() -> None:
    fitted = model(epochs=3).fit(noise(), sample_weight=weights())
    assert np.abs(Twin(fitted, noise(), weights()).item_gradient()).max() < 1e-4


@pytest.mark.parametrize("given", FEATURES)
def test_training_ends_where_nothing_pulls(given: dict[str, Any]) -> None:
    fitted = model(n_components=3, epochs=400, prior=None).fit(noise(), **given)
    gradient, start = (
        np.abs(Twin(one, noise(), **given).item_gradient()).max()
        for one in (fitted, model(n_components=3, epochs=1, prior=None).fit(noise(), **given))
    )
    assert gradient < max(2e-3, 0.01 * start)


def test_blocks_of_components_find_as_good_a_solution() -> None:
    train, _ = clustered_shop("warp")
    dense_train = sp.csr_matrix((train + sp.random(40, 40, 0.5, "csr", random_state=np.random.default_rng(0))) > 0)
    whole, blocks = (
        model(n_components=36, block_size=block_size, epochs=60).fit(dense_train.astype(np.float32))
        for block_size in (128, 16)
    )
    assert differs(state(whole), state(blocks))
    assert blocks.history_[-1].loss == pytest.approx(whole.history_[-1].loss, rel=0.01)
    assert all(after.loss <= before.loss * (1 + 1e-6) for before, after in pairwise(blocks.history_))


@pytest.mark.parametrize("given", FEATURES)
@pytest.mark.parametrize("block_size", [16, 128])
def test_neither_threads_nor_repetition_change_a_bit(given: dict[str, Any], block_size: int) -> None:
    first, *others = (
        model(n_components=20, block_size=block_size, epochs=3).fit(noise(), num_threads=num_threads, **given)
        for num_threads in (1, 2, 5, 1)
    )
    for other in others:
        assert_same(state(first), state(other))
        assert [epoch.loss for epoch in first.history_] == [epoch.loss for epoch in other.history_]
    assert differs(state(first), state(model(n_components=20, random_state=2, epochs=3).fit(noise(), **given)))


def test_it_learns_who_buys_what() -> None:
    train, held = clustered_shop("warp")
    fitted = ALS(8, random_state=0, epochs=10).fit(train)
    assert mean_auc(fitted, held) > 0.9


def test_only_positives_with_a_weight_count() -> None:
    weighed = weights()
    kept = noise()
    kept.data[(kept.data <= 0) | (weighed.data == 0)] = 0
    kept.eliminate_zeros()
    rest = sp.csr_matrix(weighed.multiply(kept != 0))
    one = model(epochs=4).fit(noise(), sample_weight=weighed)
    other = model(epochs=4).fit(kept, sample_weight=rest)
    assert_same(state(one), state(other))


def test_the_unobserved_weigh_twenty_times_what_is_observed() -> None:
    train = sp.random(200, 300, 0.01, "csr", np.float32, np.random.default_rng(0))
    train.data[:] = 1
    fitted = ALS(4, random_state=0, epochs=1).fit(train)
    assert fitted.unobserved_weight_ * 200 * 300 == pytest.approx(20 * train.nnz)
    assert ALS(4, unobserved_weight=0.3, epochs=1).fit(train).unobserved_weight_ == 0.3
    # Ten times the weights: the same model, as all that counts is what weighs how much beside what else.
    heavy = ALS(4, random_state=0, epochs=3).fit(train, sample_weight=train * 10)
    np.testing.assert_allclose(
        heavy.user_embeddings, ALS(4, random_state=0, epochs=3).fit(train).user_embeddings, atol=1e-4
    )
    dense = sp.csr_matrix(np.ones((5, 6), np.float32))
    assert ALS(4, epochs=1).fit(dense, sample_weight=dense * 3).unobserved_weight_ == pytest.approx(3)


def test_who_has_no_history_has_what_features_say() -> None:
    assert not model(epochs=3).fit(noise()).user_representations()[0][-1].any()
    features = groups(25, 3)
    fitted = model(epochs=3).fit(noise(), user_features=features)
    embeddings, biases = fitted.user_representations()
    assert np.linalg.norm(embeddings[-1]) > 0.01
    assert not biases.any()
    assert not fitted.item_biases.any()


def test_a_feature_of_nobody_stays_zero() -> None:
    features = sp.csr_matrix(sp.hstack([groups(18, 4), sp.csr_matrix((18, 2))]))
    for exponent in (0, 1):
        fitted = model(l2_exponent=exponent, epochs=2).fit(noise(), item_features=features)
        assert not fitted.item_embeddings[-2:].any()
        assert fitted.item_embeddings[:-2].any(axis=1).all()


def test_interrupted_training_keeps_the_last_finished_epoch() -> None:
    whole = model(epochs=2).fit(noise())

    def stop(_: ALS, epoch: Epoch) -> None:
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    fitted = model()
    with pytest.raises(KeyboardInterrupt):
        fitted.set_params(epochs=5).fit(noise(), callbacks=[stop])
    assert_same(state(fitted), state(whole))


def test_early_stopping_keeps_the_best_epoch() -> None:
    train, held = clustered_shop("warp")
    watch = EarlyStopping("ndcg@5", validation=held, patience=2, filter_seen=True)
    fitted = ALS(30, l2=1e-6, random_state=0, epochs=50, early_stopping=watch).fit(train)
    assert len(fitted.history_) == fitted.best_epoch_ + 2
    again = ALS(30, l2=1e-6, random_state=0, epochs=fitted.best_epoch_).fit(train)
    assert_same(state(fitted), state(again))


def test_what_overflows_is_said() -> None:
    fitted = model(epochs=1).fit(noise())
    before = state(fitted)
    with pytest.raises(DivergedError, match=r"not finite after epoch 1; .* smaller weights"):
        fitted.set_params(epochs=2).fit(noise(), item_features=groups(18, 4) * np.float32(1e30))
    assert_same(state(fitted), before)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"n_components": 0}, "n_components must be .*, not 0"),
        ({"block_size": 0}, "block_size must be .*, not 0"),
        ({"block_size": 2.5}, "block_size must be .*, not 2.5"),
        ({"unobserved_weight": 0}, "unobserved_weight must be .*, not 0"),
        ({"l2": 0.0}, "l2 must be .*, not 0.0"),
        ({"l2": np.nan}, "l2 must be .*, not nan"),
        ({"l2_exponent": -0.1}, "l2_exponent must be .*, not -0.1"),
        ({"l2_exponent": 1.1}, "l2_exponent must be .*, not 1.1"),
        ({"random_state": "x"}, "random_state must be .*, not 'x'"),
    ],
)
def test_parameters_out_of_range_are_refused(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        model(**params).fit(noise())


def test_nothing_to_learn_from_is_said() -> None:
    empty = noise()
    empty.data[:] = -1
    with pytest.raises(DataError, match=r"None of the \d+ interactions has a value and a weight above zero"):
        model().fit(empty)
    zeros = weights()
    zeros.data[:] = 0
    with pytest.raises(DataError, match="value and a weight above zero"):
        model().fit(noise(), sample_weight=zeros)


# Users the model has never met ---------------------------------------------------------------------------------------


def folded(fitted: ALS, baskets: Doubles, centre: Doubles | None = None) -> Doubles:
    """The twin: normal equations, a user at a time."""
    items = fitted.item_representations()[0].astype(np.float64)
    rows = []
    for row, basket in enumerate(baskets):
        penalty = L2 * (basket.sum() + WEIGHT * len(items)) ** EXPONENT
        matrix = (items.T * basket) @ items + WEIGHT * items.T @ items + penalty * np.eye(items.shape[1])
        rows.append(np.linalg.solve(matrix, items.T @ basket + (0 if centre is None else penalty * centre[row])))
    return np.array(rows)


@pytest.mark.parametrize("n_components", [6, 40])
def test_a_basket_is_folded_in_by_one_solve(n_components: int) -> None:
    fitted = model(n_components=n_components, block_size=16, epochs=4).fit(noise(), item_features=groups(18, 4))
    before = state(fitted)
    baskets = sp.random(9, 18, 0.3, "csr", np.float64, np.random.default_rng(3))
    there = (baskets.toarray() > 0).astype(np.float64)
    embeddings = fitted.fold_in(baskets)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(embeddings, folded(fitted, there), atol=1e-4)
    np.testing.assert_allclose(
        fitted.fold_in(baskets, sample_weight=baskets), folded(fitted, baskets.toarray()), atol=1e-4
    )
    np.testing.assert_array_equal(fitted.fold_in(baskets, num_threads=1), embeddings)
    assert_same(state(fitted), before)
    assert fitted.fold_in(sp.csr_matrix((0, 18))).shape == (0, n_components)


def test_who_is_folded_in_may_share_features() -> None:
    fitted = model(epochs=4).fit(noise(), user_features=groups(25, 3))
    shared = sp.csr_matrix(sp.hstack([sp.csr_matrix((2, 25)), sp.csr_matrix([[0.5, 0, 0], [0, 0, 0.5]])]))
    centre = fitted.user_representations(shared)[0].astype(np.float64)
    baskets = np.zeros((2, 18))
    baskets[0, [1, 4]] = 1
    embeddings = fitted.fold_in(sp.csr_matrix(baskets), user_features=shared)
    np.testing.assert_allclose(embeddings, folded(fitted, baskets, centre), atol=1e-4)


def test_what_is_folded_in_is_checked() -> None:
    fitted = model(epochs=1).fit(noise(), user_features=groups(25, 3))
    with pytest.raises(DataError, match=r"interactions has shape \(2, 17\)"):
        fitted.fold_in(sp.csr_matrix((2, 17)))
    with pytest.raises(DataError, match="user_features has 3 rows for 2 users"):
        fitted.fold_in(sp.csr_matrix((2, 18)), user_features=sp.csr_matrix((3, 28)))
    with pytest.raises(DataError, match="user_features has 4 columns"):
        fitted.fold_in(sp.csr_matrix((2, 18)), user_features=sp.csr_matrix((2, 4)))


def test_baskets_are_recommended_to() -> None:
    train, _ = clustered_shop("warp")
    pairs = train.tocoo()
    ids = Ids.from_series(pl.Series([f"i{item:02}" for item in range(40)]))
    data = Dataset(Ids.from_series(pl.Series(range(40))), ids, Interactions(pairs.row, pairs.col, 40, 40))
    fitted = ALS(8, random_state=0, epochs=10).fit(data)
    baskets = {"new": ["i04", "i12", "i12"], "none": [], "one": "i07"}
    table = fitted.recommend_baskets(baskets, k=3)
    assert table.columns == ["user_id", "item_id", "rank", "score"]
    assert table["user_id"].to_list() == ["new"] * 3 + ["none"] * 3 + ["one"] * 3
    assert all(int(item[1:]) % 4 == 0 for item in table["item_id"][:3])
    best = np.argsort(-np.asarray(train.sum(axis=0)).ravel(), kind="stable")[:3]
    assert table["item_id"][3:6].to_list() == [f"i{item:02}" for item in best]
    had = sp.csr_matrix((np.ones(2), ([0, 0], [4, 12])), (1, 40))
    scores = (fitted.fold_in(had) @ fitted.item_representations()[0].T)[0]
    np.testing.assert_allclose(table["score"][:3], np.sort(scores)[:-4:-1], atol=1e-5)
    unseen = fitted.recommend_baskets(baskets, k=40, filter_seen=True, exclude=["i00"])
    assert unseen["user_id"].value_counts(sort=True)["count"].to_list() == [39, 38, 37]
    assert not set(unseen.filter(pl.col("user_id") == "new")["item_id"]) & {"i00", "i04", "i12"}
    with pytest.raises(UnknownIdError, match="'i99'"):
        fitted.recommend_baskets({"x": ["i99"]}, strict=True)
    with pytest.raises(ParameterError, match="k=41"):
        fitted.recommend_baskets(baskets, k=41)


def test_users_without_a_history_get_best_sellers(tmp_path: Any) -> None:
    fitted = model(epochs=2).fit(noise())
    cold = int(np.flatnonzero(np.diff(positives(noise()).indptr) == 0)[0])
    best = np.argsort(-np.asarray(positives(noise()).sum(axis=0)).ravel(), kind="stable")
    fitted.save(tmp_path / "model")
    for one in (fitted, load(tmp_path / "model")):
        table = one.recommend([0, cold], k=4)
        assert table["item_id"][4:].to_list() == best[:4].tolist()
        assert table["score"][4:].to_list() == sorted(one.predict(cold, np.arange(18)).tolist())[:-5:-1]


# Storing -------------------------------------------------------------------------------------------------------------


def test_what_was_learned_is_stored(tmp_path: Any) -> None:
    fitted = model(epochs=3).fit(noise(), item_features=groups(18, 4))
    fitted.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert isinstance(loaded, ALS)
    assert_same(state(loaded), state(fitted))
    assert loaded.history_ == fitted.history_
    assert loaded.unobserved_weight_ == fitted.unobserved_weight_
    assert_frame_equal(loaded.recommend_baskets({1: [3, 4]}), fitted.recommend_baskets({1: [3, 4]}), check_exact=True)


# Data with repeats ----------------------------------------------------------------------------------------------------


def repeated(n_times: int) -> Dataset:
    """The positives of `noise`, the first of them several times."""
    pairs = positives(noise()).tocoo()
    rows, columns = (np.append(np.repeat(each[0], n_times - 1), each) for each in (pairs.row, pairs.col))
    ids = [Ids.from_series(pl.Series(range(size))) for size in pairs.shape]
    return Dataset(*ids, Interactions(rows, columns, *pairs.shape))


def test_counts_are_weights_if_users_repeat_interactions(tmp_path: Any) -> None:
    data = repeated(4)
    counts = data.matrix()
    fitted = ALS(6, epochs=3, random_state=1).fit(data)
    explicit = {"l2": 0.001, "unobserved_weight": fitted.unobserved_weight_}
    assert_same(state(fitted), state(ALS(6, epochs=3, random_state=1, **explicit, weighted=True).fit(counts)))
    density = counts.nnz / np.prod(counts.shape)
    assert fitted.unobserved_weight_ == pytest.approx(min(100 * density, 1) * counts.data.mean())
    weights = ALS(6, epochs=3, random_state=1, **explicit)
    assert_same(state(fitted), state(weights.fit(data, sample_weight=counts)))
    assert differs(state(fitted), state(weights.fit(counts)))
    fitted.save(tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model").fold_in(counts[:3]), fitted.fold_in(counts[:3]))


def test_values_are_not_weights_without_repeats_unless_asked() -> None:
    data = repeated(1)
    ratings = data.matrix() * 3
    fitted = ALS(6, epochs=2, random_state=1).fit(data)
    assert_same(state(fitted), state(ALS(6, epochs=2, random_state=1, l2=0.01, weighted=False).fit(ratings)))
    off = ALS(6, epochs=2, random_state=1, weighted=False)
    assert differs(state(off.fit(repeated(4))), state(ALS(6, epochs=2, random_state=1).fit(repeated(4))))
