"""Encodings: each is fitted to a column of a table once, and then encodes any similar column as features."""

from gingham.dataset.encodings.calendar import Calendar
from gingham.dataset.encodings.encoding import Encoding, FeatureEntries, nan_to_null
from gingham.dataset.encodings.numbers import Bins, Scale
from gingham.dataset.encodings.vocabulary import Categories, Parts
from gingham.dataset.encodings.words import Words

__all__ = ["Bins", "Calendar", "Categories", "Encoding", "FeatureEntries", "Parts", "Scale", "Words", "nan_to_null"]
