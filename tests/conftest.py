from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.little_shop import write_shop

# Tests do not measure time: a busy machine, or the sanitizers, may take long over an example.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """The recipe of a little shop, beside its files."""
    return write_shop(tmp_path)
