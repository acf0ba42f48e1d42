"""Kills at every system call of a save, and at random moments: always the old or the new content, and no leftovers."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gingham import store
from tests.store.samples import version_of

# More random kills than the few of every test run.
N_RANDOM = int(os.environ.get("GINGHAM_KILLS", "20"))

# It saves versions of a model, of a folder with a model like that of a search, or next to each other like those of a
# run. For each line "version number" that it reads, it forks a child that kills itself before its call of this number
# of the functions that change or read files; with the number 0, the child saves one version after another until it is
# killed. It answers with the child's status.
SAVER = """
import ctypes, fcntl, itertools, os, shutil, signal, sys, tempfile
from pathlib import Path
import numpy as np
import polars as pl
from gingham import store
from gingham.store import exchange, replacing

path, kind, exchanges = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "True"
CALLS = "open close mkdir rename replace link symlink readlink unlink rmdir fsync stat lstat fstat scandir chmod"


def save(version):
    arrays = {"version": np.full(2_000, version, np.float32)}
    tables = {"users": pl.DataFrame({"version": [version] * 500})}
    artifact = store.Artifact("Toy", {"version": version}, {"version": version}, arrays, tables)
    if kind == "model":
        return store.write(path, artifact)
    if kind == "versions":
        versions = store.Versions(path)
        with versions.locked():
            with versions.draft() as folder:
                store.write_into(folder / "model", artifact)
            versions.switch(folder.name)
            versions.prune(2)
        return
    own = lambda folder: {"metrics.json", *(f"model/{name}" for name in store.own_files(folder / "model"))}
    with store.replace_directory(path, "model/artifact.json", own) as folder:
        (folder / "metrics.json").write_text(str(version))
        (folder / "model").mkdir()
        store.write_into(folder / "model", artifact)


def kill_at(number):
    counter = itertools.count(1)

    def counted(function):
        def call(*arguments, **options):
            if next(counter) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)
        return call

    for name in CALLS.split():
        setattr(os, name, counted(getattr(os, name)))
    fcntl.flock = counted(fcntl.flock)
    replacing.exchange = counted(replacing.exchange) if exchanges else lambda one, other: False


for line in sys.stdin:
    version, number = map(int, line.split())
    child = os.fork()
    if not child:
        if number:
            kill_at(number)
            save(version)
            os._exit(0)
        for version in itertools.count(version):
            save(version)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


class Saver:
    """A process whose children save and are killed."""

    def __init__(self, path: Path, kind: str, exchanges: bool = True) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SAVER, str(path), kind, str(exchanges)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, version: int, number: int) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{version} {number}\n")
        self._process.stdin.flush()
        return self._answer()

    def status(self) -> int:
        return self._answer()

    def close(self) -> None:
        self._process.communicate()
        assert self._process.returncode == 0

    def _answer(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


def stored_version(path: Path, kind: str) -> int:
    folder = store.current_version(path, "artifact.json")
    version = version_of(store.read(folder / ("" if kind == "model" else "model")))
    if kind == "run":
        assert (store.resolve(path) / "metrics.json").read_text() == str(version)
    assert (store.resolve(path) / "mine.txt").read_text() == "mine"
    return version


def first_save(path: Path, kind: str, exchanges: bool = True) -> Saver:
    saver = Saver(path, kind, exchanges)
    saver.start(1, 100_000)
    assert saver.status() == 0
    (path / "mine.txt").write_text("mine")
    return saver


@pytest.mark.parametrize(("kind", "exchanges"), [("model", True), ("run", True), ("model", False), ("versions", True)])
def test_a_kill_at_any_call_leaves_the_old_or_the_new_content(tmp_path: Path, kind: str, exchanges: bool) -> None:
    path = tmp_path / "shop"
    saver = first_save(path, kind, exchanges)
    before, after, number, status = 1, 1, 0, signal.SIGKILL
    while status == signal.SIGKILL:
        number += 1
        saver.start(before + 1, number)
        status = signal.Signals(code) if (code := saver.status()) else 0
        after = stored_version(path, kind)
        assert after in (before, before + 1)
        before = after
        if number % 10 == 0:  # a whole save removes what the kills before it left
            saver.start(before + 1, 100_000)
            assert saver.status() == 0
            before += 1
            assert stored_version(path, kind) == before
            assert_clean(tmp_path, kind)
    assert status == 0
    assert number > 60
    assert_clean(tmp_path, kind)
    saver.close()


@pytest.mark.parametrize("kind", ["model", "run", "versions"])
def test_a_kill_at_any_moment_leaves_complete_content(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "shop"
    saver = first_save(path, kind)
    start = time.monotonic()
    saver.start(2, 100_000)
    assert saver.status() == 0
    seconds = time.monotonic() - start
    moments = random.Random(N_RANDOM)
    versions = [2]
    for _ in range(N_RANDOM // 2):
        child = saver.start(versions[-1] + 1, 0)
        time.sleep(moments.uniform(0, 4 * seconds))
        os.kill(child, signal.SIGKILL)
        assert saver.status() == signal.SIGKILL
        versions.append(stored_version(path, kind))
    assert versions == sorted(versions)
    assert len(set(versions)) > 1
    saver.start(versions[-1] + 1, 100_000)
    assert saver.status() == 0
    assert_clean(tmp_path, kind)
    saver.close()


def assert_clean(folder: Path, kind: str) -> None:
    """Check that what killed saves left was removed."""
    assert [file.name for file in folder.iterdir()] == ["shop"]
    if kind == "versions":
        assert {file.name for file in (folder / "shop").iterdir()} == {"current", "versions", "mine.txt"}
        assert 1 <= len(list((folder / "shop" / "versions").iterdir())) <= 2


def test_a_reader_during_many_saves_always_reads_one(tmp_path: Path) -> None:
    path = tmp_path / "shop"
    saver = first_save(path, "model")
    child = saver.start(2, 0)
    versions = [version_of(store.read(path)) for _ in range(100)]
    os.kill(child, signal.SIGKILL)
    assert saver.status() == signal.SIGKILL
    saver.close()
    assert versions == sorted(versions)
    assert len(set(versions)) > 1
