import ast
from pathlib import Path

import pytest

import gingham
from gingham import _native

STUB = Path(gingham.__file__).parent / "_native.pyi"


def without_brackets(signature: str) -> str:
    """Remove brackets and their content: nanobind writes types there that are not valid Python."""
    text, depth = "", 0
    for character in signature:
        depth += character == "["
        if not depth:
            text += character
        depth -= character == "]"
    return text


def functions(source: str) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}


def parameters(function: ast.FunctionDef) -> tuple[list[str], list[str]]:
    """Return the names of the positional and of the keyword-only parameters."""
    arguments = function.args
    return [a.arg for a in arguments.posonlyargs + arguments.args], [a.arg for a in arguments.kwonlyargs]


STUBBED = functions(STUB.read_text(encoding="utf-8"))
BUILT = {
    name: functions(without_brackets(value.__nb_signature__[0][0]) + ": ...")[name]
    for name, value in vars(_native).items()
    if hasattr(value, "__nb_signature__")
}


def test_the_stub_has_every_function_and_no_others() -> None:
    assert set(STUBBED) == set(BUILT)
    assert {"train_epoch", "rank_scores"} < set(BUILT)


def test_the_module_has_every_function_of_the_kernel() -> None:
    built = {name for name, value in vars(_native._module).items() if hasattr(value, "__nb_signature__")}
    assert built == set(BUILT)


@pytest.mark.parametrize("name", sorted(STUBBED.keys() | BUILT.keys()))
def test_the_stub_has_every_parameter(name: str) -> None:
    assert parameters(STUBBED[name]) == parameters(BUILT[name])
    # The signature includes which parameters are optional.
    assert [len(STUBBED[name].args.defaults), len(STUBBED[name].args.kw_defaults)] == [
        len(BUILT[name].args.defaults),
        len(BUILT[name].args.kw_defaults),
    ]


@pytest.mark.parametrize("name", sorted(STUBBED.keys() & BUILT.keys()))
def test_the_stub_has_the_return_type(name: str) -> None:
    stubbed, built = STUBBED[name].returns, BUILT[name].returns
    assert stubbed is not None
    assert built is not None
    assert ast.unparse(stubbed) == ast.unparse(built)
