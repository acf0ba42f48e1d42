"""Code from notebooks that use LightFM on H&M's tables; only the imports are changed."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from gingham.lightfm import LightFM
from gingham.lightfm.cross_validation import random_train_test_split
from gingham.lightfm.data import Dataset
from gingham.lightfm.evaluation import precision_at_k
from gingham.synth import fashion as synth


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("flow") / "hm"
    synth.hm(folder, scale=0.001, seed=1)
    return pd.read_csv(folder / synth.TRANSACTIONS_FILE), pd.read_csv(folder / synth.ARTICLES_FILE)


@pytest.fixture(scope="module")
def shop(tables: tuple[pd.DataFrame, pd.DataFrame]) -> dict[str, Any]:
    """Run the notebook up to the fitted model."""
    df = tables[0][["customer_id", "article_id"]].drop_duplicates()
    dataset = Dataset()
    dataset.fit(df["customer_id"].unique(), df["article_id"].unique())
    interactions, weights = dataset.build_interactions(df.values)
    train, test = random_train_test_split(interactions, test_percentage=0.2, random_state=np.random.RandomState(42))
    model = LightFM(no_components=50, learning_rate=0.05, loss="warp", random_state=42)
    model.fit(train, epochs=5, num_threads=4, verbose=True)
    return {"df": df, "dataset": dataset, "train": train, "test": test, "weights": weights, "model": model}


def test_build_interactions_and_split(shop: dict[str, Any]) -> None:
    df, train, test = shop["df"], shop["train"], shop["test"]
    n_users, n_items = df["customer_id"].nunique(), df["article_id"].nunique()
    assert shop["dataset"].interactions_shape() == train.shape == test.shape == (n_users, n_items)
    assert train.nnz == int(0.8 * len(df))
    expected = pd.crosstab(df["customer_id"], df["article_id"]).loc[
        df["customer_id"].unique(), df["article_id"].unique()
    ]
    np.testing.assert_array_equal((train + test).toarray(), expected)
    np.testing.assert_array_equal(shop["weights"].toarray(), expected)


def test_training_improves_precision(shop: dict[str, Any]) -> None:
    model, train, test = shop["model"], shop["train"], shop["test"]
    untrained = LightFM(no_components=50, random_state=42).fit(train, epochs=0)
    for k in (10, 12):
        assert precision_at_k(model, train, k=k).mean() > 2 * precision_at_k(untrained, train, k=k).mean()
        after = precision_at_k(model, test, train_interactions=train, k=k, num_threads=4)
        before = precision_at_k(untrained, test, train_interactions=train, k=k, num_threads=4)
        assert after.mean() > 1.2 * before.mean()
        assert len(after) == (test.getnnz(axis=1) > 0).sum()


def test_random_search_accepts_numpy_scalars(shop: dict[str, Any]) -> None:
    np.random.seed(42)  # noqa: NPY002
    choice = np.random.choice
    train, test = shop["train"], shop["test"]
    best: tuple[float, dict[str, Any]] = (-1.0, {})
    for _ in range(6):
        hyperparams = {
            "no_components": choice([16, 32, 64]),
            "learning_schedule": choice(["adagrad", "adadelta"]),
            "loss": choice(["bpr", "warp", "warp-kos"]),
            "learning_rate": choice([0.01, 0.05, 0.1]),
            "item_alpha": choice([1e-8, 1e-6]),
            "user_alpha": choice([1e-8, 1e-6]),
            "max_sampled": choice([5, 10, 15]),
            "num_epochs": choice([1, 2, 3]),
        }
        assert {type(value) for value in hyperparams.values()} == {np.str_, np.float64, np.int64}
        params = dict(hyperparams)
        num_epochs = params.pop("num_epochs")
        model = LightFM(**params, random_state=42)
        model.fit(train, epochs=num_epochs, num_threads=4)
        score = precision_at_k(model, test, train_interactions=train, k=12, num_threads=4).mean()
        best = max(best, (float(score), hyperparams), key=lambda one: one[0])
    assert best[0] > 0
    assert len(best[1]) == 8


def test_scores_of_a_customer_are_merged_with_article_names(
    shop: dict[str, Any], tables: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    user_id_map, _, item_id_map, _ = shop["dataset"].mapping()
    n_users, n_items = shop["train"].shape
    customer = shop["df"]["customer_id"].iloc[7]
    scores = shop["model"].predict(user_id_map[customer], np.arange(n_items))
    ranked = pd.DataFrame({"article_id": list(item_id_map), "score": scores})
    ranked = ranked.merge(tables[1][["article_id", "prod_name"]], on="article_id").sort_values("score", ascending=False)
    assert len(ranked) == n_items
    assert ranked["prod_name"].notna().all()

    ranks = shop["model"].predict_rank(shop["test"]).todense()
    assert ranks.shape == (n_users, n_items)
    bought = shop["test"].tocsr()[user_id_map[customer]].indices
    places = ranked["article_id"].map(item_id_map).to_numpy()
    assert len(bought)
    for item in bought:
        assert ranks[user_id_map[customer], item] == np.flatnonzero(places == item)[0]
