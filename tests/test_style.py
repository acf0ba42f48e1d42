"""Rules for the source that no other tool checks. CONTRIBUTING.md describes them."""

import ast
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import gingham as gg
import gingham.loading  # registers every model
from gingham.models import kinds, model_class

PROJECT = Path(gg.__file__).parents[2]
SOURCE = PROJECT / "src" / "gingham"
TESTS = PROJECT / "tests"
CODE = ("*.py", "*.pyi", "*.hpp", "*.cpp", "*.js", "*.css")
MAX_LINES = 400


def files(*folders: str, patterns: tuple[str, ...] = CODE) -> list[Path]:
    return sorted(file for folder in folders for pattern in patterns for file in (PROJECT / folder).rglob(pattern))


def test_files_have_at_most_400_lines() -> None:
    lines = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in files("src", "native", "tests")}
    assert len(lines) > 200
    assert {str(file.relative_to(PROJECT)): n for file, n in lines.items() if n > MAX_LINES} == {}


# Models declare what they can do --------------------------------------------------------------------------------------


def names(node: ast.expr) -> set[str]:
    """Return the names and attributes in an expression."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)} | {
        part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)
    }


def function_name(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def calls(source: Path) -> Iterator[tuple[ast.Call, str]]:
    """Yield every call in a file and the function that it is in."""

    def visit(node: ast.AST, function: str) -> Iterator[tuple[ast.Call, str]]:
        if isinstance(node, ast.FunctionDef):
            function = node.name
        if isinstance(node, ast.Call):
            yield node, function
        for child in ast.iter_child_nodes(node):
            yield from visit(child, function)

    return visit(ast.parse(source.read_text(encoding="utf-8")), "")


def test_no_code_asks_whether_a_model_is_of_a_concrete_class() -> None:
    """Code asks for capabilities (`supports`, `columns`) instead."""
    concrete = {model_class(kind).__name__ for kind in kinds()}
    assert {"HybridMF", "TwoStage"} <= concrete
    matches = [
        f"{source.relative_to(PROJECT)}:{call.lineno}"
        for source in files("src", patterns=("*.py",))
        for call, _ in calls(source)
        if function_name(call) in ("isinstance", "issubclass") and names(call.args[1]) & concrete
    ]
    assert matches == []


def test_only_the_names_of_parameters_come_from_signatures() -> None:
    matches = [
        f"{source.relative_to(PROJECT)}:{call.lineno}"
        for source in files("src", patterns=("*.py",))
        for call, function in calls(source)
        if function_name(call) == "signature" and function not in ("get_params", "param_names")
    ]
    assert matches == []


# Public names have examples -------------------------------------------------------------------------------------------


def public() -> dict[str, Any]:
    """Return the public classes and functions by name."""
    objects = {}
    for package in ("gingham", "gingham.split", "gingham.metrics", "gingham.synth", "gingham.versions"):
        module = import_module(package)
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isclass(value) or inspect.isfunction(value):
                objects[f"{package}.{name}"] = value
    return objects


@pytest.mark.parametrize("name", sorted(public()))
def test_public_names_have_examples(name: str) -> None:
    value = public()[name]
    assert ">>> " in (value.__doc__ or ""), f"{name} has no example"
    if inspect.isclass(value):
        members = {member: content for member, content in vars(value).items() if not member.startswith("_")}
        methods = [
            member
            for member, content in members.items()
            if inspect.isfunction(content) or isinstance(content, classmethod | staticmethod | property)
        ]
        assert [member for member in methods if not inspect.getdoc(getattr(value, member))] == []


# Plain English --------------------------------------------------------------------------------------------------------

WORDS = (
    r"\b(whom|whoever|whosoever|foretold|foretells?|of late|nobody|somebody|everybody|thereof|wherein|who all|beside"
    r"|as it comes|at last|in the middle has)\b"
)
NEGATIONS = r"(?<![Tt]here )\b(is|are|was|were) (none|no)\b"
FIRST_WORDS = r'"""(Give|Take|Tell|Hear|Say|Learn of|Go)\b'
PARTICIPLES = r"^\s*(known|found|said|told|asked|had|given|kept|there)\s*(:[^=]+)?= "
# The name of the checks, the pattern, and the suffixes of the files.
WORDING = (
    (re.compile(WORDS, re.IGNORECASE), {".py", ".pyi", ".md", ".hpp", ".cpp", ".toml", ".js"}),
    (re.compile(NEGATIONS), {".py", ".md", ".hpp", ".cpp", ".toml"}),
    (re.compile(FIRST_WORDS), {".py", ".pyi"}),
    (re.compile(PARTICIPLES), {".py"}),
)
EXPERIMENTS = PROJECT / "docs" / "experiments"


def texts() -> list[Path]:
    written = [file for folder in ("src", "native", "docs") for file in (PROJECT / folder).rglob("*") if file.is_file()]
    return [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *written]


def test_the_wording_is_plain_english() -> None:
    matches = [
        f"{file.relative_to(PROJECT)}:{number}: {line.strip()}"
        for file in texts()
        if not file.is_relative_to(EXPERIMENTS)
        for pattern, suffixes in WORDING
        if file.suffix in suffixes
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        if pattern.search(line)
    ]
    assert matches == []


@pytest.mark.parametrize(
    ("line", "plain"),
    [
        ("users for whom nothing is known", False),
        ('    """Give the ranks."""', False),
        ("    known = model.training_data_", False),
        ("k=0 is no whole number", False),
        ("there is no file", True),
        ("There are no items", True),
        ('    """Return the ranks."""', True),
        ("    known_users = 3", True),
    ],
)
def test_the_patterns(line: str, plain: bool) -> None:
    assert any(pattern.search(line) for pattern, _ in WORDING) != plain


# Tests mirror the source ----------------------------------------------------------------------------------------------

# Tests of several modules, of the project, or of the kernel, whose sources are in the folder native.
OTHER_TESTS = {
    "cli/test_bad_input.py",  # several commands with wrong files
    "cli/test_cli.py",  # the commands as processes
    "fuzz/test_arguments.py",  # wrong arguments of everything public
    "fuzz/test_fuzz.py",  # damaged artifacts of every kind
    "lightfm/test_differences.py",  # documented differences to LightFM
    "lightfm/test_flow.py",  # a whole script written for LightFM
    "models/test_contract.py",  # what every model must do
    "models/test_toy_model.py",  # a new model in one file, used by every part of the package
    "ranking/test_leak.py",  # no feature sees the future
    "test_docstrings.py",
    "test_examples.py",
    "test_imports.py",
    "test_public_names.py",
    "test_readme.py",
    "test_style.py",
}


def test_tests_mirror_the_source() -> None:
    """The name of a test file is that of a module, which a subject may follow."""
    others = set()
    for file in files("tests", patterns=("test_*.py",)):
        path = file.relative_to(TESTS)
        words = path.stem.removeprefix("test_").split("_")
        modules = ["_".join(words[:n]) for n in range(1, len(words) + 1)]
        folder = SOURCE / path.parent
        is_mirror = any(
            (folder / name).exists() for module in modules for name in (module, f"{module}.py", f"_{module}.py")
        )
        if not is_mirror and path.parts[0] != "native":
            others.add(path.as_posix())
    assert others == OTHER_TESTS
