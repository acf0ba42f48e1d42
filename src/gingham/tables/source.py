"""Where the three tables come from: the recipe's ``[transactions]``, ``[users]`` and ``[items]``."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from gingham.tables.database import without_password

# How many files of a list a message names.
_NAMED = 3


class Source(BaseModel):
    """Where a table's rows are.

    Attributes
    ----------
    path : str or list of str, optional
        ``.csv``, ``.csv.gz``, ``.csv.zst`` or ``.parquet`` files: one, several in a list, or a glob; a folder of
        Parquet files; or the URL of any of these, such as ``s3://shop/sales/*.parquet``.
    url, query : str, optional
        Instead of a path, an SQLAlchemy URL and what to ask that database. ``${NAME}`` in the URL stands for an
        environment variable; a password belongs there.
    """

    # A URL may hold a password; what Pydantic says and shows must not.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    path: str | list[str] | None = None
    url: str | None = Field(default=None, repr=False)
    query: str | None = None

    @field_validator("url", mode="before")
    @classmethod
    def _is_text(cls, url: object) -> object:
        # Said here, for what Pydantic says of a wrong type shows the value.
        if url is not None and not isinstance(url, str):
            raise ValueError("the url is no text; write it in quotation marks")
        return url

    @property
    def place(self) -> str | None:
        """What to call the files or the database in messages; None if the rows are the transactions' own."""
        if self.url is not None:
            return without_password(self.url)
        if not isinstance(self.path, list):
            return self.path
        more = f" and {len(self.path) - _NAMED:,} more" if len(self.path) > _NAMED else ""
        return ", ".join(self.path[:_NAMED]) + more

    @model_validator(mode="after")
    def _is_in_one_place(self) -> Self:
        if self.path is not None and self.url is not None:
            raise ValueError("give the path of files or the url of a database, not both")
        if (self.url is None) != (self.query is None):
            raise ValueError("give a database's url and the query to ask it, both of them")
        if self.path is not None and not (self.path and all(self.path)):
            raise ValueError("the path is empty; give the path of a file")
        return self


class TransactionsSource(Source):
    """The recipe's ``[transactions]``: where they are, and which of their columns play which role.

    Attributes
    ----------
    path, url, query : optional
        Files or a database, as in `Source`.
    user_id, item_id : str
        The columns that say who bought what.
    timestamp : str, optional
        When: an ISO 8601 date or time, or whole unix seconds. Without one, nothing can be filtered or split by time.
    timestamp_format : str, optional
        How text that is not ISO 8601 says when, such as ``"%m/%d/%Y"`` for 1/31/2019: the codes of strftime.
    price, quantity : str, optional
        The numeric columns that hold these.
    channel : str, optional
        The column that says where it was sold, such as a shop or online; text or whole numbers.
    """

    user_id: str
    item_id: str
    timestamp: str | None = None
    timestamp_format: str | None = None
    price: str | None = None
    quantity: str | None = None
    channel: str | None = None

    @model_validator(mode="after")
    def _has_origin(self) -> Self:
        if self.place is None:
            raise ValueError("give the path of files, or the url and the query of a database")
        if self.timestamp_format is not None and self.timestamp is None:
            raise ValueError("timestamp_format needs timestamp; name that column")
        return self


class UsersSource(Source):
    """The recipe's ``[users]``: a table with one row a user, or columns of the transactions that describe users.

    Attributes
    ----------
    path, url, query : optional
        Files or a database, as in `Source`. Without them, the table is made of `columns` of the
        transactions: one row a user, the latest by timestamp (by position, if there is no timestamp).
    user_id : str, optional
        The column of the id; by default named as in the transactions.
    columns : list of str, optional
        The columns to keep; by default all of the file's.
    """

    user_id: str | None = None
    columns: list[str] | None = None

    @model_validator(mode="after")
    def _has_origin(self) -> Self:
        if not (self.place or self.columns):
            raise ValueError("give the table's path, or the columns of the transactions it is made of")
        return self


class ItemsSource(Source):
    """The recipe's ``[items]``: a table with one row an item, or columns of the transactions that describe items.

    Attributes
    ----------
    path, url, query, columns
        As in `UsersSource`.
    item_id : str, optional
        The column of the id; by default named as in the transactions.
    name, type : str, optional
        The columns that hold an item's display name and type. They are kept whatever `columns` says.
    """

    item_id: str | None = None
    name: str | None = None
    type: str | None = None
    columns: list[str] | None = None

    @model_validator(mode="after")
    def _has_origin(self) -> Self:
        if not (self.place or self.columns or self.name or self.type):
            raise ValueError("give the table's path, or the columns of the transactions it is made of")
        return self
