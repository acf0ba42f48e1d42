from pathlib import Path

import pytest

from gingham import store
from tests.store.samples import artifact


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """The folder of a stored artifact."""
    store.write(tmp_path / "shop", artifact())
    return tmp_path / "shop"
