"""The command line as a process: encodings, closed pipes and Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gingham import __main__ as command_line


def gingham(*arguments: str, program: str = "", **variables: object) -> subprocess.CompletedProcess[bytes]:
    code = ("-c", program) if program else ("-m", "gingham")
    environment = {**os.environ, "COLUMNS": "200", **{name: str(value) for name, value in variables.items()}}
    return subprocess.run([sys.executable, *code, *arguments], capture_output=True, env=environment, timeout=120)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Return a recipe whose item ids can't be written in ASCII, with control characters."""
    rows = [f"u{row % 9},Thé 🫖 \x1b[31m{row % 17},2024-01-{1 + row % 28:02d}" for row in range(200)]
    (tmp_path / "sales.csv").write_text("\n".join(["user_id,item_id,timestamp", *rows]), encoding="utf-8")
    recipe = tmp_path / "shop.toml"
    columns = "".join(f'{name} = "{name}"\n' for name in ("user_id", "item_id", "timestamp"))
    recipe.write_text(f'[transactions]\npath = "sales.csv"\n{columns}[model]\nkind = "popularity"\n', encoding="utf-8")
    return recipe


def test_a_character_that_cannot_be_shown_is_replaced(shop: Path) -> None:
    out = str(shop.parent / "out")
    done = gingham("run", str(shop), "--out", out, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert b"Wrote" in done.stdout
    for encoding, text in {
        "ascii": r"Th\xe9 \U0001fad6 \x1b[31m",
        "cp1252": r"Thé \U0001fad6 \x1b[31m",
        "utf-8": r"Thé 🫖 \x1b[31m",
    }.items():
        done = gingham("recommend", out, "--user", "u1", PYTHONIOENCODING=encoding)
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"\x1b" not in done.stdout
        assert text in done.stdout.decode(encoding)
    done = gingham("recommend", out, "--user", "u1", "--json", PYTHONIOENCODING="ascii")
    items = json.loads(done.stdout.decode("ascii"))["recommendations"]
    assert all(row["item_id"].startswith("Thé 🫖 \x1b[31m") for row in items)
    assert b"\x1b" not in done.stdout
    done = gingham("recommend", out, "--user", "é\x1b", PYTHONIOENCODING="ascii")
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert b"\x1b" not in done.stderr


def test_our_own_typography_has_an_ascii_form() -> None:
    error = UnicodeEncodeError("ascii", "Fitting … é", 8, 9, "")
    assert command_line._replace(error) == ("...", 9)
    assert command_line._replace(UnicodeEncodeError("ascii", "é", 0, 1, "")) == (r"\xe9", 1)


@pytest.mark.parametrize("command", [["check", "shop.toml"], ["--help"]])
def test_a_closed_pipe_is_silent(shop: Path, command: list[str]) -> None:
    arguments = [sys.executable, "-m", "gingham", *command]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=shop.parent) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read().replace("Checking the tables …\n".encode(), b"") == b""
        process.wait(timeout=120)


def test_a_run_whose_output_nobody_reads_is_complete(shop: Path) -> None:
    out = shop.parent / "out"
    arguments = [sys.executable, "-m", "gingham", "run", str(shop), "--out", str(out)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert b"Error" not in process.stderr.read()
        assert process.wait(timeout=120) == 0
    assert (out / "current" / "metrics.json").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
@pytest.mark.parametrize("command", [["check", "shop.toml"], ["--help"]])
def test_output_that_cannot_be_written_is_one_sentence(shop: Path, command: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        arguments = [sys.executable, "-m", "gingham", *command]
        done = subprocess.run(arguments, stdout=full, stderr=subprocess.PIPE, cwd=shop.parent)
    assert done.returncode == 2
    assert done.stderr.decode().splitlines()[-1] == "Error: The output cannot be written: No space left on device."
    assert b"Traceback" not in done.stderr


INTERRUPTED = """
import os, signal, sys, threading
class Slow:
    def find_spec(self, name, *_):
        if name == {module!r}:
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Slow())
from gingham.__main__ import main
main()
"""


@pytest.mark.parametrize("module", ["typer", "rich.table", "gingham.pipeline", "scipy"])
def test_ctrl_c_during_an_import_ends_in_one_line(shop: Path, module: str) -> None:
    done = gingham("run", str(shop), "--out", str(shop.parent / "out"), program=INTERRUPTED.format(module=module))
    assert done.stderr.decode().splitlines()[-1] == "Interrupted; no output was written."
    assert b"Traceback" not in done.stderr
    assert done.returncode == 130


def test_an_error_that_ctrl_c_caused_is_an_interruption() -> None:
    interrupt = KeyboardInterrupt("The study is kept.")
    error, other = SystemExit(130), RuntimeError("a library's")
    error.__context__, other.__cause__ = other, interrupt
    assert command_line._interrupt(error) is interrupt
    assert command_line._interrupt(RuntimeError()) is None
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
