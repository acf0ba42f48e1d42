"""What an object shows in a notebook: sentences and tables, in the colours of the page around them, light or dark."""

import html
from collections.abc import Sequence

from gingham.report.page import Table, table_html

# Notebooks stripe tables and set all to the right; named twice, the class outweighs their rules. Colours that aren't
# set here are theirs.
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


def shown(sentences: Sequence[str], tables: Sequence[Table]) -> str:
    """Write sentences, and tables below them, as a piece of HTML that stands anywhere."""
    said = "".join(f"<p>{html.escape(sentence)}</p>\n" for sentence in sentences)
    return f'<div class="gingham"><style>{_STYLE}</style>\n{said}{"".join(map(table_html, tables))}</div>'
