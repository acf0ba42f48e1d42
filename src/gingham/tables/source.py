"""The recipe's ``[transactions]``, ``[users]`` and ``[items]``: where each table is, and which columns have a role."""

from typing import Literal, Self, TypeAlias

from pydantic import Field, field_validator, model_validator

from gingham.tables.database import without_password
from gingham.tables.format import FileFormat
from gingham.tables.id_types import IdType
from gingham.tables.timestamp import Unit, check_format

# Which items models recommend: those of the transactions, or all of the items table.
CandidateItems: TypeAlias = Literal["sold", "all"]

# How many files of a list a message names.
_LISTED = 3


class TableSource(FileFormat):
    """Where the rows of a table are: files or a database.

    Attributes
    ----------
    path : str or list of str, optional
        Text files (``.csv``, ``.tsv``, ``.txt``, ``.dat``, also ``.gz``, ``.zst`` or ``.zip``), ``.parquet``, JSON
        lines (``.jsonl``, ``.ndjson``) or Excel files: one, several in a list, or a glob pattern; a folder of them; or
        a URL, such as ``s3://shop/sales/*.parquet``.
    url, query : str, optional
        Instead of a path, an SQLAlchemy URL and a SELECT statement. ``${NAME}`` in the URL is replaced by an
        environment variable; use one for the password.
    separator, encoding, decimal, thousands, column_names, sheet, null_values : optional
        How the files are written, as in `FileFormat`.
    """

    path: str | list[str] | None = None
    url: str | None = Field(default=None, repr=False)
    query: str | None = None

    @field_validator("url", mode="before")
    @classmethod
    def _is_text(cls, url: object) -> object:
        # Checked before Pydantic does, because its error for a wrong type shows the value.
        if url is not None and not isinstance(url, str):
            raise ValueError("url is not text; write it in quotation marks")
        return url

    @property
    def place(self) -> str | None:
        """The files or the database as error messages name them; None if the rows come from the transactions."""
        if self.url is not None:
            return without_password(self.url)
        if not isinstance(self.path, list):
            return self.path
        more = f" and {len(self.path) - _LISTED:,} more" if len(self.path) > _LISTED else ""
        return ", ".join(self.path[:_LISTED]) + more

    @model_validator(mode="after")
    def _has_one_place(self) -> Self:
        if self.path is not None and self.url is not None:
            raise ValueError("path and url are both set; use one of them")
        if self.url is None and self.query is not None:
            raise ValueError("query is set without url; add the url of the database")
        if self.url is not None and self.query is None:
            raise ValueError("url is set without query; add a SELECT statement as query")
        if self.path is not None and not (self.path and all(self.path)):
            raise ValueError("path is empty; use the path of a file")
        if self.path is None and (keys := [key for key in self.format_keys if key != "null_values"]):
            raise ValueError(f"{keys[0]} is set without path; it describes files, so add their path or remove it")
        return self


class TransactionsSource(TableSource):
    """The recipe's ``[transactions]``: where the transactions are, and which of their columns have a role.

    Attributes
    ----------
    path, url, query : optional
        Files or a database, as in `TableSource`.
    user_id, item_id : str
        The columns with the ids of the user and the item.
    id_type : {"text", "integer"}, optional
        The type of the ids in all tables. By default, ids in text files are text, other ids keep their type, and text
        becomes integers if another table has integers and no id changes.
    timestamp : str, optional
        The column with the time: dates or times, ISO 8601 text, or numbers of seconds, milliseconds, microseconds or
        nanoseconds since 1970. Without it, transactions cannot be filtered or split by time.
    timestamp_format : str, optional
        The strftime format of timestamps that are other text, such as ``"%m/%d/%Y"`` for 1/31/2019.
    timestamp_unit : {"s", "ms", "us", "ns", "d", "excel"}, optional
        The unit of numbers: since 1970 in seconds to nanoseconds or in days, or the days that spreadsheets count. By
        default, the one of the first four in which all numbers are times between 1990 and 2100.
    price, quantity : str, optional
        The numeric columns with the price and the quantity.
    channel : str, optional
        The column with the sales channel, such as a shop or online; text or integers.
    order_id : str, optional
        The column with the order (the receipt or basket) of an order line; text or integers.
    order : str, optional
        The column with order numbers, instead of times: whole numbers that ascend from a user's first order to the last
        one. They have no durations: split with ``kind = "last-n"`` or at random. With times, too, they order
        transactions of the same time.
    """

    user_id: str
    item_id: str
    id_type: IdType | None = None
    timestamp: str | None = None
    timestamp_format: str | None = None
    timestamp_unit: Unit | None = None
    price: str | None = None
    quantity: str | None = None
    channel: str | None = None
    order_id: str | None = None
    order: str | None = None

    @model_validator(mode="after")
    def _has_place(self) -> Self:
        if self.place is None:
            raise ValueError("path and url are missing; add the path of files, or the url and query of a database")
        for key in ("timestamp_format", "timestamp_unit"):
            if getattr(self, key) is not None and self.timestamp is None:
                raise ValueError(f"{key} is set without timestamp; add the name of the timestamp column")
        if self.timestamp_format is not None:
            if self.timestamp_unit is not None:
                raise ValueError("timestamp_format and timestamp_unit are both set; use the unit for numbers only")
            check_format(self.timestamp_format)
        return self


class UsersSource(TableSource):
    """The recipe's ``[users]``: a table with one row per user, or columns of the transactions that describe users.

    Attributes
    ----------
    path, url, query : optional
        Files or a database, as in `TableSource`. Without them, the table is made from `columns` of the transactions,
        with the values of each user's latest transaction (by position, if there is no timestamp).
    user_id : str, optional
        The column with the id; by default it has the same name as in the transactions.
    columns : list of str, optional
        The columns to keep; all columns of the file by default.
    """

    user_id: str | None = None
    columns: list[str] | None = None

    @model_validator(mode="after")
    def _has_place(self) -> Self:
        if not (self.place or self.columns):
            raise ValueError("path and columns are missing; add the path of a file, or columns of the transactions")
        return self


class ItemsSource(TableSource):
    """The recipe's ``[items]``: a table with one row per item, or columns of the transactions that describe items.

    Attributes
    ----------
    path, url, query, columns
        As in `UsersSource`.
    item_id : str, optional
        The column with the id; by default it has the same name as in the transactions.
    name, type : str, optional
        The columns with an item's display name and type. They are always kept, even if `columns` does not list them.
    candidates : {"sold", "all"}
        Which items are recommended: those of the transactions ("sold", the default), or all of this table ("all"),
        which needs a path or a database. Models know an item without transactions by its ``[features.items]``.
    """

    item_id: str | None = None
    name: str | None = None
    type: str | None = None
    columns: list[str] | None = None
    candidates: CandidateItems = "sold"

    @model_validator(mode="after")
    def _has_place(self) -> Self:
        if not (self.place or self.columns or self.name or self.type):
            raise ValueError("path and columns are missing; add the path of a file, or columns of the transactions")
        if self.candidates == "all" and self.place is None:
            raise ValueError(
                "candidates is 'all', but the items are read from the transactions and all of them were sold; add the "
                "path of a table of all items"
            )
        return self
