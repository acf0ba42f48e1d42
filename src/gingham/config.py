"""A recipe: one TOML file that says everything about a run."""

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self, TypeVar, get_args

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator, model_validator

from gingham.columns import CHANNEL, ITEM_ID, PRICE, QUANTITY, USER_ID
from gingham.errors import ConfigError
from gingham.metrics import named
from gingham.space import Distribution, Preset, Space, preset
from gingham.split import SplitSpec
from gingham.tables import CleanSpec, FeatureSpec, ItemsSource, TransactionsSource, UsersSource
from gingham.tables.duration import time_limit
from gingham.tables.value import roles_of

_Described = TypeVar("_Described", UsersSource | None, ItemsSource | None)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def changed(self, keys: Mapping[str, Any]) -> Self:
        """Put other values in place of those of some keys.

        Raises
        ------
        ConfigError
            If there is no such key, or a value is out of its range.
        """
        (section,) = (name for name, field in Recipe.model_fields.items() if field.annotation is type(self))
        content = {section: {**self.model_dump(), **keys}}
        try:
            return self.model_validate(content[section])
        except ValidationError as error:
            raise ConfigError("\n".join(_sentences(error, content, "given", (section,)))) from error


class FeaturesSpec(_Section):
    """The recipe's ``[features.users]`` and ``[features.items]``; none by default."""

    users: FeatureSpec = FeatureSpec()
    items: FeatureSpec = FeatureSpec()


class EarlyStoppingSpec(_Section):
    """The recipe's ``[model.early_stopping]``: how many epochs to train is found on a validation part of train.

    That part is taken from train as the test was taken from everything. The model is then fitted to all of train.

    Attributes
    ----------
    metric : str
        What has to improve; "map@12" by default.
    patience : int
        How many epochs without improvement end the search; 3 by default.
    """

    metric: str = "map@12"
    patience: int = Field(default=3, ge=1)

    @field_validator("metric")
    @classmethod
    def _known(cls, metric: str) -> str:
        named(metric)
        return metric


class ModelSpec(_Section):
    """The recipe's ``[model]``.

    Attributes
    ----------
    kind : {"hybrid", "popularity", "buy-again", "item-knn", "ease", "next-basket"}
        Which model; "hybrid" by default.
    epochs : int
        How often training goes through the interactions, at most if it stops early; 10 by default.
    num_threads : int
        How many threads train; 0 (default) for all cores.
    weighted : bool
        Whether an interaction's value ([clean] value) is its weight in training a "hybrid" model; by default all that
        are above zero count alike.
    early_stopping : EarlyStoppingSpec, optional
        How a "hybrid" model finds its number of epochs; by default all are trained.

    Every other key is a hyper-parameter of the model, which has their defaults and refuses those it does not know.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: Literal["hybrid", "popularity", "buy-again", "item-knn", "ease", "next-basket"] = "hybrid"
    epochs: int = Field(default=10, ge=1)
    num_threads: int = Field(default=0, ge=0)
    weighted: bool = False
    early_stopping: EarlyStoppingSpec | None = None

    @property
    def params(self) -> dict[str, Any]:
        """The hyper-parameters: every other key and its value."""
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


class CompareSpec(_Section):
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

    @property
    def names(self) -> list[str]:
        """The names of the models."""
        return [model.name for model in self.models]


class EvaluateSpec(_Section):
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


class RecommendSpec(_Section):
    """The recipe's ``[recommend]``: `k` items for every user, 12 by default; `filter_seen` leaves out those bought."""

    k: int = Field(default=12, ge=1)
    filter_seen: bool = False


class TuneSpec(_Section):
    """The recipe's ``[tune]``: how `gingham tune` searches for parameters of the model.

    Attributes
    ----------
    metric : str
        What is maximised, on a validation part of train; "map@12" by default.
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
        Whether trials learn from those before; "tpe" by default.
    pruner : {"median", "hyperband", "none"}
        Which trials are given up after an epoch; "median" by default.
    patience : int
        A trial ends when its metric has not improved for so many epochs, and the best epoch counts; 5 by default. 0:
        it trains to the end, and the last epoch counts.
    seed : int
        Of the sampler; 42 by default. With one worker, and one thread, a search can be repeated.
    """

    metric: str = "map@12"
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
            return {**(preset(chosen, kind) if chosen else {}), **self.space}
        except ValueError as error:
            raise ConfigError(f"Section [tune]: {error}.") from None


