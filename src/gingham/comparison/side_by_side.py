"""`compare`: fit any models to the same train, with the baselines beside them, and measure them on the same test."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Never

from tqdm import tqdm

from gingham.comparison.comparison import Comparison
from gingham.comparison.measured import Fitting, fitting, measure
from gingham.dataset import Dataset
from gingham.errors import ParameterError
from gingham.evaluation.evaluation import sizes
from gingham.evaluation.segments import HISTORY, By
from gingham.metrics import main_metric, named, names
from gingham.models import BuyAgain, Popularity, Recommender
from gingham.models.training_data import Data
from gingham.progress import Progress, Silent

BASELINES = ("best-sellers", "recent-best-sellers", "buy-again")
WINDOW = "7d"


def baselines(window: str = WINDOW) -> dict[str, Recommender]:
    """Make the simple models that a shop must not lose to, not fitted yet.

    Parameters
    ----------
    window : str
        What recent means: "7d" by default.

    Returns
    -------
    dict of str to Recommender
        ``best-sellers`` of all time; ``recent-best-sellers`` of the window; and ``buy-again``, what the user bought
        most, filled with recent best sellers.
    """
    models = Popularity(window=None), Popularity(window=window), BuyAgain(window=window)
    return dict(zip(BASELINES, models, strict=True))


def compare(
    models: Mapping[str, Recommender | Fitting],
    train: Data,
    test: Data,
    k: int | Sequence[int] = 12,
    *,
    by: By | Sequence[By] | None = HISTORY,
    metric: str | None = None,
    reference: str | None = None,
    window: str = WINDOW,
    filter_seen: bool = False,
    allow_overlap: bool = False,
    num_threads: int = 0,
    progress: Progress | None = None,
) -> Comparison:
    """Fit models to train and measure them on test, with the simple baselines beside them.

    Parameters
    ----------
    models : mapping of str to Recommender or callable
        What to compare, by name: an unfitted model, of which a copy is fitted to `train`, or a function that takes
        `train` and gives a fitted model (or a `Fitted`), such as
        ``lambda train: gg.HybridMF().fit(train, epochs=30)``.
    train, test : Dataset or sparse matrix, shape (n_users, n_items)
        The parts of a split.
    k : int or sequence of int
        How many of the first recommendations count; 12 by default.
    by : str, data frame, mapping or a sequence of these, optional
        What to tell users apart by, as for `evaluate`; by default ``"history"``, how many items they had in `train`.
    metric : str, optional
        What decides which baseline is the best, and opens the report; MAP at `k` (the largest) by default.
    reference : str, optional
        The name of the model that the others are compared with; by default the baseline that is best by `metric`.
    window : str
        What recent means for best sellers; "7d" by default. Without timestamps nothing is recent, and
        ``recent-best-sellers`` is left out.
    filter_seen : bool
        Whether items that a user had in `train` are no candidates; False by default.
    allow_overlap : bool
        Whether to measure models also on rows that they were fitted to, as for `evaluate`; False by default.
    num_threads : int
        For evaluating; 0 (default) for all cores. How many train is up to each model.
    progress : Progress, optional
        Receives the stages; by default a terminal shows a progress bar.

    Returns
    -------
    Comparison

    Raises
    ------
    ParameterError
        If `models` is no mapping, a model is fitted already or has a baseline's name, `metric` or `reference` names
        none of those there are, or no user of the test counts for `metric`.
    GinghamError
        For what `fit` of a model and `evaluate` raise.
    """
    if not isinstance(models, Mapping):
        raise ParameterError(f"models is a {type(models).__name__}; give models by name, such as {{'mine': model}}.")
    known = baselines(window)
    if not (isinstance(train, Dataset) and train.interactions.timestamp is not None):
        del known["recent-best-sellers"]
    taken = [name for name in models if name in known]
    if taken:
        raise ParameterError(f"{taken[0]!r} is the name of a baseline, which is always compared; choose another.")
    fits = {name: fitting(name, model) for name, model in {**models, **known}.items()}
    if reference is not None and reference not in fits:
        raise ParameterError(f"reference={reference!r} is none of the models; give one of {', '.join(fits)}.")
    ks = sizes(k)
    metric = main_metric(ks[-1]) if metric is None else metric
    named(metric)
    if metric not in names(ks):
        raise ParameterError(f"metric={metric!r} is not measured with k={k}; give one of {', '.join(names(ks))}.")
    with ExitStack() as stack:
        if progress is None:
            progress = _Bar(stack.enter_context(tqdm(total=2 * len(fits), disable=None)))
        measured = {
            name: measure(
                name,
                fit,
                train,
                test,
                ks,
                filter_seen=filter_seen,
                num_threads=num_threads,
                progress=progress,
                by=by,
                allow_overlap=allow_overlap,
            )
            for name, fit in fits.items()
        }
    return Comparison.of(measured, tuple(known), metric, reference)


class _Bar(Silent):
    """Shows each stage as a step of a progress bar."""

    def __init__(self, bar: "tqdm[Never]") -> None:
        self._bar = bar

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Show the name of the stage, and advance the bar when it ends."""
        self._bar.set_description(name)
        yield
        self._bar.update()
