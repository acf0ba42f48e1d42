import builtins
import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from gingham.errors import ReportError
from gingham.report import Page, Section, Table, charts, require_ready
from gingham.report.charts import Axis

EVIL = "</script><script>alert('1 & 2')</script><img src=x onerror=alert(1)>"


class Outline(HTMLParser):
    """The elements of a page with their attributes and texts."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.elements:
            self.texts.setdefault(self.elements[-1][0], []).append(data)


def outline(html: str) -> Outline:
    parser = Outline()
    parser.feed(html)
    return parser


def page(label: str = "hat", sections: int = 2) -> Page:
    chart = charts.bars([label, "shoe"], [1, 2], Axis(label))
    table = Table((label, "sold"), [(label, "12"), ("shoe", "3")])
    both = [
        Section(f"Bars of {label}", f"It shows {label}.", chart),
        Section(f"Rows of {label}", "Rows.", table, wide=True),
    ]
    return Page(f"About {label}", [f"First {label}.", "Second."], both[:sections], note=f"Note on {label}.")


def test_page_contains_plotly_once_and_loads_nothing_else() -> None:
    found = outline(page().to_html())
    for tag, attributes in found.elements:
        assert not {"src", "href", "srcset", "data", "action"} & set(attributes), (tag, attributes)
    scripts = [attributes for tag, attributes in found.elements if tag == "script"]
    assert len(scripts) == 3  # the charts' data, plotly.js, what draws them
    assert sum(len(text) > 1_000_000 for text in found.texts["script"]) == 1
    assert "@import" not in "".join(found.texts["style"])
    assert "url(" not in "".join(found.texts["style"])
    policy = next(attributes["content"] for tag, attributes in found.elements if attributes.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy


def test_data_is_escaped() -> None:
    plain, evil = outline(page("hat").to_html()), outline(page(EVIL).to_html())
    assert [tag for tag, _ in evil.elements] == [tag for tag, _ in plain.elements]
    assert "onerror" not in {name for _, attributes in evil.elements for name in attributes}
    assert f"About {EVIL}" in evil.texts["h1"]
    data = json.loads(evil.texts["script"][0])
    assert data[0]["traces"][0]["y"] == [1, 2]


def test_control_characters_of_data_are_shown_as_escapes() -> None:
    html = page("hat\x1b[31m\x9b\u202e").to_html()
    assert not set(html) & set("\x1b\x9b\u202e")
    assert r"hat\x1b[31m\x9b\u202e" in html


def test_headings_and_charts_are_accessible() -> None:
    found = outline(page().to_html())
    ids = {attributes["id"] for _, attributes in found.elements if "id" in attributes}
    sections = [attributes for tag, attributes in found.elements if tag == "section"]
    assert [tag for tag, _ in found.elements if re.fullmatch("h[1-6]", tag)] == ["h1", "h2", "h2"]
    assert {section["aria-labelledby"] for section in sections} <= ids
    (chart,) = (attributes for _, attributes in found.elements if attributes.get("class") == "chart")
    assert (chart["role"], chart["aria-label"]) == ("img", "Chart: It shows hat.")
    assert ("html", {"lang": "en"}) in found.elements
    assert {attributes.get("scope") for tag, attributes in found.elements if tag == "th"} == {"col"}
    assert "noscript" in {tag for tag, _ in found.elements}


@pytest.mark.parametrize(
    ("requested", "expected"),
    [("", ""), ("n", "w"), ("nn", "nn"), ("nnn", "nnw"), ("nwn", "www"), ("nnwnnn", "nnwnnw"), ("wnn", "wnn")],
)
def test_narrow_sections_without_a_neighbour_become_wide(requested: str, expected: str) -> None:
    table = Table(("a",), [("b",)])
    sections = [Section("Rows", "Rows.", table, wide=kind == "w") for kind in requested]
    found = outline(Page("Rows", ["One."], sections).to_html())
    assert "".join(str(attributes["class"])[0] for tag, attributes in found.elements if tag == "section") == expected


def test_a_page_without_charts_needs_no_plotly(monkeypatch: pytest.MonkeyPatch) -> None:
    without_plotly(monkeypatch)
    tables = Page("Rows", ["One."], [Section("Rows", "Rows.", Table(("a",), [("b",)]))])
    assert len(tables.to_html()) < 10_000


def test_missing_plotly_error_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without_plotly(monkeypatch)
    with pytest.raises(ReportError, match=re.escape("pip install 'gingham[report]'")):
        page().save(tmp_path / "page.html")
    with pytest.raises(ReportError, match=re.escape("pip install 'gingham[report]'")):
        require_ready(tmp_path / "page.html")
    assert not any(tmp_path.iterdir())


def without_plotly(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name.split(".")[0] == "plotly":
            raise ModuleNotFoundError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)


def test_save_replaces_an_existing_page_and_leaves_no_other_file(tmp_path: Path) -> None:
    file = tmp_path / "new folder" / "page.html"
    page("hat").save(file)
    page("coat").save(str(file))
    assert "About coat" in file.read_text(encoding="utf-8")
    assert [entry.name for entry in file.parent.iterdir()] == ["page.html"]
    (tmp_path / "plain").write_text("")
    assert file.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_failed_save_keeps_the_existing_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "page.html"
    file.write_text("earlier")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ReportError, match=r"page.html cannot be written: No space left on device"):
        page().save(file)
    assert file.read_text() == "earlier"
    assert [entry.name for entry in tmp_path.iterdir()] == ["page.html"]


@pytest.mark.parametrize("name", ["", "file/page.html"])
def test_a_path_that_cannot_be_written_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match=re.escape(str(tmp_path))) as caught:
        page().save(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_require_ready_refuses_an_invalid_file_name(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"cannot be written: .*; choose another path"):
        require_ready(tmp_path / f"{'x' * 300}.html")


def test_require_ready_refuses_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"is a folder; use the name of a file"):
        require_ready(tmp_path)
    require_ready(tmp_path / "new" / "page.html")
    assert not any(tmp_path.iterdir())
