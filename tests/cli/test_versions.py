import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import gingham as gg
from gingham.cli import app
from tests.little_shop import write_shop

GATE = "filter_seen = true\n[gate]\nmin_list_length = 25\nmin_share_of_users = 1\n"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of three runs, of which the gate refused the last one."""
    folder = tmp_path_factory.mktemp("shop")
    recipe = write_shop(folder)
    text = recipe.read_text().replace("epochs = 3\nn_components = 8\nrandom_state = 1", 'kind = "popularity"')
    recipe.write_text(text)
    for _ in range(2):
        gg.run(recipe, folder / "out")
    recipe.write_text(text.replace("k = 4", "k = 25") + GATE)
    done = CliRunner().invoke(app, ["run", str(recipe), "--out", str(folder / "out")])
    assert done.exit_code == 3
    name = gg.versions.find(folder / "out")[-1].name
    assert f"Wrote {folder / 'out' / 'versions' / name}: recommendations.parquet" in done.stdout
    assert "users (" in done.stdout
    assert f"The gate refused version {name}" in done.stderr
    assert f"gingham rollback {folder / 'out'} {name}" in done.stderr
    return folder / "out"


def test_versions_are_listed(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gingham.cli.console.output.width", 80)
    done = CliRunner().invoke(app, ["versions", str(out)])
    assert done.exit_code == 0
    first, second, third = gg.versions.find(out)
    lines = [[cell.strip() for cell in line.strip("│").split("│")] for line in done.stdout.splitlines()]
    for version, status in ((first, ""), (second, "current"), (third, "refused")):
        (row,) = [row for row, cells in enumerate(lines) if cells[0] == version.name]
        assert lines[row] == [
            version.name,
            f"map@5 {version.mean:.4f}",
            f"{version.users}",
            f"{version.items}",
            "run",
            status,
        ]
        limits = [f"{value:.4f}".removeprefix("0") for value in (version.low, version.high)]
        assert lines[row + 1] == ["popularity", "–".join(limits), "", "", "", ""]
    assert f"The gate refused {third.name}: " in done.stdout


def test_versions_as_json(out: Path) -> None:
    done = CliRunner().invoke(app, ["versions", str(out), "--json"])
    versions = json.loads(done.stdout)["versions"]
    assert [one["is_current"] for one in versions] == [False, True, False]
    assert [one["passed"] for one in versions] == [None, None, False]
    assert versions == [version.to_dict() for version in gg.versions.find(out)]


def test_a_folder_without_versions_is_an_error(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["versions", str(tmp_path)])
    assert isinstance(done.exception, gg.errors.ArtifactError)
