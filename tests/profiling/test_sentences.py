from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from gingham.profiling import Profile, profile
from gingham.profiling.sentences import N_SENTENCES, candidates, top_sentences
from gingham.tables import Tables


def profile_of(**columns: Any) -> Profile:
    return profile(Tables(pl.DataFrame(columns)))


def sentence(profile: Profile, words: str) -> str:
    """Return the only candidate sentence that contains these words."""
    (text,) = (candidate.text for candidate in candidates(profile) if words in candidate.text)
    return text


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_the_smallest_tables_have_five_sentences(rows: int) -> None:
    sentences = profile_of(user_id=list(range(rows)), item_id=["x"] * rows).sentences
    assert len(sentences) == N_SENTENCES == len(set(sentences))


def test_every_candidate_is_a_sentence(shop: Any) -> None:
    every = candidates(shop.profile)
    assert len(every) >= 15
    for candidate in every:
        assert candidate.text[0].isupper() or candidate.text[0].isdigit()
        assert candidate.text.endswith(".")
        assert "nan" not in candidate.text
        assert "None" not in candidate.text
        assert np.isfinite(candidate.surprise)


def test_the_most_surprising_sentence_of_each_subject_comes_first(shop: Any) -> None:
    best: dict[str, Any] = {}
    for candidate in candidates(shop.profile):
        if candidate.subject not in best or candidate.surprise > best[candidate.subject].surprise:
            best[candidate.subject] = candidate
    expected = sorted(best.values(), key=lambda candidate: -candidate.surprise)[:N_SENTENCES]
    assert top_sentences(shop.profile) == tuple(candidate.text for candidate in expected)


def test_different_shops_have_different_sentences() -> None:
    day = [date(2024, 1, 1) + timedelta(days=number) for number in range(60)]
    loyal = profile_of(user_id=["a"] * 60, item_id=["x"] * 60, timestamp=day).sentences
    one_time = profile_of(user_id=list(range(60)), item_id=list(range(60)), timestamp=day).sentences
    repeats = "In 98.3% of all transactions the customer had bought the same item before, typically 1 day earlier."
    assert repeats in loyal
    assert "100% of the active customers have only one transaction" in " ".join(one_time)
    assert len(set(loyal) & set(one_time)) <= 1


def test_values_in_sentences_equal_pandas(shop: Any) -> None:
    rows, profile = shop.transactions, shop.profile
    customers = rows.customer_id.value_counts()
    top = round(len(customers) * 0.1)
    share = customers.head(top).sum() / len(rows)
    leaders = f"The {top:,} most active customers (of {len(customers):,}) account for {share:.0%}"
    assert leaders in sentence(profile, "most active")
    once = (customers == 1).mean()
    assert sentence(profile, "only one transaction").startswith(f"{once:.0%} of the active customers")
    inactive = 1 - len(customers) / len(shop.customers)
    start = f"{inactive:.1%} of the {len(shop.customers):,} customers"
    assert sentence(profile, "customers have no transactions").startswith(start)
    daily = rows.t_dat.value_counts().resample("D").sum()
    week = daily.rolling(7).sum()
    peak = sentence(profile, "busiest seven days").replace("only ", "")
    assert f"{week.idxmax():%B %Y}, had {week.max() / (daily.mean() * 7):.1f} times" in peak
    now, before = daily.iloc[-28:].sum(), daily.iloc[-28 - 364 : -364].sum()
    assert f"{abs(now / before - 1):.0%}" in sentence(profile, "In the last four weeks")
    empty = shop.customers.isna().mean()
    missing = f"{empty.max():.0%} of the values in column {empty.idxmax()} are missing"
    assert missing in sentence(profile, "In the users table")


def test_the_most_disproportionate_category_is_named() -> None:
    users = pl.DataFrame({"user_id": range(10), "club": ["gold"] * 2 + ["none"] * 8})
    transactions = pl.DataFrame({"user_id": [0, 1] * 10 + [2] * 5, "item_id": [1] * 25})
    text = sentence(profile(Tables(transactions, users)), "club")
    assert text == 'Customers with club "gold" are 20% of all customers and account for 80% of the transactions.'


def test_a_weekday_without_transactions_is_named() -> None:
    open_days = [day for number in range(28) if (day := date(2024, 1, 1) + timedelta(days=number)).weekday() != 6]
    shop = profile_of(user_id=["a"] * len(open_days), item_id=["x"] * len(open_days), timestamp=open_days)
    assert sentence(shop, "weekday") == "Monday is the busiest weekday; there are no transactions on Sundays."


def test_a_shop_without_repeats_says_so() -> None:
    profile = profile_of(user_id=["a", "a", "b"], item_id=["x", "y", "x"])
    assert "No customer bought the same item again." in profile.sentences


def days_of(counts: dict[int, int], n_days: int = 56, holidays: tuple[int, ...] = ()) -> Profile:
    """A shop with so many transactions on each weekday (0 is Monday), and none on holidays."""
    dates = [date(2024, 1, 1) + timedelta(days=number) for number in range(n_days) if number not in holidays]
    times = [day for day in dates for _ in range(counts.get(day.weekday(), 0))]
    return profile_of(user_id=["a"] * len(times), item_id=["x"] * len(times), timestamp=times)


def test_days_on_which_a_shop_is_closed_are_not_quiet_days() -> None:
    week = {weekday: 10 + weekday for weekday in range(7)}
    quietest = (
        "Sunday is the busiest weekday; its number of transactions is 60% higher than on Monday, the quietest one"
    )
    assert sentence(days_of(week), "weekday") == f"{quietest}."
    # A Tuesday that is a holiday does not make Tuesdays quieter.
    with_holiday = sentence(days_of(week, holidays=(1, 8)), "weekday")
    assert with_holiday == f"{quietest} (days without transactions are not counted)."
    mondays = (7, 14, 21, 28, 35, 42)
    closed = sentence(days_of(week, holidays=mondays), "weekday")
    assert closed == "Sunday is the busiest weekday; there are transactions on only 2 of 8 Mondays."
    # A shop with few transactions is not closed on most days.
    sparse = sentence(days_of({2: 3, 4: 1}, holidays=tuple(range(10, 50))), "weekday")
    assert sparse == "Wednesday is the busiest weekday; there are no transactions on Mondays."
