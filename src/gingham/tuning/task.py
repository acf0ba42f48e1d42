"""The task of a search: model, search space and validation parts, from a recipe or from arguments."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Self

from gingham import split as splitting
from gingham.config import EvaluateSpec, ModelSpec, Recipe, TuneSpec
from gingham.config.models import build, check
from gingham.config.space import Exponential, Range, Space
from gingham.dataset import Dataset
from gingham.errors import ConfigError
from gingham.metrics import main_metric
from gingham.split import Split, SplitSpec

# The settings that kind = "auto" shares with a search for parameters.
_PANEL_SETTINGS = ("metric", "validation", "timeout")


@dataclass(frozen=True, eq=False)
class Task:
    """What a search varies, and how it measures.

    Attributes
    ----------
    name : str
        The study's name.
    model : ModelSpec
        The model, with the parameters that all trials share.
    spec : TuneSpec
        The settings of the search; its metric is never None.
    evaluate : EvaluateSpec
        How the test is scored.
    recipe : Recipe or None
        The recipe; None for a search on a dataset.
    """

    name: str
    model: ModelSpec
    spec: TuneSpec
    evaluate: EvaluateSpec
    recipe: Recipe | None = None

    @classmethod
    def create(cls, recipe: Recipe | None, model: Mapping[str, Any] | None, settings: Mapping[str, Any]) -> Self:
        """Create the task of a recipe or, for a dataset, of the keys of ``[model]``.

        Parameters
        ----------
        recipe : Recipe or None
            The recipe; None for a dataset.
        model : mapping or None
            For a dataset, the keys of ``[model]``.
        settings : mapping
            Keys of ``[tune]``, which replace those of the recipe.

        Raises
        ------
        ConfigError
            If a setting, a parameter of the model or a distribution is not allowed, or workers can't import the
            model's class.
        """
        if recipe is None:
            task = cls("dataset", ModelSpec().changed(model or {}), TuneSpec(), EvaluateSpec())
        else:
            task = cls(recipe.name, recipe.model, recipe.tune, recipe.evaluate, recipe)
        if task.model.is_auto:
            task = task._for_panel(settings)
        spec = task.spec.changed(settings)
        task = replace(task, spec=spec.changed({"metric": spec.metric or main_metric(task.evaluate.k)}))
        check(task.model)
        if not task.model.is_auto:
            task._check_space()
            task.model_modules()
        return task

    def _for_panel(self, settings: Mapping[str, Any]) -> Self:
        """Return the task with the time limit as the budget of the panel of kind = "auto".

        Raises
        ------
        ConfigError
            If a setting belongs to a search for parameters.
        """
        for name in settings:
            if name not in _PANEL_SETTINGS and name in TuneSpec.model_fields:
                raise ConfigError(
                    f"{name!r} is a setting of a search for parameters, and kind = 'auto' compares models with their "
                    f"defaults; remove {name!r}, and search the parameters of the chosen model afterwards."
                )
        limit = settings.get("timeout")
        return self if limit is None else replace(self, model=self.model.changed({"budget": limit}))

    @property
    def space(self) -> Space:
        """The search space; empty for kind = "auto"."""
        return {} if self.model.is_auto else self.spec.space_of(self.model.kind)

    @property
    def metric(self) -> str:
        """The metric to maximise."""
        return str(self.spec.metric)

    @property
    def ks(self) -> list[int]:
        """The k for which the test is scored: those of the recipe and of the metric."""
        _, at, k = self.metric.partition("@")
        return sorted({self.evaluate.k, int(k)} if at else {self.evaluate.k})

    @property
    def split(self) -> SplitSpec:
        """How the test is split off: as the recipe says; for a dataset, the default."""
        return SplitSpec() if self.recipe is None else self.recipe.split

    def model_with(self, params: Mapping[str, Any]) -> ModelSpec:
        """Return the model with the best parameters, without early stopping if these contain the number of epochs."""
        spec = self.model.changed(params)
        stops_early = "epochs" in params and "early_stopping" in spec.params
        return spec.changed({"early_stopping": None}) if stops_early else spec

    def model_modules(self) -> list[str]:
        """Return the modules outside Gingham that define the classes of the model and of its candidates and ranker.

        Raises
        ------
        ConfigError
            If a class is not at the top level of a module that workers can import.
        """
        classes = [cls for cls in _classes(build(self.model)) if cls.__module__.partition(".")[0] != "gingham"]
        for cls in classes:
            if cls.__module__ == "__main__" or "<locals>" in cls.__qualname__:
                raise ConfigError(
                    f"The class {cls.__name__} is defined in the main script, a notebook or a function, where the "
                    "worker processes of a search can't import it; move it to a module of its own and import it from "
                    "there."
                )
        return list(dict.fromkeys(cls.__module__ for cls in classes))

    def _check_space(self) -> None:
        """Check that the model has the parameters of the search space, and allows their values."""
        model = build(self.model)
        names = model.param_names()
        for name, distribution in self.space.items():
            if name not in names:
                raise ConfigError(
                    f"Section [tune.space] has {name!r}, which is not a parameter of {self.model.kind!r}; its "
                    f"parameters are {', '.join(names)}."
                )
            for value in _test_values(distribution):
                build(self.model.changed({name: value}))

    def validation(self, test: Dataset | None) -> SplitSpec:
        """Return how the validation part is split off the training data."""
        return self.spec.validation or self.split.for_validation(test)

    def splits(self, train: Dataset, test: Dataset | None) -> tuple[SplitSpec, Iterable[Split[Dataset]]]:
        """Split the validation parts off the training data.

        Returns
        -------
        validation : SplitSpec
            How they are split off.
        splits : iterable of Split
            One for each fold.

        Raises
        ------
        ConfigError, DataError, ParameterError
            If the data can't be split in this way.
        """
        validation = self.validation(test)
        folds = self.spec.folds
        if folds == 1:
            return validation, [validation.apply(train)]
        length: dict[str, Any] = {} if validation.test is None else {"test": validation.test}
        if validation.kind == "time":
            return validation, splitting.rolling(train, folds=folds, **length)
        if validation.kind == "random" and validation.by == "pair":
            return validation, splitting.k_fold(train, folds, validation.random_state)
        kind = f"random, by {validation.by}" if validation.kind == "random" else validation.kind
        raise ConfigError(
            f"Section [tune] has folds = {folds}, which is not possible for a validation split of kind {kind}; use "
            "folds = 1, or validation.kind = 'time' or 'random'."
        )


def filters_seen(evaluate: EvaluateSpec, split: SplitSpec) -> bool:
    """Return whether items of the training data are left out of the ranking after such a split."""
    return split.kind == "random" if evaluate.filter_seen is None else evaluate.filter_seen


def _classes(value: Any) -> Iterator[type]:
    """Yield the class of a model, and those of models and rankers among its parameters."""
    if isinstance(value, list | tuple):
        for part in value:
            yield from _classes(part)
    elif hasattr(value, "get_params"):
        yield type(value)
        yield from _classes(list(value.get_params(deep=False).values()))
    elif is_dataclass(value):
        yield type(value)
        yield from _classes([getattr(value, field.name) for field in fields(value)])


def _test_values(distribution: Any) -> list[Any]:
    """Return the values of a distribution that are checked: all of a list, otherwise the ends."""
    if isinstance(distribution, Exponential):
        return [distribution.value(end) for end in (distribution.quantiles.low, distribution.quantiles.high)]
    return [distribution.low, distribution.high] if isinstance(distribution, Range) else distribution
