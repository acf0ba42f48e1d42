"""The sections of a recipe that say what to do with the tables; each key has a default."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

import gingham.ranking  # noqa: F401 (registers TwoStage)
from gingham.config.space import Distribution, Preset, Space, preset
from gingham.duration import duration, time_limit
from gingham.errors import ConfigError
from gingham.metrics import named
from gingham.models import Recommender, model_class, panel_classes
from gingham.section import Flag, Integer, Number, Section, sentences
from gingham.split import SplitSpec
from gingham.tables import FeatureSpec
from gingham.validation import MAX_THREADS, check_integer, check_text, optional


class ChangeableSection(Section):
    """A section whose keys can also be set outside a file."""

    place: ClassVar[str]

    def changed(self, keys: Mapping[str, Any]) -> Self:
        """Return a copy in which some keys have other values.

        Raises
        ------
        ConfigError
            If there is no such key, or a value is not allowed.
        """
        content = {**self.model_dump(), **keys}
        try:
            return self.model_validate(content)
        except ValidationError as error:
            raise ConfigError(sentences(error, type(self), content, "settings", (self.place,))) from error


# The kind that stands for the best model of a panel, and its parameters.
AUTO = "auto"
_AUTO_PARAMS = ("budget", "random_state")
_BUDGET = "5m"


class FeaturesSpec(Section):
    """The recipe's ``[features.users]`` and ``[features.items]``; none by default."""

    users: FeatureSpec = FeatureSpec()
    items: FeatureSpec = FeatureSpec()


class ModelSpec(ChangeableSection):
    """The recipe's ``[model]``.

    Attributes
    ----------
    kind : str
        The model, by one of the names of `gingham.models.kinds`; "hybrid" by default. With "auto", several models are
        fitted to a part of the train part, and the best one is taken.
    num_threads : int
        The number of threads that fit the model; 0 (default) for all cores.

    Every other key is a parameter of the model: its constructor's, ``epochs`` and ``early_stopping`` included. A
    "two-stage" model has tables of its own, ``[[model.candidates]]`` and ``[model.ranker]``. "auto" has two keys: a
    time limit, ``budget``, "5m" by default, and a ``random_state`` for all models.
    """

    place: ClassVar[str] = "model"
    model_config = ConfigDict(extra="allow", frozen=True)

    kind: str = "hybrid"
    num_threads: Integer = Field(default=0, ge=0, le=MAX_THREADS)

    @field_validator("kind")
    @classmethod
    def _check_kind(cls, kind: str) -> str:
        if kind == AUTO:
            return kind
        try:
            model_class(kind)
        except ConfigError as error:
            message = str(error).rstrip(".")
            raise ValueError(message[0].lower() + message[1:]) from None
        return kind

    @model_validator(mode="after")
    def _check_auto(self) -> Self:
        if not self.is_auto:
            return self
        for name in self.params:
            if name not in _AUTO_PARAMS:
                raise ValueError(
                    f"{name!r} is not a parameter of kind = {AUTO!r}, which has {' and '.join(_AUTO_PARAMS)} and takes "
                    f"models with their defaults; remove {name!r}, or set kind to the model that it belongs to"
                )
        check_text("budget", self.params.get("budget", _BUDGET))
        time_limit(self.params.get("budget", _BUDGET))
        optional(partial(check_integer, least=0))("random_state", self.params.get("random_state"))
        return self

    @property
    def is_auto(self) -> bool:
        """Whether the model is the best one of a panel."""
        return self.kind == AUTO

    @property
    def budget(self) -> timedelta:
        """The time in which a panel is fitted, for kind = "auto"."""
        return time_limit(self.params.get("budget", _BUDGET))

    @property
    def classes(self) -> list[type[Recommender]]:
        """The class of the model; for kind = "auto", all that the model can turn out to be, the cheapest first."""
        return panel_classes() if self.is_auto else [model_class(self.kind)]

    @property
    def params(self) -> dict[str, Any]:
        """The model's parameters, as the recipe writes them."""
        return dict(self.model_extra or {})


class ComparedSpec(ModelSpec):
    """One of the recipe's ``[[compare.models]]``: a `name`, and the keys that differ from ``[model]``.

    A model of another kind than ``[model]`` shares only `num_threads` with it.
    """

    name: str

    def completed(self, model: ModelSpec) -> ModelSpec:
        """Return the complete section of this model, with the keys that it shares with ``[model]``."""
        own = self.model_dump(exclude_unset=True, exclude={"name"})
        same = "kind" not in own or own["kind"] == model.kind
        shared = model.model_dump(exclude_unset=True, include=None if same else {"num_threads"})
        return ModelSpec.model_validate({**shared, **own})


