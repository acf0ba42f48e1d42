import json
from pathlib import Path

from typer.testing import CliRunner

import gingham as gg
from gingham.cli import app
from tests.little_shop import write_shop

ROWS = "customer,article,day\nc001,03,2024-03-05\nzoe,24,2024-03-06\n"


def shop(folder: Path, end: str = "") -> Path:
    """Write a shop with an update, and return the folder of its run."""
    recipe = write_shop(folder)
    text = recipe.read_text().replace("epochs = 3\nn_components = 8\nrandom_state = 1", 'kind = "popularity"')
    recipe.write_text(text + end)
    (folder / "today.csv").write_text(ROWS)
    (folder / "new.csv").write_text("customer,age\nzoe,33\n")
    gg.run(recipe, folder / "out")
    return folder / "out"


def test_an_update_is_a_new_version(tmp_path: Path) -> None:
    out = shop(tmp_path)
    files = ["--transactions", str(tmp_path / "today.csv"), "--users", str(tmp_path / "new.csv")]
    done = CliRunner().invoke(app, ["update", str(out), *files])
    assert done.exit_code == 0, done.exception
    first, second = gg.versions.find(out)
    assert (second.origin, second.status, second.users) == ("update", "current", first.users + 1)
    assert done.stdout == f"Wrote {second.folder}: {second.users} users, {second.items} items.\n"
    assert "zoe" in gg.load(out).training_data_.user_ids.values
    document = json.loads(CliRunner().invoke(app, ["update", str(out), *files, "--json"]).stdout)
    assert document["version"] == gg.versions.find(out)[-1].to_dict()


def test_a_refused_update_has_its_own_exit_code(tmp_path: Path) -> None:
    out = shop(tmp_path, "filter_seen = true\n[gate]\nmin_share_of_users = 0\n")
    current = gg.versions.find(out)[-1]
    recipe = current.folder / "recipe.toml"
    recipe.write_text(recipe.read_text().replace("k = 4", "k = 25").replace("of_users = 0", "of_users = 1"))
    done = CliRunner().invoke(app, ["update", str(out), "--transactions", str(tmp_path / "today.csv")])
    assert done.exit_code == 3
    assert "The gate refused version" in done.stderr
    assert gg.versions.find(out)[0].is_current


def test_transactions_are_required(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["update", str(tmp_path)])
    assert done.exit_code == 2
    assert "--transactions" in done.stderr
