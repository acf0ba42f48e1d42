from typing import Any

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
from polars.testing import assert_frame_equal

from gingham.dataset import Dataset, Ids, Interactions
from gingham.errors import DataError, NotFittedError, ParameterError, UnknownIdError
from gingham.models import HybridMF
from gingham.scores import RepresentationScores
from tests.models.samples import assert_same, clustered_shop, groups, noise, scores_of, state


def test_representations_are_sums_of_features() -> None:
    rng = np.random.default_rng(4)
    user_features, item_features = (
        sp.random(rows, columns, 0.4, "csr", np.float32, rng) for rows, columns in ((25, 7), (18, 40))
    )
    model = HybridMF(11, random_state=1, epochs=3).fit(
        noise(), user_features=user_features, item_features=item_features, num_threads=1
    )
    strangers = sp.random(9, 7, 0.5, "coo", np.float64, rng)
    novelties = sp.random(5, 40, 0.5, "csc", np.float64, rng)
    for (embeddings, biases), features, own, own_biases in (
        (model.user_representations(), user_features, model.user_embeddings, model.user_biases),
        (model.user_representations(strangers), strangers, model.user_embeddings, model.user_biases),
        (model.item_representations(), item_features, model.item_embeddings, model.item_biases),
        (model.item_representations(novelties), novelties, model.item_embeddings, model.item_biases),
    ):
        assert embeddings.dtype == biases.dtype == np.float32
        assert embeddings.shape == (features.shape[0], 11)
        np.testing.assert_allclose(embeddings, features @ own, atol=1e-6)
        np.testing.assert_allclose(biases, features @ own_biases, atol=1e-6)


def test_without_features_representations_are_the_embeddings() -> None:
    model = HybridMF(6, random_state=1, epochs=2).fit(noise(), num_threads=1)
    embeddings, biases = model.user_representations()
    np.testing.assert_array_equal(embeddings, model.user_embeddings)
    np.testing.assert_array_equal(biases, model.user_biases)
    swapped, _ = model.user_representations(sp.csr_matrix(np.eye(25)[::-1]))
    np.testing.assert_array_equal(swapped, model.user_embeddings[::-1])
    # They are copies: whoever changes them does not change the model.
    before = state(model)
    embeddings[:], biases[:] = 0, 0
    assert_same(state(model), before)


def test_representations_of_other_features_are_refused() -> None:
    model = HybridMF(6, random_state=1, epochs=1).fit(noise(), user_features=groups(25, 3), num_threads=1)
    with pytest.raises(DataError, match="user_features has 27 columns, but the model was fitted with 28 features"):
        model.user_representations(sp.csr_matrix((2, 27)))
    with pytest.raises(DataError, match="item_features has 19 columns, but the model was fitted with 18 features"):
        model.item_representations(sp.csr_matrix((2, 19)))
    with pytest.raises(DataError, match="user_features is a ndarray"):
        model.user_representations(np.eye(28))  # type: ignore[arg-type]


