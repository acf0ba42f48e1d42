from pathlib import Path

import pytest

from tests.little_shop import write_shop


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """The recipe of a little shop, beside its files."""
    return write_shop(tmp_path)
