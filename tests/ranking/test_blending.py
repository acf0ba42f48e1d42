"""A candidate model's score is added to the ranker's scores only where that is clearly better on the last period."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import gingham as gg
from gingham import store
from gingham.arrays import Floats
from gingham.errors import ArtifactError
from gingham.ranking.blending import Blend, BlendedRanker, average_precision, fit_blended
from gingham.ranking.examples import Examples
from gingham.ranking.ranker import FittedRanker, StoredRanker
from tests.ranking.models import small

START = np.datetime64("2024-01-01", "us")
WEEK = np.timedelta64(timedelta(days=7))


def period(features: Any, bought: Any, sizes: Sequence[int], number: int = 0) -> Examples:
    users, start = np.arange(len(sizes), dtype=np.int32), START + number * WEEK
    values = np.asarray(features, np.float32)
    return Examples(values, np.asarray(bought, bool), np.asarray(sizes, np.int64), users, start, start + WEEK)


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=20),
        min_size=1,
        max_size=5,
    )
)
def test_average_precision_agrees_with_the_definition(users: list[list[tuple[int, bool]]]) -> None:
    expected = []
    for candidates in users:
        ranked = [bought for _, bought in sorted(candidates, key=lambda candidate: -candidate[0])][:12]
        precisions = [sum(ranked[: rank + 1]) / (rank + 1) for rank, bought in enumerate(ranked) if bought]
        expected.append(sum(precisions) / max(min(sum(bought for _, bought in candidates), 12), 1))
    scores, bought = zip(*(candidate for candidates in users for candidate in candidates), strict=True)
    part = period(np.zeros((len(scores), 1)), bought, [len(candidates) for candidates in users])
    assert average_precision(part, np.array(scores, np.float32)) == pytest.approx(expected)


class Column(FittedRanker):
    """Order candidates by one feature."""

    def __init__(self, column: int) -> None:
        self.column, self.n_features, self.floor = column, 3, -100.0

    def score(self, features: Floats) -> Floats:
        return features[:, self.column]

    def contributions(self, features: Floats) -> Floats:
        contributions = np.zeros((len(features), self.n_features + 1), np.float32)
        contributions[:, self.column] = features[:, self.column]
        return contributions

    def store(self) -> StoredRanker:
        return StoredRanker()


@dataclass
class Fits:
    """Return a ranker by one feature, and keep what it was fitted to."""

    column: int
    fitted: list[Sequence[Examples]] = field(default_factory=list)

    def __call__(self, periods: Sequence[Examples]) -> Column:
        self.fitted.append(periods)
        return Column(self.column)


def weeks(n_users: int, n_weeks: int = 3) -> list[Examples]:
    """Features: noise, a score that says what is bought, and a score of noise."""
    rng, parts = np.random.default_rng(0), []
    for number in range(n_weeks):
        bought = np.tile([True, False, False, False], n_users)
        features = rng.random((len(bought), 3))
        features[:, 1] = 5 * bought + rng.random(len(bought))
        parts.append(period(features, bought, [4] * n_users, number))
    return parts


def test_a_score_that_predicts_better_than_the_ranker_is_added() -> None:
    parts, fits = weeks(300), Fits(0)
    ranker = fit_blended(fits, parts, [1, 2])
    assert isinstance(ranker, BlendedRanker)
    assert ranker.blend.column == 1
    assert fits.fitted[0] is parts
    assert [part.users.tolist() for part in fits.fitted[1]] == [list(range(0, 300, 2))] * 2
    assert [part.start for part in fits.fitted[1]] == [START, START + WEEK]
    half = parts[0].every_second()
    assert half.features.tolist() == parts[0].features.reshape(-1, 4, 3)[::2].reshape(-1, 3).tolist()
    last = parts[-1]
    assert average_precision(last, ranker.score(last.features)).mean() > 0.99
    assert average_precision(last, Column(0).score(last.features)).mean() < 0.6


@pytest.mark.parametrize(
    ("n_users", "n_weeks", "ranker", "columns"),
    [(300, 3, 1, [1, 2]), (300, 3, 0, [2]), (300, 3, 0, []), (150, 3, 0, [1]), (300, 1, 0, [1])],
    ids=["a good ranker", "a useless score", "no score", "few users", "one period"],
)
def test_otherwise_the_ranker_is_used_alone(n_users: int, n_weeks: int, ranker: int, columns: list[int]) -> None:
    assert isinstance(fit_blended(Fits(ranker), weeks(n_users, n_weeks), columns), Column)


def test_a_score_without_positive_values_is_not_added() -> None:
    parts = [replace(part, features=-part.features) for part in weeks(300)]
    assert isinstance(fit_blended(Fits(0), parts, [1]), Column)


def test_scores_and_contributions_of_a_blend() -> None:
    features = np.array([[1, 3, 0], [2, -4, 0], [0, 0.5, 0]], np.float32)
    ranker = BlendedRanker(Column(0), Blend(column=1, weight=2.0, scale=0.5))
    added = 2 * np.log([6.05, 0.05, 1.05])
    np.testing.assert_allclose(ranker.score(features), features[:, 0] + added, rtol=1e-6)
    contributions = ranker.contributions(features)
    np.testing.assert_allclose(contributions[:, 1], added, rtol=1e-6)
    np.testing.assert_allclose(contributions.sum(axis=1), ranker.score(features), rtol=1e-6)
    assert ranker.floor < -100 + 2 * np.log(0.05)


@pytest.fixture(scope="module")
def blended(dataset: gg.Dataset) -> gg.TwoStage:
    pytest.importorskip("lightgbm")
    model = small().fit(dataset)
    assert model.blend_ is None
    column = model._stage.features.names.index("NextBasket_score")
    assert model._fitted_ranker is not None
    model._fitted_ranker = BlendedRanker(model._fitted_ranker, Blend(column=column, weight=3.0, scale=0.25))
    return model


def test_a_blend_is_shown_and_stored(blended: gg.TwoStage, tmp_path: Path) -> None:
    assert blended.blend_ == ("NextBasket_score", 3.0)
    blended.save(tmp_path / "model")
    loaded = gg.load(tmp_path / "model", gg.TwoStage)
    assert loaded.blend_ == blended.blend_
    assert_frame_equal(loaded.recommend(), blended.recommend(), check_exact=True)


def test_a_blend_is_explained(blended: gg.TwoStage) -> None:
    table = blended.explain_features([3, 7], k=4)
    sums = table.group_by("user_id", "item_id", maintain_order=True).agg(pl.col("contribution").sum())
    assert sums["contribution"].to_list() == pytest.approx(blended.recommend([3, 7], k=4)["score"].to_list(), abs=1e-5)


@pytest.mark.parametrize(
    "change",
    [{"column": 1000}, {"column": -1}, {"weight": 0.0}, {"weight": 1e300}, {"scale": -1.0}, {"other": 1}],
    ids=str,
)
def test_an_invalid_stored_blend_is_refused(blended: gg.TwoStage, tmp_path: Path, change: dict[str, Any]) -> None:
    artifact = blended.artifact()
    state = {**artifact.state, "blend": {**artifact.state["blend"], **change}}
    store.write(tmp_path / "model", replace(artifact, state=state))
    with pytest.raises(ArtifactError, match="invalid"):
        gg.load(tmp_path / "model")


def test_artifacts_without_the_parameter_have_no_blend(dataset: gg.Dataset, tmp_path: Path) -> None:
    pytest.importorskip("lightgbm")
    fitted = small(candidates=[gg.NextBasket()]).fit(dataset)
    artifact = fitted.artifact()
    params = {name: value for name, value in artifact.params.items() if name != "blend"}
    store.write(tmp_path / "model", replace(artifact, params=params))
    loaded = gg.load(tmp_path / "model", gg.TwoStage)
    assert loaded.get_params()["blend"] is False
    assert_frame_equal(loaded.recommend(), fitted.recommend(), check_exact=True)
