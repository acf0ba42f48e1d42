"""Contributions of the models that score by sums over the history, compared with loops over the entries."""

from collections import defaultdict
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp

import gingham as gg
from gingham.models.contributions import (
    Cause,
    Part,
    divided,
    entries_of,
    history_parts,
    merged,
    sums,
    with_rest,
    with_rounding,
)

Slow = Callable[[int, int], dict[tuple[str, int | None], float]]
DATA = gg.synth.sample_dataset()


def explained(model: gg.models.Recommender) -> dict[tuple[int, int], dict[tuple[str, int | None], float]]:
    """Return the contributions to the scores of every pair, by cause and item."""
    users, items = (grid.ravel().astype(np.int32) for grid in np.mgrid[: model.n_users, : model.n_items])
    contributions: dict[tuple[int, int], dict[tuple[str, int | None], float]] = defaultdict(dict)
    for pair, cause, because, _, value in merged(model._contributions(users, items)).iter_rows():
        if value:
            contributions[int(users[pair]), int(items[pair])][cause, because] = value
    return contributions


def of_neighbours(counts: sp.csr_matrix, near: sp.csr_matrix) -> Slow:
    weights, similarity = counts.toarray(), near.toarray()

    def slow(user: int, item: int) -> dict[tuple[str, int | None], float]:
        return {
            ("bought before" if other == item else "bought together", int(other)): weights[user, other]
            * similarity[other, item]
            for other in np.flatnonzero(weights[user])
            if similarity[other, item]
        }

    return slow


def cases() -> list[tuple[gg.models.Recommender, Slow]]:
    knn = gg.ItemKNN(4).fit(DATA)
    steps = gg.Transitions(n_neighbours=6).fit(DATA)
    ease = gg.EASE(l2=20).fit(DATA)
    return [
        (knn, of_neighbours(knn._counts, knn._near)),
        (steps, of_neighbours(steps._history, steps._near)),
        (ease, of_neighbours(ease._history, sp.csr_matrix(ease._weights))),
    ]


@pytest.mark.parametrize(("model", "slow"), cases(), ids=lambda case: type(case).__name__)
def test_the_items_of_the_history_contribute_weight_times_similarity(model: gg.models.Recommender, slow: Slow) -> None:
    contributions = explained(model)
    for user in range(model.n_users):
        for item in range(model.n_items):
            expected = slow(user, item)
            if expected:
                assert contributions[user, item] == pytest.approx(expected, rel=1e-6)
            else:
                assert {cause for cause, _ in contributions[user, item]} <= {"best seller"}


def test_a_basket_regression_adds_sales_to_its_weights() -> None:
    model = gg.BasketRegression(max_items=7).fit(DATA)
    ridge = model._ridge
    weights = ridge.others.toarray()
    weights[np.ix_(ridge.items, ridge.items)] += ridge.weights
    slow = of_neighbours(model._history, sp.csr_matrix(weights))
    contributions = explained(model)
    for user in range(0, model.n_users, 5):
        for item in range(model.n_items):
            expected = slow(user, item) | {("best seller", None): float(model._shared[item])}
            assert contributions[user, item] == pytest.approx(expected, rel=1e-6)


