"""The profile of a shop: statistics of its tables, five sentences about them, and a page."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gingham.errors import ReportError
from gingham.forks import require_threads
from gingham.profiling.findings import Findings
from gingham.profiling.page import build_page
from gingham.profiling.sentences import top_sentences
from gingham.report import Page, frame_html, notebook_html
from gingham.tables import Tables, clean
from gingham.tables.schema import check_tables


@dataclass(frozen=True)
class Profile(Findings):
    """The profile of a shop, returned by `profile`.

    The statistics are data frames and numbers; the attributes are those of `Findings`, such as `n_transactions`,
    `days`, `best_sellers` and `missing`.

    Examples
    --------
    >>> import gingham as gg
    >>> profile = gg.profile(gg.synth.sample_tables())
    >>> profile.n_transactions, profile.n_users, profile.n_items
    (1000, 50, 20)
    >>> profile.sentences[0]
    'In 60% of all transactions the customer had bought the same item before, typically 9 days earlier.'
    >>> profile.best_sellers["item_id"].head(3).to_list()
    ['i00', 'i01', 'i02']
    """

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """Five sentences on what is unusual in this shop, the most surprising one first."""
        return top_sentences(self)

    def page(self, title: str = "Profile") -> Page:
        """Return the page with its sections and charts.

        Parameters
        ----------
        title : str
            The title of the page; "Profile" by default.

        Examples
        --------
        >>> import gingham as gg
        >>> page = gg.profile(gg.synth.sample_tables()).page("Sample shop")
        >>> [section.heading for section in page.sections][:3]
        ['Size of the shop', 'Transactions over time', 'Weekdays']
        """
        return build_page(self, self.sentences, title)

    def to_html(self, title: str = "Profile") -> str:
        """Return the page as HTML that works offline.

        Parameters
        ----------
        title : str
            The title of the page; "Profile" by default.

        Raises
        ------
        ReportError
            If plotly is not installed.

        Examples
        --------
        >>> import gingham as gg
        >>> html = gg.profile(gg.synth.sample_tables()).to_html("Sample shop")
        >>> "<h1>Sample shop</h1>" in html
        True
        """
        return self.page(title).to_html()

    def save(self, path: Path | str, title: str = "Profile") -> None:
        """Write the page to an HTML file. An existing file is replaced only when the new one is complete.

        Parameters
        ----------
        path : path or str
            The file to write.
        title : str
            The title of the page; "Profile" by default.

        Raises
        ------
        ReportError
            If plotly is not installed or the file cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import gingham as gg
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "profile.html"
        ...     gg.profile(gg.synth.sample_tables()).save(path)
        ...     path.exists()
        True
        """
        self.page(title).save(path)

    def _repr_html_(self) -> str:
        """Return the page within a frame; without plotly, its sentences."""
        try:
            return frame_html(self.to_html())
        except ReportError:
            return notebook_html(self.sentences, [])


def profile(tables: Tables) -> Profile:
    """Compute the profile of a shop: sales over time, prices, users, items, repeat purchases and missing values.

    What is computed depends on the roles and types of the columns. Statistics for which the tables have no columns (for
    example timestamps, prices or descriptions of items) are left out.

    Parameters
    ----------
    tables : Tables
        The tables. If they have not been cleaned, they are read and checked first, without any filter.

    Returns
    -------
    Profile
        Statistics as attributes, five sentences, and a page to save.

    Raises
    ------
    TableError
        If a table is empty or cannot be read, an id is null, or an id occurs twice in the users or items table.

    Examples
    --------
    >>> import gingham as gg
    >>> profile = gg.profile(gg.synth.sample_tables())
    >>> print(profile.first_day, profile.last_day)
    2024-01-01 2024-02-29
    >>> profile.repeats.share, profile.repeats.median_days
    (0.6, 9.0)
    >>> for sentence in profile.sentences[2::2]:
    ...     print(sentence)
    The 5 most active customers (of 50) account for 14% of all transactions.
    The 2 best-selling items (of 20) account for 23% of all transactions.
    """
    require_threads("Profiling tables")
    check_tables(tables)
    return Profile.of(tables if tables.steps else clean(tables))
