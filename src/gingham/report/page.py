"""A page: a title, leading sentences, and sections with a heading, a sentence and a chart or table."""

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from gingham.errors import ReportError
from gingham.report.charts import Chart
from gingham.store import reason, replace_file
from gingham.validation import check_path, check_text
from gingham.visible import visible

# The page loads nothing from elsewhere, so it looks the same offline and in ten years.
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"


@dataclass(frozen=True)
class Table:
    """A table whose cells are strings.

    Attributes
    ----------
    header : sequence of str
        Column names.
    rows : sequence of sequence of str
        One string per column.
    texts : int
        How many of the first columns hold text, aligned to the left; the others hold numbers, aligned to the right.
        1 by default.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    texts: int = 1


@dataclass(frozen=True)
class Section:
    """A chart or table with a heading and a sentence that says what it shows.

    Attributes
    ----------
    heading, sentence : str
        Plain text; HTML in it is escaped.
    content : Chart or Table
        The chart or table.
    wide : bool
        Whether it takes the full width of the page on a wide screen; False by default.
    """

    heading: str
    sentence: str
    content: Chart | Table
    wide: bool = False


@dataclass(frozen=True)
class Page:
    """A page that is rendered as one HTML file.

    Attributes
    ----------
    title : str
        The title.
    lead : sequence of str
        The sentences at the top.
    sections : sequence of Section
        The sections, in order.
    note : str
        A note at the end on how to read the page; empty by default.
    """

    title: str
    lead: Sequence[str]
    sections: Sequence[Section]
    note: str = ""

    def __post_init__(self) -> None:
        check_text("title", self.title)

    def to_html(self) -> str:
        """Return the page as HTML that contains everything it needs, including plotly.js.

        Raises
        ------
        ReportError
            If plotly is not installed.
        """
        charts = [section.content for section in self.sections if isinstance(section.content, Chart)]
        drawn = [{"traces": chart.traces, "layout": chart.layout} for chart in charts]
        wide = _wide(self.sections)
        sections = "\n".join(
            _section(number, *pair) for number, pair in enumerate(zip(self.sections, wide, strict=True))
        )
        lead = "".join(f"<li>{escape_html(sentence)}</li>" for sentence in self.lead)
        note = f"<p>{escape_html(self.note)}</p>" if self.note else ""
        scripts = ""
        if charts:
            scripts = (
                f'<script type="application/json" id="charts">{_json(drawn)}</script>\n'
                f"<script>{_plotly()}</script>\n<script>{_static('page.js')}</script>"
            )
        return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape_html(self.title)}</title>
<style>{_static("page.css")}</style>
</head>
<body>
<header>
<h1>{escape_html(self.title)}</h1>
<ol class="lead">{lead}</ol>
<noscript><p>The charts need JavaScript; allow the scripts of this file to see them.</p></noscript>
</header>
<main>
{sections}
</main>
<footer>{note}<p>Made with Gingham. This file is self-contained and loads nothing from the internet.</p></footer>
{scripts}
</body>
</html>
"""

    def save(self, path: Path | str) -> None:
        """Write the page to a file. An existing file is replaced only when the new one is complete.

        Raises
        ------
        ReportError
            If plotly is not installed or the file cannot be written.
        """
        write(check_path("path", path), self.to_html())


def require_ready(path: Path | str) -> None:
    """Check before long work starts that `Page.save` will be able to write a page to `path`.

    Raises
    ------
    ReportError
        If plotly is not installed, `path` is a folder or its name is not a valid file name.
    """
    _plotly()
    _require_file_path(Path(path))


def _require_file_path(path: Path) -> None:
    try:
        is_folder = path.is_dir()
    except (OSError, ValueError) as error:
        raise ReportError(f"{str(path)!r} cannot be written: {reason(error)}; choose another path.") from error
    if is_folder:
        raise ReportError(f"{path} is a folder; use the name of a file, such as {path / 'page.html'}.")


def write(path: Path, text: str) -> None:
    """Write a text file. If writing fails, an existing file stays as it is.

    Raises
    ------
    ReportError
        If the file cannot be written.
    """
    _require_file_path(path)
    try:
        with replace_file(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise ReportError(
            f"{path} cannot be written: {reason(error)}; choose another path or free disk space."
        ) from error


def _wide(sections: Sequence[Section]) -> list[bool]:
    """Return which sections take a whole row: wide ones, and narrow ones without a neighbour."""
    wide: list[bool] = []
    half = False  # whether the current row holds a single narrow section
    for section in sections:
        if half and section.wide:
            wide[-1] = True
        half = not half and not section.wide
        wide.append(section.wide)
    if half:
        wide[-1] = True
    return wide


def _section(number: int, section: Section, wide: bool) -> str:
    heading_id, content = f"section-{number}", section.content
    if isinstance(content, Chart):
        label = escape_html(f"Chart: {section.sentence}")
        element = f'<div class="chart" role="img" aria-label="{label}" style="height:{content.height}px"></div>'
    else:
        element = (
            f'<div class="table" role="region" aria-labelledby="{heading_id}" tabindex="0">{table_html(content)}</div>'
        )
    kind = "wide" if wide else "narrow"
    return (
        f'<section class="{kind}" aria-labelledby="{heading_id}">\n'
        f'<h2 id="{heading_id}">{escape_html(section.heading)}</h2>\n'
        f"<p>{escape_html(section.sentence)}</p>\n{element}\n</section>"
    )


def table_html(table: Table) -> str:
    """Return a table as an HTML element."""

    def row(cells: Sequence[str], tag: str) -> str:
        elements = ""
        for column, cell in enumerate(cells):
            kind = "" if column < table.texts else ' class="number"'
            scope = ' scope="col"' if tag == "th" else ""
            elements += f"<{tag}{scope}{kind}>{escape_html(cell)}</{tag}>"
        return f"<tr>{elements}</tr>"

    body = "\n".join(row(cells, "td") for cells in table.rows)
    return f"<table>\n<thead>{row(table.header, 'th')}</thead>\n<tbody>\n{body}\n</tbody></table>"


def escape_html(text: str) -> str:
    """Return text as HTML that shows it; control characters are shown as escapes."""
    return html.escape(visible(text, "\n"))


def _json(content: object) -> str:
    """Return JSON for a script element, escaped so that no string in it can end the element."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _static(name: str) -> str:
    return (files("gingham.report") / "static" / name).read_text(encoding="utf-8")


def _plotly() -> str:
    try:
        from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]
    except ModuleNotFoundError:
        raise ReportError(
            "The charts need plotly, which is not installed; run: pip install 'gingham[report]'."
        ) from None
    return str(get_plotlyjs())
