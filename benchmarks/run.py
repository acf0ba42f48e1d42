"""Gingham compared with LightFM's kernel (lightfm-next) and implicit in one run: `make bench`.

Prints a table of ratios and writes it, with versions and threads, to benchmarks/results/.
"""

import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from os import environ
from pathlib import Path

import implicit.bpr
import numpy as np
from lightfm import LightFM
from lightfm.evaluation import precision_at_k
from threadpoolctl import threadpool_limits

import gingham as gg
from gingham import _native
from gingham.metrics import AT_K, OF_ALL, TestRanks, compute
from gingham.scores import RepresentationScores, rank
from shop import Shop, make_shop
from side_by_side import alternate
from table import Row, report

REPOSITORY = Path(__file__).parent.parent
COMPONENTS = 50
# Epochs of a timed call, which includes preparations that are done once per fit.
EPOCHS = 5
# The losses, and the least speed-up of an epoch for one and two threads; None where there is no target.
LEAST = {"warp": (8, 6), "bpr": (7, None), "logistic": (6, None), "warp-kos": (6, None)}
LOSSES = tuple(LEAST)
SCHEDULES = ("adagrad", "adadelta")
# Epochs after which quality is measured, and the number of seeds: early results differ more between seeds.
SEEDS = {5: 10, 20: 3}


def main() -> None:
    """Run all parts, or those named as arguments."""
    packages = ("gingham", "lightfm-next", "implicit", "numpy", "scipy", "polars")
    report((training, training_with_features, ranking, quality, memory, demo), "bench", packages, make_shop())


def compare(
    work: str, least: float | None, peer: Callable[[], object], ours: Callable[[], object], per: int = 1
) -> Row:
    """Compare the time of a call with that of another package."""
    seconds = alternate({"peer": peer, "gingham": ours})
    ratio = seconds["peer"] / seconds["gingham"]
    detail = f"{seconds['peer'] / per:.3f} s / {seconds['gingham'] / per:.3f} s"
    return Row(work, f">= {least:g}x" if least else "", f"{ratio:.2f}x", ratio >= least if least else None, detail)


def peer_model(loss: str, schedule: str = "adagrad", seed: int = 1) -> LightFM:
    """Return a LightFM model with the parameters of `our_model`."""
    return LightFM(no_components=COMPONENTS, loss=loss, learning_schedule=schedule, random_state=seed)


def our_model(loss: str, schedule: str = "adagrad", seed: int = 1) -> gg.HybridMF:
    """Return a HybridMF model with LightFM's default parameters."""
    return gg.HybridMF(n_components=COMPONENTS, loss=loss, learning_schedule=schedule, random_state=seed)


def training(shop: Shop) -> Iterator[Row]:
    """Compare epochs with identity features."""
    coo = shop.train.tocoo()
    for loss in LOSSES:
        for threads in (1, 2):
            theirs, ours = peer_model(loss), our_model(loss)
            yield compare(
                f"{loss} epoch, identity features, {threads} thread{'s' * (threads > 1)}",
                LEAST[loss][threads - 1],
                lambda theirs=theirs, threads=threads: theirs.fit_partial(coo, epochs=EPOCHS, num_threads=threads),
                lambda ours=ours, threads=threads: ours.fit_partial(
                    shop.train, epochs=EPOCHS, num_threads=threads, verbose=False
                ),
                per=EPOCHS,
            )
    other = implicit.bpr.BayesianPersonalizedRanking(factors=COMPONENTS, iterations=EPOCHS, num_threads=2)
    ours = our_model("bpr").set_params(epochs=EPOCHS)
    with threadpool_limits(1, "blas"):
        yield compare(
            "bpr epoch, identity features, 2 threads, compared with implicit",
            1.3,
            lambda: other.fit(shop.train, show_progress=False),
            lambda: ours.fit(shop.train, num_threads=2, verbose=False),
            per=EPOCHS,
        )


