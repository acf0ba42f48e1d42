"""The shop's three tables: their schema, how they are read, and how they are cleaned."""

from gingham.tables.check import Finding, check, check_sources
from gingham.tables.clean import CleanSpec, clean
from gingham.tables.origin import Origin
from gingham.tables.read import read
from gingham.tables.schema import FeatureSpec, Step, Tables
from gingham.tables.source import ItemsSource, TransactionsSource, UsersSource

__all__ = [
    "CleanSpec",
    "FeatureSpec",
    "Finding",
    "ItemsSource",
    "Origin",
    "Step",
    "Tables",
    "TransactionsSource",
    "UsersSource",
    "check",
    "check_sources",
    "clean",
    "read",
]
