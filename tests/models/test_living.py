"""Updates: the same model however transactions were cut, and users who are forgotten."""

from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.models.streams import EXACT, FIXED, check_exact, check_fixed


@pytest.mark.parametrize("case", EXACT, ids=lambda case: case.name)
@settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(seed=st.integers(0, 2**32 - 1), n_batches=st.integers(1, 5), forget=st.booleans())
def test_exact_models_are_the_same_as_after_a_fit_to_all(case: Any, seed: int, n_batches: int, forget: bool) -> None:
    check_exact(case, seed, n_batches, forget)


@pytest.mark.parametrize("case", FIXED, ids=lambda case: case.name)
@settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(seed=st.integers(0, 2**32 - 1), n_batches=st.integers(2, 5), forget=st.booleans())
def test_models_of_fixed_items_do_not_depend_on_the_cut(case: Any, seed: int, n_batches: int, forget: bool) -> None:
    check_fixed(case, seed, n_batches, forget)
