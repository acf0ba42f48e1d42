"""The processes of a search, as the system lists them."""

import os
import subprocess


def children(of: int) -> list[int]:
    """Number the processes that one has started and that are not dead."""
    told = subprocess.run(["ps", "--ppid", str(of), "-o", "pid=,stat="], capture_output=True, text=True).stdout
    lines = (line.split() for line in told.splitlines())
    return [int(pid) for pid, state in lines if not state.startswith("Z")]


def nurseries() -> list[int]:
    """Number the processes of this one that workers come from."""
    return [child for child in children(os.getpid()) if "gingham.tuning.server" in command(child)]


def command(pid: int) -> str:
    """Give a process's command line."""
    return subprocess.run(["ps", "-p", str(pid), "-o", "args="], capture_output=True, text=True).stdout
