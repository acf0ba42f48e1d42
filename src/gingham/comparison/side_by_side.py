"""`compare`: fit models and baselines to the same train part, and evaluate them on the same test part."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Never

from tqdm import tqdm

from gingham.comparison.comparison import Comparison
from gingham.comparison.measured import FitFunction, fit_function, measure
from gingham.comparison.ruled import labelled
from gingham.dataset import Dataset
from gingham.errors import ParameterError
from gingham.evaluation.evaluation import sizes
from gingham.evaluation.segments import HISTORY, By
from gingham.forks import require_threads
from gingham.metrics import main_metric, named, names
from gingham.models import BuyAgain, Popularity, Recommender
from gingham.models.training_data import Data
from gingham.progress import Progress, Silent, check_progress, progress_bar
from gingham.rules import Rules
from gingham.validation import check_bool, check_text, optional, shown

BASELINES = ("best-sellers", "recent-best-sellers", "buy-again")
WINDOW = "7d"


def baselines(window: str = WINDOW) -> dict[str, Recommender]:
    """Return the baselines, simple models that every other model should outperform; unfitted.

    Parameters
    ----------
    window : str
        The length of the window of recent best sellers; "7d" by default.

    Returns
    -------
    dict of str to Recommender
        ``best-sellers`` of all time; ``recent-best-sellers`` of the window; ``buy-again``, the items that the user
        bought most often, then recent best sellers.

    Examples
    --------
    >>> from gingham.comparison import baselines
    >>> list(baselines())
    ['best-sellers', 'recent-best-sellers', 'buy-again']
    """
    models = Popularity(window=None), Popularity(window=window), BuyAgain(window=window)
    return dict(zip(BASELINES, models, strict=True))


def compare(
    models: Mapping[str, Recommender | FitFunction],
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
    rules: Rules | Sequence[Rules] | None = None,
    request: Mapping[str, Any] | None = None,
    num_threads: int = 0,
    progress: Progress | None = None,
) -> Comparison:
    """Fit models and simple baselines to train, and evaluate them on test.

    Parameters
    ----------
    models : mapping of str to Recommender or callable
        The models to compare, by name: an unfitted model, of which a copy is fitted to `train`, or a function that
        takes `train` and returns a fitted model, such as ``lambda train: gg.EASE().fit(train.binarized())``.
    train, test : Dataset or sparse matrix, shape (n_users, n_items)
        The parts of a split.
    k : int or sequence of int
        The number of recommendations that count; 12 by default.
    by : str, data frame, mapping or a sequence of these, optional
        The attributes for segments, as for `evaluate`; by default ``"history"``, the number of items in a user's
        history in `train`.
    metric : str, optional
        The metric by which the best baseline is chosen; the report shows it first. MAP at the largest `k` by default.
    reference : str, optional
        The name of the model that the others are compared with; by default the best baseline by `metric`.
    window : str
        The length of the window of recent best sellers; "7d" by default. Without timestamps, ``recent-best-sellers``
        is left out.
    filter_seen : bool
        Whether to leave out the items of a user's history in `train`; False by default.
    allow_overlap : bool
        Whether to evaluate models that were fitted to rows of the test, as for `evaluate`; False by default.
    rules : Rules or sequence of Rules, optional
        Rules whose effect on the lists of `models` is measured, each part alone and together: `Comparison.rules`. The
        other metrics are those without rules. None by default.
    request : mapping of str to value, optional
        The values that the rules need.
    num_threads : int
        The number of threads that evaluate; 0 (default) for all cores. Models are fitted with their own default.
    progress : Progress, optional
        Receives the stages; by default a terminal shows a progress bar.

    Returns
    -------
    Comparison

    Raises
    ------
    ParameterError
        If `models` is not a mapping, a model is already fitted or has the name of a baseline, `metric` or `reference`
        is unknown, or `metric` is not defined for any user of the test.
    GinghamError
        If a model cannot be fitted or evaluated.

    Examples
    --------
    >>> import gingham as gg
    >>> train, test = gg.split.by_time(gg.synth.sample_dataset(), test="7d")
    >>> comparison = gg.compare({"knn": gg.ItemKNN(), "ease": gg.EASE()}, train, test, k=5)
    >>> list(comparison.evaluations)
    ['knn', 'ease', 'best-sellers', 'recent-best-sellers', 'buy-again']
    >>> comparison.table.columns
    ['model', 'metric', 'mean', 'low', 'high', 'users']
    """
    require_threads("Comparing models")
    if not isinstance(models, Mapping):
        raise ParameterError(
            f"models must be a mapping of names to models such as {{'mine': model}}, not {shown(models)}."
        )
    check_bool("filter_seen", filter_seen)
    check_bool("allow_overlap", allow_overlap)
    optional(check_text)("reference", reference)
    check_progress(progress)
    reference_models = baselines(window)
    if not (isinstance(train, Dataset) and train.interactions.timestamp is not None):
        del reference_models["recent-best-sellers"]
    for name in models:
        if name in reference_models:
            raise ParameterError(f"{name!r} is the name of a baseline; choose another name for the model.")
    fits = {name: fit_function(name, model) for name, model in {**models, **reference_models}.items()}
    if reference is not None and reference not in fits:
        raise ParameterError(f"reference={reference!r} is not one of the models; use one of {', '.join(fits)}.")
    by_label = labelled(rules)
    if request is not None and not by_label:
        raise ParameterError(f"request is {shown(request)}, but there are no rules that use it; pass rules, too.")
    ks = sizes(k)
    metric = main_metric(ks[-1]) if metric is None else metric
    named(metric)
    if metric not in names(ks):
        raise ParameterError(f"metric={metric!r} is not computed with k={shown(k)}; use one of {', '.join(names(ks))}.")
    with ExitStack() as stack:
        if progress is None:
            progress = _Bar(stack.enter_context(progress_bar(total=2 * len(fits))))
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
                rules=by_label if name in (models or fits) else None,
                request=request,
                by=by,
                allow_overlap=allow_overlap,
            )
            for name, fit in fits.items()
        }
    return Comparison.of(measured, tuple(reference_models), metric, reference)


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
