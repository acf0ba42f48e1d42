import copy
import importlib.util
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


def load() -> Any:
    spec = importlib.util.spec_from_file_location("execute", ROOT / "examples" / "execute.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


example = load()


@pytest.fixture(scope="module")
def stored() -> Any:
    return example.read()


def kinds(cell: Any) -> list[set[str]]:
    return [set(output.get("data", {"text": ""})) for output in cell.get("outputs", ())]


def texts(cell: Any) -> list[str]:
    shown = [output.get("data", {"text/plain": output.get("text")})["text/plain"] for output in cell.outputs]
    return [text for text in shown if not text.startswith("<Figure")]


def test_notebook_runs_and_its_assertions_hold(stored: Any) -> None:
    fresh = copy.deepcopy(stored)
    for cell in fresh.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    executed = example.execute(fresh)
    assert [cell.source for cell in executed.cells] == [cell.source for cell in stored.cells]
    assert [kinds(cell) for cell in executed.cells] == [kinds(cell) for cell in stored.cells]
    # Results of models may differ slightly between machines; the contents of tables may not.
    code = [pair for pair in zip(executed.cells, stored.cells, strict=True) if pair[0].cell_type == "code"]
    of_models = next(place for place, (cell, _) in enumerate(code) if "HybridMF" in cell.source)
    assert of_models > 8
    for after, before in code[:of_models]:
        assert texts(after) == texts(before)


def test_stored_notebook_is_small_and_has_no_paths_of_this_machine(stored: Any) -> None:
    text = example.NOTEBOOK.read_text(encoding="utf-8")
    assert len(text) < 300_000
    for place in ("/tmp", "/home", "/root", "/work", "site-packages"):
        assert place not in text
    shown = [output for cell in stored.cells if cell.cell_type == "code" for output in cell.outputs]
    assert len(shown) > 12
    assert not [output for output in shown if output.output_type == "error" or output.get("name") == "stderr"]


def test_page_equals_the_notebook(stored: Any) -> None:
    text, pictures = example.page(stored)
    assert example.PAGE.read_text(encoding="utf-8") == text
    assert len(pictures) == 2
    for name, picture in pictures.items():
        assert (example.IMAGES / name).read_bytes() == picture
