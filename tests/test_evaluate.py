import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp

import gingham as gg
from gingham.bootstrap import summarize
from gingham.errors import DataError, NotFittedError, ParameterError

TRAIN = sp.csr_matrix(np.array([[3, 0, 0, 0], [2, 2, 1, 0], [1, 0, 0, 0]]))
# Best sellers are items 0, 1, 2, 3 in this order for everybody.
TEST = sp.csr_matrix(np.array([[0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]))


def test_a_hand_made_shop() -> None:
    result = gg.evaluate(gg.Popularity().fit(TRAIN), TEST, k=2)
    assert result.table["metric"].to_list() == [
        "precision@2",
        "recall@2",
        "f1@2",
        "ndcg@2",
        "map@2",
        "hit_rate@2",
        "reciprocal_rank",
        "auc",
    ]
    # User 0 finds its item in second place, user 1 in the last; user 2 has no test items and does not count.
    expected = [
        (1 / 2 + 0) / 2,
        1 / 2,
        (2 / 3) / 2,
        1 / np.log2(3) / 2,
        1 / 4,
        1 / 2,
        (1 / 2 + 1 / 4) / 2,
        (2 / 3 + 0) / 2,
    ]
    np.testing.assert_allclose(result.table["mean"], expected)
    assert result.table["users"].to_list() == [2] * 8
    assert result.per_user["user_id"].to_list() == [0, 1]
    np.testing.assert_allclose(result.per_user["auc"], [2 / 3, 0])


def test_seen_items_can_be_left_out() -> None:
    test = sp.csr_matrix(np.array([[1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]))
    result = gg.evaluate(gg.Popularity().fit(TRAIN), test, k=2, filter_seen=True, allow_overlap=True)
    # User 0's item was seen, so it cannot be found; user 1's is the only one left.
    assert result.per_user["reciprocal_rank"].to_list() == [0, 1]
    auc = result.to_dict()["auc"]
    assert auc == {"mean": None, "low": None, "high": None, "users": 0}


def test_the_table_is_json_and_can_be_printed() -> None:
    result = gg.evaluate(gg.Popularity().fit(TRAIN), TEST, k=2)
    assert set(result.to_dict()["map@2"]) == {"mean", "low", "high", "users"}
    assert "precision@2" in str(result)
    assert "precision@2" in result._repr_html_()


def test_the_same_test_gives_the_same_intervals() -> None:
    model = gg.Popularity().fit(TRAIN)
    assert gg.evaluate(model, TEST, k=2).table.equals(gg.evaluate(model, TEST, k=2).table)


def test_intervals_cover_the_mean_about_95_times_in_100() -> None:
    rng = np.random.default_rng(3)
    samples = rng.exponential(size=(200, 300))
    summary = summarize(samples.T, resamples=200)
    low, high = summary.low, summary.high
    covered = np.mean((low <= 1) & (high >= 1))
    assert 0.9 <= covered <= 0.985
    # The normal approximation agrees with the width.
    np.testing.assert_allclose((high - low).mean(), 2 * 1.96 / np.sqrt(300), rtol=0.05)


def test_users_who_do_not_count_for_a_metric_leave_its_interval_alone() -> None:
    rng = np.random.default_rng(4)
    values = rng.random((400, 1))
    with_gaps = np.vstack([values, np.full((400, 1), np.nan)])
    summary = summarize(with_gaps)
    low, high = summary.low, summary.high
    assert low[0] < values.mean() < high[0]
    assert high[0] - low[0] == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.15)


@pytest.mark.parametrize("k", [0, 5, 2.5, True])
def test_k_must_be_within_the_catalogue(k: object) -> None:
    with pytest.raises(ParameterError, match="k="):
        gg.evaluate(gg.Popularity().fit(TRAIN), TEST, k=k)  # type: ignore[arg-type]


def test_an_empty_test_or_another_shape_is_refused() -> None:
    model = gg.Popularity().fit(TRAIN)
    with pytest.raises(DataError, match="no interactions"):
        gg.evaluate(model, sp.csr_matrix((3, 4)), k=2)
    with pytest.raises(DataError, match="shape"):
        gg.evaluate(model, sp.csr_matrix((3, 5)), k=2)
    with pytest.raises(NotFittedError):
        gg.evaluate(gg.Popularity(), TEST, k=2)


def test_user_ids_are_the_shops_own() -> None:
    frame = pl.DataFrame({"user_id": ["b", "b", "a", "c"], "item_id": ["x", "y", "x", "y"]})
    dataset = gg.Dataset.from_tables(gg.Tables(frame))
    assert gg.evaluate(gg.Popularity().fit(dataset), dataset, k=1, allow_overlap=True).per_user[
        "user_id"
    ].to_list() == ["a", "b", "c"]
