"""The sections of a recipe that are about what is done with the tables, each with defaults of its own."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

import gingham.ranking  # noqa: F401 (registers TwoStage)
from gingham.config.problems import sentences
from gingham.config.space import Distribution, Preset, Space, preset
from gingham.duration import duration, time_limit
from gingham.errors import ConfigError
from gingham.metrics import named
from gingham.models import Recommender, model_class
from gingham.split import SplitSpec
from gingham.tables import FeatureSpec
from gingham.validation import MAX_THREADS


class Section(BaseModel):
    """A part of a recipe: it refuses keys that it doesn't know, and doesn't change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ChangeableSection(Section):
    """A section whose keys may be given otherwise than in a file."""

    place: ClassVar[str]

    def changed(self, keys: Mapping[str, Any]) -> Self:
        """Put other values in place of those of some keys.

        Raises
        ------
        ConfigError
            If there is no such key, or a value is out of its range.
        """
        content = {**self.model_dump(), **keys}
        try:
            return self.model_validate(content)
        except ValidationError as error:
            raise ConfigError(sentences(error, type(self), content, "given", (self.place,))) from error


class FeaturesSpec(Section):
    """The recipe's ``[features.users]`` and ``[features.items]``; none by default."""

    users: FeatureSpec = FeatureSpec()
    items: FeatureSpec = FeatureSpec()


class ModelSpec(ChangeableSection):
    """The recipe's ``[model]``.

    Attributes
    ----------
    kind : str
        The model, by one of the names of `gingham.models.kinds`; "hybrid" by default.
    num_threads : int
        The number of threads that fit the model; 0 (default) for all cores.

    Every other key is a parameter of the model: its constructor's, ``epochs`` and ``early_stopping`` included. A
    "two-stage" model has tables of its own, ``[[model.candidates]]`` and ``[model.ranker]``.
    """

    place: ClassVar[str] = "model"
    model_config = ConfigDict(extra="allow", frozen=True)

    kind: str = "hybrid"
    num_threads: int = Field(default=0, ge=0, le=MAX_THREADS)

    @field_validator("kind")
    @classmethod
    def _check_kind(cls, kind: str) -> str:
        try:
            model_class(kind)
        except ConfigError as error:
            raise ValueError(str(error).rstrip(".")) from None
        return kind

    @property
    def model_class(self) -> type[Recommender]:
        """The class of the model."""
        return model_class(self.kind)

    @property
    def params(self) -> dict[str, Any]:
        """The model's parameters, as the recipe writes them."""
        return dict(self.model_extra or {})


class ComparedSpec(ModelSpec):
    """One of the recipe's ``[[compare.models]]``: a `name`, and what differs from ``[model]``.

    A model of another kind than ``[model]`` takes nothing from it but `num_threads`.
    """

    name: str

    def beside(self, model: ModelSpec) -> ModelSpec:
        """Give the model in full."""
        own = self.model_dump(exclude_unset=True, exclude={"name"})
        same = "kind" not in own or own["kind"] == model.kind
        shared = model.model_dump(exclude_unset=True, include=None if same else {"num_threads"})
        return ModelSpec.model_validate({**shared, **own})


class CompareSpec(Section):
    """The recipe's ``[compare]``: what `gingham compare` puts beside ``[model]`` and the baselines.

    Attributes
    ----------
    models : list of ComparedSpec
        Other models, each a ``[[compare.models]]``; none by default.
    metric : str, optional
        What decides which baseline is best, and opens the report; by default MAP at ``evaluate.k``.
    reference : str, optional
        The name of the model that the others are compared with; by default the best baseline.
    window : str
        What recent best sellers are best sellers of; "7d" by default.
    """

    models: list[ComparedSpec] = Field(default=[])
    metric: str | None = None
    reference: str | None = None
    window: str = "7d"

    @model_validator(mode="after")
    def _can_be_measured(self) -> Self:
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
        How many of the first recommendations the metrics look at; 12 by default.
    filter_seen : bool, optional
        Whether items that a user has in train are no candidates. By default they are none after a random split, which
        leaves a test item in no user's train, and are candidates after a split in time, where repeats count.
    """

    k: int = Field(default=12, ge=1)
    filter_seen: bool | None = None


class RecommendSpec(Section):
    """The recipe's ``[recommend]``: `k` items for every user, 12 by default; `filter_seen` leaves out those bought."""

    k: int = Field(default=12, ge=1)
    filter_seen: bool = False


class TuneSpec(ChangeableSection):
    """The recipe's ``[tune]``: how `gingham tune` searches for parameters of the model.

    Attributes
    ----------
    metric : str
        What is maximised, on a validation part of train; by default MAP at the recipe's ``evaluate.k``, by which
        `gingham compare` compares, too.
    validation : SplitSpec, optional
        How that part is taken from train, as in ``[split]``; by default as the test was taken from everything.
    folds : int
        How many validation parts the metric is the mean of: rolling back in time from the last one, or random folds.
        1 by default.
    space : mapping of str to distribution
        What is tried, by name: parameters of the model, its `epochs` and `weighted`. A distribution is a list of
        values, a range ``{ low = 1, high = 9, log = true }``, or ``{ exponential = 0.05 }`` with that mean.
    preset : {"default", "hm-study"}, optional
        Distributions for what `space` does not name: those of the model's kind, or the H&M study's. By default the
        model's kind's if `space` is empty, and none if it is not.
    trials : int
        How many sets of parameters are tried; 50 by default.
    timeout : str, optional
        How long the search may take, such as "30m" or "8h"; no limit by default.
    workers : int
        How many processes try at the same time; 1 by default.
    sampler : {"tpe", "random"}
        Whether trials learn from those before; "tpe" by default: on Ta-Feng, with the median pruner, it took 27% of
        random search's time to its best of 50 trials (the median of five seeds; one of them did not get there).
    pruner : {"median", "hyperband", "none"}
        Which trials are given up after an epoch: those below the median of earlier ones at that epoch ("median", the
        default), or by successive halving ("hyperband"). On a third of Ta-Feng they took equally long; the
        median needs no guess of how many epochs a trial is worth.
    patience : int
        A trial ends when its metric has not improved for so many epochs, and the best epoch counts; 5 by default. 0:
        it trains to the end, and the last epoch counts.
    seed : int
        Of the sampler; 42 by default. With one worker, and one thread, a search can be repeated.
    """

    place: ClassVar[str] = "tune"

    metric: str | None = None
    validation: SplitSpec | None = None
    folds: int = Field(default=1, ge=1)
    space: dict[str, Distribution] = Field(default={})
    preset: Preset | None = None
    trials: int = Field(default=50, ge=1)
    timeout: str | None = None
    workers: int = Field(default=1, ge=1)
    sampler: Literal["tpe", "random"] = "tpe"
    pruner: Literal["median", "hyperband", "none"] = "median"
    patience: int = Field(default=5, ge=0)
    seed: int = Field(default=42, ge=0)

    @model_validator(mode="after")
    def _can_be_measured(self) -> Self:
        if self.metric is not None:
            named(self.metric)
        if self.timeout is not None:
            time_limit(self.timeout)
        return self

    def space_of(self, kind: str) -> Space:
        """Give all that is tried for a kind of model.

        Raises
        ------
        ConfigError
            If the preset is of another kind.
        """
        chosen = self.preset or (None if self.space else "default")
        try:
            return {**(preset(chosen, kind, model_class(kind).default_space) if chosen else {}), **self.space}
        except ValueError as error:
            raise ConfigError(f"Section [tune]: {error}.") from None
