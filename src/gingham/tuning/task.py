"""What is searched, and on what: from a recipe, or from datasets."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Self

import numpy as np

from gingham import split as splits
from gingham.config import EvaluateSpec, ModelSpec, Recipe, TuneSpec
from gingham.config.models import build
from gingham.config.space import Exponential, Range, Space
from gingham.dataset import Dataset
from gingham.duration import duration
from gingham.errors import ConfigError
from gingham.metrics import main_metric
from gingham.models import EpochModel
from gingham.split import Split, SplitSpec

_TRAINING = ("epochs", "weighted")


@dataclass(frozen=True, eq=False)
class Task:
    """What is searched.

    Attributes
    ----------
    name : str
        The study's name.
    model : ModelSpec
        What holds for every trial.
    spec : TuneSpec
        How to search; its metric is never None.
    evaluate : EvaluateSpec
        How the test is scored.
    recipe : Recipe or None
        Where all of this is from; None for datasets.
    """

    name: str
    model: ModelSpec
    spec: TuneSpec
    evaluate: EvaluateSpec
    recipe: Recipe | None = None

    @classmethod
    def of(cls, recipe: Recipe | None, model: Mapping[str, Any] | None, settings: Mapping[str, Any]) -> Self:
        """Take a recipe, or what stands for one beside a dataset; `settings` go before its ``[tune]``.

        Raises
        ------
        ConfigError
            If a setting, a parameter of the model or a distribution is wrong.
        """
        if recipe is None:
            task = cls("dataset", ModelSpec().changed(model or {}), TuneSpec(), EvaluateSpec())
        else:
            task = cls(recipe.name, recipe.model, recipe.tune, recipe.evaluate, recipe)
        spec = task.spec.changed(settings)
        task = replace(task, spec=spec.changed({"metric": spec.metric or main_metric(task.evaluate.k)}))
        task._require_fitting()
        return task

    @property
    def space(self) -> Space:
        """What is tried."""
        return self.spec.space_of(self.model.kind)

    @property
    def metric(self) -> str:
        """What is maximised."""
        return str(self.spec.metric)

    @property
    def ks(self) -> list[int]:
        """At which k the test is scored: the recipe's, and that of what is maximised."""
        _, at, k = self.metric.partition("@")
        return sorted({self.evaluate.k, int(k)} if at else {self.evaluate.k})

    def _require_fitting(self) -> None:
        """Refuse a distribution of something, or with a value, that the model refuses."""
        model = build(self.model)
        known = [*model.param_names(), *(_TRAINING if isinstance(model, EpochModel) else ())]
        for name, distribution in self.space.items():
            if name not in known:
                raise ConfigError(
                    f"Section [tune.space] has {name!r}, which is no parameter of {self.model.kind!r}; it has "
                    f"{', '.join(known)}."
                )
            for value in _examples(distribution):
                build(self.model.changed({name: value}))

    def splits(self, train: Dataset, test: Dataset | None) -> tuple[SplitSpec, Iterable[Split[Dataset]]]:
        """Take the validation parts from train; also say how.

        Raises
        ------
        ConfigError, DataError, ParameterError
            If train can't be split like this.
        """
        how = self.spec.validation or self._like_the_test(test)
        folds = self.spec.folds
        if folds == 1:
            return how, [how.apply(train)]
        given: dict[str, Any] = {} if how.test is None else {"test": how.test}
        if how.kind == "time":
            return how, splits.rolling(train, folds=folds, **given)
        if how.kind == "random" and how.by == "pair":
            return how, splits.k_fold(train, folds, how.random_state)
        raise ConfigError(
            f"Section [tune] asks for folds = {folds} of a validation part that is split by "
            f"{how.by if how.kind == 'random' else how.kind}; give folds = 1, or validation.kind = 'time' or 'random'."
        )

    def _like_the_test(self, test: Dataset | None) -> SplitSpec:
        """Take the validation part from train as the test was taken from everything."""
        how = SplitSpec() if self.recipe is None else self.recipe.split
        times = None if test is None else test.interactions.timestamp
        if how.kind != "time" or times is None or how.test is None:
            return how
        try:
            duration(str(how.test))
        except ValueError:
            # It begins on a date: as many days before it.
            days = (times.max() - times.min()) // np.timedelta64(timedelta(days=1)) + 1
            return SplitSpec(kind="time", test=f"{days}d")
        return how


def filters_seen(evaluate: EvaluateSpec, how: SplitSpec) -> bool:
    """Tell whether items that a user has in train are no candidates, after such a split."""
    return how.kind == "random" if evaluate.filter_seen is None else evaluate.filter_seen


def _examples(distribution: Any) -> list[Any]:
    if isinstance(distribution, Exponential):
        return [distribution.value(end) for end in (distribution.quantiles.low, distribution.quantiles.high)]
    return [distribution.low, distribution.high] if isinstance(distribution, Range) else distribution
