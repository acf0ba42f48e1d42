"""Tuning: a search for a model's parameters on a validation part of train; the test is scored once, at the end."""

from gingham.tuning.result import Tuning, tune

__all__ = ["Tuning", "tune"]
