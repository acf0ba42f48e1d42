"""Evaluation compared with `lightfm.evaluation` and a NumPy product of users and items: `make bench-evaluation`.

Prints a table of ratios and writes it, with versions and threads, to benchmarks/results/.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
from lightfm import LightFM
from lightfm.evaluation import auc_score, precision_at_k, recall_at_k, reciprocal_rank
from threadpoolctl import threadpool_limits

import gingham as gg
from gingham.evaluation.bootstrap import RESAMPLES, summarize
from gingham.evaluation.evaluation import of_lists, per_user
from gingham.metrics import AT_K, OF_ALL, Lists, rank_test
from shop import Shop, make_shop
from side_by_side import alternate
from table import Row, report

COMPONENTS = 50
THREADS = 2
KS = (1, 5, 12)
# Rows of a block of the product, all of whose scores are in memory.
BLOCK = 4096
# Size of the intervals' input: users, and a column for each metric at each k.
N_USERS = 100_000
N_COLUMNS = len(AT_K) * len(KS) + len(OF_ALL)


def main() -> None:
    """Run all parts, or those named as arguments."""
    packages = ("gingham", "lightfm-next", "numpy", "scipy", "polars")
    report((one_pass, intervals), "evaluation", packages, make_shop())


def one_pass(shop: Shop) -> Iterator[Row]:
    """Compute all metrics of users and of lists at three k; both sides with two threads."""
    ours = gg.HybridMF(n_components=COMPONENTS, loss="warp", epochs=5, random_state=1)
    ours.fit(shop.train, num_threads=THREADS, verbose=False)
    theirs = LightFM(no_components=COMPONENTS, loss="warp", random_state=1)
    theirs.fit(shop.train.tocoo(), epochs=5, num_threads=THREADS)
    users, items = ours.user_representations()[0], ours.item_representations()[0]
    tested = users[np.diff(shop.test.indptr) > 0]
    # Without the identity, which makes no two items similar.
    features = shop.item_features[:, shop.train.shape[1] :]

    def product(rows: np.ndarray) -> None:
        for start in range(0, len(rows), BLOCK):
            rows[start : start + BLOCK] @ items.T

    def metrics() -> None:
        ranks, ranking = rank_test(ours, shop.test, max(KS), num_threads=THREADS)
        per_user(ranks, KS)
        of_lists(Lists.of(ranking.items, ranks.users, shop.train, features), KS)

    with threadpool_limits(THREADS, "blas"):
        seconds = alternate(
            {
                "product": partial(product, users),
                "tested": partial(product, tested),
                "metrics": metrics,
                "evaluate": lambda: gg.evaluate(ours, shop.test, k=KS, num_threads=THREADS),
            }
        )
    for work, side, bare, most in (
        ("all metrics at three k, over NumPy's product of all users x items", "metrics", "product", 1.3),
        ("the same, over the product of only the users with test items", "metrics", "tested", 1.3),
        ("gg.evaluate with its intervals, over the product of all users", "evaluate", "product", 0),
    ):
        ratio = seconds[side] / seconds[bare]
        yield Row(
            work,
            f"<= {most:g}x" if most else "",
            f"{ratio:.2f}x",
            ratio <= most if most else None,
            f"{seconds[side]:.3f} s / {seconds[bare]:.3f} s",
        )

    def four() -> None:
        options = {"num_threads": THREADS, "check_intersections": False}
        precision_at_k(theirs, shop.test, k=12, **options)
        recall_at_k(theirs, shop.test, k=12, **options)
        auc_score(theirs, shop.test, **options)
        reciprocal_rank(theirs, shop.test, **options)

    seconds = alternate({"lightfm": four, "metrics": metrics})
    ratio = seconds["lightfm"] / seconds["metrics"]
    yield Row(
        "lightfm.evaluation's four functions at one k, over the same",
        ">= 10x",
        f"{ratio:.1f}x",
        ratio >= 10,
        f"{seconds['lightfm']:.1f} s / {seconds['metrics']:.3f} s",
    )


def intervals(_: Shop) -> Iterator[Row]:
    """Compute bootstrap intervals of every metric."""
    values = np.random.default_rng(1).random((N_USERS, N_COLUMNS))
    seconds = alternate({"intervals": lambda: summarize(values)})["intervals"]
    yield Row(
        f"intervals: {N_USERS:,} users, {N_COLUMNS} metrics, {RESAMPLES:,} resamples",
        "< 2 s",
        f"{seconds:.2f} s",
        seconds < 2,
        "",
    )


if __name__ == "__main__":
    main()
