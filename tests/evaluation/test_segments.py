from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from polars.testing import assert_frame_equal

import gingham as gg
from gingham.dataset import Dataset, Feature, encode
from gingham.errors import DataError, ParameterError
from gingham.tables import FeatureSpec
from tests.bazaar import bazaar, users

K = 3


def parts(features: bool = False) -> tuple[gg.Popularity, Dataset, Dataset]:
    train, test = gg.split.by_time(bazaar(features), test="10d")
    return gg.Popularity().fit(train), train, test


def recalls(by: Any, features: bool = False) -> dict[str, tuple[int, float]]:
    """Each segment's users and mean recall."""
    model, _, test = parts(features)
    segments = gg.evaluate(model, test, k=K, by=by).segments
    assert segments is not None
    rows = segments.filter(pl.col("metric") == f"recall@{K}")
    return {row["value"]: (row["users"], row["mean"]) for row in rows.iter_rows(named=True)}


def expected(labels: dict[int, str]) -> dict[str, tuple[int, float]]:
    """The same by a grouping of the values per user; by the users' labels."""
    model, _, test = parts()
    values = gg.evaluate(model, test, k=K).per_user.select("user_id", f"recall@{K}")
    table = values.with_columns(label=pl.col("user_id").replace_strict(labels))
    groups = table.group_by("label").agg(pl.len(), pl.col(f"recall@{K}").mean())
    return {label: (users, pytest.approx(mean)) for label, users, mean in groups.iter_rows()}


def histories() -> dict[int, int]:
    _, train, _ = parts()
    return dict(enumerate(np.diff(train.matrix().indptr).tolist()))


def test_without_by_there_are_no_segments() -> None:
    model, _, test = parts()
    assert gg.evaluate(model, test, k=K).segments is None
    assert gg.evaluate(model, test, k=K, by=[]).segments is None


def test_users_by_the_length_of_their_history() -> None:
    def band(length: int) -> str:
        bands = {"0": (0, 0), "1": (1, 1), "2-4": (2, 4), "5-9": (5, 9), "10-19": (10, 19)}
        return next(name for name, (low, high) in bands.items() if low <= length <= high)

    segments = recalls("history")
    assert segments == expected({user: band(length) for user, length in histories().items()})
    assert list(segments) == ["0", "2-4", "5-9", "10-19"][: len(segments)]


def test_users_by_whether_they_are_new() -> None:
    segments = recalls("new users")
    assert segments == expected({user: "known" if length else "new" for user, length in histories().items()})
    assert segments["new"][0] == 10


def test_test_items_by_whether_they_are_cold() -> None:
    model, _, test = parts()
    segments = recalls("cold items")
    for value, cold in (("cold", True), ("known", False)):
        rows = test.interactions.take((test.interactions.item_index == 11) == cold)
        alone = gg.evaluate(model, test.with_interactions(rows), k=K)
        recall = alone.to_dict()[f"recall@{K}"]
        assert segments[value] == (recall["users"], pytest.approx(recall["mean"]))


def test_metrics_of_a_segment_equal_an_evaluation_of_its_users() -> None:
    model, _, test = parts()
    result = gg.evaluate(model, test, k=K, by="new users")
    new = np.isin(test.interactions.user_index, np.arange(50, 60))
    alone = gg.evaluate(model, test.with_interactions(test.interactions.take(new)), k=K)
    assert result.segments is not None
    segment = result.segments.filter(pl.col("value") == "new")
    assert segment["segment"].unique().to_list() == ["new users"]
    assert_frame_equal(segment.drop("segment", "value"), alone.table)


def test_users_by_columns_of_their_features() -> None:
    clubs = dict(users().select("user_id", pl.col("club").fill_null("null")).iter_rows())
    assert recalls("club", features=True) == expected(clubs)
    segments = recalls("age", features=True)
    ages = dict(users().select("user_id", "age").iter_rows())

    def bin_of(age: int) -> str:
        bins = [(name, *map(float, name.strip("(]").split(","))) for name in segments]
        return next(name for name, low, high in bins if low < age <= high)

    assert segments == expected({user: bin_of(age) for user, age in ages.items()})
    assert len(segments) == 3


def test_columns_and_values_may_contain_equals_signs() -> None:
    train, test = gg.split.by_time(bazaar(), test="10d")
    rng = np.random.default_rng(5)
    values = ["=A", "A", "null", "other", None]
    towns = {user: values[user % 5] for user in range(train.n_users)}
    table = pl.DataFrame({"user_id": list(towns), "a=b": list(towns.values()), "z": rng.normal(size=len(towns))})
    features = encode(train.user_ids, table, FeatureSpec(categorical=["a=b"], scaled=["z"]), "user_id")
    train, test = (replace(part, user_features=features) for part in (train, test))
    model = gg.Popularity(by="a=b").fit(train)
    segments = gg.evaluate(model, test, k=K, by="a=b").segments
    assert segments is not None
    rows = segments.filter(pl.col("metric") == f"recall@{K}")
    assert rows["value"].to_list() == ["=A", "A", "null", "other"]
    tested = np.unique(test.interactions.user_index).tolist()
    labels = [towns[user] or "null" for user in tested]
    assert rows["users"].to_list() == [labels.count(value) for value in rows["value"]]
    with pytest.raises(ParameterError, match=r"by='z' is not a segmentation of the users; use one of .*'a=b', or"):
        gg.evaluate(model, test, k=K, by="z")