def training_with_features(shop: Shop) -> Iterator[Row]:
    """Compare epochs with 11 features per item and 4 per user."""
    coo = shop.train.tocoo()
    features = {"user_features": shop.user_features, "item_features": shop.item_features}
    for threads in (1, 2):
        theirs, ours = peer_model("warp"), our_model("warp")
        yield compare(
            f"warp epoch, 11 features per item, 4 per user, {threads} thread{'s' * (threads > 1)}",
            8,
            lambda theirs=theirs, threads=threads: theirs.fit_partial(coo, epochs=2, num_threads=threads, **features),
            lambda ours=ours, threads=threads: ours.fit_partial(
                shop.train, epochs=2, num_threads=threads, verbose=False, **features
            ),
            per=2,
        )


def ranking(shop: Shop) -> Iterator[Row]:
    """Compare top-k, ranks and metrics for all users; two threads on both sides."""
    theirs = peer_model("warp").fit(shop.train.tocoo(), epochs=EPOCHS, num_threads=2)
    ours = our_model("warp").set_params(epochs=EPOCHS).fit(shop.train, num_threads=2, verbose=False)
    tested = np.flatnonzero(np.diff(shop.test.indptr)).astype(np.int32)

    def top_and_metrics() -> None:
        ranking = ours.rank(test=shop.test, k=10, filter_seen=True, num_threads=2)
        ranks = TestRanks.of(tested, ranking, shop.test[tested], shop.train[tested])
        for name in [*(f"{metric}@10" for metric in AT_K), *OF_ALL]:
            compute(name, ranks)

    yield compare(
        "top-10 for all users + all metrics, compared with precision_at_k alone",
        8,
        lambda: precision_at_k(theirs, shop.test, shop.train, k=10, num_threads=2, check_intersections=False),
        top_and_metrics,
    )
    yield compare(
        "predict_rank of the test matrix",
        8,
        lambda: theirs.predict_rank(shop.test, shop.train, num_threads=2, check_intersections=False),
        lambda: ours.predict_rank(shop.test, filter_seen=True, num_threads=2),
    )
    users, items = ours.user_representations()[0], ours.item_representations()[0]

    def product() -> None:
        for start in range(0, len(users), 4096):
            users[start : start + 4096] @ items.T

    with threadpool_limits(2, "blas"):
        yield compare("the same, compared with NumPy's product of users x items", None, product, top_and_metrics)
    other = implicit.bpr.BayesianPersonalizedRanking(factors=COMPONENTS, iterations=1, num_threads=2)
    other.fit(shop.train, show_progress=False)
    all_users = np.arange(shop.train.shape[0])
    with threadpool_limits(1, "blas"):
        yield compare(
            "top-10 for all users, seen items excluded, compared with implicit",
            None,
            lambda: other.recommend(all_users, shop.train, N=10, filter_already_liked_items=True),
            lambda: ours.recommend(k=10, filter_seen=True, num_threads=2),
        )


def quality(shop: Shop) -> Iterator[Row]:
    """Compare precision@10 after the same number of epochs on one thread, as the mean of several seeds."""
    for loss in LOSSES:
        for schedule in SCHEDULES:
            precision: dict[int, list[tuple[float, float]]] = {epochs: [] for epochs in SEEDS}
            for seed in range(1, max(SEEDS.values()) + 1):
                checkpoints = [epochs for epochs, seeds in SEEDS.items() if seed <= seeds]
                for epochs, scores in learning(shop, loss, schedule, seed, checkpoints):
                    precision[epochs].append(scores)
            for epochs, scores in precision.items():
                reference, own = np.mean(scores, axis=0)
                error = np.sqrt(np.sum(np.var(scores, axis=0, ddof=1)) / len(scores))
                yield Row(
                    f"precision@10 after {epochs} epochs, {loss}, {schedule}",
                    ">= -2 errors",
                    f"{(own - reference) / error:+.1f} errors",
                    bool(own >= reference - 2 * error),
                    f"{reference:.5f} / {own:.5f}, mean of {len(scores)} seeds, standard error {error:.5f}",
                )


