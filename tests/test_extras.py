import math
import sys

import pytest

from gingham.errors import MissingExtraError
from gingham.extras import extra


def test_what_is_installed_is_imported() -> None:
    assert extra("math", "numbers", "Counting") is math


def test_what_is_not_is_named_with_the_extra_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"Tuning needs optuna, which .* pip install 'gingham\[tune\]'\."):
        extra("optuna", "tune", "Tuning")
    with pytest.raises(MissingExtraError, match="Tuning needs Optuna, which"):
        extra("optuna", "tune", "Tuning", "Optuna")
