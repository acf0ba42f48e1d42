"""The choice of a model by ``kind = "auto"``: a panel of models on a validation part of the training data."""

from gingham.selection.selection import Selection, select

__all__ = ["Selection", "select"]