@pytest.mark.parametrize("with_features", [False, True])
@pytest.mark.parametrize("n_components", [1, 15, 16, 31, 50])
def test_predict_is_the_product_of_representations(
    with_features: bool, n_components: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    matrices: dict[str, Any] = {"user_features": groups(25, 3), "item_features": groups(18, 4)} if with_features else {}
    model = HybridMF(n_components, random_state=1, epochs=3).fit(noise(), **matrices, num_threads=1)
    scores = scores_of(model)
    users, items = np.divmod(np.random.default_rng(0).permutation(25 * 18), 18)
    whole = model.predict(users, items)
    assert whole.dtype == np.float32
    np.testing.assert_allclose(whole, scores[users, items], atol=1e-5)
    monkeypatch.setattr(RepresentationScores, "block_size", 7)
    np.testing.assert_array_equal(model.predict(users, items), whole)
    np.testing.assert_allclose(model.predict(4, range(18)), scores[4], atol=1e-5)
    np.testing.assert_allclose(model.predict([4], range(18)), scores[4], atol=1e-5)
    np.testing.assert_allclose(model.predict(range(25), np.int64(2)), scores[:, 2], atol=1e-5)
    np.testing.assert_allclose(model.predict(4, 2), scores[[4], 2], atol=1e-5)
    assert model.predict([], []).shape == (0,)


def test_predict_takes_ids_and_refuses_wrong_ones() -> None:
    users, items = (Ids.from_series(pl.Series([f"{kind}{number}" for number in range(3)])) for kind in "ui")
    model = HybridMF(4, random_state=1).fit(Dataset(users, items, Interactions([0, 1], [2, 0], 3, 3)), num_threads=1)
    np.testing.assert_allclose(model.predict("u1", ["i2", "i0"]), scores_of(model)[1, [2, 0]], atol=1e-6)
    with pytest.raises(UnknownIdError, match="unknown user id: 'u7'"):
        model.predict("u7", "i0")
    with pytest.raises(UnknownIdError, match="unknown item id: 'u0'"):
        model.predict(["u0"], ["u0"])
    with pytest.raises(DataError, match="2 user ids and 3 item ids"):
        model.predict(["u0", "u1"], ["i0", "i1", "i2"])
    with pytest.raises(NotFittedError):
        HybridMF().predict("u1", "i0")


@pytest.mark.parametrize("with_features", [False, True])
def test_similar_items_have_the_greatest_cosine(with_features: bool) -> None:
    matrices = {"item_features": groups(18, 4)} if with_features else {}
    model = HybridMF(6, random_state=1, epochs=5).fit(noise(), **matrices, num_threads=1)
    embeddings = model.item_representations()[0].astype(np.float64)
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    cosines = unit @ unit.T
    wanted = [3, 17, 0, 3]
    table = model.similar_items(wanted, k=5)
    assert table.schema == {"item_id": pl.Int64, "similar_item_id": pl.Int64, "rank": pl.Int32, "score": pl.Float32}
    assert table["item_id"].to_list() == np.repeat(wanted, 5).tolist()
    assert table["rank"].to_list() == [1, 2, 3, 4, 5] * 4
    for row, item in enumerate(wanted):
        others = np.delete(np.arange(18), item)
        best = others[np.argsort(-cosines[item, others])][:5]
        part = table[5 * row : 5 * row + 5]
        assert part["similar_item_id"].to_list() == best.tolist()
        np.testing.assert_allclose(part["score"], cosines[item, best], atol=1e-6)


def test_similar_users_are_found_too() -> None:
    train, _ = clustered_shop("warp")
    users = Ids.from_series(pl.Series([f"u{user:02}" for user in range(40)]))
    pairs = train.tocoo()
    data = Dataset(users, Ids.from_series(pl.Series(range(40))), Interactions(pairs.row, pairs.col, 40, 40))
    model = HybridMF(8, random_state=0, epochs=40).fit(data, num_threads=1)
    table = model.similar_users("u07", k=9, num_threads=1)
    assert table.columns == ["user_id", "similar_user_id", "rank", "score"]
    assert table["user_id"].to_list() == ["u07"] * 9
    assert set(table["similar_user_id"]) == {f"u{user:02}" for user in range(3, 40, 4)} - {"u07"}


def test_similarity_has_no_part_for_biases_and_leaves_the_model_alone() -> None:
    model = HybridMF(6, random_state=1, epochs=5).fit(noise(), num_threads=1)
    before = state(model)
    table = model.similar_items(range(18), k=17)
    assert_same(state(model), before)
    model.item_biases[:] += np.arange(18)
    assert_frame_equal(model.similar_items(range(18), k=17), table, check_exact=True)
    assert not table.filter(pl.col("item_id") == pl.col("similar_item_id")).height


def test_what_has_no_embedding_is_similar_to_nothing() -> None:
    model = HybridMF(6, random_state=1, epochs=2).fit(noise(), num_threads=1)
    table = model.similar_users([24], k=4)
    assert table["score"].to_list() == [0] * 4
    assert table["similar_user_id"].to_list() == [0, 1, 2, 3]


def test_similar_items_refuse_what_is_wrong() -> None:
    model = HybridMF(6, random_state=1, epochs=1).fit(noise(), num_threads=1)
    with pytest.raises(UnknownIdError, match="unknown item id: 18"):
        model.similar_items(18)
    with pytest.raises(UnknownIdError, match="unknown user id: 25"):
        model.similar_users([25])
    for k in (0, True, 18):
        with pytest.raises(ParameterError, match=f"k must be a positive integer, not {k}|k={k} is larger"):
            model.similar_items(1, k=k)
    with pytest.raises(ParameterError, match="num_threads must be"):
        model.similar_items(1, k=1, num_threads=-1)
    with pytest.raises(NotFittedError):
        HybridMF().similar_items(1)


def test_embeddings_are_of_a_fitted_model() -> None:
    for name in ("user_embeddings", "item_embeddings", "user_biases", "item_biases"):
        with pytest.raises(NotFittedError):
            getattr(HybridMF(), name)
    with pytest.raises(NotFittedError):
        HybridMF().user_representations()
