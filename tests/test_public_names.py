"""The public names: what `import gingham as gg` offers, and what editors and type checkers know about it."""

import ast
import os
import pkgutil
import subprocess
import sys
import sysconfig
from importlib import import_module
from pathlib import Path

import jedi
import pytest

import gingham as gg

ROOT = Path(gg.__file__).parent
PROJECT = ROOT.parents[1]
PACKAGES = ("gingham", "gingham.split", "gingham.metrics", "gingham.synth", "gingham.versions")


def submodules(package: str) -> set[str]:
    return {module.name for module in pkgutil.iter_modules(getattr(import_module(package), "__path__", []))}


def test_every_name_of_the_stub_exists() -> None:
    stub = ast.parse((ROOT / "__init__.pyi").read_text(encoding="utf-8"))
    aliases = [alias for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert [alias.name for alias in aliases] == [alias.asname for alias in aliases]
    names = [alias.name for alias in aliases]
    assert sorted(names) == sorted(gg.__all__)
    for name in names:
        assert getattr(gg, name) is not None
    assert set(dir(gg)) == set(names)


def test_no_name_hides_a_module() -> None:
    modules = {name for name in gg.__all__ if name in submodules("gingham")}
    assert modules == {"errors", "metrics", "split", "synth", "versions"}
    assert all(getattr(gg, name).__name__ == f"gingham.{name}" for name in modules)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        gg.nonsense  # noqa: B018


def script(code: str) -> jedi.Script:
    """Return code for Jedi, with a Python that does not have the import hook of an editable installation."""
    environment = jedi.create_environment(sys._base_executable, safe=False)  # type: ignore[attr-defined]
    folders = [str(ROOT.parent), sysconfig.get_path("purelib")]
    return jedi.Script(code, environment=environment, project=jedi.Project(ROOT.parents[1], sys_path=folders))


@pytest.mark.parametrize("package", PACKAGES)
def test_jedi_completes_the_public_names(package: str) -> None:
    """Jedi lists the modules of any package too, and nothing of what these modules import."""
    completions = script(f"import {package} as package\npackage.").complete()
    names = {completion.name for completion in completions if not completion.name.startswith("_")}
    assert names - submodules(package) == set(import_module(package).__all__) - submodules(package)


@pytest.mark.parametrize("name", ["ALS", "evaluate", "load", "split.by_time", "synth.sample_tables"])
def test_jedi_shows_the_docstring(name: str) -> None:
    code = f"import gingham as gg\ngg.{name}"
    (definition,) = script(code).help(line=2, column=len(f"gg.{name}"))
    assert len(definition.docstring()) > 100


TYPED = """
import gingham as gg

reveal_type(gg.load("model"))
reveal_type(gg.load("model", gg.ALS))
gg.load("model", gg.ALS).similar_items(["i1"], k=3)
gg.load("model").recommend(k=3)
reveal_type(gg.split.by_time)
reveal_type(gg.synth.sample_dataset())
gg.load("model").similar_items(["i1"])
gg.split.np
gg.Dataste
"""


def test_mypy_knows_the_public_names(tmp_path: Path) -> None:
    file = tmp_path / "typed.py"
    file.write_text(TYPED.lstrip())
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-error-summary", "--hide-error-codes", str(file)],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        env={**os.environ, "MYPYPATH": str(ROOT.parent)},
    )
    assert done.stderr == ""
    by_line: dict[int, list[str]] = {}
    for message in done.stdout.splitlines():
        _, line, text = message.split(":", 2)
        by_line.setdefault(int(line), []).append(text.strip())
    assert set(by_line) == {3, 4, 7, 8, 9, 10, 11}
    for line, words in (
        (3, 'note: Revealed type is "gingham.models.base.Recommender"'),
        (4, 'note: Revealed type is "gingham.models.als.ALS"'),
        (7, "note: Revealed type is"),
        (8, 'note: Revealed type is "gingham.dataset.dataset.Dataset"'),
        (9, 'error: "Recommender" has no attribute "similar_items"'),
        (10, 'error: Module has no attribute "np"'),
        (11, 'error: Module has no attribute "Dataste"'),
    ):
        assert words in by_line[line][0], by_line[line]
