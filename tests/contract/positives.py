"""The contract of positives: an interaction with a value of zero or less changes no model, list or metric."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.sparse as sp
from polars.testing import assert_frame_equal

import gingham as gg
from gingham.dataset import Dataset, Interactions
from gingham.models.embedding import EmbeddingModel
from tests.contract.cases import N_ITEMS, N_USERS, Case, held_out

# Added to what a model is fitted to and evaluated on.
NOT_POSITIVE = [0.0, -1.0, -2.5]


def not_positive(matrix: sp.csr_matrix, seed: int = 5) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """Users, items and values of entries that are zero or negative, at places that are not positive."""
    rng = np.random.default_rng(seed)
    users, items = np.nonzero((matrix.toarray() <= 0) & (rng.random(matrix.shape) < 0.3))
    return users, items, rng.choice(NOT_POSITIVE, len(users))


def with_others(data: Dataset) -> Dataset:
    """Add rows that are not positive, some before and some after all others."""
    rows = data.interactions
    users, items, values = not_positive(data.matrix())
    timestamp = None
    if rows.timestamp is not None:
        times = np.random.default_rng(1).choice(np.array(["2023-01-01", "2024-04-01", "2025-01-01"]), len(users))
        timestamp = np.concatenate([rows.timestamp, times.astype("datetime64[us]")])
    return replace(
        data,
        interactions=Interactions(
            np.concatenate([rows.user_index, users]),
            np.concatenate([rows.item_index, items]),
            N_USERS,
            N_ITEMS,
            np.concatenate([rows.value, values]),
            timestamp,
        ),
    )


def matrix_with_others(matrix: sp.csr_matrix) -> sp.csr_matrix:
    users, items, values = not_positive(matrix)
    coo = matrix.tocoo()
    parts = zip((coo.data, coo.row, coo.col), (values, users, items), strict=True)
    data, rows, columns = (np.concatenate(part) for part in parts)
    return sp.csr_matrix((data, (rows, columns)), shape=matrix.shape)


class PositivesContract:
    """What is not a positive has no effect."""

    def test_other_interactions_change_no_model(self, case: Case) -> None:
        if case.draws_negatives:
            return
        data = case.shop()
        model, other = case.fitted(data), case.fitted(with_others(data))
        for given in ({"k": N_ITEMS}, {"k": 5, "filter_seen": True}):
            assert_frame_equal(other.recommend(**given), model.recommend(**given), check_exact=True)
        test = held_out()
        assert_frame_equal(
            gg.evaluate(other, test, 5, by=["history", "new users", "cold items"], allow_overlap=True).segments,
            gg.evaluate(model, test, 5, by=["history", "new users", "cold items"], allow_overlap=True).segments,
        )

    def test_other_interactions_are_not_in_the_history(self, case: Case) -> None:
        data = case.shop()
        model = case.fitted(with_others(data))
        positives = data.matrix().toarray() > 0
        np.testing.assert_array_equal(model.training_data_.matrix.toarray() > 0, positives)
        assert model.training_data_.matrix.nnz == positives.sum()
        shown = model.recommend(k=N_ITEMS, filter_seen=True).group_by("user_id", maintain_order=True).len()
        assert shown["len"].to_list() == (N_ITEMS - positives.sum(axis=1)).tolist()

    @pytest.mark.parametrize("filter_seen", [False, True])
    def test_other_interactions_change_no_metric(self, case: Case, filter_seen: bool) -> None:
        model, test = case.fitted(), held_out()
        plain, mixed = (
            gg.evaluate(model, one, [3, 8], by="history", filter_seen=filter_seen, allow_overlap=True)
            for one in (test, matrix_with_others(test))
        )
        for part in ("table", "lists", "segments", "per_user"):
            assert_frame_equal(getattr(mixed, part), getattr(plain, part), check_exact=True)
        assert mixed.overlap == plain.overlap

    def test_other_interactions_do_not_fold_in(self, case: Case) -> None:
        model = case.fitted()
        if case.draws_negatives or not isinstance(model, EmbeddingModel):
            return
        history = held_out(9)[:4]
        plain, mixed = (model.fold_in(one, num_threads=1) for one in (history, matrix_with_others(history)))
        np.testing.assert_array_equal(mixed, plain)
