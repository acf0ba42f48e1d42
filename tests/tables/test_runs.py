import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from gingham.tables.runs import once_a_run


@given(st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.integers(1, 5))))
def test_the_result_does_not_depend_on_runs(runs: list[tuple[str | None, int]]) -> None:
    values = pl.Series([value for value, times in runs for _ in range(times)], dtype=pl.String)
    assert once_a_run(values, lambda some: some + "!").to_list() == (values + "!").to_list()


def test_long_runs_are_looked_at_once() -> None:
    seen: list[int] = []

    def upper(some: pl.Series) -> pl.Series:
        seen.append(len(some))
        return some.str.to_uppercase()

    assert once_a_run(pl.Series(["a"] * 50 + ["b"] * 50), upper).to_list() == ["A"] * 50 + ["B"] * 50
    assert once_a_run(pl.Series(["a", "b"] * 50), upper).to_list() == ["A", "B"] * 50
    assert seen == [2, 100]
