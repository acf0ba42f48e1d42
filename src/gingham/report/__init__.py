"""Build pages: a single HTML file with interactive charts that works offline, in light and dark mode.

This package is generic: it does not depend on what the pages are about.
"""

from gingham.report import charts, searches
from gingham.report.charts import Chart
from gingham.report.notebook import frame_html, notebook_html
from gingham.report.page import Page, Section, Table, require_ready

__all__ = ["Chart", "Page", "Section", "Table", "charts", "frame_html", "notebook_html", "require_ready", "searches"]
