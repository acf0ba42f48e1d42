"""Gingham's errors as subclasses of the types that LightFM raises, so that existing `except` clauses work."""

from collections.abc import Iterator
from contextlib import contextmanager

from gingham import errors


class ParameterError(errors.ParameterError, AssertionError):
    """A parameter is out of range; an AssertionError, because LightFM checks most parameters with assertions."""


class UnknownError(errors.UnknownIdError, errors.DataError):
    """An id or feature name is not in the data set; a ValueError, as in LightFM."""


class NotFittedError(errors.NotFittedError, ValueError):
    """A model is used before it was fitted; a ValueError, as in LightFM."""


class DivergedError(errors.DivergedError, ValueError):
    """Training produced a value that is not finite; a ValueError, as in LightFM."""


class DownloadError(errors.GinghamError, OSError):
    """A data set is missing and cannot be downloaded; an OSError."""


@contextmanager
def translated() -> Iterator[None]:
    """Raise the engine's errors as the types above."""
    try:
        yield
    except errors.ParameterError as error:
        raise ParameterError(*error.args) from error
    except errors.DivergedError as error:
        raise DivergedError(*error.args) from error