def learning(
    shop: Shop, loss: str, schedule: str, seed: int, checkpoints: list[int]
) -> Iterator[tuple[int, tuple[float, float]]]:
    """Train both sides; yield the precision of both after each number of epochs in `checkpoints`."""
    coo = shop.train.tocoo()
    theirs, ours = peer_model(loss, schedule, seed), our_model(loss, schedule, seed)
    before = 0
    for epochs in checkpoints:
        theirs.fit_partial(coo, epochs=epochs - before, num_threads=1)
        ours.fit_partial(shop.train, epochs=epochs - before, num_threads=1, verbose=False)
        before = epochs
        (user_biases, users), (item_biases, items) = (
            theirs.get_user_representations(),
            theirs.get_item_representations(),
        )
        reference = precision_at_10(shop, (users, user_biases), (items, item_biases))
        yield epochs, (reference, precision_at_10(shop, ours.user_representations(), ours.item_representations()))


def precision_at_10(shop: Shop, users: tuple[np.ndarray, np.ndarray], items: tuple[np.ndarray, np.ndarray]) -> float:
    """Measure any model's representations on the shop's test pairs; training pairs are not candidates."""
    width = _native.padded_width(COMPONENTS)

    def rows(embeddings: np.ndarray, biases: np.ndarray) -> np.ndarray:
        out = np.zeros((len(biases), width), np.float32)
        out[:, :COMPONENTS], out[:, COMPONENTS] = embeddings, biases
        return out

    tested = np.flatnonzero(np.diff(shop.test.indptr)).astype(np.int32)
    left, right = rows(*users), rows(*items)
    test, seen = shop.test[tested], shop.train[tested]
    scores = RepresentationScores(lambda index: left[index], right, COMPONENTS)
    ranks = TestRanks.of(tested, rank(scores, tested, test=test, seen=seen), test, seen)
    return float(compute("precision@10", ranks).mean())


def memory(shop: Shop) -> Iterator[Row]:
    """Measure the peak memory of recommending to all users, above that of the loaded model."""
    for name, features in (
        ("identity features", {}),
        ("11 and 4 features", {"user_features": shop.user_features, "item_features": shop.item_features}),
    ):
        model = our_model("warp").set_params(epochs=1).fit(shop.train, verbose=False, **features)
        with tempfile.TemporaryDirectory() as folder:
            model.save(Path(folder) / "model")
            command = [sys.executable, str(Path(__file__).with_name("memory.py")), str(Path(folder) / "model")]
            megabytes, rows = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        yield Row(
            f"peak memory of recommend for all users over the model, {name}",
            "< 300 MB",
            f"{float(megabytes):.0f} MB",
            float(megabytes) < 300,
            f"{int(rows):,} rows",
        )


def demo(_: Shop) -> Iterator[Row]:
    """Time `make demo` on a fresh clone, then `gingham demo` alone."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "gingham"
        subprocess.run(["git", "clone", "--quiet", str(REPOSITORY), str(clone)], check=True)
        clean = {name: value for name, value in environ.items() if not name.startswith("VIRTUAL_ENV")}
        for work, most, command in (
            ("make demo on a fresh clone, build included", 240, ["make", "demo", "PYTHON=" + sys._base_executable]),
            ("the run alone (gingham demo)", 60, [".venv/bin/gingham", "demo", "--out", "again"]),
        ):
            start = time.perf_counter()
            subprocess.run(command, cwd=clone, check=True, capture_output=True, env=clean)
            seconds = time.perf_counter() - start
            yield Row(work, f"<= {most} s", f"{seconds:.0f} s", seconds <= most, "")


if __name__ == "__main__":
    warnings.filterwarnings("ignore", category=UserWarning, module="implicit")
    main()
