import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gingham.evaluation import bootstrap
from gingham.evaluation.bootstrap import resampled_means, summarize


@given(st.integers(0, 1000), st.integers(1, 30), st.integers(1, 4), st.integers(1, 12), st.integers(1, 500))
def test_a_resample_draws_as_many_users_with_replacement(
    seed: int, n_users: int, n_columns: int, resamples: int, at_once: int
) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n_users, n_columns))
    values[rng.random(values.shape) < 0.2] = np.nan
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bootstrap, "_AT_ONCE", at_once)
        means = resampled_means(values, resamples, seed)
    draws = np.random.default_rng(seed)
    for row in means:
        drawn = values[draws.integers(n_users, size=n_users)]
        for column, mean in enumerate(row):
            values_of_drawn = drawn[:, column][np.isfinite(drawn[:, column])]
            assert mean == pytest.approx(values_of_drawn.mean(), abs=1e-5) if len(values_of_drawn) else np.isnan(mean)


def test_a_summary_is_the_mean_and_percentiles_of_the_resamples() -> None:
    values = np.random.default_rng(1).exponential(size=(200, 3))
    values[::3, 1] = np.nan
    summary = summarize(values, resamples=300, seed=5)
    means = resampled_means(values, resamples=300, seed=5)
    np.testing.assert_allclose(summary.mean, np.nanmean(values, axis=0))
    np.testing.assert_allclose(summary.low, np.quantile(means, 0.025, axis=0))
    np.testing.assert_allclose(summary.high, np.quantile(means, 0.975, axis=0))
    assert summary.users.tolist() == [200, 133, 200]


def test_intervals_cover_the_mean_about_95_times_in_100() -> None:
    samples = np.random.default_rng(3).exponential(size=(200, 300))
    summary = summarize(samples.T, resamples=200)
    assert 0.9 <= np.mean((summary.low <= 1) & (summary.high >= 1)) <= 0.985
    # The normal approximation agrees with the width.
    np.testing.assert_allclose((summary.high - summary.low).mean(), 2 * 1.96 / np.sqrt(300), rtol=0.05)


def test_users_without_a_value_do_not_affect_the_interval() -> None:
    values = np.random.default_rng(4).random((400, 1))
    summary = summarize(np.vstack([values, np.full((400, 1), np.nan)]))
    assert summary.low[0] < values.mean() < summary.high[0]
    assert summary.high[0] - summary.low[0] == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.15)


def test_a_column_without_values_has_no_mean() -> None:
    summary = summarize(np.array([[np.nan, 1.0], [np.nan, 2.0]]))
    assert np.isnan([summary.mean[0], summary.low[0], summary.high[0]]).all()
    assert (summary.mean[1], summary.users.tolist()) == (1.5, [0, 2])


def test_a_single_value_has_an_interval_of_one_point() -> None:
    # Resamples draw the only user with a value once, several times or never.
    summary = summarize(np.array([[0.25], *[[np.nan]] * 99]))
    assert (summary.mean[0], summary.low[0], summary.high[0]) == (0.25, 0.25, 0.25)


def test_resamples_are_the_same_for_equally_many_users_so_that_differences_are_paired() -> None:
    one, other = np.random.default_rng(2).random((2, 50, 3))
    paired = resampled_means(one - other)
    np.testing.assert_allclose(paired, resampled_means(one) - resampled_means(other), atol=1e-5)
