"""Tuning: a search for the parameters of a model on a validation part of the training data."""

from gingham.tuning.result import Tuning, tune

__all__ = ["Tuning", "tune"]
