"""The recipe that a search writes: its own recipe with the best parameters in ``[model]``."""

import json
import tomllib
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

from gingham.config import ModelSpec, Recipe


def best_recipe(recipe: Recipe, params: Mapping[str, Any]) -> str:
    """Return a recipe with other parameters of its model, as TOML; its text may have another kind of model.

    It is stored in another folder, so it says what its relative paths start from.
    """
    content = tomllib.loads(recipe.text)
    model = content.get("model", {})
    if model.get("kind", ModelSpec().kind) != recipe.model.kind:
        model = recipe.model.model_dump(exclude_defaults=True)
    model = model | params
    if "epochs" in params:
        # The search has determined the number of epochs.
        model.pop("early_stopping", None)
    content["model"] = model
    content["base"] = str(recipe.base.absolute())
    plain = {key: value for key, value in content.items() if not isinstance(value, dict)}
    lines = ["# The best parameters that `gingham tune` found.", *_keys(plain)]
    for key, value in content.items():
        if isinstance(value, dict):
            lines += ["", f"[{_key(key)}]", *_keys(value)]
    return "\n".join(lines) + "\n"


def _keys(content: Mapping[str, Any]) -> list[str]:
    return [f"{_key(key)} = {_value(value)}" for key, value in content.items()]


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else _value(key)


def _value(value: Any) -> str:
    """Return a value as TOML; tables inline."""
    if isinstance(value, str):
        # TOML has the escapes of JSON, and also escapes one character that JSON does not.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(_keys(value))} }}" if value else "{}"
    return repr(value)