def test_a_filtered_graph_divides_scores_among_items_alone() -> None:
    """The filter is linear: the score of a history is the sum of the scores of histories of one item."""
    model = gg.GraphFilter(6).fit(DATA)
    alone = gg.GraphFilter(6).fit(DATA)._score(sp.identity(DATA.n_items, np.float32, "csr"))
    slow = of_neighbours(model._history, sp.csr_matrix(alone))
    contributions = explained(model)
    for user in range(0, model.n_users, 5):
        for item in range(model.n_items):
            assert contributions[user, item] == pytest.approx(slow(user, item), rel=1e-4, abs=1e-7)
    sources, targets = np.arange(20, dtype=np.int32), np.full(20, 3, np.int32)
    np.testing.assert_allclose(model._weights_between(sources, targets), alone[:, 3], rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(model._weights_between(targets, sources), alone[3], rtol=1e-4, atol=1e-7)


def test_the_next_basket_has_habits_neighbours_and_sales() -> None:
    model = gg.NextBasket(n_neighbours=3, alpha=0.6).fit(DATA)
    assert model._near is not None
    habits, near = model._habits.toarray(), model._near.toarray()
    contributions = explained(model)
    for user in range(model.n_users):
        for item in range(model.n_items):
            values = {
                ("bought before", item): 0.6 * habits[user, item],
                ("similar users", None): 0.4 * sum(near[user, other] * habits[other, item] for other in range(50)),
                ("best seller", None): model._shared[item],
            }
            expected = {key: value for key, value in values.items() if value}
            assert contributions[user, item] == pytest.approx(expected, rel=1e-5)


def test_buying_again_counts_purchases_and_breaks_ties_by_sales() -> None:
    contributions, matrix = explained(gg.BuyAgain().fit(DATA)), DATA.matrix().toarray()
    for (user, item), parts in contributions.items():
        assert parts.get(("bought before", item), 0) == matrix[user, item]
        assert 0 <= parts.get(("best seller", None), 0) < 1
    bought = {(user, item) for user, item in contributions if matrix[user, item]}
    sales = gg.Popularity().fit(DATA)._sales
    for user, item in bought:
        for other in range(20):
            if (user, other) in bought and sales[item] > sales[other]:
                one, two = (contributions[user, each].get(("best seller", None), 0) for each in (item, other))
                assert one > two


def test_a_segment_adds_its_own_sales() -> None:
    model = gg.Popularity("9d", by="age_group").fit(DATA)
    segments = model._segments
    assert segments is not None
    sales, overall = segments.sales.toarray().astype(float), model._sales.astype(float)
    for (user, item), parts in explained(model).items():
        own = sales[segments.of_user[user]]
        expected = {
            ("best seller", None): 1000 * overall[item] / (1000 + own.sum()),
            ("segment", None): overall.sum() * own[item] / (1000 + own.sum()),
        }
        assert parts == pytest.approx({key: value for key, value in expected.items() if value}, rel=1e-6)


def test_a_blend_scales_the_contributions_of_its_models() -> None:
    models = [gg.ItemKNN(4).fit(DATA), gg.Popularity().fit(DATA)]
    contributions = explained(gg.Blend.of(models, [3, 1]))
    scores = [model._scores().dense(np.arange(50, dtype=np.int32)).astype(float) for model in models]
    deviation = [values.std(axis=1) for values in scores]
    of_models = [explained(model) for model in models]
    for user in range(0, 50, 7):
        means = [values[user].mean() / deviations[user] for values, deviations in zip(scores, deviation, strict=True)]
        expected = {("base", None): -0.75 * means[0] - 0.25 * means[1]}
        for weight, parts, deviations in zip((0.75, 0.25), of_models, deviation, strict=True):
            for key, value in parts[user, 3].items():
                expected[key] = expected.get(key, 0) + weight * value / deviations[user]
        assert contributions[user, 3] == pytest.approx(expected, rel=1e-5)


def test_parts_are_taken_scaled_and_moved() -> None:
    part = Part(Cause.BOUGHT_TOGETHER, np.array([0, 0, 1]), np.array([1.0, 2, 4]), np.array([5, 6, 7], np.int32))
    assert sums([part.scaled(np.array([10.0, 1])), part], 3).tolist() == [33, 8, 0]
    moved = part.at(np.array([2, 1]))
    assert moved.pair.tolist() == [2, 2, 1]
    itself, others = divided(part, np.array([6, 7], np.int32))
    assert (itself.cause, itself.value.tolist(), others.value.tolist()) == (Cause.BOUGHT_BEFORE, [2, 4], [1])
    rest = with_rest([part], Cause.BEST_SELLER, np.array([9.0, 9, 0.5]))[-1]
    assert (rest.pair.tolist(), rest.value.tolist()) == ([2], [0.5])


def test_equal_causes_are_one_row_and_the_largest_comes_first() -> None:
    base, model = Part.of_all(Cause.BASE, [1.0, 5]), Part.of_all(Cause.MODEL, [2.0, 3], "ALS")
    parts = [base, model, Part.of_all(Cause.BASE, [2.0, 0])]
    expected = {"pair": [0, 0, 1, 1], "cause": ["base", "model", "base", "model"], "contribution": [3.0, 2, 5, 3]}
    table = merged(parts)
    assert table.select(list(expected)).to_dict(as_series=False) == expected
    assert table["detail"].to_list() == [None, "ALS", None, "ALS"]
    assert merged([]).schema == table.schema
    assert table.schema["because"] == pl.Int32


def test_the_largest_contribution_has_the_rounding_and_nothing_else() -> None:
    table = merged([Part.of_all(Cause.BASE, [1.0, 5, 1]), Part.of_all(Cause.MODEL, [2.0, 5, 1])])
    rounded = with_rounding(table, np.array([3.00001, 10.1, 2 - 1e-6], np.float32))
    np.testing.assert_allclose(rounded["contribution"], [2.00001, 1, 5, 5, 1, 1 - 1e-6], rtol=1e-7)


def test_entries_are_looked_up() -> None:
    matrix = sp.csr_matrix(np.array([[0, 2, 0], [3, 0, 0]], np.float32))
    assert entries_of(matrix, np.array([0, 1, 1], np.int32), np.array([1, 0, 2], np.int32)).tolist() == [2, 3, 0]
    nothing = np.empty(0, np.int32)
    assert entries_of(matrix, nothing, nothing).shape == (0,)
    assert sums(history_parts(matrix[:0], nothing, lambda source, _: np.ones(len(source))), 0).shape == (0,)
