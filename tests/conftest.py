from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.little_shop import write_shop

# No deadline: a busy machine or the sanitizers may be slow.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """The recipe of a small shop, in the folder of its files."""
    return write_shop(tmp_path)
