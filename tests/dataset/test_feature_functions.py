import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp

import gingham as gg
from gingham.dataset import Dataset
from gingham.errors import DataError
from gingham.tables import FeatureSpec, Tables
from tests.dataset.samples import PEOPLE, SPEC, named_weights


def shop(**features: Any) -> Dataset:
    sales = pl.DataFrame({"user_id": ["b", "a", "c", "f"] * 3, "item_id": [1, 2, 2, 3] * 3})
    items = pl.DataFrame({"item_id": [4, 3, 1], "title": ["never sold", "Hat", "Shoe"], "kind": ["x", "y", "x"]})
    tables = Tables(
        sales, PEOPLE, items, user_features=SPEC, item_features=FeatureSpec(categorical=["kind"], text={"title": 8})
    )
    return Dataset.from_tables(tables, **features)


def test_a_stored_model_encodes_the_same(tmp_path: Path) -> None:
    dataset = shop()
    model = gg.HybridMF(4, random_state=1, epochs=2).fit(dataset)
    model.save(tmp_path / "model")
    training_data = gg.load(tmp_path / "model").training_data_
    for before, after in (
        (dataset.user_encoder, training_data.user_encoder),
        (dataset.item_encoder, training_data.item_encoder),
    ):
        assert before is not None
        assert after is not None
        assert (after.names, after.n_features) == (before.names, before.n_features)
        state, texts = before.state()
        assert after.state()[0] == state == json.loads(json.dumps(state, allow_nan=False))
        assert after.state()[1].equals(texts)
    assert training_data.user_encoder is not None
    assert dataset.user_features is not None
    np.testing.assert_array_equal(
        training_data.user_encoder.encode(PEOPLE, identities=True).toarray(), dataset.user_features.matrix.toarray()
    )
    embeddings, biases = model.user_representations(training_data.user_encoder.encode_one({"club": "gold", "age": 31}))
    assert embeddings.shape == (1, 4)
    assert np.isfinite([*embeddings[0], *biases]).all()


def test_models_without_feature_columns_have_no_encoder(tmp_path: Path) -> None:
    sales = pl.DataFrame({"user_id": ["b", "a"], "item_id": [1, 2]})
    gg.Popularity().fit(Dataset.from_tables(Tables(sales))).save(tmp_path / "model")
    training_data = gg.load(tmp_path / "model").training_data_
    assert training_data.user_encoder is None
    assert training_data.item_encoder is None


def embed(items: pl.DataFrame) -> Any:
    """Return one row per item, as a sentence embedding would."""
    assert items["item_id"].to_list() == [1, 2, 3]
    assert items["title"].to_list() == ["Shoe", None, "Hat"]
    return np.array([[0.5, 0, -1], [0, 0, 0], [2, 1, 0]])


@pytest.mark.parametrize("build", [np.asarray, sp.csr_matrix, sp.coo_array, lambda matrix: matrix.tolist()])
def test_a_function_adds_features(build: Any, tmp_path: Path) -> None:
    def embedded(items: pl.DataFrame) -> Any:
        return build(embed(items))

    dataset = shop(item_features=embedded)
    encoder, features = dataset.item_encoder, dataset.item_features
    assert encoder is not None
    assert features is not None
    assert encoder.extra == ("embedded[0]", "embedded[1]", "embedded[2]")
    assert features.names == encoder.names
    np.testing.assert_array_equal(features.matrix[:, -3:].toarray(), [[0.5, 0, -1], [0, 0, 0], [2, 1, 0]])
    without = shop().item_features
    assert without is not None
    np.testing.assert_array_equal(features.matrix[:, :-3].toarray(), without.matrix.toarray())

    gg.HybridMF(4, random_state=1).fit(dataset).save(tmp_path / "model")
    loaded = gg.load(tmp_path / "model").training_data_.item_encoder
    assert loaded is not None
    assert named_weights(loaded.encode_one({"kind": "x"}), loaded) == [{"kind=x": 1, "title=null": 1}]
    matrix = loaded.encode_one({"kind": "x"}, [1, 2, 3])
    assert named_weights(matrix, loaded)[0] == {
        **{"kind=x": 1, "title=null": 1},
        **{"embedded[0]": 1, "embedded[1]": 2, "embedded[2]": 3},
    }
    with pytest.raises(DataError, match=r"extra has shape \(1, 2\).*\(1, 3\)"):
        loaded.encode_one({}, [1, 2])
    with pytest.raises(DataError, match=r"extra has shape \(1,\)"):
        loaded.encode_one({}, 3)


def test_a_function_without_columns() -> None:
    sales = pl.DataFrame({"user_id": ["b", "a"], "item_id": [1, 2]})
    dataset = Dataset.from_tables(Tables(sales), user_features=lambda users: np.eye(users.height))
    assert dataset.user_features is not None
    np.testing.assert_array_equal(dataset.user_features.matrix.toarray(), [[1, 0, 1, 0], [0, 1, 0, 1]])
    assert dataset.item_features is None


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (np.ones((2, 3)), r"The result of <lambda> has shape \(2, 3\); it must be a matrix of 3 rows"),
        (np.ones(3), r"shape \(3,\)"),
        (np.array([[1, 1], [1, np.nan], [1, 1]]), "holds nan in row 1, column 1"),
        (np.full((3, 1), 1e300), "holds inf in row 0, column 0"),
        (sp.csr_matrix([[0, 0], [0, 0], [0, np.inf]]), "holds inf in row 2, column 1"),
        ([["a"], ["b"], ["c"]], "not a matrix of numbers"),
        (None, r"shape \(\)|not a matrix"),
    ],
)
def test_functions_that_do_not_return_a_matrix_of_weights(returned: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        shop(item_features=lambda items: returned)
