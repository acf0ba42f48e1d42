"""ALS compared with implicit's ALS in one run: `make bench-als`. Data: the seeded shop, and Gowalla if its files exist.

Both minimise nearly the same loss (for implicit a positive is either observed or unobserved, for Gingham both, which
differs by a tenth of its weight), from random embeddings, for the same number of epochs. The work of an epoch differs:
by default implicit makes three steps of conjugate gradients per entity. Gingham solves an entity exactly, or, if it has
more positives than `block_size` and the embedding is larger than that, in one pass through blocks of components. So
each row also has the quality of both models on held-out pairs. With the small embedding, implicit's exact solver, which
does the same work, is measured too.
"""

import warnings
from collections.abc import Iterator
from pathlib import Path

import implicit.als
import numpy as np
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

import gingham as gg
from gingham import _native
from gingham.metrics import TestRanks, compute
from gingham.scores import RepresentationScores, rank
from shop import make_shop
from side_by_side import alternate
from table import Row, report

# The split of https://github.com/kuandeng/LightGCN as two SciPy matrices, outside the repository.
GOWALLA = Path(__file__).parent.parent.parent / "shared" / "data" / "gowalla"
# Epochs of a timed call, which includes preparations that are done once per fit.
EPOCHS = 3
# Size of embeddings, whether implicit uses conjugate gradients, and the target of the speed-up of an epoch.
RACES = ((64, True, 1.0), (64, False, 1.0), (256, True, 1.5))
UNOBSERVED_WEIGHT = 0.1
L2 = 0.1
METRIC = "ndcg@20"


def main() -> None:
    """Run the benchmark."""
    report((every_data_set,), "als", ("gingham", "implicit", "numpy", "scipy"))


def every_data_set() -> Iterator[Row]:
    """Compare on each data set."""
    for name, train, held in data():
        yield from epochs(name, train, held)


def data() -> Iterator[tuple[str, sp.csr_matrix, sp.csr_matrix]]:
    """Yield the name, the training pairs and the held-out pairs of each data set."""
    shop = make_shop()
    yield "shop", shop.train, shop.test
    if not (GOWALLA / "train.npz").is_file():
        print(f"{GOWALLA} does not exist; Gowalla is skipped.")
        return
    pairs = sp.load_npz(GOWALLA / "train.npz").astype(np.float32).tocoo()
    held = np.random.default_rng(0).random(pairs.nnz) < 0.1
    train, validation = (
        sp.csr_matrix((pairs.data[part], (pairs.row[part], pairs.col[part])), shape=pairs.shape)
        for part in (~held, held)
    )
    yield "Gowalla", train, validation


def epochs(name: str, train: sp.csr_matrix, held: sp.csr_matrix) -> Iterator[Row]:
    """Compare the time of an epoch for each size of embeddings, on one thread and on two."""
    for n_components, use_cg, least in RACES:
        for num_threads in (1, 2):
            theirs = implicit.als.AlternatingLeastSquares(
                factors=n_components,
                alpha=1 / UNOBSERVED_WEIGHT,
                regularization=L2 / UNOBSERVED_WEIGHT,
                iterations=EPOCHS,
                use_cg=use_cg,
                num_threads=num_threads,
                random_state=1,
            )
            ours = gg.ALS(n_components, UNOBSERVED_WEIGHT, L2, l2_exponent=0, epochs=EPOCHS, random_state=1)
            # Both packages use their own threads; implicit recommends to limit BLAS to one.
            with threadpool_limits(1, "blas"):
                seconds = alternate(
                    {
                        "peer": lambda theirs=theirs: theirs.fit(train, show_progress=False),
                        "gingham": lambda ours=ours, num_threads=num_threads: ours.fit(
                            train, num_threads=num_threads, verbose=False
                        ),
                    }
                )
            ratio = seconds["peer"] / seconds["gingham"]
            quality = (
                metric(train, held, theirs.user_factors, theirs.item_factors),
                metric(train, held, ours.user_embeddings, ours.item_embeddings),
            )
            yield Row(
                f"ALS epoch, {name}, {n_components} components, {num_threads} thread{'s' * (num_threads > 1)}"
                + ", implicit exact" * (not use_cg),
                f">= {least:g}x",
                f"{ratio:.2f}x",
                ratio >= least,
                f"{seconds['peer'] / EPOCHS:.3f} s / {seconds['gingham'] / EPOCHS:.3f} s; {METRIC} after {EPOCHS} "
                f"epochs {quality[0]:.4f} / {quality[1]:.4f}",
            )


def metric(train: sp.csr_matrix, held: sp.csr_matrix, users: np.ndarray, items: np.ndarray) -> float:
    """Measure the embeddings of any model on held-out pairs; training pairs are not candidates."""
    n_components = users.shape[1]

    def rows(embeddings: np.ndarray) -> np.ndarray:
        out = np.zeros((len(embeddings), _native.padded_width(n_components)), np.float32)
        out[:, :n_components] = embeddings
        return out

    tested = np.flatnonzero(np.diff(held.indptr)).astype(np.int32)
    left, test, seen = rows(users), held[tested], train[tested]
    scores = RepresentationScores(lambda index: left[index], rows(items), n_components)
    ranks = TestRanks.of(tested, rank(scores, tested, test=test, seen=seen), test, seen)
    return float(compute(METRIC, ranks).mean())


if __name__ == "__main__":
    warnings.filterwarnings("ignore", category=UserWarning, module="implicit")
    main()
