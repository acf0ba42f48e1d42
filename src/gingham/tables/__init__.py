"""The three tables of a shop: reading, checking and cleaning them."""

from gingham.tables.checks.check import check, check_sources
from gingham.tables.cleaning import CleanSpec, clean
from gingham.tables.finding import Finding, FindingList, failure
from gingham.tables.origin import Origin
from gingham.tables.reading import read
from gingham.tables.schema import FeatureSpec, Step, Tables
from gingham.tables.source import CandidateItems, ItemsSource, TransactionsSource, UsersSource

__all__ = [
    "CandidateItems",
    "CleanSpec",
    "FeatureSpec",
    "Finding",
    "FindingList",
    "ItemsSource",
    "Origin",
    "Step",
    "Tables",
    "TransactionsSource",
    "UsersSource",
    "check",
    "check_sources",
    "clean",
    "failure",
    "read",
]
