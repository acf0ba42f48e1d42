"""The exceptions that Gingham raises.

A message says what is wrong, with the value, where it is, and what to do.

Examples
--------
Every exception is a `GinghamError`, and also an exception of the standard library:

>>> import gingham as gg
>>> try:
...     gg.HybridMF(n_components=0).fit(gg.synth.sample_dataset())
... except gg.errors.ParameterError as error:
...     print(error, isinstance(error, ValueError))
n_components must be a positive integer, not 0. True
"""


class GinghamError(Exception):
    """Base class of the exceptions that Gingham raises.

    Examples
    --------
    >>> import gingham as gg
    >>> try:
    ...     gg.Recipe.read("missing.toml")
    ... except gg.GinghamError as error:
    ...     print(type(error).__name__)
    ConfigError
    """


class ConfigError(GinghamError, ValueError):
    """A recipe is missing or unreadable, or one of its values is wrong."""


class TableError(GinghamError, ValueError):
    """A table is missing, unreadable or empty, or a column or value in it is wrong."""


class DataError(GinghamError, ValueError):
    """A matrix, dataset or split has a wrong shape, type or content."""


class ParameterError(GinghamError, ValueError):
    """A parameter of a model or function is out of its range."""


class UnknownIdError(GinghamError, KeyError):
    """A user or item id is not in the dataset."""

    def __str__(self) -> str:
        # KeyError would return the repr of the message, with quotes.
        return str(self.args[0])


class MissingExtraError(GinghamError, ImportError):
    """A required library is not installed; one of the package's extras installs it."""


class NotFittedError(GinghamError, RuntimeError):
    """A method of a model needs `fit` to be called first."""


class DivergedError(GinghamError, ArithmeticError):
    """A parameter of the model became infinite or NaN in training."""


class ArtifactError(GinghamError, ValueError):
    """A stored artifact is missing, damaged, or in a newer format; or a folder can't be written."""


class ForkError(GinghamError, RuntimeError):
    """An operation needs threads that a forked process does not have."""


class ReportError(GinghamError, ValueError):
    """A page cannot be drawn or written."""


class TrackingError(GinghamError, RuntimeError):
    """A tracking tool cannot be reached, or refuses what is logged."""
