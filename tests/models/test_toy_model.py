"""A model that is defined here and nowhere else works in every part of the package."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest
from typer.testing import CliRunner

import gingham as gg
from gingham.cli import app
from gingham.config import ModelSpec
from gingham.config.models import build
from gingham.models.cold import ColdUsers
from gingham.models.one_pass import OnePassModel
from gingham.models.training_data import Data, TrainingData
from gingham.scores import SharedScores
from gingham.validation import Check, check_number
from tests.contract import Case, Contract, MatrixContract


class MostUsers(OnePassModel):
    """The items with the most users, to a power."""

    kind = "most-users"
    default_space: ClassVar[Mapping[str, Any]] = {"power": {"low": 0.5, "high": 2.0}}
    constraints: ClassVar[Mapping[str, Check]] = {"power": partial(check_number, above=0)}

    def __init__(self, power: float = 1.0) -> None:
        self.power = power

    def _fit(self, training_data: TrainingData, interactions: Data, n_threads: int) -> None:
        n_users = np.bincount(training_data.matrix.indices, minlength=training_data.matrix.shape[1])
        self._item_scores = (n_users**self.power).astype(np.float32)

    def _scores(self) -> SharedScores:
        return SharedScores(self._item_scores)

    def _cold_scores(self, users: ColdUsers, n_threads: int) -> SharedScores:
        return self._scores()

    def _learned(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        return {}, {"item_scores": self._item_scores}

    def _relearn(self, state: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._item_scores = arrays["item_scores"]


CASES = [Case("MostUsers", MostUsers), Case("MostUsers, square root", lambda: MostUsers(0.5))]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
class TestContract(Contract, MatrixContract):
    @pytest.fixture(autouse=True)
    def _public_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # The contract evaluates a model's representation with the public names of the package.
        monkeypatch.setattr(gg, "MostUsers", MostUsers, raising=False)
        monkeypatch.setattr(gg, "__all__", [*gg.__all__, "MostUsers"])


def test_it_is_compared() -> None:
    train, test = gg.split.by_time(gg.synth.sample_dataset(), test="7d")
    comparison = gg.compare({"toy": MostUsers()}, train, test, k=5)
    assert "toy" in comparison.models
    assert comparison.table.filter(model="toy", metric="map@5")["mean"].item() > 0


def test_it_is_loaded(tmp_path: Path) -> None:
    MostUsers(0.5).fit(gg.synth.sample_dataset()).save(tmp_path / "model")
    assert gg.load(tmp_path / "model", MostUsers).power == 0.5


def test_it_suggests_candidates() -> None:
    spec = ModelSpec.model_validate({"kind": "two-stage", "candidates": [{"kind": "most-users", "power": 2.0}]})
    assert "MostUsers(power=2.0)" in repr(build(spec))


@pytest.mark.parametrize("command", ["run", "tune"])
def test_recipes_name_it(command: str, recipe: Path, tmp_path: Path) -> None:
    text = recipe.read_text().partition("[model]")[0]
    recipe.write_text(f'{text}[model]\nkind = "most-users"\n[tune]\ntrials = 2\n')
    done = CliRunner().invoke(app, [command, str(recipe), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "most-users" in done.output
    assert isinstance(gg.load(tmp_path / "out"), MostUsers)
