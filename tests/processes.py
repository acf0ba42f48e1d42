"""The processes of a search, as the system lists them."""

import os
import subprocess


def children(pid: int) -> list[int]:
    """Return the living child processes of a process."""
    output = subprocess.run(["ps", "--ppid", str(pid), "-o", "pid=,stat="], capture_output=True, text=True).stdout
    lines = (line.split() for line in output.splitlines())
    return [int(child) for child, state in lines if not state.startswith("Z")]


def server_processes(pid: int | None = None) -> list[int]:
    """Return the processes that start the workers of a search in a process; by default in this one."""
    return [child for child in children(pid or os.getpid()) if "gingham.tuning.server" in command(child)]


def command(pid: int) -> str:
    """Return a process's command line; empty if there is no such process."""
    return subprocess.run(["ps", "-p", str(pid), "-o", "args="], capture_output=True, text=True).stdout
