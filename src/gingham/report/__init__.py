"""Pages: one HTML file with its charts inside, readable offline, in light and dark; it knows nothing of shops."""

from gingham.report import charts, searches
from gingham.report.charts import Chart
from gingham.report.notebook import shown
from gingham.report.page import Page, Section, Table, require_ready

__all__ = ["Chart", "Page", "Section", "Table", "charts", "require_ready", "searches", "shown"]
