import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import gingham as gg
from gingham.errors import ConfigError
from gingham.models import Recommender
from gingham.tuning.task import Task

MODULE = '''
import numpy as np
from gingham.models.one_pass import OnePassModel
from gingham.scores import SharedScores


class FirstItems(OnePassModel):
    """Recommends the same items to every user, from a given one on."""

    kind = "first-items"
    default_space = {"start": {"low": 0, "high": 9}}

    def __init__(self, start=0):
        self.start = start

    def _fit(self, training_data, interactions, n_threads):
        self._size = training_data.matrix.shape[1]

    def _scores(self):
        return SharedScores(((self.start - np.arange(self._size)) % self._size).astype(np.float32))

    def _learned(self):
        return {"size": self._size}, {}

    def _relearn(self, state, arrays):
        self._size = state["size"]
'''
CALL = 'gg.tune(gg.synth.sample_dataset(), model={"kind": "first-items"}, metric="map@5", trials=2, verbose=False)'


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module of a user, which defines a model; it is forgotten after the test."""
    (tmp_path / "first_items.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(Recommender, "classes_by_kind", dict(Recommender.classes_by_kind))
    monkeypatch.setattr(Recommender, "classes_by_name", dict(Recommender.classes_by_name))
    yield "first_items"
    sys.modules.pop("first_items", None)


def test_workers_import_the_module_of_the_model(module: str) -> None:
    __import__(module)
    dataset = gg.synth.sample_dataset()
    tuning = gg.tune(dataset, model={"kind": "first-items"}, metric="map@5", trials=3, verbose=False)
    assert tuning.trials["state"].to_list() == ["complete"] * 3
    assert tuning.best_params.keys() == {"start"}


def test_models_in_two_stages_need_their_modules_too(module: str) -> None:
    __import__(module)
    candidates = [{"kind": "popularity"}, {"kind": "first-items"}]
    task = Task.create(None, {"kind": "two-stage", "candidates": candidates}, {})
    assert task.model_modules() == [module]


def test_models_of_gingham_need_no_modules() -> None:
    assert Task.create(None, {"kind": "popularity"}, {}).model_modules() == []


def test_a_class_in_the_main_script_gets_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "script.py"
    file.write_text(f"import gingham as gg\nimport gingham.synth\n{MODULE}\n{CALL}\n")
    done = subprocess.run([sys.executable, str(file)], capture_output=True, text=True)
    assert done.returncode == 1
    assert "ConfigError: The class FirstItems is defined in the main script" in done.stderr
    assert "move it to a module of its own" in done.stderr


def test_a_class_in_a_function_gets_one_sentence(module: str) -> None:
    __import__(module)

    class Inner(Recommender.classes_by_kind["first-items"]):  # type: ignore[misc]
        kind = "inner"

    with pytest.raises(ConfigError, match="The class Inner is defined in the main script, a notebook or a function"):
        Task.create(None, {"kind": "inner"}, {})


def test_a_script_needs_no_main_guard(tmp_path: Path) -> None:
    (tmp_path / "first_items.py").write_text(MODULE)
    file = tmp_path / "script.py"
    file.write_text(f"import gingham as gg\nimport first_items\nprint({CALL}.trials.height)\n")
    done = subprocess.run([sys.executable, str(file)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "2\n"), done.stderr


def test_a_parameter_that_the_model_does_not_have() -> None:
    with pytest.raises(ConfigError, match="'windw', which is not a parameter of 'popularity'"):
        Task.create(None, {"kind": "popularity"}, {"space": {"windw": ["7d"]}})
