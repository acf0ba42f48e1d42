from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from gingham.profiling import Profile, profile
from gingham.profiling.sentences import HOW_MANY, candidates, standing_out
from gingham.tables import Tables


def little(**columns: Any) -> Profile:
    return profile(Tables(pl.DataFrame(columns)))


def telling(found: Profile, words: str) -> str:
    """The candidate that says these words."""
    (text,) = (candidate.text for candidate in candidates(found) if words in candidate.text)
    return text


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_the_smallest_tables_have_five_sentences(rows: int) -> None:
    found = little(user_id=list(range(rows)), item_id=["x"] * rows)
    assert len(found.sentences) == HOW_MANY == len(set(found.sentences))


def test_every_sentence_is_one(shop: Any) -> None:
    every = candidates(shop.profile)
    assert len(every) >= 15
    for candidate in every:
        assert candidate.text[0].isupper() or candidate.text[0].isdigit()
        assert candidate.text.endswith(".")
        assert "nan" not in candidate.text
        assert "None" not in candidate.text
        assert np.isfinite(candidate.surprise)


def test_the_most_surprising_of_each_subject_are_told_first(shop: Any) -> None:
    every = candidates(shop.profile)
    best: dict[str, Any] = {}
    for candidate in every:
        if candidate.subject not in best or candidate.surprise > best[candidate.subject].surprise:
            best[candidate.subject] = candidate
    expected = sorted(best.values(), key=lambda candidate: -candidate.surprise)[:HOW_MANY]
    assert standing_out(shop.profile) == tuple(candidate.text for candidate in expected)


def test_shops_that_differ_get_sentences_that_differ() -> None:
    day = [date(2024, 1, 1) + timedelta(days=number) for number in range(60)]
    loyal = little(user_id=["a"] * 60, item_id=["x"] * 60, timestamp=day)
    fleeting = little(user_id=list(range(60)), item_id=list(range(60)), timestamp=day)
    assert "98.3% of all purchases are of an item that the user had bought before, typically 1 day later." in " ".join(
        loyal.sentences
    )
    assert "100% of the users who bought did so only once" in " ".join(fleeting.sentences)
    assert len(set(loyal.sentences) & set(fleeting.sentences)) <= 1


def test_figures_in_sentences_equal_pandas(shop: Any) -> None:
    rows, found = shop.transactions, shop.profile
    buyers = rows.customer_id.value_counts()
    top = round(len(buyers) * 0.1)
    share = buyers.head(top).sum() / len(rows)
    assert f"The {top:,} most active users (of {len(buyers):,}) make {share:.0%}" in telling(found, "most active")
    once = (buyers == 1).mean()
    assert telling(found, "users who bought").startswith(f"{once:.0%} of the users")
    idle = 1 - len(buyers) / len(shop.customers)
    assert telling(found, "users the shop knows").startswith(f"{idle:.1%} of the {len(shop.customers):,} users")
    daily = rows.t_dat.value_counts().resample("D").sum()
    week = daily.rolling(7).sum()
    said = telling(found, "busiest seven days")
    assert f"{week.idxmax():%B %Y}, brought {week.max() / (daily.mean() * 7):.1f} times" in said.replace("only ", "")
    now, before = daily.iloc[-28:].sum(), daily.iloc[-28 - 364 : -364].sum()
    assert f"{abs(now / before - 1):.0%}" in telling(found, "In the last four weeks")
    empty = shop.customers.isna().mean()
    assert f"The column {empty.idxmax()} is empty in {empty.max():.0%} of the users" in telling(found, "is empty in")


def test_a_class_that_buys_out_of_proportion_is_told() -> None:
    users = pl.DataFrame({"user_id": range(10), "club": ["gold"] * 2 + ["none"] * 8})
    bought = pl.DataFrame({"user_id": [0, 1] * 10 + [2] * 5, "item_id": [1] * 25})
    found = profile(Tables(bought, users))
    assert telling(found, "(club)") == "gold (club) is 20% of the users and 80% of the purchases."


def test_a_weekday_without_sales_is_told() -> None:
    open_days = [day for number in range(28) if (day := date(2024, 1, 1) + timedelta(days=number)).weekday() != 6]
    found = little(user_id=["a"] * len(open_days), item_id=["x"] * len(open_days), timestamp=open_days)
    assert telling(found, "weekday") == "Monday is the strongest weekday; nothing sells on a Sunday."


def test_without_a_repeat_nobody_came_back() -> None:
    found = little(user_id=["a", "a", "b"], item_id=["x", "y", "x"])
    assert "Nobody came back for an item that they had bought before." in found.sentences
