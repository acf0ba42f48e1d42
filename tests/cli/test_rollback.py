import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import gingham as gg
from gingham.cli import app
from tests.little_shop import write_shop


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    recipe = write_shop(folder)
    text = recipe.read_text().replace("epochs = 3\nn_components = 8\nrandom_state = 1", 'kind = "popularity"')
    for k in (4, 3):
        recipe.write_text(text.replace("k = 4", f"k = {k}"))
        gg.run(recipe, folder / "out")
    return folder / "out"


def rollback(out: Path, *arguments: str) -> str:
    done = CliRunner().invoke(app, ["rollback", str(out), *arguments])
    assert done.exit_code == 0, done.exception
    return done.stdout


def test_a_rollback_makes_another_version_current(out: Path) -> None:
    first, second = (version.name for version in gg.versions.find(out))
    assert rollback(out) == f"The current version of {out} is {first}.\n"
    assert [version.is_current for version in gg.versions.find(out)] == [True, False]
    document = json.loads(rollback(out, second, "--json"))
    assert (document["version"]["name"], document["version"]["is_current"]) == (second, True)
    assert [version.is_current for version in gg.versions.find(out)] == [False, True]


def test_an_unknown_version_is_an_error(out: Path) -> None:
    before = gg.versions.find(out)
    done = CliRunner().invoke(app, ["rollback", str(out), "2024-01-01T00-00-00Z"])
    assert isinstance(done.exception, gg.errors.ParameterError)
    assert gg.versions.find(out) == before
