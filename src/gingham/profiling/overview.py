"""The profile of a shop's tables: what counting finds, five sentences on it, and a page."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gingham.profiling.findings import Findings
from gingham.profiling.page import page
from gingham.profiling.sentences import standing_out
from gingham.report import Page
from gingham.tables import Tables, clean


@dataclass(frozen=True)
class Profile(Findings):
    """What stands in a shop's tables; its attributes are those of `Findings`."""

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """The five plain sentences on what stands out."""
        return standing_out(self)

    def page(self, title: str = "Profile") -> Page:
        """Draw the page."""
        return page(self, self.sentences, title)

    def to_html(self, title: str = "Profile") -> str:
        """Render one HTML page that is readable offline.

        Parameters
        ----------
        title : str
            Its title; "Profile" by default.

        Raises
        ------
        ReportError
            If plotly is not installed.
        """
        return self.page(title).to_html()

    def save(self, path: Path | str, title: str = "Profile") -> None:
        """Write the page to a file; an earlier one is replaced when the new one is complete.

        Raises
        ------
        ReportError
            If plotly is not installed, or the file can't be written.
        """
        self.page(title).save(path)


def profile(tables: Tables) -> Profile:
    """Look at a shop's tables: sales over time, prices, users, items, what is bought again, and what is missing.

    What is looked at follows from the roles and types of columns. Whatever the tables have nothing of (times, prices,
    describing columns) is left out.

    Parameters
    ----------
    tables : Tables
        As cleaned; tables that were not are first read and checked, without a filter.

    Returns
    -------
    Profile
        Data frames as attributes, `sentences`, and a page to save.

    Raises
    ------
    TableError
        If a table is empty or unreadable, or an id is null or not unique where it should be.
    """
    return Profile.of(tables if tables.steps else clean(tables))
