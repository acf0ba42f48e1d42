"""A short run of the fuzz; `make fuzz` is the long one."""

import subprocess
import sys


def test_damaged_artifacts_are_refused_or_work() -> None:
    counts = {"arrays": 100, "values": 70, "tables": 30, "trees": 60, "files": 50}
    options = [f"--{sort}={count}" for sort, count in counts.items()]
    done = subprocess.run([sys.executable, "-m", "tests.fuzz", *options], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    for sort, count in counts.items():
        assert f"{sort}: {count} tried" in done.stdout
    assert int(done.stdout.split()[-2]) < 1500  # megabytes
