"""HTML for notebooks: sentences and tables that take the colours of the surrounding page."""

import html
from collections.abc import Sequence

from gingham.report.page import Table, escape_html, table_html

# Notebooks stripe tables and align every cell to the right. The doubled class name makes these rules more specific than
# theirs. Colours are left to the notebook.
_STYLE = """
.gingham { overflow-x: auto }
.gingham.gingham p { margin: 0.3em 0 }
.gingham.gingham table { border-collapse: collapse; margin: 0.5em 0 1em; font-variant-numeric: tabular-nums }
.gingham.gingham tr { background: none }
.gingham.gingham :is(th, td) { border: 0; border-bottom: 1px solid rgb(128 128 128 / 0.35); padding: 0.25em 0.6em;
  text-align: left; white-space: nowrap }
.gingham.gingham th { border-bottom: 2px solid rgb(128 128 128 / 0.6) }
.gingham.gingham .number { text-align: right }
"""


def notebook_html(sentences: Sequence[str], tables: Sequence[Table]) -> str:
    """Return sentences followed by tables as an HTML fragment.

    Parameters
    ----------
    sentences : sequence of str
        Plain texts, one paragraph each.
    tables : sequence of Table
        Shown below the sentences.
    """
    paragraphs = "".join(f"<p>{escape_html(sentence)}</p>\n" for sentence in sentences)
    return f'<div class="gingham"><style>{_STYLE}</style>\n{paragraphs}{"".join(map(table_html, tables))}</div>'


def frame_html(page: str) -> str:
    """Return a page as an HTML fragment: a frame of its own, so that its styles and scripts stay inside.

    Parameters
    ----------
    page : str
        A whole HTML file.
    """
    style = "width: 100%; height: 45rem; border: 1px solid rgb(128 128 128 / 0.35)"
    return f'<iframe sandbox="allow-scripts" style="{style}" srcdoc="{html.escape(page)}"></iframe>'
