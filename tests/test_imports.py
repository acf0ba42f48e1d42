import ast
import subprocess
import sys
from pathlib import Path

import pytest

import gingham

# A module imports those above it alone. The package's own `__init__`, which offers what users need, stands before the
# command line.
ORDER = (
    "errors",
    "arrays",
    "columns",
    "progress",
    "duration",
    "validation",
    "randomness",
    "extras",
    "_native",
    "tables",
    "dataset",
    "split",
    "scores",
    "metrics",
    "store",
    "synth",
    "models",
    "ranking",
    "lightfm",
    "report",
    "evaluation",
    "comparison",
    "profiling",
    "config",
    "pipeline",
    "tuning",
    "tracking",
    "__init__",
    "cli",
    "__main__",
)
ROOT = Path(gingham.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))


def module_of(source: Path) -> str:
    """The module (or package) of `ORDER` that a source file is, or is part of."""
    return source.relative_to(ROOT).with_suffix("").parts[0]


def imported(source: Path) -> set[str]:
    """The modules of `ORDER` that a source file imports, wherever in it."""
    package = ["gingham", *source.relative_to(ROOT).parts[:-1]]
    names: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*start, *([node.module] if node.module else [])])
            names |= {f"{module}.{alias.name}" for alias in node.names}
    ours = {name.split(".")[1] if "." in name else "__init__" for name in names if name.split(".")[0] == "gingham"}
    return {name if (ROOT / name).is_dir() or (ROOT / f"{name}.py").is_file() else "__init__" for name in ours}


def test_every_module_has_its_place() -> None:
    assert {module_of(source) for source in SOURCES} <= set(ORDER)
    assert len(SOURCES) > 20


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: str(source.relative_to(ROOT)))
def test_imports_only_point_up(source: Path) -> None:
    module = module_of(source)
    below = {name for name in imported(source) - {module} if ORDER.index(name) > ORDER.index(module)}
    assert not below, f"{source.relative_to(ROOT)} imports {sorted(below)}"


def test_the_test_sees_imports() -> None:
    assert {"errors", "scores"} <= imported(ROOT / "metrics" / "ranks.py")
    assert {"store", "dataset", "models"} <= imported(ROOT / "models" / "training_data.py") | imported(
        ROOT / "models" / "base.py"
    )
    assert "_native" in imported(ROOT / "scores.py")
    assert "__init__" not in imported(ROOT / "models" / "base.py")


QUIET = """
import importlib, pkgutil, sys

used = []
sys.addaudithook(lambda event, arguments: used.append(event) if event.startswith(("socket.", "urllib.")) else None)
import gingham
for module in pkgutil.walk_packages(gingham.__path__, "gingham."):
    if module.name != "gingham.__main__" and not module.name.startswith("gingham._native_"):
        importlib.import_module(module.name)
unwanted = {"pandas", "optuna", "lightgbm", "mlflow", "pyarrow", "duckdb", "sqlalchemy", "sklearn", "matplotlib"}
unwanted |= {"IPython", "pytest"}
heavy = unwanted & set(sys.modules)
assert not used, used
assert not heavy, heavy
assert "gingham.models.hybrid" in sys.modules
"""


def test_importing_is_quiet_and_light() -> None:
    """No socket is opened, and nothing that the package merely gets along with is imported."""
    done = subprocess.run([sys.executable, "-c", QUIET], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