class Recipe(_Section):
    """Everything about a run.

    Attributes
    ----------
    name : str, optional
        What to call the run; by default the recipe file's name without its ending.
    transactions, users, items
        The tables; the transactions are required.
    clean, features, split, model, evaluate, compare, recommend, tune
        What to do with them, each with defaults of its own.
    refit : bool
        Whether the model is fitted again, on everything, before it recommends; True by default.
    """

    name: str = "recipe"
    transactions: TransactionsSource
    users: UsersSource | None = None
    items: ItemsSource | None = None
    clean: CleanSpec = CleanSpec()
    features: FeaturesSpec = FeaturesSpec()
    split: SplitSpec = SplitSpec()
    model: ModelSpec = ModelSpec()
    evaluate: EvaluateSpec = EvaluateSpec()
    compare: CompareSpec = CompareSpec()
    recommend: RecommendSpec = RecommendSpec()
    tune: TuneSpec = TuneSpec()
    refit: bool = True

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.transactions.timestamp is None:
            if self.clean.start is not None or self.clean.end is not None:
                raise ValueError("clean.start and clean.end need transactions.timestamp; name that column")
            if self.split.kind != "random":
                raise ValueError(
                    f"split.kind {self.split.kind!r} needs transactions.timestamp; "
                    "name that column, or split with kind = 'random'"
                )
        for table in ("users", "items"):
            spec = getattr(self.features, table)
            if spec and getattr(self, table) is None:
                first = spec.columns[0]
                raise ValueError(f"features.{table} names column {first!r}, but there is no section [{table}]; add it")
        return self

    _base: Path = PrivateAttr(default=Path())
    _text: str = PrivateAttr(default="")

    @property
    def base(self) -> Path:
        """The folder that relative paths start from."""
        return self._base

    @property
    def text(self) -> str:
        """The recipe as it was written."""
        return self._text

    @property
    def filter_seen(self) -> bool:
        """Whether items that a user has in train are no candidates for the test."""
        asked = self.evaluate.filter_seen
        return self.split.kind == "random" if asked is None else asked

    def narrowed(self) -> "Recipe":
        """Give this recipe with no more columns than a dataset is made of; reading them is most of the work."""
        counted = () if self.clean.deduplicate else {PRICE, QUANTITY, CHANNEL} - set(roles_of(self.clean.value))
        return self.model_copy(
            update={
                "transactions": self.transactions.model_copy(update=dict.fromkeys(counted)),
                "users": _narrowed(self.users, USER_ID, self.transactions, self.features.users, self.clean.users),
                "items": _narrowed(self.items, ITEM_ID, self.transactions, self.features.items, self.clean.items),
            }
        )

    @classmethod
    def read(cls, path: Path | str) -> "Recipe":
        """Read a recipe file; relative paths in it start from its folder.

        Raises
        ------
        ConfigError
            If the file is missing or unreadable, or for what `parse` raises.
        """
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            raise ConfigError(f"There is no recipe {path}; write one with `gingham init`.") from None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"The recipe {path} cannot be read: {error}.") from error
        return cls.parse(text, path.parent, path.name)

    @classmethod
    def parse(cls, text: str, base: Path | str = ".", file: str = "recipe.toml") -> "Recipe":
        """Understand a recipe's text.

        Parameters
        ----------
        text : str
            TOML.
        base : path
            The folder that relative paths start from; by default the current one.
        file : str
            What to call the text in errors; also the source of the default name.

        Raises
        ------
        ConfigError
            If the text is no TOML, or a key or value is wrong: one sentence each.
        """
        try:
            content = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{file} is not valid TOML: {error}.") from error
        try:
            recipe = cls.model_validate({"name": Path(file).stem, **content})
        except ValidationError as error:
            raise ConfigError("\n".join(_sentences(error, content, file))) from error
        recipe._base, recipe._text = Path(base), text
        return recipe


def _narrowed(
    source: _Described, role: str, transactions: TransactionsSource, features: FeatureSpec, expression: str | None
) -> _Described:
    """Leave out the columns of a table that nothing asks for; those that the recipe lists stay."""
    if source is None or source.place is None or source.columns is not None:
        return source
    try:
        asked: list[str] = [] if expression is None else pl.sql_expr(expression).meta.root_names()
    except pl.exceptions.PolarsError:
        return source  # cleaning will say what is wrong with it
    own = getattr(source, role) or getattr(transactions, role)
    return source.model_copy(update={"columns": list(dict.fromkeys([own, *features.columns, *asked]))})


def _sentences(error: ValidationError, content: dict[str, Any], file: str, section: tuple[str, ...] = ()) -> list[str]:
    """Write one sentence a problem; where a key may have several types, what the first of them says."""
    problems: dict[tuple[str, ...], str] = {}
    for problem in error.errors():
        place = (*section, *(str(part) for part in problem["loc"]))
        kind = problem["type"]
        if kind == "missing":
            where = ".".join(place[:-1])
            said = f"section [{where}] has no key {place[-1]!r}; add it" if where else f"add section [{place[-1]}]"
        elif kind == "extra_forbidden":
            said = _unknown(place)
        elif kind == "value_error":
            key = ".".join(place)
            said = f"{key}: {problem['ctx']['error']}" if key else str(problem["ctx"]["error"])
        else:
            place = _written(place, content)
            message = problem["msg"][0].lower() + problem["msg"][1:]
            said = f"{'.'.join(place)} is {problem['input']!r}; {message}"
        problems.setdefault(place, f"{file}: {said.rstrip('.')}.")
    return list(problems.values())


def _written(place: tuple[str, ...], content: Any) -> tuple[str, ...]:
    """Cut a problem's place down to the keys of the recipe; what follows are types that Pydantic tried."""
    depth = 0
    for part in place:
        if isinstance(content, dict) and part in content:
            content = content[part]
        elif isinstance(content, list) and part.isdigit() and int(part) < len(content):
            content = content[int(part)]
        else:
            break
        depth += 1
    return place[:depth]


def _unknown(place: tuple[str, ...]) -> str:
    model: Any = Recipe
    for part in place[:-1]:
        annotation = model.model_fields[part].annotation
        model = next(kind for kind in (annotation, *get_args(annotation)) if hasattr(kind, "model_fields"))
    section, key, keys = ".".join(place[:-1]), place[-1], list(model.model_fields)
    near = difflib.get_close_matches(key, keys, n=1)
    hint = f"did you mean {near[0]!r}" if near else f"it knows {', '.join(keys)}"
    return f"unknown key {key!r} in {f'section [{section}]' if section else 'the recipe'}; {hint}"
