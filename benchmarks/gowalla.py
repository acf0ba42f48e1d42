"""Gowalla with the usual split: the best models, and WARP compared with LightFM's: `make bench-gowalla`.

Hyper-parameters were chosen on held-out training items: WARP's on a fifth of each user's, those of the filter on the
holdouts described in docs/experiments/models.md, which also says what parts of the test were looked at before.
"""

import sys
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
import scipy.sparse as sp
from lightfm import LightFM

import gingham as gg
from als import GOWALLA
from gingham import _native
from gingham.metrics import TestRanks, compute, rank_test
from gingham.models import EpochModel, Recommender
from gingham.scores import RepresentationScores, rank
from table import Row, report

T = TypeVar("T")

SEEDS = (1, 2, 3)
THREADS = 2
COMPONENTS = 64
METRICS = ("recall@20", "ndcg@20")
# Chosen on validation data; docs/experiments/models.md lists what else was tried.
FILTER = {
    "n_components": 512,
    "low_pass": 0.1,
    "sharpening": 2.0,
    "user_exponent": 0.35,
    "item_exponent": 0.5,
    "filter": "exponential",
    "score_exponent": 0.4,
}
# The settings that the authors of ChebyCF published for Gowalla, with its filter.
CHEBYCF = FILTER | {"low_pass": 0.2 / 1.5, "sharpening": 0.5, "user_exponent": 0.5, "filter": "plateau"}
ALS = {"n_components": 256, "random_state": 1}
# Of the filter and of ALS.
WEIGHTS = [0.7, 0.3]
WARP = {"max_sampled": 30, "learning_rate": 0.1, "regularization": 2.0, "averaging": 0.7}
EPOCHS = 30
THEIR_EPOCHS = 40


def main() -> None:
    """Run all parts, or those named as arguments."""
    if not (GOWALLA / "train.npz").is_file():
        sys.exit(f"{GOWALLA / 'train.npz'} does not exist; create train.npz and test.npz there from LightGCN's files.")
    train, test = (sp.csr_matrix(sp.load_npz(GOWALLA / f"{part}.npz")).astype(np.float32) for part in ("train", "test"))
    packages = ("gingham", "lightfm-next", "numpy", "scipy")
    report((best_models, warp, ablation), "gowalla", packages, train, test)


def best_models(train: sp.csr_matrix, test: sp.csr_matrix) -> Iterator[Row]:
    """Measure the graph filter with both settings, and blended with ALS."""
    for name, model, goals in (
        ("GraphFilter", gg.GraphFilter(**FILTER), (0.186, 0.158)),
        ("GraphFilter, settings of ChebyCF", gg.GraphFilter(**CHEBYCF), (0.1940, 0.1615)),
        ("GraphFilter and ALS blended", gg.Blend([gg.GraphFilter(**FILTER), gg.ALS(**ALS)], WEIGHTS), (0.1935, 0.160)),
    ):
        seconds, fitted = timed(lambda model=model: model.fit(train, verbose=False))
        values = of_model(fitted, test)
        for metric, least in zip(METRICS, goals, strict=True):
            yield row(f"{name}, {metric}", values[metric], least, f"{seconds:.0f} s")


def warp(train: sp.csr_matrix, test: sp.csr_matrix) -> Iterator[Row]:
    """Compare the WARP models of both packages on the same number of threads."""
    ours, theirs = [], []
    for seed in SEEDS:
        seconds, other = timed(lambda seed=seed: their_model(train, seed))
        theirs.append((seconds, *of_lightfm(other, train, test).values()))
        seconds, model = timed(lambda seed=seed: our_model(train, seed, WARP, EPOCHS))
        ours.append((seconds, *of_model(model, test).values()))
    (their_seconds, *reference), (own_seconds, *own) = np.mean(theirs, axis=0), np.mean(ours, axis=0)
    for place, (metric, least) in enumerate(zip(METRICS, (0.155, 0.0), strict=True)):
        detail = f"LightFM {reference[place]:.4f}; mean of {len(SEEDS)} seeds"
        yield row(f"WARP, {COMPONENTS} components, {metric}", own[place], least, detail)
    yield Row(
        f"WARP, time of {EPOCHS} epochs compared with {THEIR_EPOCHS} of LightFM",
        "< 1x",
        f"{own_seconds / their_seconds:.2f}x",
        bool(own_seconds < their_seconds),
        f"{their_seconds:.1f} s / {own_seconds:.1f} s, {THREADS} threads",
    )


