"""Import times as whole processes, relative to NumPy's: `make bench-imports`.

Prints a table of ratios and writes it, with versions, to benchmarks/results/.
"""

import subprocess
import sys
from collections.abc import Iterator
from functools import partial

from side_by_side import alternate
from table import Row, report

ROUNDS = 9
COMMANDS = {
    "numpy": ("-c", "import numpy"),
    "gingham": ("-c", "import gingham"),
    "help": ("-m", "gingham", "--help"),
    "model": ("-c", "import gingham; gingham.HybridMF"),
}


def main() -> None:
    """Run all parts, or those named as arguments."""
    report((imports,), "imports", ("gingham", "numpy", "polars", "typer"), rounds=ROUNDS)


def imports() -> Iterator[Row]:
    """Import the package, show the help, and import a model."""
    seconds = alternate({name: partial(run, command) for name, command in COMMANDS.items()}, ROUNDS)
    for work, side, most in (
        ("import gingham, over import numpy", "gingham", 1),
        ("gingham --help, over import numpy", "help", 4),
        ("import gingham; gingham.HybridMF, over import numpy", "model", 0),
    ):
        ratio = seconds[side] / seconds["numpy"]
        yield Row(
            work,
            f"<= {most}x" if most else "",
            f"{ratio:.2f}x",
            ratio <= most if most else None,
            f"{seconds[side]:.3f} s / {seconds['numpy']:.3f} s",
        )


def run(arguments: tuple[str, ...]) -> None:
    """Run Python with these arguments."""
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    main()
