"""The contract of models that can be fitted to matrices."""

from pathlib import Path

import numpy as np
import polars as pl
import scipy.sparse as sp
from polars.testing import assert_frame_equal

from gingham.loading import load
from gingham.metrics import rank_test
from tests.contract.cases import N_ITEMS, N_USERS, Case, shop


class MatrixContract:
    """What a model must do that can be fitted to matrices without feature names."""

    def test_a_dataset_and_its_matrices_give_the_same(self, case: Case) -> None:
        data = shop(case.features)  # a matrix knows no time
        of_dataset = case.fitted(data).recommend(k=N_ITEMS)
        of_matrices = case.fitted_to_matrices().recommend(k=N_ITEMS)
        assert of_matrices["user_id"].dtype == of_matrices["item_id"].dtype == pl.Int64
        users, items = (of_matrices[column].to_numpy() for column in ("user_id", "item_id"))
        assert_frame_equal(
            of_dataset,
            of_matrices.with_columns(
                user_id=data.user_ids.ids(users),
                item_id=data.item_ids.ids(items),
            ),
            check_exact=True,
        )

    def test_nothing_of_the_callers_is_changed(self, case: Case) -> None:
        rng = np.random.default_rng(1)

        def untidy(n_rows: int, n_columns: int, per_row: int) -> sp.csr_matrix:
            # Unsorted columns, duplicates and explicit zeros: all that a careless in-place clean-up would touch.
            columns = rng.integers(0, n_columns, n_rows * per_row)
            offsets = np.arange(0, n_rows * per_row + 1, per_row)
            return sp.csr_matrix((rng.integers(0, 3, len(columns)) * 0.5, columns, offsets), (n_rows, n_columns))

        train, test = untidy(N_USERS, N_ITEMS, 6), untidy(N_USERS, N_ITEMS, 3)
        matrices = {"user_features": untidy(N_USERS, 5, 3), "item_features": untidy(N_ITEMS, 4, 3)}
        given = (train, test, *matrices.values())
        before = [[part.copy() for part in (matrix.data, matrix.indices, matrix.indptr)] for matrix in given]
        model = case.fitted(train, **(matrices if case.features else {}))
        model.recommend(filter_seen=True)
        model.predict_rank(test, filter_seen=True)
        rank_test(model, test)
        for matrix, parts in zip(given, before, strict=True):
            for now, part in zip((matrix.data, matrix.indices, matrix.indptr), parts, strict=True):
                np.testing.assert_array_equal(now, part)
                assert now.dtype == part.dtype

    def test_what_is_loaded_can_be_fitted_again_and_saved(self, case: Case, tmp_path: Path) -> None:
        model = case.fitted_to_matrices()
        model.save(tmp_path / "model")
        loaded = load(tmp_path / "model")
        assert loaded.training_data_.item_labels is None
        loaded.save(tmp_path / "model")
        assert_frame_equal(load(tmp_path / "model").recommend(), model.recommend(), check_exact=True)
        again = case.fit(loaded)
        assert again is loaded
        assert_frame_equal(again.recommend(), case.fitted().recommend(), check_exact=True)
