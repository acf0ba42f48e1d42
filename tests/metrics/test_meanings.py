import pytest

import gingham as gg
from gingham.errors import ParameterError
from gingham.metrics import OF_LISTS, meaning, names


@pytest.mark.parametrize("name", [*names([12]), *(f"{name}@12" for name in OF_LISTS)])
def test_every_metric_has_a_meaning_in_one_line(name: str) -> None:
    text = meaning(name)
    assert text.endswith(".")
    assert len(text) < 120
    assert "{" not in text
    assert ("@" in name and "12" in text) or "{k}" not in text


def test_unknown_metrics_are_refused() -> None:
    with pytest.raises(ParameterError, match="Unknown metric 'clicks@3'; use one of precision"):
        gg.metrics.meaning("clicks@3")
