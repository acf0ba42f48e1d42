import sys
from types import SimpleNamespace

import pytest

from gingham.progress import progress_bar


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = SimpleNamespace(kernel=None)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))


def test_a_bar_needs_a_terminal() -> None:
    with progress_bar(total=2) as bar:
        assert bar.disable


@pytest.mark.usefixtures("notebook")
def test_a_notebook_has_a_bar_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("gingham.progress.find_spec", lambda _: None)
    with progress_bar(total=2) as bar:
        assert not bar.disable
        bar.update(2)
    assert "2/2" in capsys.readouterr().err


@pytest.mark.usefixtures("notebook")
def test_a_bar_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert progress_bar(total=2, verbose=False).disable
    monkeypatch.setenv("TQDM_DISABLE", "1")
    assert progress_bar(total=2).disable
