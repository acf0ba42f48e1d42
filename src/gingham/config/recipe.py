"""A recipe: one TOML file that describes a whole run."""

import json
import re
import tomllib
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any, Self, TypeVar

import polars as pl
from pydantic import Field, PrivateAttr, ValidationError, model_validator

from gingham.columns import CHANNEL, ITEM_ID, ORDER_ID, PRICE, USER_ID
from gingham.config.sections import (
    CompareSpec,
    EvaluateSpec,
    FeaturesSpec,
    GateSpec,
    ModelSpec,
    RecommendSpec,
    TuneSpec,
)
from gingham.errors import ConfigError
from gingham.metrics import main_metric, names
from gingham.rules import Rules
from gingham.section import Flag, Integer, Section, sentences
from gingham.split import SplitSpec
from gingham.tables import CandidateItems, CleanSpec, FeatureSpec, ItemsSource, TransactionsSource, UsersSource
from gingham.tables.value import required_roles
from gingham.validation import check_path, check_text, check_type

# A line that sets `base`, and the comment that `Recipe.stored_text` writes before it.
_BASE = re.compile(r"(?:# Relative paths start from this folder\.\n)?^[ \t]*base[ \t]*=.*\n?", re.MULTILINE)

_Described = TypeVar("_Described", UsersSource | None, ItemsSource | None)


