"""The contract of fitting, parameters and storing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import gingham
from gingham import columns, models
from gingham.errors import ArtifactError, ConfigError, DataError, NotFittedError, ParameterError
from gingham.loading import load
from gingham.metrics import rank_test
from gingham.models import BuyAgain, HybridMF, Popularity, Recommender
from tests.contract.cases import (
    N_ITEMS,
    N_USERS,
    Case,
    held_out,
    shop,
)


class FittingContract:
    """Fitting, parameters and storing."""

    def test_fit_gives_the_model_back(self, case: Case) -> None:
        model = case.make()
        assert case.fit(model) is model
        assert (model.n_users, model.n_items) == (N_USERS, N_ITEMS)

    def test_a_model_says_what_it_is(self, case: Case) -> None:
        model = case.make()
        assert models.model_class(model.kind) is type(model)
        assert set(model.constraints) <= set(model.param_names())
        assert set(model.default_space) <= set(model.param_names())
        assert model.columns <= set(columns.ROLES)
        assert model.supports <= {"features", "epochs", "baskets", "similar_items"}
        assert ("epochs" in model.supports) == ("epochs" in model.param_names())
        fitted = case.fitted()
        assert len(fitted.history_) == fitted.best_epoch_ == getattr(model, "epochs", 0)
        assert fitted.validation_history_ == []

    def test_a_model_is_built_from_a_recipe(self, case: Case) -> None:
        kind = type(case.make())
        assert repr(models.build_model(kind.kind, {})) == repr(kind())
        with pytest.raises(ConfigError, match=r"Section \[model\] has 'colour', which is not a parameter"):
            models.build_model(kind.kind, {"colour": "red"})

    def test_nothing_can_be_asked_before_fit(self, case: Case, tmp_path: Path) -> None:
        model, test = case.make(), held_out()
        questions: list[Callable[[], object]] = [
            lambda: model.recommend(),
            lambda: model.recommend([1], k=0),
            lambda: model.rank(),
            lambda: model.predict([1], [1]),
            lambda: model.predict_rank(test),
            lambda: rank_test(model, test),
            lambda: model.save(tmp_path / "model"),
            lambda: model.training_data_,
            lambda: model.n_users,
            lambda: model.n_items,
        ]
        for question in questions:
            with pytest.raises(NotFittedError, match=f"{type(model).__name__} is not fitted"):
                question()
        assert list(tmp_path.iterdir()) == []

    def test_ids_of_text_and_of_numbers_give_the_same(self, case: Case) -> None:
        numbers = case.fitted().recommend(k=N_ITEMS)
        texts = case.fitted(case.shop(text=True)).recommend(k=N_ITEMS)
        assert texts.schema == {"user_id": pl.String, "item_id": pl.String, "rank": pl.Int32, "score": pl.Float32}
        as_numbers = texts.with_columns(
            user_id=100 + 3 * pl.col("user_id").str.slice(1).cast(pl.Int64),
            item_id=7 * pl.col("item_id").str.slice(1).cast(pl.Int64),
        )
        assert_frame_equal(as_numbers, numbers, check_exact=True)

    @pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
    def test_a_value_that_is_not_finite_is_named_and_leaves_the_model_as_it_was(self, case: Case, wrong: float) -> None:
        model = case.fitted()
        before = model.recommend()
        bad = shop().matrix()
        bad[11, 13] = wrong
        with pytest.raises(DataError, match=rf"interactions holds {wrong} in row 11, column 13"):
            case.fit(model, bad)
        assert_frame_equal(model.recommend(), before, check_exact=True)

    @pytest.mark.parametrize("wrong", [np.eye(3), [[1, 0]], None, "data", pl.DataFrame({"a": [1]})])
    def test_what_is_no_matrix_is_refused(self, case: Case, wrong: Any) -> None:
        with pytest.raises(DataError, match=f"is a {type(wrong).__name__}"):
            case.make().fit(wrong)

    def test_parameters_can_be_read_set_and_printed(self, case: Case) -> None:
        model = case.make()
        params = model.get_params()
        assert list(params) == model.param_names()
        assert model.get_params(deep=False) == params
        clone = type(model)(**params)
        assert clone.get_params() == params
        assert repr(eval(repr(model), {name: getattr(gingham, name) for name in gingham.__all__})) == repr(model)
        assert type(model)().set_params(**params).get_params() == params
        assert model.set_params() is model
        with pytest.raises(ParameterError, match=f"{type(model).__name__} has no parameter 'colour'"):
            model.set_params(colour="red")

    def test_a_clone_learns_the_same(self, case: Case) -> None:
        model = case.fitted()
        clone = case.fit(type(model)(**model.get_params()))
        assert_frame_equal(clone.recommend(), model.recommend(), check_exact=True)

    @pytest.mark.parametrize("text", [False, True])
    def test_what_is_loaded_recommends_the_same(self, case: Case, text: bool, tmp_path: Path) -> None:
        model = case.fitted(case.shop(text))
        model.save(tmp_path / "model")
        for loaded in (
            load(tmp_path / "model"),
            type(model).load(str(tmp_path / "model")),
            Recommender.load(tmp_path / "model"),
        ):
            assert type(loaded) is type(model)
            assert repr(loaded) == repr(model)
            for given in ({"k": N_ITEMS}, {"filter_seen": True}):
                assert_frame_equal(loaded.recommend(**given), model.recommend(**given), check_exact=True)
            np.testing.assert_array_equal(
                loaded.predict_rank(held_out(), True).data, model.predict_rank(held_out(), True).data
            )
            before, after = model.training_data_.item_labels, loaded.training_data_.item_labels
            assert before is not None
            assert after is not None
            assert_frame_equal(after, before)

    def test_another_kind_of_model_is_refused(self, case: Case, tmp_path: Path) -> None:
        model = case.fitted()
        model.save(tmp_path / "model")
        for other in {HybridMF, Popularity, BuyAgain} - {type(model)}:
            with pytest.raises(ArtifactError, match=f"holds a {type(model).__name__}, not a {other.__name__}"):
                other.load(tmp_path / "model")
