import ast
import subprocess
import sys
from pathlib import Path

import pytest

import gingham

# A module may import the modules above it. The package's own `__init__`, with the names for users, comes before the
# command line.
ORDER = (
    "errors",
    "arrays",
    "checked",
    "columns",
    "visible",
    "duration",
    "validation",
    "progress",
    "section",
    "randomness",
    "frames",
    "extras",
    "forks",
    "_native",
    "tables",
    "dataset",
    "split",
    "scores",
    "rules",
    "metrics",
    "store",
    "synth",
    "models",
    "ranking",
    "lightfm",
    "loading",
    "report",
    "evaluation",
    "comparison",
    "profiling",
    "config",
    "reading",
    "selection",
    "versions",
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
    """Return the module or package of `ORDER` that a source file belongs to."""
    return source.relative_to(ROOT).with_suffix("").parts[0]


def imported(source: Path) -> set[str]:
    """Return the modules of `ORDER` that a source file imports, inside functions too."""
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


def test_every_module_is_in_the_order() -> None:
    assert {module_of(source) for source in SOURCES} <= set(ORDER)
    assert len(SOURCES) > 20


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: str(source.relative_to(ROOT)))
def test_a_module_imports_only_modules_above_it(source: Path) -> None:
    module = module_of(source)
    below = {name for name in imported(source) - {module} if ORDER.index(name) > ORDER.index(module)}
    assert not below, f"{source.relative_to(ROOT)} imports {sorted(below)}"


def test_imports_are_found() -> None:
    assert {"arrays", "scores"} <= imported(ROOT / "metrics" / "ranks.py")
    assert {"store", "dataset", "models"} <= imported(ROOT / "models" / "training_data.py") | imported(
        ROOT / "models" / "base.py"
    )
    assert "_native" in imported(ROOT / "scores" / "kinds.py")
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


def run(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_no_module_opens_a_socket_or_imports_an_optional_library() -> None:
    run(QUIET)


LIGHT = """
import sys

{statement}
heavy = {{"numpy", "scipy", "polars", "pydantic", "safetensors", "narwhals", "tqdm", "rich"}} & set(sys.modules)
assert not heavy, heavy
"""


@pytest.mark.parametrize("statement", ["import gingham", "import gingham.cli", "from gingham import errors"])
def test_nothing_heavy_is_imported_before_it_is_used(statement: str) -> None:
    run(LIGHT.format(statement=statement))
