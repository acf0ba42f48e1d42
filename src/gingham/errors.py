"""Every exception the package raises.

A message is one sentence: the offending value, where it is, and what to do about it.
"""


class GinghamError(Exception):
    """Base of every error Gingham raises on purpose."""


class ConfigError(GinghamError, ValueError):
    """A recipe is missing, unreadable, or says something it cannot mean."""


class TableError(GinghamError, ValueError):
    """A table is missing, unreadable or empty, or a column or value in it is wrong."""


class DataError(GinghamError, ValueError):
    """A matrix, dataset or split has the wrong shape, type or content."""


class ParameterError(GinghamError, ValueError):
    """A parameter of a model or function is out of its range."""


class UnknownIdError(GinghamError, KeyError):
    """A user or item id is not in the dataset."""

    def __str__(self) -> str:
        # KeyError would print the message's repr, quotes and all.
        return str(self.args[0])


class MissingExtraError(GinghamError, ImportError):
    """A library is needed that only one of the package's extras installs."""


class NotFittedError(GinghamError, RuntimeError):
    """A model is asked for something before it was fitted."""


class DivergedError(GinghamError, ArithmeticError):
    """Training produced a non-finite parameter."""


class ArtifactError(GinghamError, ValueError):
    """A stored artifact is missing, damaged, or written by a newer format."""


class ReportError(GinghamError, ValueError):
    """A page cannot be drawn or written."""


class TrackingError(GinghamError, RuntimeError):
    """A tracking tool cannot be reached, or does not take what is logged."""