def ablation(train: sp.csr_matrix, _: sp.csr_matrix) -> Iterator[Row]:
    """Measure the contribution of averaging and of the penalty on the validation part."""
    rest, held = held_fifth(train)
    for work, params in (
        ("WARP as chosen", WARP),
        ("without averaging", WARP | {"averaging": 0.0}),
        ("without the penalty", WARP | {"regularization": 0.0}),
    ):
        values = [of_model(our_model(rest, seed, params, EPOCHS), held)[METRICS[0]] for seed in SEEDS]
        yield Row(f"validation {METRICS[0]}, {work}", "", f"{np.mean(values):.4f}", None, f"mean of {len(SEEDS)} seeds")


def held_fifth(train: sp.csr_matrix, seed: int = 0) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """Hold out a fifth of each user's items, rounded down."""
    sizes = np.diff(train.indptr)
    users = np.repeat(np.arange(len(sizes)), sizes)
    held = np.zeros(train.nnz, bool)
    order = np.lexsort((np.random.default_rng(seed).random(train.nnz), users))
    held[order] = np.arange(train.nnz) - np.repeat(train.indptr[:-1], sizes) < np.repeat(sizes // 5, sizes)
    rest, part = (
        sp.csr_matrix((train.data[mask], (users[mask], train.indices[mask])), shape=train.shape)
        for mask in (~held, held)
    )
    return rest, part


def our_model(train: sp.csr_matrix, seed: int, params: dict[str, float], epochs: int) -> EpochModel:
    """Return a fitted HybridMF."""
    model = gg.HybridMF(COMPONENTS, epochs=epochs, random_state=seed, **params)
    return model.fit(train, num_threads=THREADS, verbose=False)


def their_model(train: sp.csr_matrix, seed: int) -> LightFM:
    """Return a fitted LightFM model with its default parameters."""
    model = LightFM(no_components=COMPONENTS, loss="warp", random_state=seed)
    return model.fit(train.tocoo(), epochs=THEIR_EPOCHS, num_threads=THREADS)


def of_model(model: Recommender, held: sp.csr_matrix) -> dict[str, float]:
    """Measure a model of Gingham; items of the training data are not candidates."""
    return means(rank_test(model, held, filter_seen=True)[0])


def of_lightfm(model: LightFM, train: sp.csr_matrix, test: sp.csr_matrix) -> dict[str, float]:
    """Measure a model of LightFM with the same metrics."""
    width = _native.padded_width(COMPONENTS)
    sides = []
    for biases, embeddings in (model.get_user_representations(), model.get_item_representations()):
        rows = np.zeros((len(biases), width), np.float32)
        rows[:, :COMPONENTS], rows[:, COMPONENTS] = embeddings, biases
        sides.append(rows)
    tested = np.flatnonzero(np.diff(test.indptr)).astype(np.int32)
    scores = RepresentationScores(lambda index: sides[0][index], sides[1], COMPONENTS)
    ranking = rank(scores, tested, test=test[tested], seen=train[tested])
    return means(TestRanks.of(tested, ranking, test[tested], train[tested]))


def means(ranks: TestRanks) -> dict[str, float]:
    """Return the mean of each metric over the users with test items."""
    return {metric: float(np.nanmean(compute(metric, ranks))) for metric in METRICS}


def row(work: str, value: float, least: float, detail: str) -> Row:
    """Return a row that compares a metric with its minimum; 0 for no minimum."""
    return Row(work, f">= {least:g}" if least else "", f"{value:.4f}", bool(value >= least) if least else None, detail)


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Return the seconds and the result of a function."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


if __name__ == "__main__":
    main()
