import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import example, given
from hypothesis import strategies as st

from . import problem
from .draws import Order, Permutation, Random, mix
from .problem import Floats, Pairs, Settings

words = st.integers(0, 2**64 - 1)


# The twin, the reference for the kernel ------------------------------------------------------------------------------


def test_draws_are_splitmix64() -> None:
    # The first numbers of the authors' reference program for the state 1234567.
    gamma = 0x9E3779B97F4A7C15
    assert [mix(1234567 + gamma * step) for step in (1, 2, 3)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


@given(words, st.integers(0, 2**40), st.integers(1, 2**31))
def test_draws_stay_below_their_bound(seed: int, position: int, bound: int) -> None:
    random = Random(seed, position)
    assert all(0 <= random.below(bound) < bound for _ in range(20))


@given(st.integers(0, 2000), words)
@example(1, 0)
@example(1024, 0)
@example(1025, 2**64 - 1)
def test_orders_are_permutations(size: int, key: int) -> None:
    for order in (Permutation(size, key), Order(size, key)):
        assert sorted(order(position) for position in range(size)) == list(range(size))


@given(st.integers(1, 2000), words)
@example(1023, 0)
@example(1024, 0)
def test_orders_keep_runs_of_neighbours_together(size: int, key: int) -> None:
    order = Order(size, key)
    at = np.array([order(position) for position in range(size)])
    apart = np.flatnonzero(np.diff(at) != 1) + 1
    assert not (apart % order.run).any()


@given(st.integers(100, 1000), words)
def test_permutations_differ_between_keys(size: int, key: int) -> None:
    one, other = Permutation(size, key), Permutation(size, mix(key + 1))
    assert np.mean([one(position) == other(position) for position in range(size)]) < 0.5


def test_permutations_look_shuffled() -> None:
    # A single key may fail by chance: of forty, few may look ordered by three standard deviations, none by far more.
    size, deviations = 1000, []
    for key in range(40):
        order = np.array([Permutation(size, mix(key))(position) for position in range(size)])
        neighbours = np.corrcoef(order[:-1], order[1:])[0, 1]
        start = np.corrcoef(order, np.arange(size))[0, 1]
        moved = np.abs(order - np.arange(size)).mean() / size - 1 / 3
        deviations.append(np.abs([neighbours, start, moved * 18**0.5]) * size**0.5)
    assert np.median(deviations) < 1
    assert np.mean(np.array(deviations) > 3) < 0.05
    assert np.max(deviations) < 12


# The kernel ----------------------------------------------------------------------------------------------------------


def memory(settings: Settings, n_users: int, n_items: int, pairs: Pairs, num_threads: int = 1) -> tuple[Floats, Floats]:
    """Return how often users and items were trained on, weighted by the squared gradient.

    Scores start equal and stay equal, because the learning rate is nearly zero; adagrad's memory of a bias grows by the
    square of every gradient.
    """
    model = problem.blank(settings, n_users, n_items)
    model.train(pairs.grouped(block=512), seed=5, num_threads=num_threads)
    users, items = (model.parts(side)[1][:, settings.n_components] - 1 for side in model.sides)
    return users, items


@pytest.mark.parametrize("num_threads", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 15, 16, 17, 18, 31, 64, 65, 1000, 1024, 1025, 20_000])
def test_an_epoch_trains_every_pair_once(size: int, num_threads: int) -> None:
    users, zeros = np.arange(size, dtype=np.int32), np.zeros(size, np.int32)
    positives = sp.csr_matrix(np.ones((size, 1), np.float32))
    settings = Settings("logistic", n_components=1, learning_rate=1e-12)
    pairs = Pairs(users, zeros, positives, zeros[:1], target=np.ones(size, np.float32))
    counts, _ = memory(settings, size, 1, pairs, num_threads)
    # At a score of zero the gradient of the logistic loss is a half.
    np.testing.assert_array_equal(counts, np.float32(0.25))


def one_positive(n_items: int, draws: int) -> Pairs:
    """Return pairs of one user, whose only positive is item 0."""
    zeros = np.zeros(draws, np.int32)
    positives = sp.csr_matrix(([np.float32(1)], ([0], [0])), shape=(1, n_items))
    return Pairs(zeros, zeros, positives, zeros[:1])


def assert_drawn(counts: Floats, shares: Floats) -> None:
    """Check counts by a chi-squared test with a threshold of seven standard deviations."""
    expected = counts.sum() * shares
    degrees = len(shares) - 1
    assert ((counts - expected) ** 2 / expected).sum() < degrees + 7 * (2 * degrees) ** 0.5


def test_warp_draws_negatives_uniformly() -> None:
    n_items, draws = 40, 20_000
    # One draw per step, which is a violation unless it is the positive.
    settings = Settings("warp", n_components=1, learning_rate=1e-12, max_sampled=1)
    _, items = memory(settings, 1, n_items, one_positive(n_items, draws))
    counts = items / np.log(n_items - 1) ** 2
    assert counts[1:].sum() == pytest.approx(draws * (n_items - 1) / n_items, rel=0.02)
    assert counts[0] == pytest.approx(counts[1:].sum(), rel=1e-3)
    assert_drawn(counts[1:], np.full(n_items - 1, 1 / (n_items - 1)))


def test_bpr_draws_negatives_by_popularity() -> None:
    n_items, draws = 40, 20_000
    popularity = np.arange(n_items) + 1.0
    pool = np.repeat(np.arange(n_items, dtype=np.int32), popularity.astype(int))
    pairs = one_positive(n_items, draws)
    settings = Settings("bpr", n_components=1, learning_rate=1e-12)
    _, items = memory(settings, 1, n_items, Pairs(pairs.user, pairs.item, pairs.positives, pool))
    counts = 4 * items
    assert counts[0] == pytest.approx(draws, rel=1e-3)
    assert_drawn(counts[1:], popularity[1:] / popularity[1:].sum())


def test_warp_kos_draws_positives_uniformly() -> None:
    n_items, draws = 40, 20_000
    # Half of the items are positives. With n=1 each step trains the one positive that it draws.
    positives = sp.csr_matrix(np.repeat([[1, 0]], n_items // 2, axis=1).astype(np.float32))
    pairs = one_positive(n_items, draws)
    settings = Settings("warp-kos", n_components=1, learning_rate=1e-12, max_sampled=50, k=1, n=1)
    _, items = memory(settings, 1, n_items, Pairs(pairs.user, pairs.item, positives, pairs.pool))
    positive_counts = items[: n_items // 2]
    # Gradients depend on the number of draws of the search: their spread adds to that of the counts.
    assert positive_counts.min() > 0.8 * positive_counts.mean()
    assert positive_counts.max() < 1.2 * positive_counts.mean()
