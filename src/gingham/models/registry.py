"""Models by the names that recipes give them."""

import difflib
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from gingham.errors import ConfigError
from gingham.models.base import Recommender
from gingham.validation import error_prefix


def kinds() -> list[str]:
    """Return the names that recipes give to models."""
    return list(Recommender.classes_by_kind)


def panel_classes() -> list[type[Recommender]]:
    """Return the classes of the models that ``kind = "auto"`` tries, the cheapest first."""
    costs = {cls: cls.panel_cost for cls in Recommender.classes_by_kind.values() if cls.panel_cost is not None}
    return sorted(costs, key=lambda cls: (costs[cls], cls.kind))


def model_class(kind: str) -> type[Recommender]:
    """Return the class of a model by its name in recipes.

    Raises
    ------
    ConfigError
        If no model has this name.
    """
    classes = Recommender.classes_by_kind
    if kind not in classes:
        near = difflib.get_close_matches(str(kind), classes, n=1)
        hint = f"did you mean {near[0]!r}" if near else f"use one of {', '.join(classes)}"
        raise ConfigError(f"Unknown model {kind!r}; {hint}.")
    return classes[kind]


def build_model(kind: str, params: Mapping[str, Any], section: str = "model") -> Recommender:
    """Build an unfitted model from the keys of a recipe's section, and check its parameters.

    Parameters
    ----------
    kind : str
        The model's name in recipes.
    params : mapping of str to value
        Parameters as a recipe writes them.
    section : str
        The section's name, for error messages; "model" by default.

    Raises
    ------
    ConfigError
        If there is no such model or parameter.
    ParameterError
        If the value of a parameter is not allowed.
    """
    cls = model_class(kind)
    check_names(params, cls.param_names(), section, kind)
    # There is only one section [model], so its parameters need no place.
    with nullcontext() if section == "model" else error_prefix(f"Section [{section}]"):
        model = cls.from_recipe(params, section)
        model.validate()
    return model


def check_names(params: Mapping[str, Any], names: Sequence[str], section: str, kind: str) -> None:
    """Check that a section has no other keys than these.

    Raises
    ------
    ConfigError
        If it has.
    """
    for name in params:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]!r}" if near else f"its parameters are {', '.join(names)}"
            raise ConfigError(f"Section [{section}] has {name!r}, which is not a parameter of {kind!r}; {hint}.")


def models_of_recipe(tables: Any, section: str) -> list[Recommender]:
    """Build the models of a recipe's ``[[model.models]]``."""
    if not isinstance(tables, list):
        raise ConfigError(f"{section} must be a list of tables [[{section}]], not {tables!r}.")
    models = []
    for number, table in enumerate(tables):
        where = f"{section}.{number}"
        if not isinstance(table, Mapping) or not isinstance(table.get("kind"), str):
            raise ConfigError(f"Section [{where}] must be a table with a kind, one of {', '.join(map(repr, kinds()))}.")
        params = {name: value for name, value in table.items() if name != "kind"}
        models.append(build_model(table["kind"], params, where))
    return models
