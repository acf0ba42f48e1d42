"""Gingham's errors under the types that LightFM raises: programs that catch those go on working."""

from collections.abc import Iterator
from contextlib import contextmanager

from gingham import errors


class ParameterError(errors.ParameterError, AssertionError):
    """A parameter is out of its range; LightFM asserts most of them."""


class UnknownError(errors.UnknownIdError, errors.DataError):
    """An id or the name of a feature is not in the data set: a ValueError, as in LightFM."""


class NotFittedError(errors.NotFittedError, ValueError):
    """A model is asked for something before it was fitted."""


class DivergedError(errors.DivergedError, ValueError):
    """Training produced a non-finite parameter."""


class DownloadError(errors.GinghamError, OSError):
    """A data set is not there and can't be fetched."""


@contextmanager
def translated() -> Iterator[None]:
    """Raise the engine's errors under the types above."""
    try:
        yield
    except errors.ParameterError as error:
        raise ParameterError(*error.args) from error
    except errors.DivergedError as error:
        raise DivergedError(*error.args) from error
