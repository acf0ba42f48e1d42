"""Execute the example notebook, and write its page of the documentation: ``make example``.

The page is the notebook as Markdown. A test compares the two, so that both stay up to date.
"""

import base64
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "examples" / "hm_study.ipynb"
PAGE = ROOT / "docs" / "hm-study.md"
IMAGES = ROOT / "docs" / "images"

_NOTE = "<!-- Written by `make example` from examples/hm_study.ipynb; change that. -->\n\n"


def read() -> Any:
    """Read the notebook."""
    return nbformat.read(NOTEBOOK, as_version=4)


def execute(notebook: Any) -> Any:
    """Run all cells; keep their output, without times and the details of this machine."""
    private = Config({"KernelManager": {"transport": "ipc"}})
    executed = NotebookClient(notebook, timeout=300, record_timing=False, config=private).execute()
    for cell in executed.cells:
        cell.metadata.clear()
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    executed.metadata.pop("widgets", None)
    executed.metadata.language_info = {"name": "python"}
    return executed


def page(notebook: Any) -> tuple[str, dict[str, bytes]]:
    """Return the notebook as Markdown, and its pictures by name."""
    parts: list[str] = []
    pictures: dict[str, bytes] = {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        for output in cell.outputs:
            data = output.get("data", {"text/plain": output.get("text", "")})
            if "image/png" in data:
                name = f"hm-study-{len(pictures) + 1}.png"
                pictures[name] = base64.b64decode(data["image/png"])
                parts.append(f"![A chart that the code above draws](images/{name})")
            else:
                parts.append(f"```text\n{data['text/plain'].rstrip()}\n```")
    return _NOTE + "\n\n".join(parts) + "\n", pictures


def main() -> None:
    """Execute the notebook, and write it and its page."""
    notebook = execute(read())
    nbformat.write(notebook, NOTEBOOK)
    text, pictures = page(notebook)
    PAGE.write_text(text, encoding="utf-8")
    for name, picture in pictures.items():
        (IMAGES / name).write_bytes(picture)


if __name__ == "__main__":
    main()