class CompareSpec(Section):
    """The recipe's ``[compare]``: what `gingham compare` compares besides ``[model]`` and the baselines.

    Attributes
    ----------
    models : list of ComparedSpec
        Further models, each a ``[[compare.models]]``; none by default.
    metric : str, optional
        The metric that determines the best baseline and comes first in the report; MAP at ``evaluate.k`` by default.
    reference : str, optional
        The name of the model that the others are compared with; by default the best baseline.
    window : str
        The window of the recent best sellers; "7d" by default.
    """

    models: list[ComparedSpec] = Field(default=[])
    metric: str | None = None
    reference: str | None = None
    window: str = "7d"

    @model_validator(mode="after")
    def _check_metric(self) -> Self:
        if self.metric is not None:
            named(self.metric)
        duration(self.window)
        return self

    @property
    def names(self) -> list[str]:
        """The names of the models."""
        return [model.name for model in self.models]


class EvaluateSpec(Section):
    """The recipe's ``[evaluate]``.

    Attributes
    ----------
    k : int
        The length of the list that the metrics evaluate; 12 by default.
    filter_seen : bool, optional
        Whether to leave out items of the user's train part. By default they are left out after a random split, where
        no test item is in the user's train part, and kept after a split by time, where repeat purchases count.
    """

    k: Integer = Field(default=12, ge=1)
    filter_seen: Flag | None = None


class RecommendSpec(Section):
    """The recipe's ``[recommend]``: `k` items for each user, 12 by default; `filter_seen` leaves out seen items."""

    k: Integer = Field(default=12, ge=1)
    filter_seen: Flag = False


class GateSpec(Section):
    """The recipe's ``[gate]``: what a new version must pass before it becomes the current one; no gate by default.

    Attributes
    ----------
    metric : str, optional
        The metric by which the new model must not be clearly worse than that of the current version, both evaluated on
        the new test part and paired by user; by default the metric of `gingham compare`.
    min_list_length : int, optional
        A user is served if their list has at least so many items; ``recommend.k`` by default.
    min_share_of_users : float
        The share of users who must be served; 0.99 by default.
    """

    metric: str | None = None
    min_list_length: Integer | None = Field(default=None, ge=1)
    min_share_of_users: Number = Field(default=0.99, ge=0, le=1)


class TuneSpec(ChangeableSection):
    """The recipe's ``[tune]``: how `gingham tune` searches for the model's parameters.

    Attributes
    ----------
    metric : str
        The metric to maximise on a validation part of train; by default MAP at the recipe's ``evaluate.k``, as in
        `gingham compare`.
    validation : SplitSpec, optional
        How the validation part is split off train, as in ``[split]``; by default as the test part was split off.
    folds : int
        The number of validation parts that the metric is averaged over: rolling back in time from the last one, or
        random folds. 1 by default.
    space : mapping of str to distribution
        The distribution of each parameter that is searched. A distribution is a list of values, a range
        ``{ low = 1, high = 9, log = true }``, or ``{ exponential = 0.05 }`` with that mean.
    preset : {"default", "hm-study"}, optional
        Distributions for parameters that `space` does not name: the model's default space, or that of the H&M study.
        By default the model's default space if `space` is empty, otherwise none.
    trials : int
        The number of parameter sets to try; 50 by default.
    timeout : str, optional
        The time limit of the search, such as "30m" or "8h"; no limit by default.
    workers : int
        The number of processes that run trials at the same time; 1 by default.
    sampler : {"tpe", "random"}
        Whether trials learn from earlier ones; "tpe" by default. With the median pruner, it took 27% of random search's
        time to reach its best of 50 trials on Ta-Feng (the median of five seeds; one of them did not reach it).
    pruner : {"median", "hyperband", "none"}
        Which trials are stopped early: those below the median of earlier trials after the same quarter of their epochs
        ("median", the default), or by successive halving ("hyperband"). The first trials are never stopped: the model
        as it is given, with each alternative of its switches, and with some of its parameters drawn.
    patience : int
        A trial ends when its metric has not improved for this number of epochs, and its best epoch counts; 5 by
        default. With 0 it trains to the end, and the last epoch counts.
    seed : int
        The seed of the sampler; 42 by default. With one worker, a search is reproducible.
    """

    place: ClassVar[str] = "tune"

    metric: str | None = None
    validation: SplitSpec | None = None
    folds: Integer = Field(default=1, ge=1)
    space: dict[str, Distribution] = Field(default={})
    preset: Preset | None = None
    trials: Integer = Field(default=50, ge=1)
    timeout: str | None = None
    workers: Integer = Field(default=1, ge=1)
    sampler: Literal["tpe", "random"] = "tpe"
    pruner: Literal["median", "hyperband", "none"] = "median"
    patience: Integer = Field(default=5, ge=0)
    seed: Integer = Field(default=42, ge=0)

    @model_validator(mode="after")
    def _check_metric(self) -> Self:
        if self.metric is not None:
            named(self.metric)
        if self.timeout is not None:
            time_limit(self.timeout)
        return self

    def space_of(self, kind: str) -> Space:
        """Return the search space of a model.

        Raises
        ------
        ConfigError
            If there is no such model, or the preset belongs to another model.
        """
        chosen = self.preset or (None if self.space else "default")
        try:
            return {**(preset(chosen, kind, model_class(kind).default_space) if chosen else {}), **self.space}
        except ValueError as error:
            raise ConfigError(f"Section [tune]: {error}.") from None
