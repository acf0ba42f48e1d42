"""Every model fitted to a dataset most of whose items have no transactions."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
from polars.testing import assert_frame_equal

from gingham.dataset import Dataset
from gingham.loading import load
from gingham.models import ALS, ContentBased, HybridMF, Recommender
from gingham.synth import sample_tables
from gingham.tables import Tables
from tests.contract import Case
from tests.contract.cases import N_ITEMS, N_USERS, ROUNDING, shop
from tests.models.test_contract import CASES

SOLD = 6
# Models that represent an item by its features.
KNOW_BETTER = ("ContentBased", "HybridMF", "ALS", "Blend", "TwoStage, mixed")
# Models in which an item without transactions scores 0: below all that the history speaks for.
LINEAR = ("EASE", "BasketRegression", "GraphFilter")


def launches() -> Dataset:
    """A shop with transactions of six items out of twenty, all of which are candidates."""
    data = shop(features=True, timed=True)
    rows = data.interactions
    return replace(data, interactions=rows.take(rows.item_index < SOLD), candidates="all")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_items_without_transactions_have_finite_scores_and_rank_last(case: Case, tmp_path: Path) -> None:
    model = case.fitted(launches())
    lists = model.recommend(k=N_ITEMS)
    assert len(lists) == N_USERS * N_ITEMS
    assert np.isfinite(lists["score"].to_numpy()).all()
    unsold = lists.filter(~lists["item_id"].is_in(model.training_data_.item_ids.ids(np.arange(SOLD)).implode()))
    if case.name.startswith(LINEAR):
        with_history = unsold.filter(~unsold["user_id"].is_in(users_without_history(model).implode()))
        assert (with_history["score"].abs() < ROUNDING).all()
    elif not case.name.startswith(KNOW_BETTER):
        ranks = lists.sort("item_id", "user_id")["rank"].to_numpy().reshape(N_ITEMS, N_USERS)
        assert (ranks[SOLD:] > SOLD).all()
    table = model.explain(items=model.training_data_.item_ids.values).group_by("user_id", "item_id")
    sums = table.agg(pl.col("contribution").sum(), pl.col("score").first(), size=pl.col("contribution").abs().sum())
    assert ((sums["contribution"] - sums["score"]).abs() <= ROUNDING * (1 + sums["size"])).all()
    model.save(tmp_path / "model")
    assert_frame_equal(load(tmp_path / "model").recommend(k=N_ITEMS), lists, check_exact=True)


@pytest.mark.parametrize("model", [HybridMF(5, epochs=3, random_state=1), ALS(5, epochs=3, random_state=1)])
def test_an_item_without_transactions_is_represented_by_its_features_alone(model: Recommender, tmp_path: Path) -> None:
    data = launches()
    model.fit(data, num_threads=1, verbose=False)
    assert data.item_features is not None
    named = data.item_features.without_identities()
    features = sp.csr_matrix(np.hstack([np.zeros((N_ITEMS, N_ITEMS), np.float32), named.toarray()]))
    for fitted in (model, fit_further(model, data)):
        alone, _ = fitted.item_representations(features)  # type: ignore[attr-defined]
        items, _ = fitted.item_representations()  # type: ignore[attr-defined]
        np.testing.assert_allclose(items[SOLD:], alone[SOLD:], atol=1e-6)
        assert not np.allclose(items[:SOLD], alone[:SOLD], atol=1e-3)
    fitted = model.copy().fit(replace(data, candidates="sold"), num_threads=1, verbose=False)
    items, _ = fitted.item_representations()  # type: ignore[attr-defined]
    assert not np.allclose(items[SOLD:], fitted.item_representations(features)[0][SOLD:], atol=1e-3)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "model", [ContentBased(), HybridMF(5, epochs=2, random_state=1), ALS(5, epochs=2, random_state=1)]
)
def test_an_article_that_an_update_announces_is_like_one_that_was_there(model: Recommender) -> None:
    tables = sample_tables()
    assert tables.items is not None
    items = tables.items.collect()
    there, later = (items.head(1).with_columns(item_id=pl.lit(item)) for item in ("new 1", "new 2"))
    whole = Tables(
        tables.transactions,
        tables.users,
        pl.concat([items, there]),
        user_features=tables.user_features,
        item_features=tables.item_features,
    )
    model.fit(Dataset.from_tables(whole, candidates="all"), num_threads=1, verbose=False)
    model.update(items=later, num_threads=1)
    users = model.training_data_.user_ids.values
    np.testing.assert_allclose(model.predict(users, "new 1"), model.predict(users, "new 2"), atol=1e-5)


def users_without_history(model: Recommender) -> pl.Series:
    data = model.training_data_
    return data.user_ids.ids(np.flatnonzero(np.diff(data.matrix.indptr) == 0))


def fit_further(model: Recommender, data: Dataset) -> Recommender:
    """Train on where the model can."""
    return model.fit_partial(data, num_threads=1, verbose=False) if isinstance(model, HybridMF) else model