def test_users_by_features_that_were_made_by_hand() -> None:
    train, test = gg.split.by_time(bazaar(), test="10d")
    towns = ["x" if user < 20 else "unknown" if user < 30 else None for user in range(train.n_users)]
    weights = np.array([[town == "x", town == "unknown"] for town in towns], np.float32)
    features = gg.Features(sp.csr_matrix(weights), [Feature("town", "x"), Feature("town", "unknown")])
    train, test = (replace(part, user_features=features) for part in (train, test))
    segments = gg.evaluate(gg.Popularity().fit(train), test, k=K, by="town").segments
    assert segments is not None
    rows = segments.filter(pl.col("metric") == f"recall@{K}")
    tested = np.unique(test.interactions.user_index).tolist()
    labels = ["x" if user < 20 else "unknown" for user in tested]
    assert dict(rows.select("value", "users").iter_rows()) == {name: labels.count(name) for name in ("x", "unknown")}


def test_users_by_the_columns_of_a_frame() -> None:
    ages = dict(users().select("user_id", "age").iter_rows())
    clubs = dict(users().select("user_id", pl.col("club").fill_null("unknown")).iter_rows())
    table = users().select("user_id", "club")
    for frame in (table, table.lazy(), table.to_pandas(), table.to_dict(as_series=False)):
        assert recalls(frame) == expected(clubs)
    segments = recalls(users().select("user_id", "age"))
    borders = [int(name.split()[-1]) for name in segments][:3]

    def band(age: int) -> str:
        return list(segments)[sum(age > border for border in borders)]

    assert segments == expected({user: band(age) for user, age in ages.items()})
    assert len(segments) == 4
    sizes = [n_users for n_users, _ in segments.values()]
    assert max(sizes) < 1.5 * min(sizes)


def test_users_missing_from_a_frame_are_unknown() -> None:
    some = pl.DataFrame({"user_id": [0, 1, 2, 999], "town": ["x", "y", "x", "z"]})
    labels = {user: "x" if user in (0, 2) else "y" if user == 1 else "unknown" for user in range(60)}
    assert recalls(some) == expected(labels)


def test_rare_values_are_combined() -> None:
    towns = {user: f"t{user % 12:02}" if user < 48 else "big" for user in range(60)}
    frame = pl.DataFrame({"user_id": list(towns), "town": list(towns.values())})
    segments = recalls(frame)
    assert "other" in segments
    assert len(segments) == 9
    assert sum(number for number, _ in segments.values()) == sum(number for number, _ in recalls("history").values())


def test_values_called_unknown_or_other_join_the_segment_of_that_name() -> None:
    towns = [None if user < 6 else "unknown" if user < 30 else "other" for user in range(60)]
    labels = {user: town or "unknown" for user, town in enumerate(towns)}
    assert recalls({"user_id": range(60), "town": towns}) == expected(labels)
    rare = {user: "other" if user < 40 else f"t{user}" for user in range(60)}
    assert sum(number for number, _ in recalls({"user_id": list(rare), "town": list(rare.values())}).values()) == sum(
        number for number, _ in recalls("history").values()
    )


@pytest.mark.parametrize("dtype", [pl.Float64, pl.Decimal(10, 2)])
def test_missing_numbers_are_unknown(dtype: Any) -> None:
    ages = pl.Series("age", [float(user) for user in range(60)]).cast(dtype)
    frame = pl.DataFrame({"user_id": range(60), "age": ages})
    gaps = frame.with_columns(pl.when(pl.col("user_id") >= 20).then("age"))
    nans = pl.DataFrame({"user_id": range(60), "age": [np.nan if user < 20 else float(user) for user in range(60)]})
    assert "unknown" not in recalls(frame)
    assert recalls(gaps)["unknown"] == recalls(nans)["unknown"]
    assert recalls(gaps) == recalls(nans)


def test_several_segmentations_keep_their_order() -> None:
    model, _, test = parts()
    segments = gg.evaluate(model, test, k=K, by=["new users", users(), "history"]).segments
    assert segments is not None
    assert segments["segment"].unique(maintain_order=True).to_list() == ["new users", "age", "club", "history"]


@pytest.mark.parametrize(
    ("by", "error", "words"),
    [
        ("agee", ParameterError, r"by='agee'.*'history', 'new users', 'cold items', 'club', 'age'"),
        (3, ParameterError, "by is a int"),
        ([None], ParameterError, "by is a NoneType"),
        (pl.DataFrame({"user": [1]}), DataError, r"columns \['user'\]"),
        (pl.DataFrame({"user_id": [1]}), DataError, r"columns \['user_id'\]"),
        (pl.DataFrame({"user_id": [1, 1], "a": [1, 2]}), DataError, "user_id 1 appears more than once in by"),
        (pl.DataFrame({"user_id": [1], "a": [[1, 2]]}), DataError, "Column 'a' of by contains lists"),
        (
            pl.DataFrame({"user_id": ["1", "2"], "a": [1, 2]}),
            DataError,
            "none of the .* its first user_id is '1'; use the same user_id",
        ),
        (pl.DataFrame({"user_id": [], "a": []}), DataError, "none of the .* it is empty"),
        ({"user_id": [1, 2], "a": [1]}, DataError, "columns of by have different lengths"),
    ],
)
def test_a_wrong_segmentation_is_refused(by: Any, error: type[Exception], words: str) -> None:
    model, _, test = parts(features=True)
    with pytest.raises(error, match=words):
        gg.evaluate(model, test, k=K, by=by)


def test_a_matrix_has_no_features_to_split_by() -> None:
    _, train, test = parts()
    model = gg.Popularity().fit(train.matrix())
    with pytest.raises(ParameterError, match="'cold items', or a data frame"):
        gg.evaluate(model, test.matrix(), k=K, by="club", allow_overlap=True)
    frame = pd.DataFrame({"user_id": range(60), "odd": [user % 2 for user in range(60)]})
    segments = gg.evaluate(model, test.matrix(), k=K, by=frame, allow_overlap=True).segments
    assert segments is not None
    assert segments["value"].unique().sort().to_list() == ["0", "1"]