class Recipe(Section):
    """The description of a run.

    Attributes
    ----------
    base : path
        The folder that relative paths are relative to; by default the recipe file's. A run stores it in its recipe.
    name : str, optional
        The name of the run; by default the recipe file's name without its extension.
    transactions, users, items
        The tables; only the transactions are required.
    clean, features, split, model, evaluate, compare, recommend, tune
        What to do with the tables; each section has defaults.
    rules : Rules, optional
        What recommended lists must fulfil; the columns are those of the items table. None by default.
    gate : GateSpec, optional
        What a new version must pass before it becomes the current one; by default every finished run becomes current.
    keep : int
        How many versions a run keeps in its folder; 5 by default. The current version is always kept.
    refit : bool
        Whether the model is fitted again to all data before it recommends; True by default.

    Examples
    --------
    >>> import gingham as gg
    >>> recipe = gg.Recipe.parse('''
    ... [transactions]
    ... path = "sales.csv"
    ... user_id = "customer"
    ... item_id = "article"
    ... timestamp = "day"
    ... ''')
    >>> recipe.transactions.user_id, recipe.split.kind, recipe.evaluate.k
    ('customer', 'time', 12)
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
    rules: Rules | None = None
    gate: GateSpec | None = None
    keep: Integer = Field(default=5, ge=1)
    refit: Flag = True

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.transactions.timestamp is None:
            self._need_no_times(self.transactions.order is not None)
        for table in ("users", "items"):
            spec = getattr(self.features, table)
            if spec and getattr(self, table) is None:
                first = spec.columns[0]
                raise ValueError(f"features.{table} names column {first!r}, but there is no section [{table}]; add it")
        if self.candidates == "all" and not self.features.items:
            raise ValueError(
                "items.candidates is 'all', but features.items is empty, and models know an item without transactions "
                "only by its features; name columns in features.items"
            )
        if self.rules is not None:
            self._check_rules(self.rules)
        measured = names([self.evaluate.k])
        for key, metric in (("compare", self.compare.metric), ("gate", self.gate and self.gate.metric)):
            if metric is not None and metric not in measured:
                raise ValueError(f"{key}.metric {metric!r} is not measured; use one of {', '.join(measured)}")
        if self.gate and (self.gate.min_list_length or 0) > self.recommend.k:
            raise ValueError(
                f"gate.min_list_length is {self.gate.min_list_length}, but lists have {self.recommend.k} items; "
                "lower it, or raise recommend.k"
            )
        for entry in self.compare.models:
            if entry.is_auto or (self.model.is_auto and "kind" not in entry.model_fields_set):
                raise ValueError(
                    f"compare.models {entry.name!r} has no kind of its own, and only [model] can have kind = 'auto'; "
                    "set its kind to a model"
                )
        return self

    def _check_rules(self, rules: Rules) -> None:
        """Refuse rules that the lists of a run could not follow."""
        if rules.columns and self.items is None:
            raise ValueError(f"rules use the column {rules.columns[0]!r}, but there is no section [items]; add it")
        missing = [name for name in rules.values if name not in rules.request]
        if missing:
            raise ValueError(
                f"rules need the value {missing[0]!r}; add it to rules.request, as the default of requests"
            )
        k = min(self.recommend.k, self.evaluate.k)
        beyond = [pin for pin in rules.pins if pin.position > k]
        if beyond:
            raise ValueError(f"rules pin {beyond[0].item!r} to position {beyond[0].position}, but lists have {k} items")
        if self.transactions.timestamp is None:
            for key in ("exclude_bought", "new"):
                if getattr(rules, key) is not None:
                    raise ValueError(f"rules.{key} needs transactions.timestamp; name that column, or remove {key}")

    def _need_no_times(self, has_order: bool) -> None:
        """Refuse what needs times; order numbers have a sequence, but no durations."""
        why = "; order numbers have no durations" if has_order else ""
        if self.clean.start is not None or self.clean.end is not None:
            raise ValueError(f"clean.start and clean.end need transactions.timestamp{why}; name that column")
        for key in ("last", "half_life") if has_order else ():
            if getattr(self.clean, key) is not None:
                raise ValueError(f"clean.{key} needs transactions.timestamp{why}; name that column, or remove {key}")
        kinds = ("last-n", "random") if has_order else ("random",)
        if self.split.kind not in kinds:
            raise ValueError(
                f"split.kind {self.split.kind!r} needs transactions.timestamp{why}; "
                f"name that column, or split with kind = {' or '.join(map(repr, kinds))}"
            )

    _base: Path = PrivateAttr(default=Path())
    _text: str = PrivateAttr(default="")

    @property
    def base(self) -> Path:
        """The folder that relative paths are relative to."""
        return self._base

    @property
    def text(self) -> str:
        """The recipe as it was written."""
        return self._text

    @property
    def stored_text(self) -> str:
        """The recipe as it was written, and its `base` as an absolute path, so that it runs from any folder."""
        first = f"# Relative paths start from this folder.\nbase = {json.dumps(str(self.base.absolute()))}\n"
        # A key of the recipe itself stands before its first section.
        start, section, rest = re.split(r"(^[ \t]*\[|\Z)", self.text, maxsplit=1, flags=re.MULTILINE)
        return first + _BASE.sub("", start, count=1) + section + rest

    @property
    def sources(self) -> dict[str, Any]:
        """The arguments of `gingham.tables.read` and `check_sources`: the tables, their folder and features."""
        return {
            "transactions": self.transactions,
            "users": self.users,
            "items": self.items,
            "base": self.base,
            "user_features": self.features.users,
            "item_features": self.features.items,
        }

    @property
    def candidates(self) -> CandidateItems:
        """Which items are recommended: those of the transactions, or all of the items table."""
        return "sold" if self.items is None else self.items.candidates

    @property
    def filter_seen(self) -> bool:
        """Whether the evaluation leaves out items of the user's train part."""
        filter_seen = self.evaluate.filter_seen
        return self.split.kind == "random" if filter_seen is None else filter_seen

    @property
    def metric(self) -> str:
        """The main metric: that of ``[compare]``, or MAP at ``evaluate.k``."""
        return self.compare.metric or main_metric(self.evaluate.k)

    def with_model(self, model: ModelSpec) -> "Recipe":
        """Return this recipe with another section ``[model]``; its text stays as it was written."""
        return self.model_copy(update={"model": model})

    def with_rules(self, rules: Rules | None) -> "Recipe":
        """Return this recipe with other rules, or with its rules bound to the items table."""
        return self.model_copy(update={"rules": rules})

    def with_kind(self, kind: str) -> "Recipe":
        """Return this recipe with a model of another kind, which shares its seed and its threads.

        Raises
        ------
        ConfigError
            If there is no such kind.
        """
        if kind == self.model.kind:
            return self
        own = {"num_threads": self.model.num_threads}
        model = ModelSpec().changed({"kind": kind, **own})
        seed = self.model.params.get("random_state")
        takes_seed = all("random_state" in cls.param_names() for cls in model.classes) or model.is_auto
        return self.with_model(model.changed({"random_state": seed}) if seed is not None and takes_seed else model)

    def narrowed(self) -> "Recipe":
        """Return this recipe with only the columns that a dataset needs; reading columns is most of the work."""
        used = {*required_roles(self.clean.value), *self._model_columns}
        if self.rules is not None:
            used.add(PRICE)  # for the revenue under rules
        if self.clean.guests == "orders":
            used.add(ORDER_ID)
        unused = () if self.clean.deduplicate else {PRICE, CHANNEL, ORDER_ID} - used  # quantities tell returns
        return self.model_copy(
            update={
                "transactions": self.transactions.model_copy(update=dict.fromkeys(unused)),
                "users": _narrowed(self.users, USER_ID, self.transactions, self.features.users, self.clean.users),
                "items": _narrowed(
                    self.items,
                    ITEM_ID,
                    self.transactions,
                    self.features.items,
                    self.clean.items,
                    [] if self.rules is None else self.rules.columns,
                ),
            }
        )

    @property
    def _model_columns(self) -> set[str]:
        """The optional columns of the transactions that the recipe's models use."""
        models = (self.model, *self.compare.models)
        return {column for model in models for cls in model.classes for column in cls.columns}

    @classmethod
    def read(cls, path: Path | str) -> "Recipe":
        """Read a recipe file; relative paths in it are relative to its folder.

        Raises
        ------
        ConfigError
            If the file is missing or unreadable, or as for `parse`.

        Examples
        --------
        >>> import gingham as gg
        >>> recipe = gg.Recipe.parse('''
        ... [transactions]
        ... path = "sales.csv"
        ... user_id = "customer"
        ... item_id = "article"
        ... timestamp = "day"
        ... [model]
        ... kind = "als"
        ... epochs = 5
        ... ''')
        >>> recipe.model.kind, recipe.model.params
        ('als', {'epochs': 5})
        """
        path = check_path("recipe", path)
        try:
            text = path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            raise ConfigError(f"The recipe {path} does not exist; write one with `gingham init`.") from None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"The recipe {path} cannot be read: {error}.") from error
        return cls.parse(text, path.parent, path.name)

    @classmethod
    def of(cls, recipe: "Recipe | Path | str") -> "Recipe":
        """Return a recipe as it is, or read it from the file at a path.

        Raises
        ------
        ConfigError, ParameterError
            As for `read`.

        Examples
        --------
        >>> import gingham as gg
        >>> recipe = gg.Recipe(transactions={"path": "sales.csv", "user_id": "u", "item_id": "i", "timestamp": "day"})
        >>> gg.Recipe.of(recipe) is recipe
        True
        """
        if isinstance(recipe, Recipe):
            return recipe
        check_type("recipe", recipe, (str, PathLike), "a gingham.Recipe, or the path of a recipe's file")
        return cls.read(recipe)

    @classmethod
    def parse(cls, text: str, base: Path | str = ".", file: str = "recipe.toml") -> "Recipe":
        """Parse a recipe's text.

        Parameters
        ----------
        text : str
            TOML.
        base : path
            The folder that relative paths are relative to; by default the current one.
        file : str
            The file's name in error messages; also the source of the default name of the run.

        Raises
        ------
        ConfigError
            If the text is not TOML, or keys or values are wrong: one sentence for each problem.
        """
        check_text("text", text)
        check_text("file", file)
        base = check_path("base", base)
        try:
            content = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{file} is not valid TOML: {error}.") from error
        folder = content.pop("base", ".")
        if not isinstance(folder, str):
            raise ConfigError(f"{file}: base must be the path of a folder, not {folder!r}; write it as text.")
        try:
            recipe = cls.model_validate({"name": Path(file).stem, **content})
        except ValidationError as error:
            raise ConfigError(sentences(error, cls, content, file)) from error
        recipe._base, recipe._text = base / folder, text
        return recipe


def _narrowed(
    source: _Described,
    role: str,
    transactions: TransactionsSource,
    features: FeatureSpec,
    expression: str | None,
    others: Iterable[str] = (),
) -> _Described:
    """Drop the columns of a table that nothing uses, unless the recipe lists columns."""
    if source is None or source.place is None or source.columns is not None:
        return source
    try:
        expression_columns: list[str] = [] if expression is None else pl.sql_expr(expression).meta.root_names()
    except pl.exceptions.PolarsError:
        return source  # cleaning reports what is wrong with it
    own = getattr(source, role) or getattr(transactions, role)
    columns = dict.fromkeys([own, *features.columns, *expression_columns, *others])
    return source.model_copy(update={"columns": list(columns)})
