"""Progress of long work: one protocol for runs, comparisons and searches."""

import sys
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from os import environ
from typing import Any, Protocol, runtime_checkable

from tqdm import tqdm

from gingham.errors import ParameterError
from gingham.validation import shown


@runtime_checkable
class Progress(Protocol):
    """Receives the stages, messages and intermediate results of long work.

    Examples
    --------
    >>> import gingham as gg
    >>> from gingham.progress import Silent
    >>> class Stages(Silent):
    ...     def stage(self, name):
    ...         print(name)
    ...         return super().stage(name)
    >>> train, test = gg.split.by_time(gg.synth.sample_dataset(), test="7d")
    >>> comparison = gg.compare({}, train.matrix(), test.matrix(), progress=Stages(), allow_overlap=True)
    Fitting best-sellers
    Evaluating best-sellers
    Fitting buy-again
    Evaluating buy-again
    """

    def stage(self, name: str) -> AbstractContextManager[object]:
        """Return a context manager that lasts as long as the stage."""

    def message(self, text: str) -> None:
        """Report an event in one sentence."""

    def result(self, result: object) -> None:
        """Report an intermediate result, such as the steps of cleaning or a comparison, while the work goes on."""


class Silent:
    """A `Progress` that shows nothing.

    Examples
    --------
    >>> from gingham.progress import Silent
    >>> with Silent().stage("Fitting"):
    ...     print("done")
    done
    """

    def stage(self, name: str) -> AbstractContextManager[object]:  # noqa: ARG002
        """Do nothing."""
        return nullcontext()

    def message(self, text: str) -> None:
        """Do nothing."""

    def result(self, result: object) -> None:
        """Do nothing."""


def check_progress(progress: Any) -> Progress:
    """Return a `Progress` that was passed as an argument; one that shows nothing for None.

    Raises
    ------
    ParameterError
        If it is something else.

    Examples
    --------
    >>> check_progress(True)
    Traceback (most recent call last):
        ...
    gingham.errors.ParameterError: progress must be an object with stage, message and result, not True.
    """
    if progress is not None and (isinstance(progress, type) or not isinstance(progress, Progress)):
        raise ParameterError(f"progress must be an object with stage, message and result, not {shown(progress)}.")
    return Silent() if progress is None else progress


def progress_bar(*args: Any, verbose: bool = True, **options: Any) -> Any:
    """Return a bar of tqdm: on a terminal as text, in a notebook as a widget, otherwise invisible.

    Parameters
    ----------
    args, options
        Those of `tqdm.tqdm`.
    verbose : bool
        False: invisible. So are all bars if the environment variable ``TQDM_DISABLE`` is set to something else than 0.

    Examples
    --------
    >>> from gingham.progress import progress_bar
    >>> with progress_bar(total=3, verbose=False) as bar:
    ...     _ = bar.update()
    """
    if not verbose or environ.get("TQDM_DISABLE", "0") not in ("", "0"):
        options["disable"] = True
    elif not _in_notebook():
        options["disable"] = None  # tqdm shows the bar if there is a terminal
    elif find_spec("ipywidgets") is not None:
        from tqdm.notebook import tqdm as widget

        return widget(*args, **options)
    return tqdm(*args, **options)


def _in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    return hasattr(None if ipython is None else ipython.get_ipython(), "kernel")
