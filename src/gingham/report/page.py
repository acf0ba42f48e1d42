"""A page: a title, what stands out, and sections of a heading, a sentence and a chart or table."""

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from gingham.errors import ReportError
from gingham.report.charts import Chart
from gingham.store import reason, replace_file

# Nothing is ever fetched: whoever opens the page offline, or in ten years, sees what was drawn.
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Attributes
    ----------
    header : sequence of str
        What the columns hold.
    rows : sequence of sequence of str
        One text a column.
    texts : int
        How many of the first columns are words, set to the left; the others are numbers. 1 by default.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    texts: int = 1


@dataclass(frozen=True)
class Section:
    """A heading, a plain sentence that says what the chart or table shows, and that chart or table.

    Attributes
    ----------
    heading, sentence : str
        Plain texts.
    content : Chart or Table
        What is shown.
    wide : bool
        Whether it takes the page's whole width on a wide screen; False by default.
    """

    heading: str
    sentence: str
    content: Chart | Table
    wide: bool = False


@dataclass(frozen=True)
class Page:
    """One HTML file.

    Attributes
    ----------
    title : str
        Its title.
    lead : sequence of str
        The sentences it opens with.
    sections : sequence of Section
        What follows, in order.
    note : str
        How to read the page, at its end; empty by default.
    """

    title: str
    lead: Sequence[str]
    sections: Sequence[Section]
    note: str = ""

    def to_html(self) -> str:
        """Render the page with everything it needs inside, plotly.js too.

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
        lead = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in self.lead)
        note = f"<p>{html.escape(self.note)}</p>" if self.note else ""
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
<title>{html.escape(self.title)}</title>
<style>{_static("page.css")}</style>
</head>
<body>
<header>
<h1>{html.escape(self.title)}</h1>
<ol class="lead">{lead}</ol>
<noscript><p>The charts are drawn by a script inside this file; allow it to see them.</p></noscript>
</header>
<main>
{sections}
</main>
<footer>{note}<p>Made by Gingham. This file holds all it shows and loads nothing.</p></footer>
{scripts}
</body>
</html>
"""

    def save(self, path: Path | str) -> None:
        """Write the page to a file; an earlier one is replaced when the new one is complete.

        Raises
        ------
        ReportError
            If plotly is not installed, or the file can't be written.
        """
        write(Path(path), self.to_html())


def require_ready(path: Path | str) -> None:
    """Refuse what `Page.save` would refuse, before the work for a page begins.

    Raises
    ------
    ReportError
        If plotly is not installed, the path is a folder, or no file can be called so.
    """
    _plotly()
    _require_no_folder(Path(path))


def _require_no_folder(path: Path) -> None:
    try:
        folder = path.is_dir()
    except (OSError, ValueError) as error:
        raise ReportError(f"{str(path)!r} cannot be written: {reason(error)}; choose another place.") from error
    if folder:
        raise ReportError(f"{path} is a folder; give the name of a file, such as {path / 'page.html'}.")


def write(path: Path, text: str) -> None:
    """Put a text file in its place, whole or not at all.

    Raises
    ------
    ReportError
        If it can't be written.
    """
    _require_no_folder(path)
    try:
        with replace_file(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise ReportError(f"{path} cannot be written: {reason(error)}; choose another place, or make room.") from error


def _wide(sections: Sequence[Section]) -> list[bool]:
    """Tell which sections take a whole row: those that ask for it, and those that would stand beside an empty place."""
    wide: list[bool] = []
    half = False  # whether the row so far holds a single narrow section
    for section in sections:
        if half and section.wide:
            wide[-1] = True
        half = not half and not section.wide
        wide.append(section.wide)
    if half:
        wide[-1] = True
    return wide


def _section(number: int, section: Section, wide: bool) -> str:
    name, content = f"section-{number}", section.content
    if isinstance(content, Chart):
        label = html.escape(f"Chart: {section.sentence}")
        shown = f'<div class="chart" role="img" aria-label="{label}" style="height:{content.height}px"></div>'
    else:
        shown = f'<div class="table" role="region" aria-labelledby="{name}" tabindex="0">{table_html(content)}</div>'
    kind = "wide" if wide else "narrow"
    return (
        f'<section class="{kind}" aria-labelledby="{name}">\n<h2 id="{name}">{html.escape(section.heading)}</h2>\n'
        f"<p>{html.escape(section.sentence)}</p>\n{shown}\n</section>"
    )


def table_html(table: Table) -> str:
    """Write a table as an element."""

    def row(cells: Sequence[str], tag: str) -> str:
        written = ""
        for column, cell in enumerate(cells):
            kind = "" if column < table.texts else ' class="number"'
            scope = ' scope="col"' if tag == "th" else ""
            written += f"<{tag}{scope}{kind}>{html.escape(cell)}</{tag}>"
        return f"<tr>{written}</tr>"

    body = "\n".join(row(cells, "td") for cells in table.rows)
    return f"<table>\n<thead>{row(table.header, 'th')}</thead>\n<tbody>\n{body}\n</tbody></table>"


def _json(content: object) -> str:
    """Write JSON that can stand inside a script element: nothing in it ends the element."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _static(name: str) -> str:
    return (files("gingham.report") / "static" / name).read_text(encoding="utf-8")


def _plotly() -> str:
    try:
        from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]
    except ModuleNotFoundError:
        raise ReportError(
            "The package plotly, which draws charts, is not installed; run: pip install 'gingham[report]'."
        ) from None
    return str(get_plotlyjs())
