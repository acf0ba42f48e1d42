"""The models that a recipe names."""

from collections.abc import Mapping
from typing import Any

from gingham.config.sections import ModelSpec
from gingham.dataset import Dataset
from gingham.models import Recommender, build_model
from gingham.split import SplitSpec


def build(
    spec: ModelSpec, section: str = "model", split: SplitSpec | None = None, filter_seen: bool = False
) -> Recommender:
    """Build the unfitted model of a recipe's section.

    Parameters
    ----------
    spec : ModelSpec
        The section.
    section : str
        The section's name, for error messages; "model" by default.
    split : SplitSpec, optional
        How early stopping splits off validation data where the recipe does not say so: as the test part was split off.
        By default the last 7 days.
    filter_seen : bool
        Whether early stopping leaves out items of the training data where the recipe does not say so; False by default.

    Raises
    ------
    ConfigError
        If the model or a parameter is unknown.
    ParameterError
        If a parameter's value is not allowed.
    """
    defaults = {} if split is None else {"validation": split.model_dump(exclude_none=True), "filter_seen": filter_seen}
    return build_model(spec.kind, _with_early_stopping(spec.params, defaults), section)


def check(spec: ModelSpec, section: str = "model") -> None:
    """Check that the model of a recipe's section can be built; the models of kind = "auto" always can.

    Raises
    ------
    ConfigError, ParameterError
        As for `build`.
    """
    if not spec.is_auto:
        build(spec, section)


def fit(
    spec: ModelSpec, dataset: Dataset, split: SplitSpec | None = None, filter_seen: bool = False, **options: Any
) -> Recommender:
    """Build the model of a recipe's section and fit it with the section's number of threads.

    Parameters
    ----------
    spec, split, filter_seen
        As for `build`.
    dataset : Dataset
        The training data.
    options
        Further arguments of the model's `fit`, such as `callbacks`.

    Raises
    ------
    GinghamError
        If the section is wrong, or the model cannot be fitted.
    """
    return build(spec, split=split, filter_seen=filter_seen).fit(dataset, num_threads=spec.num_threads, **options)


def _with_early_stopping(params: Any, defaults: Mapping[str, Any]) -> Any:
    """Return parameters in which every ``early_stopping`` table, of candidates too, has defaults for missing keys."""
    if isinstance(params, list):
        return [_with_early_stopping(one, defaults) for one in params]
    if not isinstance(params, Mapping):
        return params
    completed = {name: _with_early_stopping(value, defaults) for name, value in params.items()}
    if isinstance(completed.get("early_stopping"), Mapping):
        completed["early_stopping"] = {**defaults, **completed["early_stopping"]}
    return completed
