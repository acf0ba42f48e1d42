import json
from pathlib import Path

from typer.testing import CliRunner

import gingham as gg
from gingham.cli import app
from tests.cli.test_update import shop


def test_users_are_forgotten(tmp_path: Path) -> None:
    out = shop(tmp_path)
    (first,) = gg.versions.find(out)
    done = CliRunner().invoke(app, ["forget", str(out), "--user", "c001", "--user", "c002"])
    assert done.exit_code == 0, done.exception
    (second,) = gg.versions.find(out)
    assert (second.origin, second.users) == ("forget", first.users - 2)
    assert f"Removed {first.name}: these versions knew the users." in done.stderr
    assert f"The current version is {second.folder}: {second.users} users" in done.stdout
    assert "c001" not in done.stdout + done.stderr
    document = json.loads(CliRunner().invoke(app, ["forget", str(out), "--user", "c003", "--json"]).stdout)
    assert document["version"] == gg.versions.find(out)[-1].to_dict()


def test_an_unknown_user_is_an_error(tmp_path: Path) -> None:
    out = shop(tmp_path)
    before = gg.versions.find(out)
    done = CliRunner().invoke(app, ["forget", str(out), "--user", "nobody"])
    assert isinstance(done.exception, gg.errors.UnknownIdError)
    assert gg.versions.find(out) == before
