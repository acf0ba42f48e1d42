"""The shop's three tables: their schema, how they are read, and how they are cleaned."""

from gingham.tables.clean import CleanSpec, clean
from gingham.tables.origin import Origin
from gingham.tables.read import read
from gingham.tables.schema import FeatureSpec, ItemsSource, Step, Tables, TransactionsSource, UsersSource

__all__ = [
    "CleanSpec",
    "FeatureSpec",
    "ItemsSource",
    "Origin",
    "Step",
    "Tables",
    "TransactionsSource",
    "UsersSource",
    "clean",
    "read",
]
